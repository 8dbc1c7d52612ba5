"""Batches drawn as blocks: every pair once, near the wanted size, of unbiased labels, the same every time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genoprot_evaluate.heads.batches import blocks_pay, plan_blocks, shuffled_batches


def uniform_pairs(pairs: int, proteins: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, proteins, size=(pairs, 2))


def plan(pairs: np.ndarray, proteins: int, size: int, seed: int = 0):
    return list(plan_blocks(pairs, proteins, size, np.random.default_rng(seed)))


@settings(max_examples=60, deadline=None)
@given(
    pairs=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=200),
    size=st.integers(1, 80),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_pair_is_in_one_batch_which_names_its_proteins(pairs, size, seed):
    pairs = np.array(pairs)
    batches = plan(pairs, 31, size, seed)
    assert sorted(np.concatenate([batch.chosen for batch in batches])) == list(range(len(pairs)))
    for batch in batches:
        assert len(batch.chosen) > 0
        named = np.concatenate(batch.rows)
        assert np.array_equal(named[batch.places], pairs[batch.chosen])
        assert all((np.diff(rows) > 0).all() for rows in batch.rows)
        assert (batch.places[:, 0] < len(batch.rows[0])).all()


def test_batches_have_about_the_wanted_size():
    sizes = [len(batch.chosen) for batch in plan(uniform_pairs(180_000, 8_448), 8_448, 3_600)]
    assert len(sizes) == 49
    assert min(sizes) > 0.85 * 3_600
    assert max(sizes) < 1.2 * 3_600


def test_protein_in_a_tenth_of_all_pairs_makes_no_batch_too_large_or_too_small():
    pairs = uniform_pairs(60_000, 3_000)
    pairs[:6_000, 0] = 7
    sizes = [len(batch.chosen) for batch in plan(pairs, 3_000, 1_000)]
    assert max(sizes) <= 2_000
    assert min(sizes) >= 500


def test_rows_are_few_beside_members():
    batches = plan(uniform_pairs(180_000, 8_448), 8_448, 3_600)
    rows = sum(len(named) for batch in batches for named in batch.rows)
    assert rows < 0.35 * 2 * 180_000


def test_share_of_a_class_varies_as_by_chance():
    pairs = uniform_pairs(60_000, 3_000)
    labels = np.random.default_rng(1).permutation(np.arange(60_000) % 2)
    shares, sizes = [], []
    for seed in range(20):
        for batch in plan(pairs, 3_000, 1_200, seed):
            shares.append(labels[batch.chosen].mean())
            sizes.append(len(batch.chosen))
    z = (np.array(shares) - 0.5) / np.sqrt(0.25 / np.array(sizes))
    # About a thousand of them: mean within 5 and variance within 6 standard errors of the standard normal's.
    assert abs(z.mean()) < 5 / np.sqrt(len(z))
    assert abs(z.var() - 1) < 6 * np.sqrt(2 / len(z))


def test_batches_are_new_each_epoch_and_the_same_for_a_seed():
    pairs = uniform_pairs(5_000, 400)
    rng = np.random.default_rng(0)
    first, second = (list(plan_blocks(pairs, 400, 500, rng)) for _ in range(2))
    again = plan(pairs, 400, 500)
    assert all(np.array_equal(a.chosen, b.chosen) for a, b in zip(first, again, strict=True))
    together = {tuple(sorted(batch.chosen)) for batch in first}
    assert together.isdisjoint(tuple(sorted(batch.chosen)) for batch in second)


@pytest.mark.parametrize(
    ("examples", "proteins", "size", "expected"),
    [
        (180_000, 8_448, 3_600, True),
        (720, 400, 32, False),
        (720, 10, 32, False),
        (18_000, 600, 360, False),
        (180_000, 1_000, 3_600, False),
    ],
)
def test_blocks_are_used_where_they_save(examples, proteins, size, expected):
    assert blocks_pay(examples, proteins, size) is expected


def test_shuffled_batches_hold_every_example_once():
    batches = list(shuffled_batches(10, 4, np.random.default_rng(0)))
    assert [len(batch) for batch in batches] == [4, 4, 2]
    assert sorted(np.concatenate(batches)) == list(range(10))
