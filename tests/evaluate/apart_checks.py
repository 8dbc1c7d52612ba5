"""What runs on a GPU, on the device apart; `test_device_apart.py` runs this in a process of its own."""

from __future__ import annotations

import json
import os
from importlib import import_module
from pathlib import Path

import apart_device
import numpy as np
import pytest
import torch
from small_checkpoints import CHECKPOINTS

from genoprot_evaluate.cli import main
from genoprot_evaluate.embed import embed
from genoprot_evaluate.encoders import load_encoder
from genoprot_evaluate.encoders.registry import REGISTRY
from genoprot_evaluate.evaluation import evaluate
from genoprot_evaluate.heads import HeadConfig, load_head, one_thread_per_head, scored_orders, train_heads
from genoprot_evaluate.heads.batches import blocks_pay
from genoprot_evaluate.store import load_embeddings

DEVICE = apart_device.NAME
apart_device.load(Path(os.environ["GENOPROT_DEVICE_APART"]))

FAMILIES = {module: name for name, (module, _) in REGISTRY.items() if module in CHECKPOINTS}
CONFIG = {"hidden": (32, 16, 8), "epochs": 6, "patience": 2, "learning_rate": 0.004, "batch_fraction": 0.06}


@pytest.fixture(autouse=True)
def one_thread_and_no_limit():
    apart_device.limit_memory(0)
    with one_thread_per_head():
        yield
    apart_device.limit_memory(0)


@pytest.fixture(scope="module")
def task():
    """Vectors of five encoders with three widths, pairs, and labels that two of the encoders see."""
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(1_200, 4))
    sources = [hidden @ rng.normal(size=(4, width)) for width in (9, 6)]
    sources += [rng.normal(size=(1_200, width)) for width in (11, 9, 11)]
    pairs = rng.integers(0, 1_200, size=(4_000, 2))
    labels = (hidden[pairs[:, 0], 0] * hidden[pairs[:, 1], 0] > 0).astype(np.int8)
    return [source.astype(np.float32) for source in sources], pairs, labels


def test_tensors_of_two_places_do_not_mix():
    here, there = torch.ones(3), torch.ones(3, device=DEVICE)
    for mixed in (lambda: here + there, lambda: there[torch.arange(2)], lambda: there @ here, there.numpy):
        with pytest.raises((RuntimeError, TypeError)):
            mixed()
    assert (there + 1).cpu().tolist() == [2.0] * 3
    assert there.to(DEVICE) is there
    apart_device.limit_memory(1_000)
    with pytest.raises(torch.OutOfMemoryError):
        torch.empty(1_000, device=DEVICE)


@pytest.mark.parametrize(
    "choices",
    [
        {},
        {"batches": "shuffled"},
        {"optimiser": "sgd"},
        {"optimiser": "adamw", "weight_decay": 0.01},
        {"initialisation": "normal-he"},
        {"initialisation": "uniform-glorot", "standardisation": "none"},
        {"validation": "proteins", "symmetric": True},
    ],
    ids=lambda choices: "-".join(map(str, choices.values())) or "default",
)
@pytest.mark.parametrize("case", ["pairs", "few", "records"])
def test_heads_are_those_of_a_processor(task, choices, case):
    sources, pairs, labels = task
    examples = {"pairs": pairs, "few": pairs % 60, "records": pairs[:, :1]}[case]
    options = {"config": HeadConfig(**CONFIG, **choices), "seed": 3, "precision": "float64"}
    here, there = (train_heads(sources, examples, labels, device=d, **options) for d in ("cpu", DEVICE))
    for vectors, one, other in zip(sources, here, there, strict=True):
        assert (one.epochs, one.best_epoch) == (other.epochs, other.best_epoch)
        assert one.validation_loss == pytest.approx(other.validation_loss, abs=1e-10)
        np.testing.assert_allclose(one.held_out_probability, other.held_out_probability, atol=1e-8)
        given = (vectors, examples[:500])
        found = scored_orders(other, *given, device=DEVICE)
        np.testing.assert_allclose(scored_orders(one, *given), found, atol=1e-8)


