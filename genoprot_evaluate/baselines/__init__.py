"""Baselines: what a score means is seen beside models that know little or nothing."""

from genoprot_evaluate.baselines.homology import (
    REFLEXIVE,
    Homology,
    similar_proteins,
    transfer,
    transferred_share,
)
from genoprot_evaluate.baselines.names import BASELINES, PREFIX, RULES, baseline_names
from genoprot_evaluate.baselines.rules import RuleFit, alignment, best_threshold, degree, majority
from genoprot_evaluate.baselines.vectors import (
    DEFAULT_DIMENSION,
    annotation_vectors,
    baseline_tables,
    length_vectors,
    random_vectors,
    sequence_vectors,
)

__all__ = [
    "BASELINES",
    "DEFAULT_DIMENSION",
    "PREFIX",
    "REFLEXIVE",
    "RULES",
    "Homology",
    "RuleFit",
    "alignment",
    "annotation_vectors",
    "baseline_names",
    "baseline_tables",
    "best_threshold",
    "degree",
    "length_vectors",
    "majority",
    "random_vectors",
    "sequence_vectors",
    "similar_proteins",
    "transfer",
    "transferred_share",
]
