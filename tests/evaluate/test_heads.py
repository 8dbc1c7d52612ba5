"""Heads: they learn what is there, nothing else, and the same thing every time."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from genoprot_datasets.errors import GenoProtError
from genoprot_evaluate.heads import (
    HeadConfig,
    divide_examples,
    one_thread_per_head,
    train_head,
    validation_fold,
)
from genoprot_evaluate.heads.batches import whole_table
from genoprot_evaluate.heads.network import Network, initial_layers

SMALL = HeadConfig(hidden=(16, 8), epochs=8)


@pytest.fixture(autouse=True)
def one_thread():
    """Threads that wait for each other make these small heads many times slower on shared cores."""
    with one_thread_per_head():
        yield


def same_family_pairs(
    proteins: int, pairs: int, seed: int, families: int = 4
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vectors around family centres, pairs of rows, and whether the two are of one family."""
    rng = np.random.default_rng(seed)
    family = np.arange(proteins) % families
    centres = np.random.default_rng(99).normal(size=(families, 12))
    vectors = (centres[family] + 0.1 * rng.normal(size=(proteins, 12))).astype(np.float32)
    every = np.stack(np.triu_indices(proteins, 1), axis=1)
    same = family[every[:, 0]] == family[every[:, 1]]
    chosen = np.concatenate([rng.choice(np.flatnonzero(same == side), pairs // 2) for side in (False, True)])
    return vectors, every[chosen], same[chosen].astype(np.int8)


def identical(one, other) -> bool:
    arrays = [(one.mean, other.mean), (one.scale, other.scale)]
    arrays += [(a, b) for left, right in zip(one.layers, other.layers) for a, b in zip(left, right)]
    facts = [(head.epochs, head.best_epoch, head.validation_loss) for head in (one, other)]
    return facts[0] == facts[1] and all(np.array_equal(a, b) for a, b in arrays)


def test_defaults_are_those_of_the_paper():
    config = HeadConfig()
    assert config.hidden == (512, 128, 64)
    assert (config.epochs, config.patience, config.validation_fraction) == (50, 5, 0.1)
    assert HeadConfig.from_dict(config.to_dict()) == config


@pytest.mark.parametrize(
    ("choice", "value"),
    [
        ("hidden", ()),
        ("hidden", (8, 0)),
        ("epochs", 0),
        ("patience", 0),
        ("optimiser", "rmsprop"),
        ("learning_rate", 0.0),
        ("learning_rate", math.nan),
        ("weight_decay", -1.0),
        ("batch_fraction", 0.0),
        ("smallest_batch", 0),
        ("largest_batch", 8),
        ("batches", "sorted"),
        ("initialisation", "zeros"),
        ("standardisation", "all-proteins"),
        ("validation_fraction", 1.0),
        ("validation", "folds"),
        ("seeds", 0),
        ("symmetric", 2),
    ],
)
def test_choice_that_cannot_be_is_refused(choice, value):
    with pytest.raises(GenoProtError, match=f"head: {choice} cannot be"):
        HeadConfig(**{choice: value})


def test_unknown_choice_is_refused():
    with pytest.raises(GenoProtError, match="unknown choice 'dropout'"):
        HeadConfig.from_dict({"dropout": 0.5})


def test_pairs_of_new_proteins_are_told_apart():
    vectors, examples, labels = same_family_pairs(80, 1000, seed=0)
    new, new_examples, new_labels = same_family_pairs(60, 600, seed=1)
    head = train_head(vectors, examples, labels)
    probability = head.predict_proba(new, new_examples)
    assert probability.dtype == np.float64
    assert ((probability > 0.5) == new_labels).mean() > 0.98
    assert head.validation_accuracy > 0.98


def test_single_records_are_told_apart():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(600, 6)).astype(np.float32)
    labels = (vectors[:, 2] > 0).astype(np.int8)
    rows = np.arange(600)[:, None]
    head = train_head(vectors, rows[:400], labels[:400])
    assert ((head.predict_proba(vectors, rows[400:]) > 0.5) == labels[400:]).mean() > 0.9


def test_shuffled_labels_stay_at_chance():
    vectors, examples, labels = same_family_pairs(80, 1000, seed=0)
    new, new_examples, new_labels = same_family_pairs(60, 1600, seed=1)
    head = train_head(vectors, examples, np.random.default_rng(2).permutation(labels), config=SMALL)
    # The labels of the new pairs are shuffled too, so their count of hits is hypergeometric: its standard
    # deviation is at most that of a fair coin, and five of those are crossed once in a million.
    shuffled = np.random.default_rng(3).permutation(new_labels)
    hits = ((head.predict_proba(new, new_examples) > 0.5) == shuffled).mean()
    assert abs(hits - 0.5) < 5 * math.sqrt(0.25 / len(shuffled))


def test_same_seed_same_head_and_another_seed_another():
    vectors, examples, labels = same_family_pairs(40, 400, seed=0)
    heads = [train_head(vectors, examples, labels, config=SMALL, seed=seed) for seed in (0, 0, 1)]
    assert identical(heads[0], heads[1])
    assert not np.array_equal(heads[0].layers[0][0], heads[2].layers[0][0])


def test_global_random_state_plays_no_part():
    import torch

    vectors, examples, labels = same_family_pairs(40, 200, seed=0)
    torch.manual_seed(1)
    np.random.seed(1)  # noqa: NPY002
    one = train_head(vectors, examples, labels, config=SMALL)
    torch.manual_seed(2)
    np.random.seed(2)  # noqa: NPY002
    assert identical(one, train_head(vectors, examples, labels, config=SMALL))


def test_rows_that_train_does_not_name_change_nothing():
    vectors, examples, labels = same_family_pairs(40, 300, seed=0)
    unused = np.setdiff1d(np.arange(60), examples)
    padded = np.concatenate([vectors, np.zeros((20, 12), dtype=np.float32)])
    changed = padded.copy()
    changed[unused] = 1e6
    assert len(unused) >= 20
    one = train_head(padded, examples, labels, config=SMALL)
    assert identical(one, train_head(changed, examples, labels, config=SMALL))
    assert identical(one, train_head(vectors, examples, labels, config=SMALL))


def test_standardisation_counts_each_train_protein_once():
    rng = np.random.default_rng(0)
    vectors = rng.normal(3, 5, size=(30, 300)).astype(np.float32)
    examples = rng.integers(0, 20, size=(200, 2))
    head = train_head(vectors, examples, np.arange(200) % 2, config=SMALL)
    used = vectors[np.unique(examples)].astype(np.float64)
    np.testing.assert_allclose(head.mean, used.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(head.scale, used.std(axis=0), rtol=1e-6)


@pytest.mark.parametrize("constant", [0.0, 1e-20, 0.1, 1e20])
def test_column_without_variance_is_centred_only(constant):
    vectors, examples, labels = same_family_pairs(40, 200, seed=0)
    vectors[:, 5] = constant
    head = train_head(vectors, examples, labels, config=SMALL)
    assert head.scale[5] == 1.0
    assert np.isfinite(head.predict_proba(vectors, examples)).all()


def test_unit_of_a_column_does_not_matter():
    vectors, examples, labels = same_family_pairs(40, 200, seed=0)
    units = 2.0 ** np.arange(-6, 6)
    one = train_head(vectors, examples, labels, config=SMALL)
    other = train_head((vectors * units).astype(np.float32), examples, labels, config=SMALL)
    assert np.array_equal(one.layers[0][0], other.layers[0][0])


def test_weights_of_the_best_epoch_are_kept():
    vectors, examples, labels = same_family_pairs(40, 300, seed=0)
    labels = np.random.default_rng(0).permutation(labels)
    losses = []
    config = HeadConfig(hidden=(64,), learning_rate=0.01, patience=3)
    head = train_head(
        vectors, examples, labels, config=config, on_epoch=lambda epoch, loss: losses.append(loss)
    )
    assert len(losses) == head.epochs < config.epochs
    assert head.best_epoch == 1 + int(np.argmin(losses)) == head.epochs - config.patience
    assert head.validation_loss == min(losses)
    held_out = validation_fold(labels, 0.1, 0)
    probability = head.predict_proba(vectors, examples[held_out])
    truth = labels[held_out]
    loss = -np.log(np.where(truth == 1, probability, 1 - probability)).mean()
    assert loss == pytest.approx(head.validation_loss, rel=1e-6)
    assert ((probability > 0.5) == truth).mean() == head.validation_accuracy
    assert (head.fitted_examples, head.validation_examples) == (270, 30)


def test_head_never_sees_pairs_of_held_out_proteins():
    vectors, examples, labels = same_family_pairs(60, 900, seed=0)
    config = HeadConfig(hidden=(16, 8), epochs=8, validation="proteins")
    fold = divide_examples(examples, labels, config, 0)
    head = train_head(vectors, examples, labels, config=config)
    assert (head.fitted_examples, head.validation_examples) == (fold.fitted.sum(), fold.held_out.sum())
    assert head.fitted_examples + head.validation_examples < len(labels)
    probability = head.predict_proba(vectors, examples[fold.held_out])
    assert ((probability > 0.5) == labels[fold.held_out]).mean() == head.validation_accuracy


def test_epochs_end_at_the_limit():
    vectors, examples, labels = same_family_pairs(40, 200, seed=0)
    head = train_head(vectors, examples, labels, config=HeadConfig(hidden=(4,), epochs=3))
    assert head.epochs == 3


def test_order_of_a_pair_and_its_company_decide_nothing_else():
    vectors, examples, labels = same_family_pairs(40, 200, seed=0)
    head = train_head(vectors, examples, labels, config=SMALL)
    whole = head.predict_proba(vectors, examples)
    np.testing.assert_allclose(head.predict_proba(vectors, examples[50:60]), whole[50:60], rtol=1e-5)
    assert not np.allclose(head.predict_proba(vectors, examples[:, ::-1]), whole)


@pytest.mark.parametrize("arity", [1, 2])
def test_first_layer_by_protein_is_the_first_layer_by_example(arity):
    import torch

    rng = np.random.default_rng(0)
    table = torch.from_numpy(rng.normal(size=(9, 7)).astype(np.float32))
    examples = rng.integers(0, 9, size=(50, arity))
    layers = initial_layers(HeadConfig(hidden=(16, 8)), arity * 7, seed=0)
    networks = [Network([layers], [table[None]]) for _ in range(2)]
    batch = whole_table(examples, np.arange(50), 9)
    both = [
        networks[0].logits_by_example(batch._replace(places=examples))[0],
        networks[1].logits_by_row(batch)[0],
    ]
    for logits in both:
        logits.square().sum().backward()
    torch.testing.assert_close(*both)
    torch.testing.assert_close(networks[0].all_logits(networks[0].place(examples)), both[0].detach())
    for one, other in zip(*(network.parameters() for network in networks)):
        torch.testing.assert_close(one.grad, other.grad)


@pytest.mark.parametrize(
    ("initialisation", "bound"), [("uniform-fan-in", 0.05), ("uniform-glorot", math.sqrt(6 / 912))]
)
def test_initial_weights_are_within_their_bounds(initialisation, bound):
    (weight, bias), *_ = initial_layers(HeadConfig(initialisation=initialisation), 400, seed=0)
    assert weight.shape == (512, 400)
    assert 0.998 * bound < np.abs(weight).max() <= bound
    assert 0.9 * bound < np.abs(bias).max() <= bound
    assert abs(weight.mean()) < 1e-3


def test_normal_initial_weights_have_their_variance():
    (weight, bias), *_ = initial_layers(HeadConfig(initialisation="normal-he"), 400, seed=0)
    assert weight.var() == pytest.approx(2 / 400, rel=0.02)
    assert not bias.any()


@pytest.mark.parametrize(
    "choice",
    [
        {"optimiser": "adamw", "weight_decay": 0.01},
        {"optimiser": "sgd", "learning_rate": 0.02},
        {"initialisation": "uniform-glorot"},
        {"initialisation": "normal-he"},
        {"standardisation": "none"},
    ],
    ids=lambda choice: "-".join(map(str, choice.values())),
)
def test_every_choice_learns_and_is_another_head(choice):
    vectors, examples, labels = same_family_pairs(80, 1000, seed=0)
    new, new_examples, new_labels = same_family_pairs(60, 600, seed=1)
    config = HeadConfig(hidden=(64, 16), epochs=30)
    usual = train_head(vectors, examples, labels, config=config)
    head = train_head(vectors, examples, labels, config=replace(config, **choice))
    assert ((head.predict_proba(new, new_examples) > 0.5) == new_labels).mean() > 0.95
    assert not np.array_equal(head.layers[0][0], usual.layers[0][0])


def test_columns_are_left_alone_where_asked_for():
    vectors, examples, labels = same_family_pairs(40, 200, seed=0)
    head = train_head(vectors, examples, labels, config=replace(SMALL, standardisation="none"))
    assert (head.mean == 0).all()
    assert (head.scale == 1).all()


def test_loss_that_overflows_is_an_error():
    vectors, examples, labels = same_family_pairs(40, 200, seed=0)
    with pytest.raises(GenoProtError, match="validation loss became .*lower the learning rate"):
        train_head(vectors, examples, labels, config=HeadConfig(learning_rate=1e30))


def test_threads_are_given_back():
    import torch

    torch.set_num_threads(3)
    with one_thread_per_head() as threads:
        assert (threads, torch.get_num_threads()) == (3, 1)
    assert torch.get_num_threads() == 3


def test_held_out_examples_keep_their_probabilities():
    vectors, examples, labels = same_family_pairs(40, 120, 3)
    head = train_head(vectors, examples, labels, config=SMALL, seed=2)
    assert np.array_equal(head.held_out, np.flatnonzero(validation_fold(labels, 0.1, 2)))
    probability = head.predict_proba(vectors, examples[head.held_out])
    np.testing.assert_allclose(head.held_out_probability, probability, rtol=1e-6)
    assert ((probability > 0.5) == labels[head.held_out]).mean() == head.validation_accuracy
