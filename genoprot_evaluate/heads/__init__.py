"""Prediction heads: small networks that answer one task from the vectors of one encoder."""

from genoprot_evaluate.heads.config import VALIDATIONS, HeadConfig
from genoprot_evaluate.heads.folds import TrainFold, divide_examples, protein_fold, validation_fold
from genoprot_evaluate.heads.training import TrainedHead, one_thread_per_head, train_head

__all__ = [
    "VALIDATIONS",
    "HeadConfig",
    "TrainFold",
    "TrainedHead",
    "divide_examples",
    "one_thread_per_head",
    "protein_fold",
    "train_head",
    "validation_fold",
]
