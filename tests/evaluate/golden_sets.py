"""Golden vectors of the encoders, and what every encoder of tokens has to satisfy."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from genoprot_evaluate.encoders import Encoder

TOLERANCE = 2e-5
BATCH_TOLERANCE = 1e-5
PLACES = ("shared", "repository")
ROWS = "@rows"


def golden_folder(request: pytest.FixtureRequest, family: str) -> Path:
    """Folder of a family's golden vectors: the full set, or what the repository keeps of it."""
    if request.param == "shared":
        return request.getfixturevalue("shared") / "golden" / family
    return Path(__file__).resolve().parents[1] / "golden" / family


def tensors(path: Path) -> dict[str, torch.Tensor]:
    """Tensors of a file; a table of which only some rows are kept comes back whole, zeros elsewhere."""
    found = load_file(path)
    for key in [key for key in found if key.endswith(ROWS)]:
        name, rows = key.removesuffix(ROWS), found.pop(key)
        kept = found[name]
        found[name] = torch.zeros(int(rows[-1]), kept.shape[1])
        found[name][rows[:-1]] = kept
    return found


def write_checkpoint(
    folder: Path, weights: Mapping[str, torch.Tensor], config: Mapping[str, Any] | None = None
) -> Path:
    """Write a checkpoint folder: one safetensors file, and a configuration where there is one."""
    folder.mkdir(parents=True, exist_ok=True)
    copies = {key: tensor.contiguous().clone() for key, tensor in weights.items()}
    save_file(copies, folder / "model.safetensors")
    if config is not None:
        (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def write_shards(
    folder: Path, weights: Mapping[str, torch.Tensor], config: Mapping[str, Any] | None = None
) -> Path:
    """Write a checkpoint folder with two shards and their index."""
    folder.mkdir(parents=True)
    names = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
    place = {key: names[number % 2] for number, key in enumerate(sorted(weights))}
    for name in names:
        save_file({key: weights[key].clone() for key in place if place[key] == name}, folder / name)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": place}), encoding="utf-8")
    if config is not None:
        (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def difference(found: Any, expected: Any) -> float:
    """Largest absolute difference of two arrays of one shape."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape
    return float(np.abs(found - expected).max())


def assert_conforms(encoder: Encoder, sequences: Sequence[str]) -> None:
    """Shape and type are as declared; batch, order, padding and case do not change a vector."""
    vectors = encoder.embed(list(sequences))
    assert vectors.shape == (len(sequences), encoder.spec.dimension)
    assert vectors.dtype == np.float32
    assert np.isfinite(vectors).all()
    assert difference(encoder.embed(list(sequences)), vectors) == 0.0
    backwards = encoder.embed(list(sequences)[::-1])[::-1]
    alone = np.concatenate([encoder.embed([sequence]) for sequence in sequences])
    lower = encoder.embed([sequence.lower() for sequence in sequences])
    for other in (backwards, alone, lower):
        assert difference(other, vectors) <= BATCH_TOLERANCE
    assert difference(vectors[:1], vectors[1:2]) > 1e-3


def assert_half_precision(encoder: Encoder, sequences: Sequence[str]) -> None:
    """A model that is turned to bf16 gives nearly the same vectors, still in fp32."""
    vectors = encoder.embed(list(sequences))
    encoder.model.to(torch.bfloat16)
    half = encoder.embed(list(sequences))
    encoder.model.to(torch.float32)
    assert half.dtype == np.float32
    assert difference(half, vectors) > 0.0
    for exact, rounded in zip(vectors, half):
        assert exact @ rounded > 0.995 * np.linalg.norm(exact) * np.linalg.norm(rounded)
