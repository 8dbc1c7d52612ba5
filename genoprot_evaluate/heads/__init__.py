"""Prediction heads: small networks that answer one task from the vectors of one encoder."""

from genoprot_evaluate.heads.config import (
    BATCHES,
    INITIALISATIONS,
    OPTIMISERS,
    STANDARDISATIONS,
    VALIDATIONS,
    HeadConfig,
)
from genoprot_evaluate.heads.folds import TrainFold, divide_examples, protein_fold, validation_fold
from genoprot_evaluate.heads.remote import find_head
from genoprot_evaluate.heads.saving import SavedHead, head_path, load_head, save_head, vectors_origin
from genoprot_evaluate.heads.trained import TrainedHead, scored_orders
from genoprot_evaluate.heads.training import one_thread_per_head, train_head, train_heads

__all__ = [
    "BATCHES",
    "INITIALISATIONS",
    "OPTIMISERS",
    "STANDARDISATIONS",
    "VALIDATIONS",
    "HeadConfig",
    "SavedHead",
    "TrainFold",
    "TrainedHead",
    "divide_examples",
    "find_head",
    "head_path",
    "load_head",
    "one_thread_per_head",
    "protein_fold",
    "save_head",
    "scored_orders",
    "train_head",
    "train_heads",
    "validation_fold",
    "vectors_origin",
]
