"""The nine tasks of GENO-PROT as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from genoprot_datasets.errors import GenoProtError, meant

__all__ = ["EVAL_SAMPLES", "GROUPS", "TASKS", "TaskSpec", "get_task", "matched_config"]

EVAL_SAMPLES = 10
"""Evaluation samples that are drawn per task."""

GROUPS: Mapping[str, str] = MappingProxyType(
    {
        "structure": "Structure and localization",
        "functional": "Functional relationships",
        "biomedical": "Biomedical associations",
    }
)
"""Groups of tasks, in the order in which tables show them."""


@dataclass(frozen=True)
class TaskSpec:
    """One yes/no question about a gene product or a pair of them.

    Parameters
    ----------
    name : str
        Name of the dataset configuration.
    title : str
        Short title for tables and figures.
    group : str
        Key of `GROUPS`.
    arity : int
        1 for a question about one record, 2 for unordered pairs.
    question : str
        The question in words.
    positive_when : str
        What makes an example positive.
    train_per_class, eval_per_class : int
        Examples per class in the train split, and in each of the evaluation samples.

    References
    ----------
    Wakim, Gupta et al., "Benchmarking Biomolecular Foundation Models for Cross-Modal
    Genomics-Proteomics", NeurIPS 2025 FM4LS workshop, Table 1.
    """

    name: str
    title: str
    group: str
    arity: int
    question: str
    positive_when: str
    train_per_class: int
    eval_per_class: int

    @property
    def members(self) -> tuple[str, ...]:
        """Columns that hold the accessions of an example.

        Examples
        --------
        >>> TASKS["ppi"].members
        ('accession_a', 'accession_b')
        >>> TASKS["melanoma"].members
        ('accession',)
        """
        return ("accession",) if self.arity == 1 else ("accession_a", "accession_b")


_SPECS = (
    TaskSpec(
        "pfam",
        "Shared Pfam",
        "structure",
        2,
        "Do proteins A and B share a common Pfam label?",
        "they share a Pfam family",
        25_000,
        150,
    ),
    TaskSpec(
        "subcellular",
        "Shared subcellular location",
        "structure",
        2,
        "Do proteins A and B reside in at least one common subcellular location?",
        "they share a UniProt subcellular location",
        100_000,
        150,
    ),
    TaskSpec(
        "anatomical",
        "Shared anatomical location",
        "structure",
        2,
        "Do proteins A and B reside in at least one common anatomical location?",
        "an organ or tissue recognised in the UniProt tissue specificity of both is the same",
        100_000,
        150,
    ),
    TaskSpec(
        "function",
        "Function similarity",
        "functional",
        2,
        "Do proteins A and B share similar functions?",
        "their Gene Ontology similarity is above the median over all pairs of the fold",
        100_000,
        150,
    ),
    TaskSpec(
        "ppi",
        "Protein-protein interaction",
        "functional",
        2,
        "Do proteins A and B interact?",
        "their interaction is reported in STRING",
        50_000,
        150,
    ),
    TaskSpec(
        "pathway",
        "Shared pathway",
        "functional",
        2,
        "Are proteins A and B involved in at least one common biochemical pathway?",
        "they share a Reactome pathway",
        100_000,
        150,
    ),
    TaskSpec(
        "drug",
        "Shared drug binding",
        "biomedical",
        2,
        "Do proteins A and B bind at least one common ligand?",
        "they share a ligand in the ChEMBL compound-target pairs",
        35_000,
        150,
    ),
    TaskSpec(
        "melanoma",
        "Melanoma dependency",
        "biomedical",
        1,
        "Are melanoma tumor cells strongly dependent on protein A?",
        "the mean DepMap gene effect over melanoma lines is below -0.5",
        800,
        100,
    ),
    TaskSpec(
        "disease",
        "Shared disease",
        "biomedical",
        2,
        "Are proteins A and B implicated in at least one common disease?",
        "they share a MIM phenotype",
        400,
        20,
    ),
)

TASKS: Mapping[str, TaskSpec] = MappingProxyType({spec.name: spec for spec in _SPECS})
"""Tasks by configuration name, in the order of the paper's Table 1."""


def get_task(name: str) -> TaskSpec:
    """Look a task up by its configuration name.

    Raises
    ------
    GenoProtError
        If there is no such task; the message lists those there are.

    Examples
    --------
    >>> get_task("ppi").question
    'Do proteins A and B interact?'
    """
    try:
        return TASKS[name]
    except KeyError:
        raise GenoProtError(
            f"unknown task {name!r}{meant(name, TASKS)}; the tasks are {', '.join(TASKS)}"
        ) from None


def matched_config(name: str) -> str:
    """Name of the configuration that holds a pair task's identity-matched variant.

    Examples
    --------
    >>> matched_config("pfam")
    'pfam_matched'
    """
    return f"{name}_matched"
