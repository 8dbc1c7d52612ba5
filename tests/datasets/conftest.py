"""A small synthetic proteome and the dataset built from it, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from genoprot_datasets.build import build
from genoprot_datasets.synthetic import synthesize


@pytest.fixture(scope="session")
def synthetic_sources(tmp_path_factory) -> Path:
    """Sources of a synthetic proteome of 150 genes."""
    folder = tmp_path_factory.mktemp("synthetic") / "sources"
    synthesize(folder, genes=150, seed=0)
    return folder


@pytest.fixture(scope="session")
def synthetic_dataset(synthetic_sources, tmp_path_factory) -> Path:
    """The dataset folder built from `synthetic_sources`."""
    folder = tmp_path_factory.mktemp("built") / "llnl" / "geno-prot"
    build(synthetic_sources, folder, seed=0)
    return folder