def test_single_head_in_float32_is_that_of_a_processor(task):
    sources, pairs, labels = task
    options = {"config": HeadConfig(**CONFIG), "seed": 3}
    (here,), (there,) = (
        train_heads(sources[:1], pairs, labels, device=d, **options) for d in ("cpu", DEVICE)
    )
    assert here.epochs == there.epochs
    assert here.validation_loss == pytest.approx(there.validation_loss, abs=1e-4)
    np.testing.assert_allclose(here.mean, there.mean, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("batches", ["blocks", "shuffled"])
def test_a_batch_takes_as_many_operations_for_many_heads_as_for_two(task, batches):
    sources, pairs, labels = task
    config = HeadConfig(**(CONFIG | {"epochs": 2, "batches": batches}))
    assert blocks_pay(3_600, 1_200, config.batch_size(3_600))
    found = []
    for heads, epochs in ((2, 2), (2, 4), (12, 2), (12, 4)):
        apart_device.reset()
        chosen = HeadConfig(**(config.to_dict() | {"epochs": epochs, "patience": epochs}))
        train_heads([sources[0]] * heads, pairs, labels, config=chosen, device=DEVICE)
        found.append(apart_device.counts())
    two, many = (
        {name: getattr(after, name) - getattr(before, name) for name in ("launches", "to_device", "to_host")}
        for before, after in (found[:2], found[2:])
    )
    # In two more epochs: each improved head's weights are copied on the device, nine arrays of them.
    assert many["launches"] - two["launches"] <= 2 * 10 * 9
    assert many["to_device"] == two["to_device"]
    assert many["to_host"] == two["to_host"] == 2
    assert all(counts.fetched == 0 for counts in found)


def test_heads_that_do_not_fit_together_are_trained_in_parts(task):
    sources, pairs, labels = task
    options = {"config": HeadConfig(**CONFIG), "device": DEVICE, "precision": "float64"}
    apart_device.reset()
    whole = train_heads(sources, pairs, labels, **options)
    apart_device.limit_memory(int(0.6 * apart_device.counts().most_held))
    apart_device.reset()
    parts = train_heads(sources, pairs, labels, **options)
    assert apart_device.counts().held == 0
    for one, other in zip(whole, parts, strict=True):
        assert one.validation_loss == pytest.approx(other.validation_loss, abs=1e-10)


@pytest.mark.parametrize("module", FAMILIES)
def test_vectors_are_those_of_a_processor(module, tmp_path):
    name = FAMILIES[module]
    weights = CHECKPOINTS[module](name, tmp_path)
    family = getattr(import_module(module), REGISTRY[name][1])
    view = "protein" if family.spec.modality == "both" else None
    here, there = (load_encoder(name, weights=weights, modality=view, device=d) for d in ("cpu", DEVICE))
    letters = "ACGT" if here.spec.modality == "dna" else "ACDEFGHIKLMNPQRSTVWY"
    rng = np.random.default_rng(0)
    sequences = ["".join(rng.choice(list(letters), size=size)) for size in (41, 13, 30, 22)]
    expected = here.embed(sequences)
    apart_device.reset()
    np.testing.assert_allclose(there.embed(sequences), expected, atol=1e-5 * np.abs(expected).max())
    counts = apart_device.counts()
    # A batch goes there and its vectors come back; models look whether anything is padded.
    assert counts.launches > 20
    assert counts.to_host <= 2 * len(sequences)
    assert counts.fetched <= 2
    if "bfloat16" in there.dtypes:
        there.cast("bfloat16")
        np.testing.assert_allclose(there.embed(sequences), expected, atol=0.1 * np.abs(expected).max())


def test_embedding_evaluation_and_prediction_from_end_to_end(tiny_dataset, tmp_path):
    module = "genoprot_evaluate.encoders.proteinfer"
    weights = CHECKPOINTS[module](FAMILIES[module], tmp_path)
    for device in ("cpu", DEVICE):
        given = ["--encoder", FAMILIES[module], "--weights", weights, "--dataset", tiny_dataset]
        assert main([*map(str, ["embed", *given, "--out", tmp_path / device, "--device", device])]) == 0
    tables = {device: load_embeddings(tmp_path / device / FAMILIES[module]) for device in ("cpu", DEVICE)}
    np.testing.assert_allclose(*(np.asarray(one.vectors) for one in tables.values()), rtol=1e-4, atol=1e-5)

    sources = {"measured": tables["cpu"], "counted": load_encoder("composition")}
    records = {}
    for device in tables:
        options = {"tasks": ["ppi", "melanoma"], "baselines": ["random-vectors", "majority"]}
        options["head"] = HeadConfig(hidden=(16, 8), epochs=3, seeds=2, symmetric=True)
        folders = {"out": tmp_path / f"results-{device}", "save_heads": tmp_path / f"heads-{device}"}
        records[device] = evaluate(sources, tiny_dataset, device=device, **options, **folders)
    assert records[DEVICE].versions["device"] == DEVICE
    for task, cells in records["cpu"].scores.items():
        for model, cell in cells.items():
            found = records[DEVICE].scores[task][model]
            assert (cell.status, found.status, found.reason) == ("OK", "OK", None)
            # One of two hundred answers may be decided by rounding.
            assert found.accuracy.mean == pytest.approx(cell.accuracy.mean, abs=0.011)

    head = load_head(tmp_path / f"heads-{DEVICE}" / "ppi" / "measured.safetensors").head
    vectors, pairs = np.asarray(tables["cpu"].vectors), np.array([[0, 1], [2, 3], [4, 4]])
    found = [head.predict_proba(vectors, pairs, device=device) for device in ("cpu", DEVICE)]
    np.testing.assert_allclose(*found, atol=1e-5)


def test_batch_that_does_not_fit_is_halved(tiny_dataset, tmp_path):
    module = "genoprot_evaluate.encoders.proteinfer"
    weights = CHECKPOINTS[module](FAMILIES[module], tmp_path)
    vectors, most, failures = [], None, []
    for case in ("free", "limited"):
        encoder = load_encoder(FAMILIES[module], weights=weights, device=DEVICE)
        apart_device.reset()
        held = apart_device.counts().held
        if most is not None:
            apart_device.limit_memory(held + (most - held) // 2)
        out = embed(encoder, tiny_dataset, tmp_path / case, batch_tokens=2_000)
        most = apart_device.counts().most_held
        apart_device.limit_memory(0)
        run = load_embeddings(out / FAMILIES[module])
        vectors.append(np.asarray(run.vectors))
        measured = json.loads((out / FAMILIES[module] / "measured.json").read_text(encoding="utf-8"))
        failures.append(measured["memory_failures"])
    assert failures[0] == 0 < failures[1]
    np.testing.assert_allclose(*vectors, rtol=1e-4, atol=1e-5)


def test_encoder_on_the_device_passes_the_conformance_checks(tmp_path, capsys):
    module = "genoprot_evaluate.encoders.hyenadna"
    weights = str(CHECKPOINTS[module](FAMILIES[module], tmp_path))
    arguments = [FAMILIES[module], "--weights", weights, "--device", DEVICE, "--longest", "400"]
    assert main(["check-encoder", *arguments]) == 0, capsys.readouterr().out
