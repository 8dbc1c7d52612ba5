"""Pairs that share a label."""

from __future__ import annotations

import itertools
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genoprot_datasets.relations import PairRelation, SharedAttribute, membership

LABELS = st.lists(st.frozensets(st.sampled_from("abcdef"), max_size=3), min_size=1, max_size=12)


def codes_by_definition(memberships, members):
    m = len(members)
    return [
        i * m + j
        for i, j in itertools.combinations(range(m), 2)
        if set(memberships[members[i]]) & set(memberships[members[j]])
    ]


@given(LABELS, st.data())
def test_codes_are_those_of_the_definition(memberships, data):
    members = sorted(data.draw(st.sets(st.integers(0, len(memberships) - 1))))
    relation = SharedAttribute(memberships)
    np.testing.assert_array_equal(relation.annotated, [bool(labels) for labels in memberships])
    codes = relation.positive_codes(np.array(members, np.int64))
    assert relation.count_positives(np.array(members, np.int64)) == len(codes)
    assert codes.dtype == np.int64
    assert codes.tolist() == codes_by_definition(memberships, members)


@pytest.mark.parametrize(("block", "fewest"), [(1, 70), (50, 10), (1 << 23, 1)])
def test_blocks_join_to_the_same_codes(monkeypatch, block, fewest):
    rng = np.random.default_rng(0)
    memberships = [{str(k) for k in rng.integers(0, 40, size=rng.integers(0, 5))} for _ in range(150)]
    members = np.sort(rng.choice(150, 90, replace=False))
    monkeypatch.setattr(membership, "_BLOCK", block)
    relation = SharedAttribute(memberships)
    blocks = list(relation.positive_blocks(members))
    assert len(blocks) >= fewest
    codes = np.concatenate(blocks)
    assert (np.diff(codes) > 0).all()
    assert codes.tolist() == codes_by_definition(memberships, members)


@given(LABELS, st.sampled_from([1, 5, 1 << 23]), st.data())
def test_pairs_of_ranks_are_the_codes_at_these_places(memberships, block, data):
    members = np.array(sorted(data.draw(st.sets(st.integers(0, len(memberships) - 1)))), np.int64)
    m = len(members)
    positive = codes_by_definition(memberships, members)
    negative = sorted({i * m + j for i, j in itertools.combinations(range(m), 2)} - set(positive))
    ranks = [
        np.array(data.draw(st.permutations(range(len(codes)))), np.int64)[: data.draw(st.integers(0, 40))]
        for codes in (positive, negative)
    ]
    relation = SharedAttribute(memberships)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(membership, "_BLOCK", block)
        for way in (relation.pairs_of_ranks, partial(PairRelation.pairs_of_ranks, relation)):
            found = way(members, *ranks)
            for codes, places, expected in zip(found, ranks, (positive, negative)):
                assert codes.dtype == np.int64
                assert codes.tolist() == [expected[k] for k in places]


def test_label_of_every_record():
    """A label that 300 records share must not overflow into nothing."""
    relation = SharedAttribute([["x"]] * 300)
    assert len(relation.positive_codes(np.arange(300))) == 300 * 299 // 2
    assert relation.count_positives(np.arange(300)) == 300 * 299 // 2


def test_repeated_labels_and_no_labels_at_all():
    assert SharedAttribute([["x", "x"], ["x"]]).positive_codes(np.arange(2)).tolist() == [1]
    nothing = SharedAttribute([[], []])
    assert not nothing.annotated.any()
    assert nothing.positive_codes(np.arange(2)).tolist() == []
