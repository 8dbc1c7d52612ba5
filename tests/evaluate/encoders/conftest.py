"""What holds for all definitions: one thread, and rows of tokens both alone and in padded batches."""

from __future__ import annotations

import pytest
import torch

from genoprot_evaluate.encoders import selective_scan


@pytest.fixture(autouse=True)
def one_thread():
    """Small products are faster on one thread, above all on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True, params=["alone", "padded"])
def batches(request, monkeypatch):
    """Rows one by one, as on a processor, or padded to one length, as an accelerator computes them.

    In padded batches Mamba's scan is that of accelerators too.
    """
    if request.param == "padded":
        monkeypatch.setattr("genoprot_evaluate.encoders.pooled.computes_alone", lambda device: False)
        monkeypatch.setattr(selective_scan, "_by_stretches", selective_scan._by_chunks)
