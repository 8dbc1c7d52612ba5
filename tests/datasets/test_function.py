"""Similarity of function."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest

from genoprot_datasets.relations import FunctionSimilarity, PairRelation, function


def similarity_by_definition(vectors: np.ndarray, left: list[int], right: list[int]) -> float:
    def cosine(a: int, b: int) -> float:
        x, y = vectors[a].astype(np.float64), vectors[b].astype(np.float64)
        norm = np.sqrt(x @ x) * np.sqrt(y @ y)
        return float(x @ y / norm) if norm else 0.0

    forward = np.mean([max(cosine(a, b) for b in right) for a in left])
    backward = np.mean([max(cosine(a, b) for a in left) for b in right])
    return min(forward, backward)


def example(n: int, seed: int = 0) -> tuple[np.ndarray, list[list[int]]]:
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(40, 12)).astype(np.float32)
    vectors[7] = 0.0
    terms = [rng.choice(40, size=rng.integers(0, 9), replace=False).tolist() for _ in range(n)]
    return vectors, terms


@pytest.mark.parametrize(("rows", "held"), [(512, 1 << 24), (7, 100)])
def test_agrees_with_a_loop_over_pairs(monkeypatch, rows, held):
    monkeypatch.setattr(function, "_ROWS", rows)
    monkeypatch.setattr(function, "_HELD", held)
    vectors, terms = example(60)
    relation = FunctionSimilarity(vectors, terms)
    assert relation.annotated.tolist() == [bool(row) for row in terms]
    members = np.flatnonzero(relation.annotated)[3:]
    m = len(members)

    found = np.full((m, m), np.nan)
    for start, block in relation.similarity(members):
        found[start : start + len(block), start:] = block
    expected = {
        (i, j): similarity_by_definition(vectors, terms[members[i]], terms[members[j]])
        for i, j in itertools.combinations(range(m), 2)
    }
    assert max(abs(found[pair] - value) for pair, value in expected.items()) < 1e-6

    threshold = relation.threshold(members)
    ordered = sorted(expected.values())
    assert threshold == pytest.approx(ordered[(len(ordered) - 1) // 2], abs=1e-6)
    codes = relation.positive_codes(members)
    assert relation.count_positives(members) == len(codes)
    tied = sum(abs(value - threshold) < 1e-6 for value in ordered)
    assert len(ordered) // 2 - tied < len(codes) <= len(ordered) // 2
    assert (np.diff(codes) > 0).all()
    clear = {pair for pair, value in expected.items() if abs(value - threshold) > 1e-6}
    positive = {(int(code // m), int(code % m)) for code in codes}
    assert {pair for pair in clear if expected[pair] > threshold} == positive & clear


def test_similarities_are_exact(monkeypatch):
    """They are those of integers of any size, to the last step."""
    monkeypatch.setattr(function, "_ROWS", 9)
    vectors, terms = example(40, seed=5)
    vectors[11] *= np.float32(1e-30)
    relation = FunctionSimilarity(vectors, terms)
    members = np.flatnonzero(relation.annotated)

    units = []
    for vector in vectors.tolist():
        norm = math.sqrt(sum(Fraction(value) ** 2 for value in vector))
        units.append([round(value / (norm or 1.0) * 2**26) for value in vector])
    cosines = [[round(Fraction(sum(a * b for a, b in zip(x, y)), 2**32)) for y in units] for x in units]

    def steps(left: list[int], right: list[int]) -> int:
        means = (
            Fraction(sum(max(cosines[a][b] for b in right) for a in left), len(left)),
            Fraction(sum(max(cosines[a][b] for a in left) for b in right), len(right)),
        )
        return round(min(means))

    for start, block in relation.similarity(members):
        for row, column in itertools.product(range(len(block)), range(block.shape[1])):
            pair = members[start + row], members[start + column]
            assert block[row, column] * 2**20 == steps(*(terms[k] for k in pair))


def test_order_of_the_coordinates_does_not_matter():
    rng = np.random.default_rng(6)
    vectors, terms = rng.normal(size=(40, 100)).astype(np.float32), example(60)[1]
    members = np.flatnonzero([bool(row) for row in terms])
    found = [
        np.concatenate([block.ravel() for _, block in FunctionSimilarity(own, terms).similarity(members)])
        for own in (vectors, vectors[:, ::-1], vectors[:, rng.permutation(100)])
    ]
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_more_terms_than_sums_of_int32_hold():
    vectors = np.random.default_rng(7).normal(size=(2050, 4)).astype(np.float32)
    everything = list(range(2050))
    relation = FunctionSimilarity(vectors, [everything, everything, [0]])
    assert relation.threshold(np.arange(2)) == 1.0
    assert relation.threshold(np.arange(3)) == pytest.approx(
        similarity_by_definition(vectors, everything, [0]), abs=1e-6
    )


def test_half_of_the_pairs_of_each_fold_are_positive():
    vectors, terms = example(200, seed=1)
    relation = FunctionSimilarity(vectors, terms)
    annotated = np.flatnonzero(relation.annotated)
    for members in (annotated[:60], annotated[60:]):
        pairs = len(members) * (len(members) - 1) // 2
        # Pairs that are equally similar, to the last digit, may lie at the median.
        assert len(relation.positive_codes(members)) == pytest.approx(pairs / 2, rel=0.01)
    assert relation.threshold(annotated[:60]) != relation.threshold(annotated[60:])


@pytest.mark.parametrize("rows", [1, 7, 512])
def test_pairs_of_ranks_are_the_codes_at_these_places(monkeypatch, rows):
    monkeypatch.setattr(function, "_ROWS", rows)
    vectors, terms = example(80, seed=3)
    relation = FunctionSimilarity(vectors, terms)
    members = np.flatnonzero(relation.annotated)
    m = len(members)
    positive = relation.positive_codes(members)
    i, j = np.triu_indices(m, 1)
    negative = np.setdiff1d(i * m + j, positive)
    rng = np.random.default_rng(0)
    ranks = [rng.permutation(len(codes))[: len(codes) - 20] for codes in (positive, negative)]
    for found in (
        relation.pairs_of_ranks(members, *ranks),
        PairRelation.pairs_of_ranks(relation, members, *ranks),
    ):
        for codes, places, expected in zip(found, ranks, (positive, negative)):
            assert codes.tolist() == expected[places].tolist()


def test_equal_similarities_tie():
    """Records with the same terms are equally similar to any other, whatever the block they fall in."""
    vectors, terms = example(30, seed=2)
    terms = [row for row in terms if row] * 40
    relation = FunctionSimilarity(vectors, terms)
    m, distinct = len(terms), len(terms) // 40
    whole = np.zeros((m, m), np.float32)
    for start, block in relation.similarity(np.arange(m)):
        whole[start : start + len(block), start:] = block
    tiles = whole[:distinct].reshape(distinct, 40, distinct)[:, 1:]
    np.testing.assert_array_equal(tiles, np.broadcast_to(tiles[:, :1], tiles.shape))


def test_fewer_than_two_members():
    relation = FunctionSimilarity(np.eye(2), [[0], [1]])
    assert np.isnan(relation.threshold(np.array([1])))
    assert relation.positive_codes(np.array([1])).tolist() == []
    assert relation.count_positives(np.array([1])) == 0
    nobody = np.empty(0, np.int64)
    assert relation.positive_codes(nobody).tolist() == []
    assert [codes.tolist() for codes in relation.pairs_of_ranks(nobody, nobody, nobody)] == [[], []]


def test_repeated_terms_count_once():
    vectors = np.array([[1.0, 0.0], [0.6, 0.8]])
    once = FunctionSimilarity(vectors, [[0, 1], [1]])
    twice = FunctionSimilarity(vectors, [[0, 0, 0, 1], [1, 1]])
    assert once.threshold(np.arange(2)) == twice.threshold(np.arange(2)) == pytest.approx(0.8, abs=1e-6)
