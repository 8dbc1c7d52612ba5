"""Algorithm 1."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from genoprot_datasets import partition as partition_module
from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.partition import partition


def sequence_probabilities(points: np.ndarray, size: int) -> dict[frozenset[int], float]:
    """Probability of every evaluation fold under the paper's loop, by going through all orders of choice."""
    n = len(points)
    distances = ((points[:, None] - points[None]) ** 2).sum(-1)
    found: dict[frozenset[int], float] = {}
    for order in itertools.permutations(range(n), size):
        probability = 1.0 / n
        for k in range(1, size):
            weights = distances[:, order[:k]].min(axis=1)
            probability *= weights[order[k]] / weights.sum()
        fold = frozenset(order)
        found[fold] = found.get(fold, 0.0) + probability
    return found


@pytest.mark.parametrize(("size", "pending", "refusals"), [(3, 64, 64), (4, 2, 64), (4, 64, 1)])
def test_distribution_is_that_of_the_papers_loop(monkeypatch, size, pending, refusals):
    monkeypatch.setattr(partition_module, "_PENDING", pending)
    monkeypatch.setattr(partition_module, "_REFUSALS", refusals)
    points = np.array([[0.0, 0.0], [0.1, 0.0], [1.0, 0.2], [1.1, 0.9], [3.0, -1.0], [-2.0, 0.5]])
    accessions = list("ABCDEF")
    expected = sequence_probabilities(points, size)
    draws = 4000
    seen = dict.fromkeys(expected, 0)
    for seed in range(draws):
        seen[frozenset(np.flatnonzero(partition(accessions, points, size, seed)).tolist())] += 1
    frequent = [fold for fold, probability in expected.items() if probability * draws >= 5]
    rare = [fold for fold in expected if fold not in frequent]
    cells = [(seen[fold], expected[fold] * draws) for fold in frequent]
    cells.append((sum(seen[fold] for fold in rare), sum(expected[fold] for fold in rare) * draws))
    statistic = sum((observed - mean) ** 2 / mean for observed, mean in cells)
    assert statistic < chi2.ppf(0.999, len(cells) - 1)


def test_independent_of_input_order():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(60, 8)).astype(np.float32)
    accessions = [f"P{k:05d}" for k in range(60)]
    order = rng.permutation(60)
    straight = partition(accessions, vectors, 20, 3)
    shuffled = partition([accessions[k] for k in order], vectors[order], 20, 3)
    np.testing.assert_array_equal(shuffled, straight[order])
    assert (straight != partition(accessions, vectors, 20, 4)).any()


def test_duplicates_are_chosen_last():
    rng = np.random.default_rng(1)
    distinct = (100.0 + rng.normal(size=(30, 64))).astype(np.float32)
    vectors = np.concatenate([distinct, distinct, distinct])
    accessions = [f"P{k:02d}" for k in range(90)]
    for seed in range(20):
        chosen = np.flatnonzero(partition(accessions, vectors, 30, seed))
        assert sorted(chosen % 30) == list(range(30))


@pytest.mark.parametrize(("n", "dimension", "spread"), [(90, 300, 1.0), (90, 3, 1e-30), (5000, 1024, 1e30)])
def test_distances_are_exact(n, dimension, spread):
    """They are those of integers of any size, at both ends of float32 and for opposite corners."""
    rng = np.random.default_rng(3)
    vectors = (spread * rng.standard_t(2, size=(n, dimension))).astype(np.float32)
    vectors[1::2] = np.abs(vectors).max()
    vectors[::30] = -vectors[1]
    points = partition_module._whole(vectors)
    assert (points == np.rint(points)).all()
    low, high = vectors.min(axis=0).astype(np.float64), vectors.max(axis=0).astype(np.float64)
    step = 2.0 ** np.rint(np.log2((high[0] - low[0]) / np.ptp(points[:, 0])))
    assert step <= 2.0**-14 * high.max()
    assert np.abs(points * step - (vectors - (low + high) / 2)).max() <= step * (0.5 + 1e-9)
    centres = rng.permutation(n)[:70].tolist()
    nearest = partition_module._Nearest(points)
    nearest.add(centres[0])
    assert nearest._cumulated.tolist() == list(itertools.accumulate(nearest._bounds.tolist()))
    for centre in centres[1:]:
        nearest.add(centre)
    nearest._settle()
    for row in rng.permutation(n)[:40].tolist():
        own = [int(value) for value in points[row]]
        expected = min(sum((a - int(b)) ** 2 for a, b in zip(own, points[k])) for k in centres)
        assert nearest._bounds[row] == expected
    assert nearest._cumulated.tolist() == list(itertools.accumulate(nearest._bounds.tolist()))


