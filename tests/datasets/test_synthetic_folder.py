"""Writing the synthetic folder: the same bytes again, refusals, the command."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pytest

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.files import sha256_of
from genoprot_datasets.synthetic import command, synthesize

SEEDLESS = {"Model.csv", "go-basic.obo"}


def test_same_seed_same_bytes_and_another_seed_other_bytes(tmp_path: Path) -> None:
    first, second, other = (
        {path.name: sha256_of(path) for path in synthesize(tmp_path / name, genes=100, seed=seed).iterdir()}
        for name, seed in (("a", 5), ("b", 5), ("c", 6))
    )
    assert first == second
    assert {name for name in first if first[name] == other[name]} == SEEDLESS


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"genes": 99}, "genes: expected a number from 100 to 100000, found 99"),
        ({"genes": 100_001}, "genes: expected a number from 100 to 100000, found 100001"),
        ({"seed": -1}, "seed: expected a number from 0 up, found -1"),
        ({"gene_length": "mouse"}, "gene length: expected compact or dense or human, found 'mouse'"),
    ],
)
def test_arguments_out_of_range_are_refused(tmp_path: Path, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(GenoProtError) as caught:
        synthesize(tmp_path / "out", **arguments)
    assert str(caught.value) == message
    assert not list(tmp_path.iterdir())


def test_only_its_own_folder_is_replaced(tmp_path: Path) -> None:
    folder = synthesize(tmp_path / "out", genes=100)
    names = {path.name for path in folder.iterdir()}
    (folder / "left over").touch()
    synthesize(folder, genes=100, seed=1)
    assert {path.name for path in folder.iterdir()} == names
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "notes.txt").touch()
    with pytest.raises(GenoProtError, match="kept: holds files that `genoprot synthesize` did not write"):
        synthesize(tmp_path / "kept", genes=100)
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["notes.txt"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept", "out"]


def test_the_command_writes_what_the_function_writes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    out = tmp_path / "sources"
    assert command.run(parser.parse_args(["--genes", "100", "--seed", "5", "--out", str(out)])) == 0
    assert capsys.readouterr().out == f"100 synthetic genes written to {out}\n"
    direct = synthesize(tmp_path / "direct", genes=100, seed=5)
    assert {p.name: sha256_of(p) for p in out.iterdir()} == {p.name: sha256_of(p) for p in direct.iterdir()}
