"""Fixtures of the whole suite: no network, private caches, the shared folder where it is."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

_CACHE = tempfile.TemporaryDirectory(prefix="genoprot-tests-")
os.environ["HF_HOME"] = _CACHE.name
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_UPDATE_DOWNLOAD_COUNTS"] = "0"
os.environ["MPLCONFIGDIR"] = _CACHE.name

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data, golden vectors and weights that lies beside a developer's checkout."""
    folder = Path(os.environ.get("GENOPROT_SHARED", REPOSITORY.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"needs the shared data folder, which is not at {folder}")
    return folder


def pytest_make_parametrize_id(config, val, argname):
    """Bytes are named by their length: gzip writes the time, and processes must collect the same names."""
    return f"{argname}-{len(val)}-bytes" if isinstance(val, bytes) else None
