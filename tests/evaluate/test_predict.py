"""Saved heads: read back to the digit, applied to new pairs, refused where they do not fit."""

from __future__ import annotations

import resource
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from safetensors.numpy import save_file

from genoprot_datasets.errors import GenoProtError, SourceError
from genoprot_evaluate.cli import main
from genoprot_evaluate.heads import HeadConfig, load_head, save_head, train_head
from genoprot_evaluate.predict import predict, read_members
from genoprot_evaluate.store import load_embeddings

ORIGIN = {"task": "ppi", "encoder": "mine", "weights": "a" * 64, "readout": None}
NAMES = [f"P{number:02d}" for number in range(30)]


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(30, 5)).astype(np.float32)


@pytest.fixture(scope="module")
def head(vectors):
    pairs = np.random.default_rng(1).integers(0, 30, size=(300, 2))
    labels = (vectors[pairs].sum(axis=(1, 2)) > 0).astype(np.int8)
    return train_head(vectors, pairs, labels, config=HeadConfig(hidden=(8, 4), epochs=5, symmetric=True))


@pytest.fixture
def file(head, tmp_path) -> Path:
    return save_head(head, tmp_path / "heads" / "ppi.safetensors", ORIGIN)


def pairs_file(path: Path, *lines: str) -> str:
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return str(path)


def test_head_is_read_as_it_was_written(head, file):
    saved = load_head(file)
    assert saved.origin == ORIGIN
    assert saved.head.config == head.config
    for one, other in zip(saved.head.layers, head.layers):
        assert all(np.array_equal(a, b) for a, b in zip(one, other))
    for name in ("mean", "scale", "held_out", "held_out_probability"):
        assert np.array_equal(getattr(saved.head, name), getattr(head, name))
    facts = ("epochs", "best_epoch", "validation_loss", "validation_accuracy", "validation_note")
    assert all(getattr(saved.head, name) == getattr(head, name) for name in facts)


def test_a_head_that_does_not_fit_leaves_nothing_half_written(head, tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (512, hard))
    try:
        with pytest.raises(OSError):
            save_head(head, tmp_path / "ppi.safetensors", ORIGIN)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


def test_same_head_same_bytes(head, file, tmp_path):
    again = save_head(head, tmp_path / "again.safetensors", dict(reversed(ORIGIN.items())))
    assert again.read_bytes() == file.read_bytes()


def test_file_that_is_no_head_is_refused(file, tmp_path):
    other = tmp_path / "other.safetensors"
    save_file({"x": np.zeros(2)}, other)
    with pytest.raises(SourceError, match="not of a head"):
        load_head(other)
    other.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(SourceError, match="not the file of a head"):
        load_head(other)
    with pytest.raises(SourceError, match="not found"):
        load_head(tmp_path / "nothing.safetensors")
    changed = file.read_bytes().replace(b'\\"schema_version\\": 1', b'\\"schema_version\\": 9')
    other.write_bytes(changed)
    with pytest.raises(SourceError, match="schema version 9"):
        load_head(other)


def test_predictions_are_those_of_the_head(head, file, vectors):
    pairs = np.array([[0, 1], [2, 3], [4, 4]])
    examples = pa.table(
        {"accession_a": [NAMES[a] for a, _ in pairs], "accession_b": [NAMES[b] for _, b in pairs]}
    )
    found = predict(file, (NAMES, vectors), examples)
    both = (head.predict_proba(vectors, pairs) + head.predict_proba(vectors, pairs[:, ::-1])) / 2
    assert found["probability"].to_pylist() == both.tolist()
    assert found["predicted"].to_pylist() == (both > 0.5).astype(int).tolist()
    assert len(predict(file, (NAMES, vectors), examples.slice(0, 0))) == 0


@pytest.mark.parametrize(("suffix", "delimiter"), [("tsv", "\t"), ("csv", ",")])
def test_command_reads_and_writes_text(file, vectors, tmp_path, capsys, suffix, delimiter):
    from test_evaluation import write_folder

    folder = write_folder(dict(zip(NAMES, vectors)), tmp_path / "mine")
    rows = [("score", "accession_b", "accession_a"), ("1", "P03", "P07"), ("2", "P00", "P01")]
    source = pairs_file(tmp_path / f"pairs.{suffix}", *(delimiter.join(row) for row in rows))
    out = tmp_path / f"answers.{suffix}"
    assert (
        main(["predict", "--head", str(file), "--embeddings", folder, "--pairs", source, "--out", str(out)])
        == 0
    )
    lines = [line.split(delimiter) for line in out.read_text().splitlines()]
    assert lines[0] == ["accession_a", "accession_b", "probability", "predicted"]
    assert [line[:2] for line in lines[1:]] == [["P07", "P03"], ["P01", "P00"]]
    table = pa.table({"accession_a": ["P07", "P01"], "accession_b": ["P03", "P00"]})
    wanted = predict(file, folder, table)["probability"].to_pylist()
    assert [float(line[2]) for line in lines[1:]] == wanted
    assert "of 2, written to" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ((), r"line 1: no column accession_a, accession_b; the header has nothing"),
        (("accession_a\tb", "P00\tP01"), "line 1: no column accession_b"),
        (("accession_a\taccession_b", "P00\tP01", "P00"), "line 3: 1 fields, but the header has 2"),
        (("accession_a\taccession_b", "P00\t"), "line 2: column accession_b is empty"),
        (
            ("accession_a\taccession_b", "P00\tP01", "", "P00\tX9"),
            "line 4: the embeddings have no accession 'X9'",
        ),
    ],
)
def test_bad_line_is_named(lines, message, tmp_path):
    path = pairs_file(tmp_path / "pairs.tsv", *lines)
    with pytest.raises(SourceError, match=message):
        read_members(path, ("accession_a", "accession_b"), frozenset(NAMES))


def test_vectors_of_another_encoder_are_refused(file, vectors):
    examples = pa.table({"accession_a": ["P00"], "accession_b": ["P01"]})
    with pytest.raises(GenoProtError, match=r"'mine' with 5 columns; embeddings .* have 4"):
        predict(file, (NAMES, vectors[:, :4]), examples)
    table = load_embeddings((NAMES, vectors))
    table.run["weights"] = "b" * 64
    with pytest.raises(GenoProtError, match="with weights aaaa.*bbbb.*same encoder"):
        predict(file, table, examples)
    with pytest.raises(GenoProtError, match="lack 1 of the accessions needed .X."):
        predict(file, (NAMES, vectors), pa.table({"accession_a": ["P00"], "accession_b": ["X"]}))
    with pytest.raises(GenoProtError, match="no column accession_b"):
        predict(file, (NAMES, vectors), examples.drop_columns(["accession_b"]))
