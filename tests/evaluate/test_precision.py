"""The precision of a run, and encoders in shorter ones."""

from __future__ import annotations

import types

import numpy as np
import pytest
import torch
from small_checkpoints import CHECKPOINTS

from genoprot_datasets.errors import GenoProtError
from genoprot_evaluate.embed.options import ComputeOptions, applied
from genoprot_evaluate.embed.precision import MatrixRates, choose_dtype, matrix_rates, measure_matrix_rates
from genoprot_evaluate.encoders import load_encoder
from genoprot_evaluate.encoders.registry import REGISTRY

HALVES = ("float32", "bfloat16", "float16")


def test_auto_is_bfloat16_where_a_measurement_shows_it_and_the_encoder_has_it():
    fast, slow = MatrixRates(6e13, 7e14), MatrixRates(6e12, 3e10)
    assert choose_dtype("auto", HALVES, fast) == "bfloat16"
    assert choose_dtype("auto", HALVES, slow) == "float32"
    assert choose_dtype("auto", HALVES, None) == "float32"
    assert choose_dtype("auto", ("float32",), fast) == "float32"
    assert choose_dtype("float16", HALVES, None) == "float16"
    with pytest.raises(GenoProtError, match="float16: the encoder computes in float32 only"):
        choose_dtype("float16", ("float32",), None)


def test_a_processor_is_not_measured_and_rates_are_rates():
    assert measure_matrix_rates("cpu") is None
    rates = matrix_rates(torch.device("cpu"), 64)
    assert rates.float32 > 0
    assert rates.bfloat16 > 0


@pytest.mark.parametrize("name", ["esm2-8m", "esmc-300m", "prott5", "ntv2-50m", "lucaone", "dnabert2"])
def test_vectors_in_bfloat16_are_near_those_in_float32(name, tmp_path):
    path = CHECKPOINTS[REGISTRY[name][0]](name, tmp_path)
    options = {"weights": path, "device": "cpu"} | ({"modality": "protein"} if name == "lucaone" else {})
    sequences = ["ACGTTGCAACGATTACA" * 3, "GATTACA"]
    exact = load_encoder(name, **options).embed(sequences)
    encoder = load_encoder(name, **options)
    encoder.cast("bfloat16")
    found = encoder.embed(sequences)
    assert found.dtype == np.float32
    assert not np.array_equal(found, exact)
    assert np.abs(found - exact).max() < 0.05 * np.abs(exact).max()


def test_a_family_without_short_precisions_refuses_them(tmp_path):
    path = CHECKPOINTS[REGISTRY["unirep-64"][0]]("unirep-64", tmp_path)
    encoder = load_encoder("unirep-64", weights=path, device="cpu")
    with pytest.raises(GenoProtError, match="dtype bfloat16: encoder unirep-64 computes in float32 only"):
        encoder.cast("bfloat16")


def test_evo_is_loaded_in_the_precision_asked_for(tmp_path):
    path = CHECKPOINTS[REGISTRY["evo"][0]]("evo", tmp_path)
    encoder = load_encoder("evo", weights=path, device="cpu", dtype="bfloat16")
    assert encoder.dtype == "bfloat16"
    assert encoder.embed(["ACGTACGT"]).dtype == np.float32


def test_convolutions_in_float32_are_not_left_to_tf32(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    encoder = types.SimpleNamespace(device=torch.device("cpu"))
    with applied(ComputeOptions(), encoder):
        assert not torch.backends.cudnn.allow_tf32
    assert torch.backends.cudnn.allow_tf32
