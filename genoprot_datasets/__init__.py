"""Builds the GENO-PROT benchmark: sources, records, relations, partition, pairs, Hub folder."""

from genoprot_datasets.errors import GenoProtError, SourceError
from genoprot_datasets.tasks import EVAL_SAMPLES, GROUPS, TASKS, TaskSpec, get_task

__all__ = [
    "EVAL_SAMPLES",
    "GROUPS",
    "TASKS",
    "GenoProtError",
    "SourceError",
    "TaskSpec",
    "get_task",
]
