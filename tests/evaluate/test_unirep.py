"""UniRep-64 against the official activations; batches, threads, and weights that do not fit."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from safetensors.torch import save_file

from genoprot_datasets.errors import SourceError
from genoprot_evaluate.encoders.registry import load_encoder
from genoprot_evaluate.encoders.unirep import UniRep64

UNITS = 64


@pytest.fixture(scope="module")
def tensors():
    """Random weights under the names and shapes of the file."""
    generator = torch.Generator().manual_seed(0)

    def random(*shape):
        return 0.3 * torch.randn(*shape, generator=generator)

    tensors = {"embed_matrix": random(26, 10), "dense.weight": random(UNITS, 25), "dense.bias": random(25)}
    for layer in range(4):
        width = UNITS if layer else 10
        tensors |= {
            f"mlstm.{layer}.wx": random(width, 4 * UNITS),
            f"mlstm.{layer}.wh": random(UNITS, 4 * UNITS),
            f"mlstm.{layer}.wmx": random(width, UNITS),
            f"mlstm.{layer}.wmh": random(UNITS, UNITS),
            f"mlstm.{layer}.gx": 1 + random(4 * UNITS),
            f"mlstm.{layer}.gh": 1 + random(4 * UNITS),
            f"mlstm.{layer}.gmx": 1 + random(UNITS),
            f"mlstm.{layer}.gmh": 1 + random(UNITS),
            f"mlstm.{layer}.b": random(4 * UNITS),
        }
    return tensors


def test_official_activations_are_reproduced(shared):
    sequences = json.loads((shared / "golden/unirep64/meta.json").read_text())["sequences"]
    golden = load_file(shared / "golden/unirep64/io.safetensors")
    encoder = load_encoder("unirep-64", weights=shared / "weights/unirep64", device="cpu")
    expected = [golden[f"layer3.h_avg.{index}"] for index in range(len(sequences))]
    np.testing.assert_allclose(encoder.embed(sequences), expected, atol=2e-5, rtol=0)
    by_file = load_encoder(
        "unirep-64", weights=shared / "weights/unirep64/unirep64.safetensors", device="cpu"
    )
    assert by_file.weights_digest == encoder.weights_digest
    assert encoder.weights_digest.startswith("b4d433cc")


def test_neither_the_batch_nor_its_order_changes_a_vector(tensors):
    rng = np.random.default_rng(0)
    sequences = ["".join(rng.choice(list("ACDEFGHIKLMNPQRSTVWY"), size=n)) for n in (3, 90, 1, 41, 41, 90)]
    encoder = UniRep64(tensors, "cpu")
    together = encoder.embed(sequences)
    np.testing.assert_allclose(together, np.concatenate([encoder.embed([s]) for s in sequences]), atol=1e-6)
    np.testing.assert_array_equal(encoder.embed([s.lower() for s in sequences]), together)
    np.testing.assert_allclose(encoder.embed(sequences[::-1])[::-1], together, atol=1e-6)


def test_the_number_of_threads_changes_no_bit(tensors):
    rng = np.random.default_rng(1)
    sequences = ["".join(rng.choice(list("ACDEFGHIKLMNPQRSTVWY"), size=n)) for n in range(1, 90)]
    encoder = UniRep64(tensors, "cpu")
    before = torch.get_num_threads()
    vectors = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        vectors.append(encoder.embed(sequences))
        assert torch.get_num_threads() == threads
    torch.set_num_threads(before)
    assert all(np.array_equal(vectors[0], other) for other in vectors[1:])


def test_weights_of_another_architecture_are_refused(tensors, tmp_path):
    save_file(
        {key: value for key, value in tensors.items() if key != "mlstm.3.b"}, tmp_path / "w.safetensors"
    )
    with pytest.raises(
        SourceError, match=r"w\.safetensors: weights of another architecture: missing mlstm\.3\.b"
    ):
        UniRep64.load(tmp_path)
