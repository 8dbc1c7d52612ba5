"""Pairs that are reported."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from genoprot_datasets.relations import Interactions


@given(st.integers(1, 12), st.data())
def test_codes_are_those_of_the_list(n, data):
    pairs = data.draw(st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1))))
    members = np.array(sorted(data.draw(st.sets(st.integers(0, n - 1)))), np.int64)
    relation = Interactions([i for i, _ in pairs], [j for _, j in pairs], np.ones(n, bool))
    local = {int(record): k for k, record in enumerate(members)}
    expected = {
        min(local[i], local[j]) * len(members) + max(local[i], local[j])
        for i, j in pairs
        if i != j and i in local and j in local
    }
    codes = relation.positive_codes(members)
    assert codes.dtype == np.int64
    assert codes.tolist() == sorted(expected)


def test_no_interactions():
    relation = Interactions([], [], [True, False])
    assert relation.annotated.tolist() == [True, False]
    assert relation.positive_codes(np.arange(2)).tolist() == []
