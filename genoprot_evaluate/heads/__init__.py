"""Prediction heads: small networks that answer one task from the vectors of one encoder."""

from genoprot_evaluate.heads.config import HeadConfig
from genoprot_evaluate.heads.training import TrainedHead, one_thread_per_head, train_head, validation_fold

__all__ = ["HeadConfig", "TrainedHead", "one_thread_per_head", "train_head", "validation_fold"]
