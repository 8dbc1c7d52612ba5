"""What the records are made of, read from the source files of one species."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genoprot_datasets.errors import SourceError
from genoprot_datasets.sources import (
    Species,
    iter_fasta,
    read_annotation,
    read_annotations,
    read_entries,
    read_id_mapping,
    read_protein_vectors,
)
from genoprot_datasets.sources.genes import Annotation
from genoprot_datasets.sources.go import terms_of
from genoprot_datasets.sources.uniprot import UniProtEntry
from genoprot_datasets.taxa import check_annotations, check_assembly, check_entries, check_string_ids

__all__ = ["RecordSources", "read_record_sources"]


@dataclass(frozen=True)
class RecordSources:
    """Content of the sources that the records are made of.

    Attributes
    ----------
    annotation : Annotation
    proteins : dict of str to str
        RefSeq protein accession to sequence.
    refseq_to_uniprot : dict of str to frozenset of str
    string_ids : dict of str to set of str
        STRING identifiers by UniProt accession.
    entries : dict of str to UniProtEntry
        Of the UniProt file; where there is none, of the id mapping, with nothing but the accession.
    go_terms : dict of str to set of str, or None
        Terms with the wanted evidence by accession; None where the species has no annotations.
    vectors : dict of str to ndarray, or None
        Per-protein embeddings by accession; None where there are none.
    """

    annotation: Annotation
    proteins: Mapping[str, str]
    refseq_to_uniprot: Mapping[str, Collection[str]]
    string_ids: Mapping[str, Collection[str]]
    entries: Mapping[str, UniProtEntry]
    go_terms: Mapping[str, Collection[str]] | None
    vectors: Mapping[str, np.ndarray] | None


def read_record_sources(paths: Mapping[str, Path], species: Species, evidence: str) -> RecordSources:
    """Read the sources that the records are made of.

    Parameters
    ----------
    paths : mapping of str to Path
        As `sources.locate` returns it.
    species : Species
    evidence : {"experimental", "any"}
        Evidence of the Gene Ontology annotations that count.

    Returns
    -------
    RecordSources

    Raises
    ------
    SourceError
        If a file is malformed, is of another species, or does not belong to the others.
    """
    annotation = read_annotation(paths["annotation"])
    check_assembly(paths["annotation"], annotation, species)
    mapping = read_id_mapping(paths["idmapping"], ("RefSeq", "STRING"))
    check_string_ids(paths["idmapping"], mapping["STRING"], species)
    if "uniprot" in paths:
        entries = read_entries(paths["uniprot"])
        check_entries(paths["uniprot"], entries, species)
    else:
        accessions = sorted(set().union(*mapping["RefSeq"].values()))
        entries = {accession: UniProtEntry(accession, "", "", species.taxon, "") for accession in accessions}
    return RecordSources(
        annotation=annotation,
        proteins=_read_proteins(paths["proteins"], annotation),
        refseq_to_uniprot=mapping["RefSeq"],
        string_ids=_by_accession(mapping["STRING"]),
        entries=entries,
        go_terms=_go_terms(paths["goa"], species, evidence) if "goa" in paths else None,
        vectors=(dict(zip(*read_protein_vectors(paths["vectors"], entries))) if "vectors" in paths else None),
    )


def _go_terms(path: Path, species: Species, evidence: str) -> dict[str, set[str]]:
    annotations = read_annotations(path)
    check_annotations(path, annotations, species)
    return terms_of(annotations, evidence)


def _read_proteins(path: Path, annotation: Annotation) -> dict[str, str]:
    named = {t.protein_accession for gene in annotation.genes for t in gene.transcripts}
    named.update(annotation.orphans)
    proteins = {}
    for name, _, sequence in iter_fasta(path):
        if name not in named:
            raise SourceError(path, "protein that the annotation does not name", record=name)
        proteins[name] = sequence.decode("ascii")
    return proteins


def _by_accession(mapping: Mapping[str, frozenset[str]]) -> dict[str, set[str]]:
    inverse: dict[str, set[str]] = defaultdict(set)
    for identifier, accessions in mapping.items():
        for accession in accessions:
            inverse[accession].add(identifier)
    return inverse
