"""The Hub: pushing datasets, embeddings, heads, the metric, records and results; reading records back."""

from __future__ import annotations

from genoprot_evaluate.hub.commits import Pushed
from genoprot_evaluate.hub.dataset import push_dataset
from genoprot_evaluate.hub.embeddings import push_embeddings
from genoprot_evaluate.hub.heads import push_heads
from genoprot_evaluate.hub.records import StoredRecord, fetch_record, list_records, push_record
from genoprot_evaluate.hub.results import push_results
from genoprot_evaluate.hub.space import push_metric

__all__ = [
    "Pushed",
    "StoredRecord",
    "fetch_record",
    "list_records",
    "push_dataset",
    "push_embeddings",
    "push_heads",
    "push_metric",
    "push_record",
    "push_results",
]
