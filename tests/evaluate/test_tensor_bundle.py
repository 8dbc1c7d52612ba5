"""Checkpoints of TensorFlow: written here by the format, read without TensorFlow."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from bundles import crc, field, write_bundle
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from small_checkpoints import CHECKPOINTS

from genoprot_datasets.errors import SourceError
from genoprot_evaluate.encoders import load_encoder
from genoprot_evaluate.encoders.conversion import convert_weights
from genoprot_evaluate.encoders.crc32c import crc32c, masked
from genoprot_evaluate.encoders.tensor_bundle import read_bundle

POINTER = b"version https://git-lfs.github.com/spec/v1\n"
TENSORS = {
    "conv1d/kernel": torch.arange(24.0).reshape(2, 3, 4),
    "conv1d/bias": torch.tensor([1.5, -2.0]),
    "conv1d_1/kernel": torch.ones(300, 7),
    "global_step": torch.tensor(500_000),
    "half": torch.tensor([1.0, 2.0], dtype=torch.bfloat16),
    "wide": torch.tensor([[0.1]], dtype=torch.float64),
    "flags": torch.tensor([True, False, True]),
    "empty": torch.empty(0, 3),
}


@given(st.binary(max_size=300), st.integers(0, 3))
@settings(deadline=None, max_examples=40)
def test_checksums(content, repeats):
    content = content * (1 + 40 * repeats)
    assert masked(crc32c(content)).to_bytes(4, "little") == crc(content)


@pytest.mark.parametrize("shards", [1, 3])
def test_tensors_come_back(shards, tmp_path):
    found, skipped = read_bundle(write_bundle(tmp_path / "variables", TENSORS, shards, text=True))
    assert skipped == ["zz_object_graph"]
    assert found.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor)


def test_a_saved_model_becomes_an_encoder(tmp_path):
    made = CHECKPOINTS["genoprot_evaluate.encoders.proteinfer"]("proteinfer-ec", tmp_path / "made")
    weights = load_file(made / "model.safetensors") | {"global_step": torch.tensor(100)}
    model = tmp_path / "noxpd2"
    write_bundle(model / "variables" / "variables", weights)
    (model / "saved_model.pb").write_bytes(b"\x08\x01")
    places = [model, model / "variables", model / "variables" / "variables.index"]
    for number, place in enumerate([*places, model / "variables" / "variables"]):
        out = tmp_path / f"out{number}"
        convert_weights(place, out)
        (out / "config.json").write_bytes((made / "config.json").read_bytes())
        encoder = load_encoder("proteinfer-ec", weights=out, device="cpu")
        expected = load_encoder("proteinfer-ec", weights=made, device="cpu").embed(["MKTAYIAKQR"])
        assert np.array_equal(encoder.embed(["MKTAYIAKQR"]), expected)
    record = json.loads((out / "model.source.json").read_text(encoding="utf-8"))
    assert record["source"]["file"] == "variables.index"


def flipped(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def cut(path, size):
    path.write_bytes(path.read_bytes()[:size])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda index, shard: shard.unlink(), "data-00000-of-00001: no such file; the shards"),
        (lambda index, shard: flipped(shard, 0), "the checksum differs; download it again"),
        (lambda index, shard: cut(shard, 200), "ends within .*, at 200 bytes; .* it is truncated"),
        (lambda index, shard: cut(shard, 0), "ends within"),
        (
            lambda index, shard: shard.write_bytes(POINTER),
            "LFS pointer",
        ),
        (
            lambda index, shard: index.write_bytes(POINTER),
            "LFS pointer",
        ),
        (lambda index, shard: flipped(index, 9), "index: a checksum differs; download it again"),
        (lambda index, shard: cut(index, 90), r"not the index of a TensorFlow checkpoint \(90 bytes\)"),
        (
            lambda index, shard: index.write_bytes(b""),
            r"not the index of a TensorFlow .* \(0 bytes\)",
        ),
    ],
)
def test_damage_is_one_clear_line(damage, message, tmp_path):
    prefix = write_bundle(tmp_path / "variables", TENSORS)
    damage(tmp_path / "variables.index", tmp_path / "variables.data-00000-of-00001")
    with pytest.raises(SourceError, match=message) as error:
        read_bundle(prefix)
    assert "\n" not in str(error.value)
    with pytest.raises(SourceError):
        convert_weights(tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@given(st.data())
@settings(deadline=None, max_examples=60)
def test_any_index_is_read_or_refused(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("bundle")
    prefix = write_bundle(folder / "v", {"a": torch.ones(2)})
    index = folder / "v.index"
    content = bytearray(index.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    index.write_bytes(content)
    try:
        found, _ = read_bundle(prefix)
    except SourceError:
        return
    assert torch.equal(found["a"], torch.ones(2))


def test_slices_are_refused(tmp_path):
    with pytest.raises(SourceError, match="tensors in slices, which are not read: a"):
        read_bundle(write_bundle(tmp_path / "v", {"a": torch.ones(2)}, more=field(7, b"")))


def test_no_tensorflow_is_loaded():
    code = (
        "import sys, genoprot_evaluate.encoders.tensor_bundle, genoprot_evaluate.encoders.conversion;"
        "sys.exit('tensorflow' in sys.modules or 'torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
