"""What makes a record or a pair of records positive."""

from genoprot_datasets.relations.base import PairRelation
from genoprot_datasets.relations.dependency import STRONG_EFFECT, Dependency, strong_dependency
from genoprot_datasets.relations.function import FunctionSimilarity
from genoprot_datasets.relations.go2vec import Go2VecConfig, train_term_vectors
from genoprot_datasets.relations.interactions import Interactions
from genoprot_datasets.relations.membership import SharedAttribute

__all__ = [
    "STRONG_EFFECT",
    "Dependency",
    "FunctionSimilarity",
    "Go2VecConfig",
    "Interactions",
    "PairRelation",
    "SharedAttribute",
    "strong_dependency",
    "train_term_vectors",
]
