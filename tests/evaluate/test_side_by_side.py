"""Heads trained side by side end as those that are trained one after another."""

from __future__ import annotations

import numpy as np
import pytest

from genoprot_datasets.errors import GenoProtError
from genoprot_evaluate.heads import HeadConfig, one_thread_per_head, train_head, train_heads, training
from genoprot_evaluate.heads.batches import blocks_pay

CONFIG = HeadConfig(hidden=(32, 16, 8), epochs=12, patience=2, learning_rate=0.004)


@pytest.fixture(autouse=True)
def one_thread():
    with one_thread_per_head():
        yield


@pytest.fixture
def task():
    """Four encoders of 1,200 proteins, two of one width; all but the third see what decides a label."""
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(1_200, 4))
    sources = [hidden @ rng.normal(size=(4, width)) for width in (6, 11)]
    sources += [rng.normal(size=(1_200, 9)), hidden @ rng.normal(size=(4, 6))]
    pairs = rng.integers(0, 1_200, size=(6_000, 2))
    labels = (hidden[pairs[:, 0], 0] * hidden[pairs[:, 1], 0] > 0).astype(np.int8)
    return [source.astype(np.float32) for source in sources], pairs, labels


def trained(task, batches: str, **options):
    """Heads of every encoder, trained together and one by one."""
    sources, pairs, labels = task
    config = HeadConfig(**(CONFIG.to_dict() | {"batches": batches, "batch_fraction": 0.06}))
    assert blocks_pay(5_400, 1_200, config.batch_size(5_400))
    together = train_heads(sources, pairs, labels, config=config, seed=3, **options)
    options.pop("stacked", None)
    alone = [train_heads([one], pairs, labels, config=config, seed=3, **options)[0] for one in sources]
    # They did not all stop together, so the others went on.
    assert len({head.epochs for head in together}) > 1
    return together, alone


@pytest.mark.parametrize("batches", ["blocks", "shuffled"])
def test_heads_side_by_side_on_a_processor_are_those_of_single_training_to_the_bit(task, batches):
    for one, other in zip(*trained(task, batches)):
        assert (one.epochs, one.best_epoch, one.validation_loss) == (
            other.epochs,
            other.best_epoch,
            other.validation_loss,
        )
        for left, right in zip(one.layers, other.layers):
            assert all(np.array_equal(a, b) for a, b in zip(left, right))


@pytest.mark.parametrize("batches", ["blocks", "shuffled"])
def test_stacked_heads_are_those_of_single_training_but_for_rounding(task, batches):
    sources, pairs, _ = task
    for precision, of_loss, of_probability in (("float64", 1e-11, 1e-9), ("float32", 1e-4, 1e-3)):
        together, alone = trained(task, batches, stacked=True, precision=precision)
        for vectors, one, other in zip(sources, together, alone):
            assert (one.epochs, one.best_epoch) == (other.epochs, other.best_epoch)
            assert one.validation_loss == pytest.approx(other.validation_loss, abs=of_loss)
            difference = one.predict_proba(vectors, pairs) - other.predict_proba(vectors, pairs)
            assert np.abs(difference).max() < of_probability
            assert one.layers[0][0].dtype == precision


def test_heads_that_do_not_fit_into_memory_together_are_trained_in_parts(task, monkeypatch):
    sources, pairs, labels = task
    together, tried = training._train, []

    def with_little_memory(some, *arguments):
        tried.append(len(some))
        if len(some) > 1 and sum(vectors.shape[1] for vectors in some) > 15:
            raise MemoryError
        return together(some, *arguments)

    monkeypatch.setattr(training, "_train", with_little_memory)
    options = {"config": CONFIG, "seed": 3, "stacked": True, "precision": "float64"}
    parts = train_heads(sources, pairs, labels, **options)
    assert tried == [4, 2, 1, 1, 2]
    monkeypatch.undo()
    for one, other in zip(parts, train_heads(sources, pairs, labels, **options)):
        assert one.best_epoch == other.best_epoch
        assert one.validation_loss == pytest.approx(other.validation_loss, abs=1e-11)
        assert len(one.mean) == len(other.mean)


def test_head_that_does_not_fit_into_memory_alone_says_so(task, monkeypatch):
    def without_memory(*arguments):
        raise MemoryError

    monkeypatch.setattr(training, "_train", without_memory)
    with pytest.raises(MemoryError):
        train_heads(*task, config=CONFIG, stacked=True)


def test_head_without_a_finite_loss_leaves_the_others_alone(task):
    sources, pairs, labels = task
    broken = sources[0] * 1.0
    broken[pairs[0, 0]] = np.nan
    failed, good = train_heads([broken, sources[1]], pairs, labels, config=CONFIG)
    assert isinstance(failed, GenoProtError)
    assert good.validation_accuracy > 0.9


def test_blocks_and_shuffled_batches_learn_alike(task):
    sources, pairs, labels = task
    reached = {}
    for batches in ("blocks", "shuffled"):
        config = HeadConfig(
            hidden=(64, 16), epochs=12, batches=batches, batch_fraction=0.06, learning_rate=0.004
        )
        assert blocks_pay(4_500, 1_200, config.batch_size(4_500))
        head = train_head(sources[1], pairs[:5_000], labels[:5_000], config=config)
        reached[batches] = ((head.predict_proba(sources[1], pairs[5_000:]) > 0.5) == labels[5_000:]).mean()
    assert min(reached.values()) > 0.95
    assert abs(reached["blocks"] - reached["shuffled"]) < 0.02
