"""Same inputs and seed, same bytes: whatever the order of the rows and the number of processors."""

from __future__ import annotations

import gzip
import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from genoprot_datasets import identity
from genoprot_datasets.build import build


def shuffled_rows(text: str, head: int, rng: random.Random) -> str:
    """Lines in another order, the first `head` of them and comments where they were."""
    lines = text.splitlines()
    kept = {k for k, line in enumerate(lines) if k < head or line.startswith(("#", "!"))}
    rest = [line for k, line in enumerate(lines) if k not in kept]
    rng.shuffle(rest)
    return "".join((line if k in kept else rest.pop()) + "\n" for k, line in enumerate(lines))


def shuffled_parts(pattern: str) -> Callable[[str, int, random.Random], str]:
    """What shuffles the parts of a text that begin with a pattern."""

    def shuffle(text: str, head: int, rng: random.Random) -> str:
        first, *parts = re.split(f"(?m)(?=^{pattern})", text)
        rng.shuffle(parts)
        return first + "".join(parts)

    return shuffle


SHUFFLES = {
    "GCF_*_genomic.fna.gz": (shuffled_parts(">"), 0),
    "GCF_*_protein.faa.gz": (shuffled_parts(">"), 0),
    "GCF_*_genomic.gff.gz": (shuffled_rows, 0),
    "uniprot_sprot_*.dat.gz": (shuffled_parts("ID   "), 0),
    "*_idmapping.dat.gz": (shuffled_rows, 0),
    "goa_*.gaf.gz": (shuffled_rows, 0),
    "go-basic.obo": (shuffled_parts(r"\[Term\]"), 0),
    "*.protein.links.*.txt.gz": (shuffled_rows, 1),
    "*.protein.aliases.*.txt.gz": (shuffled_rows, 1),
    "UniProt2Reactome.txt": (shuffled_rows, 0),
    "compound_target_pairs.csv": (shuffled_rows, 1),
    "chembl_uniprot_mapping.txt": (shuffled_rows, 0),
    "CRISPRGeneEffect.csv.gz": (shuffled_rows, 1),
    "Model.csv": (shuffled_rows, 1),
}
"""What is shuffled in each source, and how many lines of its head stay."""


def parquet_files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.parquet")}


@pytest.fixture(scope="module")
def shuffled_sources(synthetic_sources, tmp_path_factory) -> Path:
    import h5py

    folder = tmp_path_factory.mktemp("shuffled") / "sources"
    folder.mkdir()
    rng = random.Random(7)
    for pattern, (shuffle, head) in SHUFFLES.items():
        (path,) = synthetic_sources.glob(pattern)
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode()
        changed = shuffle(text, head, rng)
        assert changed != text
        assert sorted(changed) == sorted(text)
        spoilt = changed.encode()
        (folder / path.name).write_bytes(gzip.compress(spoilt, 1) if path.suffix == ".gz" else spoilt)
    with (
        h5py.File(synthetic_sources / "per-protein.h5") as before,
        h5py.File(folder / "per-protein.h5", "w", track_order=True) as after,
    ):
        for name in rng.sample(sorted(before), len(before)):
            after[name] = before[name][:]
    left = {path.name for path in synthetic_sources.iterdir()} - {path.name for path in folder.iterdir()}
    assert left == {"TRUTH.json"}
    return folder


def test_order_of_rows_in_the_sources_does_not_matter(shuffled_sources, synthetic_dataset, tmp_path):
    build(shuffled_sources, tmp_path / "out")
    expected, found = parquet_files(synthetic_dataset), parquet_files(tmp_path / "out")
    assert expected.keys() == found.keys()
    for name, content in expected.items():
        assert found[name] == content, name


@pytest.mark.parametrize("processors", [1, 3])
def test_number_of_processors_does_not_matter(
    synthetic_sources, synthetic_dataset, tmp_path, monkeypatch, processors
):
    monkeypatch.setattr(identity.os, "cpu_count", lambda: processors)
    monkeypatch.setattr(identity, "_CHUNK", 50 * processors)
    build(synthetic_sources, tmp_path / "out", tasks=["pfam", "ppi"])
    found, expected = parquet_files(tmp_path / "out"), parquet_files(synthetic_dataset)
    # Of the tasks that are not asked for it has no labels.
    found = {name: content for name, content in found.items() if not name.startswith("attributes/")}
    assert len(found) > 4
    for name, content in found.items():
        assert expected[name] == content, name
