"""Arrow schemas of every table that is published."""

from __future__ import annotations

import pyarrow as pa

from genoprot_datasets.tasks import TaskSpec

__all__ = [
    "ATTRIBUTES",
    "ATTRIBUTES_CONFIG",
    "FATES",
    "FOLDS",
    "INTERACTIONS",
    "INTERACTIONS_CONFIG",
    "SEQUENCES",
    "SEQUENCES_CONFIG",
    "TERMS",
    "TERMS_CONFIG",
    "task_schema",
]

FOLDS = ("train", "eval")
"""Folds of the records, which are also the splits of every configuration."""

SEQUENCES_CONFIG = "sequences"
"""Name of the configuration that holds the gene-protein records."""

ATTRIBUTES_CONFIG = "attributes"
"""Name of the configuration that holds what the labels of the tasks follow from."""

ATTRIBUTES = pa.schema(
    [
        pa.field("accession", pa.string(), nullable=False),
        *(
            pa.field(task, pa.list_(pa.string()))
            for task in ("pfam", "subcellular", "anatomical", "pathway", "drug", "disease")
        ),
        pa.field("interactions", pa.int32()),
        pa.field("gene_effect", pa.float64()),
        pa.field("species", pa.int64(), nullable=False),
    ]
)
"""Attributes of the records of `SEQUENCES`, one row each.

The lists are named like the tasks whose pairs share one of their entries; an empty one means that the record
is not annotated, null that the task's labels were not read. `interactions` counts the other records with
which an interaction is reported, null where none was looked for; `gene_effect` is the mean effect over the
melanoma lines. The Gene Ontology terms are in `SEQUENCES`.
"""

INTERACTIONS_CONFIG = "interactions"
"""Name of the configuration that holds every positive pair of `ppi`."""

INTERACTIONS = pa.schema(
    [
        pa.field("accession_a", pa.string(), nullable=False),
        pa.field("accession_b", pa.string(), nullable=False),
        pa.field("species", pa.int64(), nullable=False),
    ]
)
"""Every pair of records of a fold with a reported interaction, one row each.

`accession_a` comes before `accession_b`, and rows are sorted by both. A pair that is no row here, of records
that have `interactions` in `ATTRIBUTES`, is a negative pair of `ppi`.
"""

TERMS_CONFIG = "terms"
"""Name of the configuration that holds the Gene Ontology terms which `function` compares."""

TERMS = pa.schema(
    [
        pa.field("term", pa.string(), nullable=False),
        pa.field("primary", pa.string(), nullable=False),
        pa.field("vector", pa.list_(pa.float32())),
        pa.field("species", pa.int64(), nullable=False),
    ]
)
"""Gene Ontology terms of the records of a fold, sorted.

`term` is written as in `go_terms` of `SEQUENCES`, `primary` is the term of the ontology that it stands for,
and `vector` that term's vector; null where it has none, and where the vectors come from a file that is not
published.
"""

SEQUENCES = pa.schema(
    [
        pa.field("accession", pa.string(), nullable=False),
        pa.field("gene", pa.string(), nullable=False),
        pa.field("gene_id", pa.string(), nullable=False),
        pa.field("transcript", pa.string(), nullable=False),
        pa.field("protein_accession", pa.string(), nullable=False),
        pa.field("chromosome", pa.string(), nullable=False),
        pa.field("start", pa.int64(), nullable=False),
        pa.field("end", pa.int64(), nullable=False),
        pa.field("strand", pa.string(), nullable=False),
        pa.field("dna", pa.string(), nullable=False),
        pa.field("protein", pa.string(), nullable=False),
        pa.field("dna_length", pa.int64(), nullable=False),
        pa.field("protein_length", pa.int64(), nullable=False),
        pa.field("coding_fraction", pa.float32(), nullable=False),
        pa.field("go_terms", pa.list_(pa.string()), nullable=False),
        pa.field("fold", pa.string(), nullable=False),
        pa.field("species", pa.int64(), nullable=False),
    ]
)
"""Gene-protein records: one row per gene.

`start` and `end` are 1-based and inclusive, on the forward strand of `chromosome`; `dna` runs on the
coding strand from the first base of the start codon to the last base of the stop codon, introns
included; lengths count bases and residues; `species` is an NCBI taxon id.
"""

FATES = pa.schema(
    [
        pa.field("gene", pa.string(), nullable=False),
        pa.field("gene_id", pa.string()),
        pa.field("chromosome", pa.string()),
        pa.field("seqid", pa.string()),
        pa.field("start", pa.int64()),
        pa.field("end", pa.int64()),
        pa.field("strand", pa.string()),
        pa.field("transcript", pa.string()),
        pa.field("choice", pa.string()),
        pa.field("protein_accession", pa.string()),
        pa.field("candidates", pa.list_(pa.string()), nullable=False),
        pa.field("accession", pa.string()),
        pa.field("outcome", pa.string(), nullable=False),
        pa.field("notes", pa.list_(pa.string()), nullable=False),
        pa.field("detail", pa.string()),
        pa.field("fold", pa.string()),
    ]
)
"""What became of every gene row and every UniProt entry: the file `records.parquet`.

`start` and `end` are those of the gene's row; the other fields are those of `records.Fate`, and `fold` is
that of a gene that was kept.
"""


def task_schema(task: TaskSpec, split: str, *, identities: bool = True, species: bool = False) -> pa.Schema:
    """Schema of one split of a task.

    Parameters
    ----------
    task : TaskSpec
    split : {"train", "eval"}
        The eval split has the extra column `sample`, 0 to 9.
    identities : bool
        Whether the folder was built with identities, which pair tasks have columns for then.
    species : bool
        Whether the folder has several species, and a column with the taxon id of an example's.

    Returns
    -------
    pyarrow.Schema

    Examples
    --------
    >>> from genoprot_datasets.tasks import get_task
    >>> task_schema(get_task("ppi"), "eval").names
    ['accession_a', 'accession_b', 'label', 'sample', 'identity', 'challenge']
    >>> task_schema(get_task("melanoma"), "train").names
    ['accession', 'label']
    """
    fields = [pa.field(name, pa.string(), nullable=False) for name in task.members]
    fields.append(pa.field("label", pa.int8(), nullable=False))
    if split == "eval":
        fields.append(pa.field("sample", pa.int8(), nullable=False))
    if task.arity == 2 and identities:
        fields.append(pa.field("identity", pa.float32(), nullable=False))
        fields.append(pa.field("challenge", pa.bool_(), nullable=False))
    if species:
        fields.append(SEQUENCES.field("species"))
    return pa.schema(fields)
