"""The Hub: pushing datasets, embeddings, the metric, records and results; reading records back."""

from __future__ import annotations

from genoprot_evaluate.hub.commits import Pushed
from genoprot_evaluate.hub.dataset import push_dataset

__all__ = ["Pushed", "push_dataset"]
