"""Weights files: found, refused, checked."""

from __future__ import annotations

import pickle

import pytest
import torch
from safetensors.torch import save_file

from genoprot_datasets.errors import SourceError
from genoprot_evaluate.encoders.weights import check_safetensors, find_weights, read_tensors

SHAPES = {"a": (2, 3), "b": (3,)}


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "model.safetensors"
    save_file({"a": torch.ones(2, 3), "b": torch.zeros(3)}, path)
    return path


def test_file_and_folder_lead_to_the_same_weights(weights):
    assert find_weights(weights, "other.safetensors") == weights
    assert find_weights(weights.parent, "other.safetensors") == weights
    assert check_safetensors(weights) == SHAPES
    tensors = read_tensors(weights, SHAPES)
    assert tensors["a"].dtype == torch.float32
    assert tensors["a"].sum() == 6


def test_half_precision_is_read_as_float32(tmp_path):
    save_file({"b": torch.ones(3, dtype=torch.bfloat16)}, tmp_path / "half.safetensors")
    assert read_tensors(tmp_path / "half.safetensors", {"b": (3,)})["b"].dtype == torch.float32


def test_the_preferred_of_several_files_is_taken(weights):
    save_file({"a": torch.ones(1)}, weights.parent / "second.safetensors")
    assert find_weights(weights.parent, "second.safetensors").name == "second.safetensors"
    with pytest.raises(SourceError, match="holds 2 safetensors files .* and no third.safetensors"):
        find_weights(weights.parent, "third.safetensors")


@pytest.mark.parametrize("suffix", [".bin", ".pt", ".pth", ".ckpt", ".pkl"])
def test_a_pickle_is_refused_and_never_opened(tmp_path, suffix):
    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("the pickle was opened",))

    path = tmp_path / f"weights{suffix}"
    path.write_bytes(pickle.dumps(Bomb()))
    for given in (path, tmp_path):
        with pytest.raises(SourceError, match="is a pickle.*convert it once to safetensors") as error:
            find_weights(given, "model.safetensors")
        assert str(path) in str(error.value)


def test_what_is_not_there_or_of_another_kind_is_named(tmp_path):
    with pytest.raises(SourceError, match="no such file or folder"):
        find_weights(tmp_path / "absent", "model.safetensors")
    with pytest.raises(SourceError, match="no safetensors file in this folder; expected model.safetensors"):
        find_weights(tmp_path, "model.safetensors")
    (tmp_path / "w.h5").write_bytes(b"x")
    with pytest.raises(SourceError, match=r"is a \.h5 file"):
        find_weights(tmp_path / "w.h5", "model.safetensors")


@pytest.mark.parametrize("kept", [0, 4, 40, 0.5, 0.99])
def test_a_truncated_file_is_named(weights, kept):
    content = weights.read_bytes()
    weights.write_bytes(content[: int(kept * len(content)) if kept < 1 else kept])
    with pytest.raises(SourceError, match="not a whole safetensors file") as error:
        read_tensors(weights, SHAPES)
    assert str(weights) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_git_lfs_pointer_is_named(weights):
    weights.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n")
    with pytest.raises(SourceError, match="Git LFS pointer"):
        read_tensors(weights, SHAPES)


def test_missing_and_unexpected_keys_and_other_shapes_are_listed(weights):
    with pytest.raises(SourceError, match="missing c; unexpected b"):
        read_tensors(weights, {"a": (2, 3), "c": (1,)})
    with pytest.raises(SourceError, match=r"of another shape a \[2, 3\] instead of \[3, 2\]"):
        read_tensors(weights, {"a": (3, 2), "b": (3,)})
    many = {f"k{number}": (1,) for number in range(9)}
    with pytest.raises(SourceError, match="missing k0, k1, k2, k3, k4 and 4 more"):
        read_tensors(weights, {**SHAPES, **many})
