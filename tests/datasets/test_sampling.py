"""Balanced examples."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from genoprot_datasets.relations import Dependency, Interactions, SharedAttribute, membership
from genoprot_datasets.sampling import TooFewExamples, sample_pairs, sample_records
from genoprot_datasets.seeding import generator

LABELS = st.lists(st.frozensets(st.sampled_from("abcde"), max_size=3), min_size=0, max_size=14)


def classes_by_definition(memberships, members):
    """Unordered positive and negative pairs among annotated members."""
    classes = {0: set(), 1: set()}
    for i, j in itertools.combinations([k for k in members if memberships[k]], 2):
        classes[int(bool(set(memberships[i]) & set(memberships[j])))].add(frozenset((int(i), int(j))))
    return classes


@settings(max_examples=150, deadline=None)
@given(
    LABELS,
    st.sampled_from([None, 1, 3, 10]),
    st.integers(1, 40),
    st.sampled_from([1, 4, 1 << 23]),
    st.integers(0, 99),
    st.data(),
)
def test_pairs_keep_every_invariant(memberships, samples, per_class, block, seed, data):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(membership, "_BLOCK", block)
        chosen = data.draw(st.sets(st.sampled_from(range(len(memberships) or 1)))) if memberships else set()
        members = np.array(sorted(chosen), np.int64)
        relation = SharedAttribute(memberships)
        classes = classes_by_definition(memberships, members)
        positives, negatives = len(classes[1]), len(classes[0])
        if min(positives, negatives) < 2:
            with pytest.raises(TooFewExamples) as caught:
                sample_pairs(relation, members, per_class, samples, generator(seed))
            assert (caught.value.counts.positives, caught.value.counts.negatives) == (positives, negatives)
            return
        draw = sample_pairs(relation, members, per_class, samples, generator(seed))
        again = sample_pairs(relation, members, per_class, samples, generator(seed))

    counts = draw.counts
    assert counts.annotated == sum(bool(memberships[k]) for k in members)
    assert (counts.positives, counts.negatives) == (positives, negatives)
    assert (counts.requested, counts.drawn) == (per_class, min(per_class, positives, negatives))
    assert (draw.a.dtype, draw.b.dtype) == (np.int64, np.int64)
    assert (draw.label.dtype, draw.sample.dtype) == (np.int8, np.int8)
    assert draw.sample.tolist() == sorted(list(range(samples or 1)) * 2 * counts.drawn)
    for k in range(samples or 1):
        drawn: dict[int, list[frozenset[int]]] = {0: [], 1: []}
        here = draw.sample == k
        for a, b, label in zip(draw.a[here], draw.b[here], draw.label[here]):
            drawn[int(label)].append(frozenset((int(a), int(b))))
        for label, pairs in drawn.items():
            assert len(pairs) == len(set(pairs)) == counts.drawn
            assert set(pairs) <= classes[label]
    for name in ("a", "b", "label", "sample"):
        np.testing.assert_array_equal(getattr(draw, name), getattr(again, name))


def test_pairs_are_uniform_within_their_class():
    memberships = [{"x"}, {"x", "y"}, {"y"}, {"z"}, {"z", "x"}, {"w"}, set()]
    members = np.arange(7)
    classes = classes_by_definition(memberships, members)
    draws, per_class = 4000, 2
    draw = sample_pairs(SharedAttribute(memberships), members, per_class, 100, generator(5))
    seen = {pair: 0 for pairs in classes.values() for pair in pairs}
    rng = generator(6)
    for _ in range(draws // 100):
        draw = sample_pairs(SharedAttribute(memberships), members, per_class, 100, rng)
        for a, b in zip(draw.a, draw.b):
            seen[frozenset((int(a), int(b)))] += 1
    for pairs in classes.values():
        mean = draws * per_class / len(pairs)
        statistic = sum((seen[pair] - mean) ** 2 / mean for pair in pairs)
        # Two of a draw's pairs are never the same one, so the statistic is stochastically below chi-square.
        assert statistic < chi2.ppf(0.999, len(pairs) - 1)
        assert min(seen[pair] for pair in pairs) > 0


def test_position_and_order_carry_no_signal():
    n = 200
    rng = np.random.default_rng(0)
    i, j = rng.integers(0, n, size=(2, 4000))
    relation = Interactions(i, j, np.ones(n, bool))
    draw = sample_pairs(relation, np.arange(n), 2000, None, generator(0))
    for label in (0, 1):
        swapped = (draw.a > draw.b)[draw.label == label]
        assert abs(swapped.mean() - 0.5) < 0.05
    halves = draw.label[: len(draw.label) // 2], draw.label[len(draw.label) // 2 :]
    assert abs(halves[0].mean() - halves[1].mean()) < 0.1
    assert abs(np.corrcoef(draw.label[:-1], draw.label[1:])[0, 1]) < 0.1


def test_samples_are_independent_of_each_other():
    n = 60
    i, j = np.triu_indices(n, 1)
    relation = Interactions(i[::2], j[::2], np.ones(n, bool))
    draw = sample_pairs(relation, np.arange(n), 100, 10, generator(1))
    sets = [
        {
            frozenset(pair)
            for pair in zip(draw.a[draw.sample == k].tolist(), draw.b[draw.sample == k].tolist())
        }
        for k in range(10)
    ]
    overlaps = [len(left & right) for left, right in itertools.combinations(sets, 2)]
    # Two samples of 100 of 885 pairs of each class share 22.6 on average.
    assert 15 < np.mean(overlaps) < 30


@pytest.mark.parametrize("positive_share", [0.001, 0.999])
def test_rare_and_frequent_positives(positive_share):
    n = 400
    i, j = np.triu_indices(n, 1)
    rng = np.random.default_rng(3)
    positive = rng.random(len(i)) < positive_share
    relation = Interactions(i[positive], j[positive], np.ones(n, bool))
    draw = sample_pairs(relation, np.arange(n), 10**6, None, generator(2))
    assert draw.counts.drawn == min(positive.sum(), (~positive).sum())
    codes = np.minimum(draw.a, draw.b) * n + np.maximum(draw.a, draw.b)
    rarer = positive if positive_share < 0.5 else ~positive
    label = int(positive_share < 0.5)
    assert sorted(codes[draw.label == label].tolist()) == (i * n + j)[rarer].tolist()


def test_members_that_are_not_annotated_are_left_out():
    relation = Interactions([0, 1, 2, 0], [1, 2, 3, 5], [True, True, True, True, True, False])
    draw = sample_pairs(relation, np.arange(6), 10, None, generator(0))
    assert 5 not in {*draw.a.tolist(), *draw.b.tolist()}
    assert draw.counts.annotated == 5
    assert (draw.counts.positives, draw.counts.negatives) == (3, 7)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.booleans()), max_size=30),
    st.sampled_from([None, 10]),
    st.integers(1, 20),
    st.data(),
)
def test_records_keep_every_invariant(flags, samples, per_class, data):
    annotated = np.array([known for known, _ in flags], bool)
    positive = annotated & np.array([yes for _, yes in flags], bool)
    members = np.flatnonzero(data.draw(st.lists(st.booleans(), min_size=len(flags), max_size=len(flags))))
    dependency = Dependency(annotated, positive)
    classes = {
        1: {int(k) for k in members if positive[k]},
        0: {int(k) for k in members if annotated[k] and not positive[k]},
    }
    fewest = min(len(group) for group in classes.values())
    if fewest < 2:
        with pytest.raises(TooFewExamples, match="at least 2 of each"):
            sample_records(dependency, members, per_class, samples, generator(0))
        return
    draw = sample_records(dependency, members, per_class, samples, generator(0))
    assert draw.counts.drawn == min(per_class, fewest)
    for k in range(samples or 1):
        for label, group in classes.items():
            drawn = draw.record[(draw.sample == k) & (draw.label == label)].tolist()
            assert len(drawn) == len(set(drawn)) == draw.counts.drawn
            assert set(drawn) <= group


@settings(max_examples=100, deadline=None)
@given(LABELS, st.sampled_from([None, 3]), st.integers(1, 40), st.integers(0, 60), st.integers(0, 99))
def test_candidates_are_distinct_pairs_and_change_no_sample(memberships, samples, per_class, number, seed):
    members = np.arange(len(memberships))
    relation = SharedAttribute(memberships)
    classes = classes_by_definition(memberships, members)
    try:
        draw = sample_pairs(relation, members, per_class, samples, generator(seed), candidates=number)
    except TooFewExamples:
        return
    plain = sample_pairs(relation, members, per_class, samples, generator(seed))
    for name in ("a", "b", "label", "sample"):
        np.testing.assert_array_equal(getattr(draw, name), getattr(plain, name))
    pool = draw.candidates
    reused = samples is None and draw.counts.drawn >= number
    for label, pairs in classes.items():
        here = pool.label == label
        drawn = [frozenset(pair) for pair in zip(pool.a[here].tolist(), pool.b[here].tolist())]
        assert len(drawn) == len(set(drawn)) == (draw.counts.drawn if reused else min(number, len(pairs)))
        assert set(drawn) <= pairs
