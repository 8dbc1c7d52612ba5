"""Budgets of batches: measured, kept for the run, and without effect on vectors where that is promised."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from small_checkpoints import CHECKPOINTS

from genoprot_datasets.errors import SourceError
from genoprot_evaluate.embed import budget as budgets
from genoprot_evaluate.embed import embed
from genoprot_evaluate.embed.budget import Budget, calibrate, keep_budget, kept_budget
from genoprot_evaluate.embed.energy import processor_meter
from genoprot_evaluate.encoders import EncoderSpec, load_encoder, pooled
from genoprot_evaluate.encoders.registry import REGISTRY

LENGTHS = np.full(20_000, 62)


class Clocked:
    """An encoder whose calls take the time that a formula gives, on a clock of its own."""

    weights_digest = "none"
    device = torch.device("cpu")
    alone = True
    batch_tokens = 5_000

    def __init__(self, overhead=0.05, holds=10**9):
        self.spec = EncoderSpec("clocked", modality="protein", dimension=1)
        self.overhead, self.holds = overhead, holds
        self.seconds = 0.0

    def embed(self, sequences):
        tokens = sum(len(text) + 2 for text in sequences)
        if tokens > self.holds:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        self.seconds += self.overhead + tokens / 100_000
        return np.ones((len(sequences), 1), dtype=np.float32)


def measure(encoder, lengths=LENGTHS):
    def take(positions):
        return ["A" * int(lengths[position]) for position in positions]

    return calibrate(encoder, lengths, take, clock=lambda: encoder.seconds)


def test_the_smallest_budget_near_the_best_rate_is_taken():
    found = measure(Clocked(overhead=0.001))
    assert found.origin == "measured"
    rates = dict(found.rates)
    assert list(rates) == sorted(rates)
    best = max(rates.values())
    assert rates[found.tokens] >= 0.97 * best
    assert all(rate < 0.97 * best for tokens, rate in found.rates if tokens < found.tokens)


def test_a_large_cost_per_call_asks_for_large_batches():
    assert measure(Clocked(overhead=0.05)).tokens > measure(Clocked(overhead=0.0001)).tokens


def test_measuring_ends_where_memory_does():
    encoder = Clocked(holds=5_000)
    found = measure(encoder)
    assert max(tokens for tokens, _ in found.rates) <= 5_000
    assert found.tokens <= 5_000


def test_what_is_not_measured_is_the_encoders_own():
    few = measure(Clocked(), LENGTHS[:100])
    assert few == Budget(5_000, "encoder")
    dependent = Clocked()
    dependent.alone = False
    assert measure(dependent) == Budget(5_000, "encoder")
    assert dependent.seconds == 0.0


def test_a_budget_is_kept_and_read_back(tmp_path):
    path = tmp_path / "budget.json"
    assert kept_budget(path) is None
    budget = Budget(4096, "measured", ((2048, 1.5), (4096, 2.5)))
    keep_budget(budget, path)
    assert kept_budget(path) == budget
    path.write_text("{")
    with pytest.raises(SourceError, match="not a budget"):
        kept_budget(path)


def test_a_run_that_was_stopped_keeps_its_budget(tiny_dataset, tmp_path, capsys):
    class Stopping(Clocked):
        def embed(self, sequences):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        embed(Stopping(), tiny_dataset, tmp_path, batch_tokens=300)
    embed(Clocked(), tiny_dataset, tmp_path, batch_tokens=900)
    assert "goes on with the 300 tokens per batch that it began with, not 900" in capsys.readouterr().err
    measured = json.loads((tmp_path / "clocked" / "measured.json").read_text())
    assert measured["batch_tokens"] == {"tokens": 300, "origin": "asked", "rates": []}
    assert 0 < measured["padding_share"] < 1


@pytest.mark.parametrize(
    "name", ["esm2-8m", "esmc-300m", "hyena-160k", "caduceus-ph", "proteinfer-ec", "evo"]
)
def test_bytes_on_a_processor_depend_on_no_batch_and_no_thread(name, tmp_path):
    path = CHECKPOINTS[REGISTRY[name][0]](name, tmp_path)
    encoder = load_encoder(name, weights=path, device="cpu")
    rng = np.random.default_rng(0)
    letters = "ACGT" if encoder.spec.modality == "dna" else "ACDEFGHIKLMNPQRSTVWY"
    longest = min(encoder.spec.context or 300, 300)
    sequences = ["".join(rng.choice(list(letters), size=n)) for n in rng.integers(3, longest, size=24)]
    assert encoder.alone
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one_by_one = np.concatenate([encoder.embed([sequence]) for sequence in sequences])
        torch.set_num_threads(3)
        together = encoder.embed(sequences)
        backwards = encoder.embed(sequences[::-1])[::-1]
    finally:
        torch.set_num_threads(threads)
    assert np.array_equal(one_by_one, together)
    assert np.array_equal(one_by_one, backwards)


@pytest.mark.parametrize(
    "name",
    ["esm2-8m", "esmc-300m", "prott5", "ntv2-50m", "lucaone", "dnabert2"]
    + ["hyena-160k", "caduceus-ps", "proteinfer-ec", "evo"],
)
def test_padded_batches_of_accelerators_give_the_same_vectors(name, tmp_path, monkeypatch):
    path = CHECKPOINTS[REGISTRY[name][0]](name, tmp_path)
    options = {"modality": "protein"} if name == "lucaone" else {}
    encoder = load_encoder(name, weights=path, device="cpu", **options)
    letters = list("ACGT" if encoder.spec.modality == "dna" else "ACDEFGHIKLMNPQRSTVWY")
    rng = np.random.default_rng(0)
    sequences = ["".join(rng.choice(letters, size=n)) for n in (40, 7, 33, 25, 12, 40)]
    expected = encoder.embed(sequences)
    monkeypatch.setattr(pooled, "computes_alone", lambda device: False)
    for tokens in (90, 10_000):
        encoder.batch_tokens = tokens
        found = encoder.embed(sequences)
        np.testing.assert_allclose(found, expected, atol=2e-5 * np.abs(expected).max())


def test_a_measured_budget_changes_no_bytes(tiny_dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(budgets, "SHARE", 1)
    monkeypatch.setattr(budgets, "SMALLEST", 256)
    path = CHECKPOINTS[REGISTRY["esm2-8m"][0]]("esm2-8m", tmp_path)
    for tokens in (None, 200):
        embed("esm2-8m", tiny_dataset, tmp_path / str(tokens), weights=path, batch_tokens=tokens)
    files = [
        {name: (tmp_path / out / "esm2-8m" / name).read_bytes() for name in ("run.json",)}
        | {p.name: p.read_bytes() for p in (tmp_path / out / "esm2-8m").glob("*.parquet")}
        for out in ("None", "200")
    ]
    assert files[0] == files[1]
    measured = json.loads((tmp_path / "None" / "esm2-8m" / "measured.json").read_text())
    assert measured["batch_tokens"]["origin"] == "measured"
    assert measured["padding_share"] == 0.0


def test_energy_is_read_from_counters_that_start_again(tmp_path):
    assert processor_meter(tmp_path) is None
    package, core = tmp_path / "intel-rapl:0", tmp_path / "intel-rapl:0:0"
    for folder in (package, core):
        folder.mkdir()
        (folder / "energy_uj").write_text("900000000\n")
        (folder / "max_energy_range_uj").write_text("1000000000\n")
    meter = processor_meter(tmp_path)
    (package / "energy_uj").write_text("950000000")
    assert meter.lap() == pytest.approx(50.0)
    (package / "energy_uj").write_text("20000000")
    assert meter.lap() == pytest.approx(70.0)
    (package / "energy_uj").unlink()
    assert meter.lap() is None
