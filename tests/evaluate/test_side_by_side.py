"""Heads trained side by side end as those that are trained one after another."""

from __future__ import annotations

import numpy as np
import pytest

from genoprot_datasets.errors import GenoProtError
from genoprot_evaluate.heads import HeadConfig, one_thread_per_head, train_head, train_heads
from genoprot_evaluate.heads.batches import blocks_pay

CONFIG = HeadConfig(hidden=(32, 16, 8), epochs=12, patience=2, learning_rate=0.004)


@pytest.fixture(autouse=True)
def one_thread():
    with one_thread_per_head():
        yield


@pytest.fixture
def task():
    """Three encoders of 1,200 proteins, of which two see what decides the label of a pair."""
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(1_200, 4))
    sources = [hidden @ rng.normal(size=(4, width)) for width in (6, 11)] + [rng.normal(size=(1_200, 9))]
    pairs = rng.integers(0, 1_200, size=(6_000, 2))
    labels = (hidden[pairs[:, 0], 0] * hidden[pairs[:, 1], 0] > 0).astype(np.int8)
    return [source.astype(np.float32) for source in sources], pairs, labels


@pytest.mark.parametrize("batches", ["blocks", "shuffled"])
def test_stacked_heads_are_those_of_single_training(task, batches):
    sources, pairs, labels = task
    config = HeadConfig(**(CONFIG.to_dict() | {"batches": batches, "batch_fraction": 0.06}))
    assert blocks_pay(5_400, 1_200, config.batch_size(5_400))
    together = train_heads(sources, pairs, labels, config=config, seed=3)
    for vectors, head in zip(sources, together):
        alone = train_head(vectors, pairs, labels, config=config, seed=3)
        assert (head.epochs, head.best_epoch) == (alone.epochs, alone.best_epoch)
        assert head.validation_loss == pytest.approx(alone.validation_loss, abs=1e-4)
        difference = head.predict_proba(vectors, pairs) - alone.predict_proba(vectors, pairs)
        assert np.abs(difference).max() < 1e-3
    # They did not all stop together, so the stack went on with some of them.
    assert len({head.epochs for head in together}) > 1


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
