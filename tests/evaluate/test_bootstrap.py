"""Resampled proteins: known answers, and intervals that hold what they promise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from genoprot_evaluate.bootstrap import resample_means


def all_pairs(proteins: int) -> np.ndarray:
    return np.stack(np.triu_indices(proteins, 1), axis=1)


def test_replicates_are_means_weighted_by_the_product_of_multiplicities():
    rng = np.random.default_rng(0)
    members = rng.integers(0, 8, size=(60, 2))
    members = members[members[:, 0] != members[:, 1]]
    labels = members.sum(axis=1) % 2
    values = rng.integers(0, 2, size=(2, len(members))).astype(float)
    found = resample_means(members + 100, labels, values, np.random.default_rng(5), resamples=50)
    np.testing.assert_allclose(found.means, values.mean(axis=1))
    again = np.random.default_rng(5).integers(8, size=(50, 8))
    expected = []
    for drawn in again:
        times = np.bincount(drawn, minlength=8)
        weights = times[members[:, 0]] * times[members[:, 1]]
        if all(weights[labels == label].sum() > 0 for label in (0, 1)):
            expected.append(
                sum(
                    (labels == label).mean()
                    * np.average(values[:, labels == label], axis=1, weights=weights[labels == label])
                    for label in (0, 1)
                )
            )
    np.testing.assert_allclose(found.replicates, np.array(expected).T)


def test_samples_of_different_size_count_alike():
    rng = np.random.default_rng(2)
    members = rng.permutation(np.tile(all_pairs(9), (3, 1)))
    labels = members.sum(axis=1) % 2
    sample = np.repeat([4, 7, 9], [60, 31, 17])
    values = rng.integers(0, 2, size=(2, len(members))).astype(float)
    found = resample_means(members, labels, values, np.random.default_rng(5), 40, sample=sample)
    by_sample = np.stack([values[:, sample == one].mean(axis=1) for one in (4, 7, 9)])
    np.testing.assert_allclose(found.means, by_sample.mean(axis=0), atol=1e-9)
    shares = 1 / (3 * np.array([(sample == one).sum() for one in sample]))
    expected = []
    for drawn in np.random.default_rng(5).integers(9, size=(40, 9)):
        times = np.bincount(drawn, minlength=9)
        weights = shares * times[members[:, 0]] * times[members[:, 1]]
        if min(weights[labels == label].sum() for label in (0, 1)) == 0:
            continue
        expected.append(
            sum(
                shares[labels == label].sum()
                * np.average(values[:, labels == label], axis=1, weights=weights[labels == label])
                for label in (0, 1)
            )
        )
    np.testing.assert_allclose(found.replicates, np.array(expected).T, atol=1e-9)


def test_samples_of_one_size_are_as_one():
    rng = np.random.default_rng(0)
    members = all_pairs(16)
    labels, values = rng.integers(0, 2, len(members)), rng.integers(0, 2, (1, len(members))).astype(float)
    one = resample_means(members, labels, values, np.random.default_rng(1)).mean(0)
    sample = np.arange(len(members)) % 10
    assert resample_means(members, labels, values, np.random.default_rng(1), sample=sample).mean(0) == one


def test_order_of_examples_and_of_their_proteins_decides_nothing():
    rng = np.random.default_rng(0)
    members = all_pairs(12)
    labels, values = rng.integers(0, 2, len(members)), rng.integers(0, 2, (1, len(members))).astype(float)
    turn = rng.permutation(len(members))
    one = resample_means(members, labels, values, np.random.default_rng(1)).mean(0)
    other = resample_means(
        members[turn][:, ::-1], labels[turn], values[:, turn], np.random.default_rng(1)
    ).mean(0)
    assert one == other


def test_examples_that_come_ten_times_are_no_more_certain():
    rng = np.random.default_rng(0)
    members = all_pairs(20)
    labels, values = rng.integers(0, 2, len(members)), rng.integers(0, 2, (1, len(members))).astype(float)
    once = resample_means(members, labels, values, np.random.default_rng(1)).mean(0)
    often = resample_means(
        np.tile(members, (10, 1)), np.tile(labels, 10), np.tile(values, 10), np.random.default_rng(1)
    ).mean(0)
    assert often == pytest.approx(once)


def test_standard_error_of_single_records_is_that_of_the_mean():
    rng = np.random.default_rng(0)
    values = rng.integers(0, 2, (1, 400)).astype(float)
    found = resample_means(np.arange(400)[:, None], np.zeros(400, dtype=int), values, rng).mean(0)
    error = values.std(ddof=1) / math.sqrt(400)
    assert (found.high - found.low) / 2 == pytest.approx(stats.t.ppf(0.975, 399) * error, rel=0.06)


def test_answer_that_is_always_the_same_is_right_half_of_the_time_for_certain():
    members = all_pairs(15)
    labels = np.arange(len(members)) % 2
    found = resample_means(members, labels, labels[None].astype(float), np.random.default_rng(0)).mean(0)
    assert found.low == found.high == found.value == pytest.approx(labels.mean())


def test_standard_error_of_pairs_sums_over_all_pairs_that_share_a_protein():
    rng = np.random.default_rng(4)
    members = rng.permutation(np.tile(all_pairs(9), (2, 1)))[:50]
    labels, sample = members.sum(axis=1) % 2, np.arange(50) % 3
    values = rng.integers(0, 2, size=(2, 50)).astype(float)
    found = resample_means(members, labels, values, np.random.default_rng(5), 40, sample=sample)
    share = np.array([1 / (3 * (sample == one).sum()) for one in sample])
    difference = values[0] - values[1]
    distinct = sorted({tuple(pair) for pair in members.tolist()})
    deviation = dict.fromkeys(distinct, 0.0)
    for label in (0, 1):
        mine = labels == label
        mean = (share * difference)[mine].sum() / share[mine].sum()
        pairs = len({tuple(pair) for pair in members[mine].tolist()})
        for pair, weight, value in zip(members[mine].tolist(), share[mine], difference[mine]):
            deviation[tuple(pair)] += weight * (value - mean) * math.sqrt(pairs / (pairs - 1))
    variance = sum(
        deviation[one] * deviation[other] for one in distinct for other in distinct if set(one) & set(other)
    )
    variance = max(variance, sum(value**2 for value in deviation.values())) * 9 / 8
    few = stats.t.ppf(0.975, 8) / stats.norm.ppf(0.975)
    assert found.difference(0, 1).error == pytest.approx(few * math.sqrt(variance))


@pytest.mark.parametrize(("arity", "independent"), [(1, 22), (2, 11)])
def test_answers_that_are_all_right_leave_room_for_wrong_ones(arity, independent):
    members = np.arange(22)[:, None] if arity == 1 else all_pairs(22)
    labels = np.arange(len(members)) % 2
    values = np.stack([np.ones(len(members)), np.zeros(len(members))])
    found = resample_means(members, labels, values, np.random.default_rng(0))
    exact = stats.binomtest(independent, independent).proportion_ci(0.95, method="exact")
    assert found.mean(0)[:3] == pytest.approx((1.0, exact.low, 1.0))
    assert found.mean(1)[:3] == pytest.approx((0.0, 0.0, 1 - exact.low))


def test_interval_of_a_mean_near_one_is_longer_downwards_and_ends_before_one():
    members, labels = np.arange(97)[:, None], np.arange(97) % 2
    values = (np.arange(97) > 2)[None].astype(float)
    found = resample_means(members, labels, values, np.random.default_rng(0)).mean(0)
    assert found.value - found.low > 1.5 * (found.high - found.value)
    assert 0.85 < found.low < 0.92
    assert 0.98 < found.high < 1


def test_difference_is_paired():
    rng = np.random.default_rng(0)
    members = all_pairs(40)
    labels = rng.integers(0, 2, len(members))
    base = rng.uniform(size=len(members)) < 0.6
    better = base | (rng.uniform(size=len(members)) < 0.1)
    other = rng.uniform(size=len(members)) < 0.6
    found = resample_means(
        members, labels, np.stack([base, better, other, base]).astype(float), np.random.default_rng(1)
    )
    paired, apart = found.difference(1, 0), found.difference(2, 0)
    assert paired.value == pytest.approx(better.mean() - base.mean())
    assert 0 < paired.low < paired.value < paired.high
    assert paired.p == pytest.approx(2 / 2001)
    assert apart.high - apart.low > 2 * (paired.high - paired.low)
    assert apart.p > 0.05
    assert apart.low < 0 < apart.high
    back = found.difference(0, 1)
    assert (back.value, back.low, back.high) == pytest.approx((-paired.value, -paired.high, -paired.low))
    assert back.p == paired.p
    assert found.difference(0, 3) == (0, 0, 0, 1, 0)


@pytest.mark.parametrize(("differing", "p"), [(2, 0.5), (5, 0.0625), (6, 0.03125)])
def test_a_few_examples_that_all_differ_one_way_prove_no_more_than_tosses_of_a_coin(differing, p):
    worse = np.arange(97) % 3 > 0
    better = worse.copy()
    better[np.flatnonzero(~worse)[:differing]] = True
    members, labels = np.tile(np.arange(97)[:, None], (4, 1)), np.tile(np.arange(97) % 2, 4)
    values = np.tile(np.stack([better, worse]), 4).astype(float)
    found = resample_means(members, labels, values, np.random.default_rng(0)).difference(0, 1)
    assert found.value == pytest.approx(differing / 97)
    assert found.p == pytest.approx(p)
    assert (found.low <= 0) == (p >= 0.05)
    assert found.high > found.value


def test_two_proteins_have_no_interval():
    assert (
        resample_means(np.array([[0, 1]]), np.array([1]), np.ones((1, 1)), np.random.default_rng(0)) is None
    )


def drawn_task(rng: np.random.Generator, proteins: int, per_class: int, effect: float, arity: int):
    """Ten balanced samples of examples whose answers are right by 0.7 and the effects of their proteins."""
    effects = effect * rng.choice([-1, 1], size=proteins)
    universe = all_pairs(proteins) if arity == 2 else np.arange(proteins)[:, None]
    labels = (rng.random(len(universe)) < 0.4).astype(int)
    right = rng.random(len(universe)) < 0.7 + effects[universe].sum(axis=1)
    rows = [
        rng.choice(where, min(per_class, len(where)), replace=False)
        for _ in range(10)
        for where in (np.flatnonzero(labels == 0), np.flatnonzero(labels == 1))
    ]
    rows = np.concatenate(rows)
    return universe[rows], labels[rows], right[rows].astype(float)


SIZES = np.linspace(10, 170, 10).astype(int)
RATES = np.linspace(0.55, 0.85, 10)


def uneven_task(rng: np.random.Generator):
    """Ten samples of 10 to 170 pairs, no pair in two, the larger the more often right."""
    effects = 0.05 * rng.choice([-1, 1], size=60)
    members = rng.permutation(all_pairs(60))[: SIZES.sum()]
    sample = np.repeat(np.arange(10), SIZES)
    labels = rng.integers(0, 2, len(members))
    right = rng.random(len(members)) < RATES[sample] + effects[members].sum(axis=1)
    return members, labels, right.astype(float), sample


@pytest.mark.slow
def test_intervals_of_samples_of_different_size_cover_the_mean_over_samples():
    covered, of_pooled, sets = 0, 0, 1000
    rng = np.random.default_rng(8)
    for number in range(sets):
        members, labels, right, sample = uneven_task(rng)
        found = resample_means(members, labels, right[None], rng, 300, sample=sample).mean(0)
        covered += found.low <= RATES.mean() <= found.high
        if number < 100:
            pooled = resample_means(members, labels, right[None], rng, 300).mean(0)
            of_pooled += pooled.low <= RATES.mean() <= pooled.high
    assert 0.93 <= covered / sets <= 0.97
    assert of_pooled < 50


@pytest.mark.parametrize("records", [20, 97])
def test_intervals_of_means_near_one_cover_the_truth_as_often_as_they_say(records):
    covered, sets, truth = 0, 600, 1 - 2 / records
    rng = np.random.default_rng(records)
    members, labels = np.arange(records)[:, None], np.arange(records) % 2
    for _ in range(sets):
        right = rng.random(records) < truth
        found = resample_means(members, labels, right[None].astype(float), rng, 300).mean(0)
        covered += found.low <= truth <= found.high
    assert covered / sets >= 0.93


@pytest.mark.slow
@pytest.mark.parametrize(
    ("proteins", "per_class", "effect", "arity", "resamples"),
    [(60, 100, 0.1, 2, 400), (60, 100, 0.0, 2, 400), (100, 60, 0.05, 2, 400), (120, 40, 0.0, 1, 1000)],
)
def test_intervals_cover_the_truth_as_often_as_they_say(proteins, per_class, effect, arity, resamples):
    covered, sets = 0, 2000
    rng = np.random.default_rng(proteins + arity)
    for _ in range(sets):
        members, labels, right = drawn_task(rng, proteins, per_class, effect, arity)
        found = resample_means(members, labels, right[None], rng, resamples).mean(0)
        covered += found.low <= 0.7 <= found.high
    assert 0.93 <= covered / sets <= 0.97


@pytest.mark.slow
def test_p_value_of_equal_models_is_below_five_percent_five_times_in_a_hundred():
    rejected, sets = 0, 1500
    rng = np.random.default_rng(0)
    for _ in range(sets):
        members, labels, right = drawn_task(rng, 60, 100, 0.0, 2)
        codes = members[:, 0] * 60 + members[:, 1]
        other = (rng.random(3600) < 0.7)[codes]
        found = resample_means(members, labels, np.stack([right, other]), rng, resamples=300)
        rejected += found.difference(0, 1).p < 0.05
    assert 0.03 <= rejected / sets <= 0.07


@pytest.mark.slow
def test_models_that_seldom_differ_are_not_told_apart_more_often_than_five_times_in_a_hundred():
    rejected, sets = 0, 1000
    rng = np.random.default_rng(0)
    members = np.arange(97)[:, None]
    for _ in range(sets):
        right = rng.random(97) < 0.7
        other = right ^ (rng.random(97) < 0.04) & (rng.random(97) < np.where(right, 0.3, 0.7))
        found = resample_means(members, np.arange(97) % 2, np.stack([right, other]), rng, resamples=300)
        rejected += found.difference(0, 1).p < 0.05
    assert rejected / sets <= 0.05
