"""Checkpoints of torch as safetensors: what is kept, what is dropped, and what is refused."""

from __future__ import annotations

import argparse
import io
import json
import os
import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from golden_sets import tensors
from safetensors import safe_open
from safetensors.torch import load_file
from small_checkpoints import CHECKPOINTS

from genoprot_datasets.errors import GenoProtError, SourceError
from genoprot_datasets.files import sha256_of
from genoprot_evaluate.encoders import load_encoder
from genoprot_evaluate.encoders.conversion import add_arguments, convert_weights, run
from genoprot_evaluate.encoders.registry import REGISTRY

STATE = {
    "b.weight": torch.arange(6.0).reshape(2, 3),
    "a.half": torch.ones(3, dtype=torch.bfloat16),
    "a.count": torch.tensor(7),
}


def save(path: Path, content, **options) -> Path:
    torch.save(content, path, **options)
    return path


def same(found, expected) -> bool:
    return found.keys() == expected.keys() and all(
        found[key].dtype == expected[key].dtype and torch.equal(found[key], expected[key]) for key in found
    )


@pytest.mark.parametrize(
    "content",
    [
        STATE,
        {"state_dict": STATE, "epoch": 3},
        {"model": {"module." + key: value for key, value in STATE.items()}, "optimizer": {"lr": 0.1}},
        {"state_dict": {"model_state_dict": STATE}},
        {key: torch.nn.Parameter(value) if key == "b.weight" else value for key, value in STATE.items()},
    ],
)
@pytest.mark.parametrize("zipped", [True, False])
def test_tensors_keep_names_values_and_types(content, zipped, tmp_path):
    source = save(tmp_path / "net.pt", content, _use_new_zipfile_serialization=zipped)
    path = convert_weights(source, tmp_path / "out")
    assert path == tmp_path / "out" / "model.safetensors"
    assert same(load_file(path), STATE)
    with safe_open(path, framework="pt") as file:
        assert file.metadata() == {"format": "pt"}


def test_where_weights_came_from_is_recorded(tmp_path):
    source = save(tmp_path / "net.pth", STATE)
    path = convert_weights(tmp_path, tmp_path / "out" / "net.safetensors")
    assert json.loads((tmp_path / "out" / "net.source.json").read_text(encoding="utf-8")) == {
        "schema_version": 1,
        "source": {"file": "net.pth", "bytes": source.stat().st_size, "sha256": sha256_of(source)},
        "tensors": 3,
        "dropped": [],
    }
    assert sorted(os.listdir(tmp_path / "out")) == ["net.safetensors", "net.source.json"]
    before = path.read_bytes()
    with pytest.raises(GenoProtError, match="net.safetensors: exists already.*--overwrite"):
        convert_weights(source, path)
    reordered = save(tmp_path / "net.pth", dict(reversed(STATE.items())))
    convert_weights(reordered, path, overwrite=True)
    assert path.read_bytes() == before


def test_tensors_that_share_memory_are_all_kept(tmp_path):
    table = torch.arange(12.0).reshape(4, 3)
    shared = {"table": table, "tied": table, "turned": table.T, "row": table[1], "whole": torch.ones(2, 2)}
    path = convert_weights(save(tmp_path / "net.bin", shared), tmp_path / "out")
    assert same(load_file(path), shared)


def test_extra_state_is_dropped(tmp_path):
    held = io.BytesIO(b"scales")
    held.seek(2)
    content = STATE | {"b._extra_state": held, "a._extra_state": None, "c._extra_state": torch.ones(1)}
    path = convert_weights(save(tmp_path / "evo2.pt", content), tmp_path)
    assert same(load_file(path), STATE)
    record = json.loads((tmp_path / "model.source.json").read_text(encoding="utf-8"))
    assert record["dropped"] == ["a._extra_state", "b._extra_state", "c._extra_state"]


class Trap:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_that_wants_to_run_code_is_refused(zipped, tmp_path):
    source = save(
        tmp_path / "trap.ckpt",
        STATE | {"x": Trap(tmp_path / "sprung")},
        _use_new_zipfile_serialization=zipped,
    )
    with pytest.raises(
        SourceError, match="trap.ckpt: is a pickle that asks for .*mkdir, which could run"
    ) as e:
        convert_weights(source, tmp_path / "out")
    assert "\n" not in str(e.value)
    assert os.listdir(tmp_path) == ["trap.ckpt"]


