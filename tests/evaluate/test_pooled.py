"""Pooling of padded batches, and attention with rotary positions, against plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from genoprot_datasets.errors import GenoProtError
from genoprot_evaluate.encoders.attention import rotary_angles, rotary_attention, visible_keys
from genoprot_evaluate.encoders.pooled import check_pooling, pooled_readout, pooled_states

TABLE = torch.from_numpy(np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32))
POOL = {
    "mean": lambda states: states.mean(dim=0),
    "max": lambda states: states.amax(dim=0),
}


def poisoned(ids, mask):
    """States of a table; NaN where there is no token."""
    return TABLE[ids].masked_fill(~mask[:, :, None], torch.nan)


@settings(max_examples=60)
@given(
    st.lists(st.lists(st.integers(4, 19), min_size=1, max_size=9), min_size=1, max_size=12),
    st.integers(1, 40),
    st.sampled_from([(0, 0), (1, 1), (0, 2)]),
    st.sampled_from(["mean", "max", "cls"]),
)
def test_pooling_equals_a_loop(inner, budget, margins, pooling):
    before, behind = margins
    rows = [[0] * before + row + [2] * behind for row in inner]
    found = pooled_states(
        poisoned,
        rows,
        pad=1,
        margins=margins,
        budget=budget,
        device=torch.device("cpu"),
        pooling=pooling,
    )
    assert found.dtype == np.float32
    for row, middle, vector in zip(rows, inner, found):
        expected = TABLE[row[0]] if pooling == "cls" else POOL[pooling](TABLE[middle])
        np.testing.assert_allclose(vector, expected, atol=1e-6)


def test_rows_and_poolings_that_there_are_not():
    with pytest.raises(GenoProtError, match="empty sequence"):
        pooled_states(poisoned, [[0, 2]], pad=1, margins=(1, 1), budget=9, device=torch.device("cpu"))
    with pytest.raises(GenoProtError, match="pooling 'last' is not one of mean, max, cls"):
        check_pooling("last")
    assert pooled_readout("mean over tokens", "cls") == "state of the first token, not the mean over tokens"


def test_attention_equals_a_loop():
    torch.manual_seed(0)
    length, heads, width = 7, 3, 4
    query, key, value = torch.randn(3, 2, length, heads * width)
    mask = torch.arange(length) < torch.tensor([[7], [5]])
    found = rotary_attention(
        query, key, value, heads, rotary_angles(length, width, like=query), visible_keys(mask)
    )
    turns = torch.exp(1j * torch.arange(length)[:, None] / 10_000 ** (torch.arange(0, width, 2) / width))
    for row, size in enumerate((7, 5)):
        for head in range(heads):
            part = slice(head * width, (head + 1) * width)
            q, k = (
                torch.complex(*states[row, :size, part].chunk(2, dim=1)) * turns[:size]
                for states in (query, key)
            )
            shares = ((q @ k.conj().T).real / math.sqrt(width)).softmax(dim=1)
            expected = shares.float() @ value[row, :size, part]
            torch.testing.assert_close(found[row, :size, part], expected, atol=1e-5, rtol=0)
