"""What is true of a synthetic proteome, for tests and for people; the builder does not read it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np

from genoprot_datasets.synthetic.attributes import TISSUE_TOLD, Attributes
from genoprot_datasets.synthetic.composition import CLASSES, STRENGTHS
from genoprot_datasets.synthetic.genes import CODON_TILT, WORD_TILT
from genoprot_datasets.synthetic.names import SPECIES, TAXON, Names
from genoprot_datasets.synthetic.vocabulary import LOCATIONS, ORGANS

__all__ = ["CONTROL", "SIGNALS", "TRUTH_NAME", "write_truth"]

TRUTH_NAME = "TRUTH.json"

CONTROL = "pathway"
"""Task whose labels are drawn independently of everything else."""

SIGNALS: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {
        "pfam": {"homology": "members share a domain", "composition": {"clan": STRENGTHS["clan"]}},
        "subcellular": {"composition": {"location": STRENGTHS["location"]}},
        "anatomical": {"dna": {"codon_tilt": CODON_TILT, "word_tilt": WORD_TILT}},
        "function": {
            "homology": "families have activities of their own",
            "composition": {"clan": STRENGTHS["clan"], "location": STRENGTHS["location"]},
        },
        "ppi": {
            "homology": "three in ten members of a family are in its module",
            "composition": {"module": STRENGTHS["module"]},
        },
        "pathway": {},
        "drug": {
            "homology": "ligands bind the members of a family",
            "composition": {"clan": STRENGTHS["clan"]},
        },
        "melanoma": {"composition": {"melanoma": STRENGTHS["melanoma"]}},
        "disease": {"composition": {"disease": STRENGTHS["disease"]}},
    }
)
"""Where the signal of each task is, and how strong.

A strength of composition is the relative standard deviation by which a latent class changes residue
frequencies; a tilt is the standard deviation of an organ's log preferences for codons, and for pairs of bases
in introns.
"""


def write_truth(path: Path, attributes: Attributes, names: Names, *, seed: int, gene_length: str) -> None:
    """Write the signals and the latent classes of every gene as JSON.

    Parameters
    ----------
    path : Path
    attributes : Attributes
    names : Names
    seed : int
    gene_length : str
    """
    genes = {
        "accession": [names.accession(gene) for gene in range(attributes.size)],
        "family": attributes.family.tolist(),
        "clan": attributes.clan.tolist(),
        "accessory": attributes.accessory.tolist(),
        "locations": _named(attributes.locations, [place.name for place in LOCATIONS]),
        "organs": _named(attributes.organs, ORGANS),
        "tissue_told": [TISSUE_TOLD[k] for k in attributes.tissue_told.tolist()],
        "module": attributes.module.tolist(),
        "module_class": (attributes.module % CLASSES["module"]).tolist(),
        "melanoma": attributes.melanoma.tolist(),
        "diseases": attributes.diseases,
        "disease_class": attributes.disease_class.tolist(),
        "pathways": attributes.pathways,
        "ligands": attributes.ligands,
        "selenoprotein": attributes.selenoprotein.tolist(),
        "fault": attributes.fault,
    }
    truth = {
        "schema_version": 1,
        "species": SPECIES,
        "taxon": TAXON,
        "genes": attributes.size,
        "seed": seed,
        "gene_length": gene_length,
        "control": CONTROL,
        "signals": {task: dict(signal) for task, signal in SIGNALS.items()},
        "unplaced": [names.accession(gene) for gene in attributes.unplaced],
        "duplicated_on_alternate_scaffold": [names.accession(gene) for gene in attributes.duplicated],
        "per_gene": genes,
    }
    path.write_text(json.dumps(truth) + "\n", encoding="utf-8")


def _named(classes: np.ndarray, names: list[str] | tuple[str, ...]) -> list[list[str]]:
    return [[names[k] for k in row if k >= 0] for row in classes.tolist()]
