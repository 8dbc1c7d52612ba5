"""A Hub for the process that runs the tests, and a small dataset with its card to push there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_server import Hub, running_hub

from genoprot_datasets.build import build
from genoprot_datasets.synthetic import synthesize

__all__ = ["built_dataset", "hub", "online", "small_sources"]


@pytest.fixture
def hub() -> Iterator[Hub]:
    """A server without users."""
    with running_hub() as server:
        yield server


@pytest.fixture
def online(hub, tmp_path, monkeypatch) -> Iterator[str]:
    """Let this process use `hub`, with a fresh cache and the token of the user ``llnl``; the token."""
    from huggingface_hub import constants
    from huggingface_hub.utils import _http, disable_progress_bars, enable_progress_bars

    token = hub.user("llnl")
    template = hub.address + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "ENDPOINT", hub.address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub-cache"))
    monkeypatch.setattr(_http.time, "sleep", lambda seconds: None)
    monkeypatch.setenv("HF_TOKEN", token)
    disable_progress_bars()
    yield token
    enable_progress_bars()


@pytest.fixture(scope="session")
def small_sources(tmp_path_factory) -> Path:
    """Sources of a synthetic proteome of 120 genes."""
    folder = tmp_path_factory.mktemp("small") / "sources"
    synthesize(folder, genes=120, seed=0)
    return folder


@pytest.fixture(scope="session")
def built_dataset(small_sources, tmp_path_factory) -> Path:
    """The dataset folder built from `small_sources`; read it, never write to it."""
    folder = tmp_path_factory.mktemp("built") / "llnl" / "geno-prot"
    build(small_sources, folder, seed=0)
    return folder