def test_a_pickled_module_is_refused(tmp_path):
    source = save(tmp_path / "net.pt", torch.nn.Linear(2, 2))
    with pytest.raises(SourceError, match="asks for torch.nn.modules.linear.Linear"):
        convert_weights(source, tmp_path / "out")
    (tmp_path / "plain.pkl").write_bytes(pickle.dumps(Trap(tmp_path / "sprung")))
    with pytest.raises(SourceError, match="plain.pkl"):
        convert_weights(tmp_path / "plain.pkl", tmp_path / "out")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([torch.ones(2)], "holds a list, not a state dict"),
        (torch.ones(2), "holds a Tensor, not a state dict"),
        ({}, "holds a dict, not a state dict"),
        ({"epoch": 3, "lr": 0.1, "w": torch.ones(2)}, "entries that are no dense tensors: epoch, lr$"),
        ({"w": torch.ones(2).to_sparse()}, "entries that are no dense tensors: w"),
        ({"w": {"v": torch.ones(2)}}, "entries that are no dense tensors: w"),
        ({"a._extra_state": None}, "no dense tensors"),
    ],
)
def test_what_is_no_state_dict_is_refused(content, message, tmp_path):
    with pytest.raises(SourceError, match=message):
        convert_weights(save(tmp_path / "net.pt", content), tmp_path / "out")
    assert os.listdir(tmp_path) == ["net.pt"]


def test_files_that_are_no_torch_checkpoint(tmp_path):
    whole = save(tmp_path / "whole.pt", STATE).read_bytes()
    files = {
        "cut.pt": whole[: len(whole) // 2],
        "empty.pt": b"",
        "text.bin": b"hello",
        "pointer.pt": b"version https://git-lfs.github.com/spec/v1\n",
        "graph.pb": b"\x08\x01",
        "weights.h5": b"\x89HDF",
        "done.safetensors": b"",
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with zipfile.ZipFile(tmp_path / "archive.pt", "w") as archive:
        archive.writestr("a.txt", "hello")
    messages = dict.fromkeys(("cut.pt", "empty.pt", "text.bin", "archive.pt"), "not a whole torch checkpoint")
    messages |= {"pointer.pt": "is a Git LFS pointer", "done.safetensors": "is a safetensors file already"}
    messages |= dict.fromkeys(("graph.pb", "weights.h5"), "graph of TensorFlow or a file of Keras")
    messages |= {"absent.pt": "no such file or folder"}
    for name, message in messages.items():
        with pytest.raises(SourceError, match=f"{name}: .*{message}") as error:
            convert_weights(tmp_path / name, tmp_path / "out")
        assert "\n" not in str(error.value)
    with pytest.raises(SourceError, match="expected one file that ends in .*, found 6: archive.pt, cut.pt"):
        convert_weights(tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    (tmp_path / "model").mkdir()
    with pytest.raises(SourceError, match="model: expected one file that ends in .*, found 0$"):
        convert_weights(tmp_path / "model", tmp_path / "out")
    (tmp_path / "model" / "saved_model.pb").write_bytes(b"")
    (tmp_path / "v1.ckpt.index").write_bytes(b"")
    for name, message in {"model": "graph of TensorFlow", "v1.ckpt": "not the index of a TensorFlow"}.items():
        with pytest.raises(SourceError, match=message):
            convert_weights(tmp_path / name, tmp_path / "out")


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(GenoProtError, match="file/model.safetensors: cannot be written"):
        convert_weights(save(tmp_path / "net.pt", STATE), tmp_path / "file")


def test_an_encoder_reads_what_the_command_wrote(tmp_path, capsys):
    (tmp_path / "made").mkdir()
    made = CHECKPOINTS[REGISTRY["evo2-7b"][0]]("evo2-7b", tmp_path / "made")
    weights = tensors(made / "model.safetensors")
    source = save(tmp_path / "evo2_7b.pt", weights | {"blocks.0.projections._extra_state": io.BytesIO()})
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "config.json").write_bytes((made / "config.json").read_bytes())
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    assert run(parser.parse_args([str(source), str(tmp_path / "out")])) == 0
    assert f"{len(weights)} tensors" in capsys.readouterr().out
    converted = load_encoder("evo2-7b", weights=tmp_path / "out", device="cpu").embed(["ACGTACGTAC"])
    assert (converted == load_encoder("evo2-7b", weights=made, device="cpu").embed(["ACGTACGTAC"])).all()
