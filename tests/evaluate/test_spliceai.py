"""SpliceAI against the official activations and against the layer graph of the original."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from safetensors.torch import save_file
from torch.nn import functional

from genoprot_datasets.errors import SourceError
from genoprot_evaluate.encoders.registry import load_encoder
from genoprot_evaluate.encoders.spliceai import SpliceAI


@pytest.fixture(scope="module")
def encoder(shared):
    return load_encoder("spliceai", weights=shared / "weights/spliceai", device="cpu")


@pytest.fixture(scope="module")
def random_dna():
    return "".join(np.random.default_rng(0).choice(list("ACGT"), size=30_011))


def as_letters(one_hot):
    return "".join("ACGTN"[row.argmax() if row.any() else 4] for row in one_hot)


def test_official_activations_are_reproduced(shared, encoder):
    golden = load_file(shared / "golden/spliceai/io.safetensors")
    with torch.inference_mode():
        features = encoder._features(golden["one_hot"][0]).T.numpy()
    np.testing.assert_allclose(features, golden["features32.1"][0], atol=1e-4, rtol=0)
    sequence = as_letters(golden["one_hot"][0, 5000:-5000])
    assert len(sequence) == 401
    np.testing.assert_allclose(encoder.embed([sequence])[0], features.mean(axis=0), atol=1e-4, rtol=1e-5)


def test_the_layer_graph_gives_the_same_features(shared, encoder):
    """The original graph layer by layer, every convolution padded and its normalisation apart."""
    graph = json.loads((shared / "golden/spliceai/architecture.json").read_text())
    tensors = {
        key: torch.from_numpy(value)
        for key, value in load_file(shared / "weights/spliceai/spliceai1.safetensors").items()
    }
    one_hot = np.zeros((10_900, 4), dtype=np.float32)
    rng = np.random.default_rng(3)
    one_hot[np.arange(5000, 5900), rng.integers(4, size=900)] = 1
    one_hot[5300:5340] = 0

    done = {}
    waiting = [layer for layer in graph if layer["name"] != "conv1d_39"]
    with torch.inference_mode():
        while waiting:
            layer = waiting.pop(0)
            if any(name not in done for name in layer["inbound"]):
                waiting.append(layer)
                continue
            states = [done[name] for name in layer["inbound"]]
            name = layer["name"]
            if layer["class"] == "InputLayer":
                out = torch.from_numpy(one_hot.T[None].copy())
            elif layer["class"] == "Conv1D":
                (kernel,), (dilation,) = layer["kernel"], layer["dilation"]
                out = functional.conv1d(
                    states[0],
                    tensors[f"{name}/kernel"].permute(2, 1, 0),
                    tensors[f"{name}/bias"],
                    padding=(kernel - 1) * dilation // 2,
                    dilation=dilation,
                )
            elif layer["class"] == "BatchNormalization":
                of = [
                    tensors[f"{name}/{field}"]
                    for field in ("moving_mean", "moving_variance", "gamma", "beta")
                ]
                out = functional.batch_norm(states[0], *of, eps=layer["bn_eps"])
            elif layer["class"] == "Activation":
                out = states[0].relu()
            elif layer["class"] == "Add":
                out = states[0] + states[1]
            else:
                assert layer["class"] == "Cropping1D"
                out = states[0][:, :, layer["cropping"][0] : -layer["cropping"][1]]
            done[name] = out
        expected = done["cropping1d_1"][0].T.numpy()
        features = encoder._features(one_hot).T.numpy()
    np.testing.assert_allclose(features, expected, atol=1e-4, rtol=0)


def test_windows_give_the_vector_of_one_pass(shared, encoder, random_dna):
    weights = shared / "weights/spliceai/spliceai1.safetensors"
    whole = encoder.embed([random_dna])
    assert encoder.window_counts([random_dna]) == [1]
    tensors = {key: torch.from_numpy(value) for key, value in load_file(weights).items()}
    windowed = SpliceAI(tensors, "cpu", window=7_777)
    assert windowed.window_counts([random_dna, "ACGT"]) == [4, 1]
    np.testing.assert_allclose(windowed.embed([random_dna]), whole, rtol=1e-6, atol=1e-6)


def test_neither_the_batch_nor_case_nor_threads_change_a_vector(encoder, random_dna):
    sequences = ["A", random_dna[:333], random_dna[:5_000]]
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    vectors = encoder.embed(sequences)
    torch.set_num_threads(3)
    assert np.array_equal(encoder.embed([s.lower() for s in sequences[::-1]])[::-1], vectors)
    torch.set_num_threads(before)
    assert vectors.shape == (3, 32)
    assert np.isfinite(vectors).all()


def test_letters_that_are_no_bases_are_read_as_nothing(encoder, random_dna):
    vectors = encoder.embed([random_dna[:200] + "NNNN", random_dna[:200] + "RY-x"])
    assert np.array_equal(vectors[0], vectors[1])


def test_weights_of_another_architecture_are_refused(tmp_path):
    save_file({"conv1d_1/kernel": torch.zeros(1, 4, 16)}, tmp_path / "w.safetensors")
    with pytest.raises(SourceError, match="missing batch_normalization_1/beta"):
        SpliceAI.load(tmp_path)
