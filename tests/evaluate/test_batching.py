"""Batches and pooling."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from genoprot_datasets.errors import GenoProtError
from genoprot_evaluate.batching import length_order, padded_tokens, token_batches
from genoprot_evaluate.pooling import masked_sum

lengths = st.lists(st.integers(1, 500), max_size=60)


@given(lengths, st.integers(1, 2_000))
def test_batches_hold_every_sequence_once_within_the_budget(lengths, budget):
    batches = list(token_batches(lengths, budget))
    assert sorted(position for batch in batches for position in batch) == list(range(len(lengths)))
    for batch in batches:
        padded = len(batch) * max(lengths[position] for position in batch)
        assert padded <= budget or len(batch) == 1
    longest = [max(lengths[position] for position in batch) for batch in batches]
    assert longest == sorted(longest, reverse=True)


@given(lengths, st.integers(1, 2_000), st.floats(0.0, 0.5))
def test_batches_end_where_padding_grows(lengths, budget, most):
    batches = list(token_batches(lengths, budget, most))
    assert [position for batch in batches for position in batch] == length_order(lengths).tolist()
    for batch in batches:
        sizes = [lengths[position] for position in batch]
        padded = padded_tokens(sizes)
        assert padded <= budget or len(batch) == 1
        assert 1 - sum(sizes) / padded <= most + 1e-9 or padded <= budget / 8


def test_padding_of_proteins_stays_under_five_percent():
    rng = np.random.default_rng(0)
    proteins = rng.lognormal(np.log(360), 0.8, size=662).clip(30, 1_024).astype(int)
    batches = list(token_batches(proteins, 1 << 15, 0.04))
    padded = sum(padded_tokens(proteins[batch]) for batch in batches)
    assert 1 - proteins.sum() / padded < 0.05
    assert len(batches) < 40


@given(lengths)
def test_order_is_longest_first_and_stable(lengths):
    assert length_order(lengths).tolist() == sorted(range(len(lengths)), key=lambda i: (-lengths[i], i))


def test_a_budget_of_nothing_is_refused():
    with pytest.raises(GenoProtError, match="batch of 0 tokens"):
        list(token_batches([3], 0))


def test_masked_sum_ignores_what_stands_at_padded_positions():
    states = torch.randn(2, 5, 3)
    mask = torch.tensor([[1, 1, 1, 0, 0], [0, 1, 1, 1, 1]], dtype=torch.bool)
    states[0, 3:] = float("nan")
    expected = torch.stack([states[0, :3].sum(0), states[1, 1:].sum(0)])
    torch.testing.assert_close(masked_sum(states, mask), expected)
    assert masked_sum(states.half(), mask).dtype == torch.float32
    assert np.isfinite(masked_sum(states, mask).numpy()).all()
