"""Embeddings on disk: shards of unfinished runs, finished runs, and tables read back."""

from __future__ import annotations

from genoprot_evaluate.store.folders import run_folders
from genoprot_evaluate.store.runs import (
    MEASURED_NAME,
    RUN_NAME,
    SCHEMA_VERSION,
    commit_run,
    damaged_file,
    finished_run,
    run_configs,
    run_key,
    write_card,
)
from genoprot_evaluate.store.staging import Shard, Staging, move_aside, plan_shards
from genoprot_evaluate.store.table import EmbeddingTable, load_embeddings

__all__ = [
    "MEASURED_NAME",
    "RUN_NAME",
    "SCHEMA_VERSION",
    "EmbeddingTable",
    "Shard",
    "Staging",
    "commit_run",
    "damaged_file",
    "finished_run",
    "load_embeddings",
    "move_aside",
    "plan_shards",
    "run_configs",
    "run_folders",
    "run_key",
    "write_card",
]
