"""Folders that hold several runs."""

from __future__ import annotations

import shutil

import pytest

from genoprot_datasets.errors import SourceError
from genoprot_evaluate.cli import main
from genoprot_evaluate.embed import embed
from genoprot_evaluate.store import load_embeddings, run_folders


@pytest.fixture(scope="module")
def folder(tiny_dataset, tmp_path_factory):
    """Two configurations of one folder, another run in a folder of its own, and vectors from elsewhere."""
    folder = tmp_path_factory.mktemp("embeddings")
    for name, out in (("composition", "."), ("dipeptide", "."), ("kmer-4", "own")):
        embed(name, tiny_dataset, folder / out)
    (folder / "vectors").mkdir()
    shutil.copy(next((folder / "dipeptide").glob("*.parquet")), folder / "vectors")
    return folder


def test_each_run_is_found_wherever_it_lies(folder):
    runs = run_folders(str(folder))
    assert [load_embeddings(run).name for run in runs] == ["composition", "dipeptide", "kmer-4", "vectors"]
    assert run_folders(str(folder / "dipeptide")) == [str(folder / "dipeptide")]


def test_other_sources_are_left_to_their_reader(tmp_path):
    (tmp_path / "vectors.parquet").touch()
    for source in ("me/vectors:kmer-4", "/nowhere", str(tmp_path)):
        assert run_folders(source) == [source]


def test_an_unfinished_run_beside_others_is_not_passed_over(tiny_dataset, tmp_path):
    embed("composition", tiny_dataset, tmp_path)
    (tmp_path / ".esm2-8m.0123456789abcdef.partial").mkdir()
    with pytest.raises(SourceError, match="the run of esm2-8m is not finished"):
        run_folders(str(tmp_path))
    (tmp_path / "own" / ".kmer-4.0123456789abcdef.partial").mkdir(parents=True)
    (tmp_path / ".esm2-8m.0123456789abcdef.partial").rmdir()
    with pytest.raises(SourceError, match="the run is not finished"):
        load_embeddings(run_folders(str(tmp_path))[1])


def test_one_folder_is_enough_for_the_command(folder, tiny_dataset, tmp_path, capsys):
    given = ["--dataset", str(tiny_dataset), "--embeddings", str(folder), "--out", str(tmp_path / "out")]
    assert main(["evaluate", *given, "--tasks", "melanoma", "--baselines", "majority"]) == 0
    heading = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("Encoders"))
    assert heading.split() == ["Encoders", "composition", "dipeptide", "kmer-4", "vectors"]