def test_order_of_the_coordinates_does_not_matter():
    rng = np.random.default_rng(4)
    vectors = rng.normal(size=(400, 96)).astype(np.float32)
    accessions = [f"P{k:03d}" for k in range(400)]
    chosen = partition(accessions, vectors, 130, 0)
    for _ in range(3):
        np.testing.assert_array_equal(chosen, partition(accessions, vectors[:, rng.permutation(96)], 130, 0))


def test_all_records_coincide():
    accessions = list("ABCDE")
    counts = sum(partition(accessions, np.ones((5, 3)), 2, seed).astype(int) for seed in range(1000))
    assert counts.sum() == 2000
    assert counts.min() > 330


def test_distances_far_from_the_origin_keep_their_digits():
    """Two tight pairs far away: the second choice must come from the other pair."""
    vectors = np.array([[1000.0, 0.0], [1000.0, 0.01], [1010.0, 0.0], [1010.0, 0.01]], np.float32)
    for seed in range(200):
        chosen = partition(list("ABCD"), vectors, 2, seed)
        assert chosen[:2].sum() == 1


def test_records_in_tight_clusters():
    rng = np.random.default_rng(2)
    centres = np.repeat(100.0 * rng.normal(size=(40, 16)), 5, axis=0)
    vectors = (centres + 0.01 * rng.normal(size=centres.shape)).astype(np.float32)
    accessions = [f"P{k:03d}" for k in range(200)]
    for seed in range(20):
        chosen = np.flatnonzero(partition(accessions, vectors, 40, seed))
        assert len(set(chosen // 5)) == 40


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_size_and_reproducibility(data):
    n = data.draw(st.integers(2, 25))
    size = data.draw(st.integers(1, n - 1))
    seed = data.draw(st.integers(0, 2**31))
    vectors = np.array(data.draw(st.lists(st.tuples(*[st.integers(-3, 3)] * 2), min_size=n, max_size=n)))
    accessions = [f"Q{k}" for k in range(n)]
    chosen = partition(accessions, vectors, size, seed)
    assert chosen.dtype == bool
    assert chosen.shape == (n,)
    assert chosen.sum() == size
    np.testing.assert_array_equal(chosen, partition(accessions, vectors, size, seed))


@pytest.mark.parametrize(
    ("accessions", "vectors", "size", "message"),
    [
        (["A", "B"], np.ones((3, 2)), 1, "one vector per record"),
        (["A", "A", "B"], np.ones((3, 2)), 1, "accession A occurs more than once"),
        (["A", "B"], np.ones((2, 2)), 2, "give 1 to 1"),
        (["A", "B"], np.ones((2, 2)), 0, "give 1 to 1"),
        (["A", "B"], np.array([[0.0], [np.nan]]), 1, "vector of B"),
    ],
)
def test_bad_input(accessions, vectors, size, message):
    with pytest.raises(GenoProtError, match=message):
        partition(accessions, vectors, size, 0)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 6), min_size=3, max_size=25), st.integers(0, 99), st.data())
def test_groups_stay_together(numbers, seed, data):
    n = len(numbers)
    names = [f"P{k:03d}" for k in range(n)]
    groups = [f"sequence {number}" for number in numbers]
    vectors = np.array([[number % 3, number] for number in numbers], np.float32)
    size = data.draw(st.integers(1, n - 1))
    largest = max(groups.count(group) for group in groups)
    if len(set(groups)) == 1:
        with pytest.raises(GenoProtError, match="whole groups"):
            partition(names, vectors, size, seed, groups=groups)
        return
    size = min(size, n - largest)
    chosen = partition(names, vectors, size, seed, groups=groups)
    folds = [{group for group, held in zip(groups, chosen) if held == fold} for fold in (True, False)]
    assert folds[0].isdisjoint(folds[1])
    assert size <= chosen.sum() < size + largest
    order = data.draw(st.permutations(range(n)))
    again = partition(
        [names[k] for k in order], vectors[order], size, seed, groups=[groups[k] for k in order]
    )
    assert again.tolist() == chosen[order].tolist()


def test_groups_of_one_change_nothing():
    vectors = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    names = [f"P{k:03d}" for k in range(40)]
    plain = partition(names, vectors, 13, 5)
    assert partition(names, vectors, 13, 5, groups=names[::-1]).tolist() == plain.tolist()
