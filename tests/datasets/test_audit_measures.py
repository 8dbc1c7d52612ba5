"""What the audit measures, on small cases with known answers."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genoprot_datasets.audit.attributes import family_overlap, fold_shares
from genoprot_datasets.audit.examples import Examples
from genoprot_datasets.audit.figures import sequence_features
from genoprot_datasets.audit.folds import compare_folds
from genoprot_datasets.audit.leakage import (
    identical_across,
    near_identical,
    repeated_within,
)
from genoprot_datasets.audit.projection import project
from genoprot_datasets.audit.shortcuts import (
    degree_balance,
    held_out_degree_accuracy,
    length_aurocs,
    threshold_rule_accuracy,
)
from genoprot_datasets.balance import auroc
from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.identity import pair_identities

RESIDUES = list("ACDEFGHIKLMNPQRSTVWY")


def mutated(rng: np.random.Generator, protein: str, share: float) -> str:
    letters = list(protein)
    for position in rng.choice(len(letters), int(share * len(letters)), replace=False):
        letters[position] = rng.choice([letter for letter in RESIDUES if letter != letters[position]])
    return "".join(letters)


def test_near_identical_pairs_are_those_of_all_alignments():
    rng = np.random.default_rng(0)
    parents = ["".join(rng.choice(RESIDUES, size)) for size in (25, 40, 120, 300, 300, 60)]
    proteins, fold = list(parents), [0] * len(parents)
    for share in (0.0, 0.05, 0.08, 0.2):
        proteins += [mutated(rng, parent, share) for parent in parents[:5]]
        fold += [1] * 5
    proteins += [parents[3][20:120], "A" * 30, parents[2][:50] + parents[2][54:]]
    fold += [1] * 3
    fold = np.array(fold)
    found, aligned = near_identical(proteins, fold)
    pairs = [
        (i, j)
        for i, j in itertools.product(np.flatnonzero(fold == 0), np.flatnonzero(fold == 1))
        if proteins[i] != proteins[j]
    ]
    identity = pair_identities(proteins, [i for i, _ in pairs], [j for _, j in pairs])
    expected = {pair: float(value) for pair, value in zip(pairs, identity) if value >= 0.9}
    assert {(i, j): value for i, j, value in found} == expected
    assert len(expected) == 12
    assert len(expected) <= aligned < len(pairs) // 2


def test_repeated_sequences():
    column = pa.chunked_array([["AA", "BB", "AA"], ["CC", "BB", "AA", "D"]])
    fold = np.array([0, 0, 1, 0, 0, 1, 1])
    assert identical_across(column, fold) == [[0, 2, 5]]
    assert repeated_within(column, fold) == 2


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=2, max_size=30))
def test_auroc_is_the_share_of_ordered_pairs(rows):
    positive = [score for score, label in rows if label]
    negative = [score for score, label in rows if not label]
    if not positive or not negative:
        rows += [(0, True), (0, False)]
        positive, negative = [*positive, 0], [*negative, 0]
    wins = sum((p > n) + 0.5 * (p == n) for p in positive for n in negative)
    score, label = np.array(rows).T
    assert auroc(score, label) == pytest.approx(wins / (len(positive) * len(negative)))


def pairs_of(members, label) -> Examples:
    members, label = np.asarray(members), np.asarray(label, np.int8)
    return Examples("ppi", "train", members, label, np.zeros(len(label), np.int8), None, None)


def test_degree_rule_sees_what_records_tell_and_nothing_else():
    rng = np.random.default_rng(0)
    members = rng.integers(0, 50, size=(4000, 2))
    told = pairs_of(members, members.sum(axis=1) > 49)
    assert held_out_degree_accuracy(told, 50) > 0.85
    untold = pairs_of(members, rng.integers(0, 2, 4000))
    assert held_out_degree_accuracy(untold, 50) == pytest.approx(0.5, abs=0.03)
    alone = pairs_of(np.arange(40).reshape(20, 2), [0, 1] * 10)
    assert held_out_degree_accuracy(alone, 40) == 0.5


def test_degree_balance_counts_occurrences():
    balance = degree_balance(pairs_of([[0, 1], [0, 2], [0, 3], [4, 5], [1, 5]], [1, 1, 1, 0, 0]), 9)
    assert balance["positives"] == {"records": 4, "median": 1.0, "p90": pytest.approx(2.4), "max": 3}
    assert balance["negatives"] == {"records": 3, "median": 1.0, "p90": pytest.approx(1.8), "max": 2}
    assert balance["ks"] == pytest.approx(1 / 6)


def test_threshold_rule_is_learnt_on_train_only():
    amount = np.array([0.0, 1.0, 2.0, 3.0])
    train = pairs_of([[0, 0], [0, 1], [2, 3], [3, 3]], [1, 1, 0, 0])
    assert (
        threshold_rule_accuracy(train, pairs_of([[0, 1], [2, 3], [3, 3], [1, 1]], [1, 0, 0, 1]), amount)
        == 1.0
    )
    assert threshold_rule_accuracy(train, pairs_of([[0, 1], [2, 3]], [0, 1]), amount) == 0.0


def test_length_aurocs():
    length = np.array([100, 200, 400, 800])
    found = length_aurocs(pairs_of([[0, 0], [3, 3], [0, 3], [1, 2]], [1, 1, 0, 0]), length)
    assert found["closeness"] == 1.0
    assert found["sum"] == pytest.approx(0.5)
    assert "closeness" not in length_aurocs(pairs_of([[0], [3]], [0, 1]), length)


def test_folds_are_compared():
    columns = {
        "protein_length": [10, 20, 30, 10, 20, 30],
        "dna_length": [1, 2, 3, 7, 8, 9],
        "coding_fraction": [0.5] * 6,
        "chromosome": ["1", "1", "2", "2", "2", "1"],
        "go_terms": [["a", "b"], ["a"], [], ["a", "b"], ["a"], []],
    }
    found = compare_folds(pa.table(columns), np.array([0, 0, 0, 1, 1, 1]))
    assert (found["protein_length"]["ks"], found["protein_length"]["p_value"]) == (0.0, 1.0)
    assert found["dna_length"].pop("p_value") < 0.1
    assert found["dna_length"] == {"ks": 1.0, "train_median": 2.0, "eval_median": 8.0}
    assert found["chromosome"] == {"r": pytest.approx(-1.0), "values": 2}
    assert found["go_terms"] == {"r": pytest.approx(1.0), "values": 2}
    columns["chromosome"] = ["1"] * 6
    assert compare_folds(pa.table(columns), np.array([0, 0, 0, 1, 1, 1]))["chromosome"]["r"] is None


LISTS = pa.chunked_array([pa.array([["a", "b"], ["a"], [], ["b"], ["a", "c"], None], pa.list_(pa.string()))])


def test_shares_of_values():
    found = fold_shares(LISTS, np.array([0, 0, 0, 1, 1, 1]))
    assert found["values"] == 3
    assert found["points"] == [(1.0, 0.5, "a"), (0.5, 0.5, "b"), (0.0, 0.5, "c")]
    assert found["r"] is None
    found = fold_shares(LISTS, np.array([0, 1, 0, 1, 0, 1]))
    assert found["r"] == pytest.approx(np.corrcoef([1.0, 0.5, 0.5], [0.5, 0.5, 0.0])[0, 1])


def test_families_of_both_folds():
    table = pa.table({"pfam": LISTS})
    asked = {"ppi": Examples("ppi", "eval", np.array([[3, 4], [4, 5]]), np.array([1, 0]), None, None, None)}
    found = family_overlap(table, np.array([0, 0, 0, 1, 1, 1]), asked)
    assert (found["families"], found["train"], found["eval"], found["both"]) == (3, 2, 3, 2)
    assert found["eval_records"] == 1.0
    assert found["eval_examples"] == {"ppi": 0.5}


def test_lengths_by_tukeys_rule():
    lengths = [*range(10, 50), 500]
    table = pa.table(
        {"dna_length": lengths, "protein_length": lengths, "coding_fraction": [0.5] * 40 + [1.0]}
    )
    found = sequence_features(table)
    assert (found["dna_length"]["highest"], found["dna_length"]["outliers"]) == (49, 1)
    assert sum(found["dna_length"]["density"]) == 40
    assert found["dna_length"]["median"] == 30.0
    assert found["coding_fraction"]["counts"][10] == 40
    assert found["coding_fraction"]["counts"][-1] == 1


def test_projection_tells_equal_folds_from_parted_ones():
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(8, 6)) * 8
    vectors = (centres[rng.integers(0, 8, 800)] + rng.normal(size=(800, 6))).astype(np.float32)
    mixed = (np.arange(800) % 3 == 0).astype(int)
    found = project(vectors, mixed, "pca")
    assert np.shape(found["points"]) == (800, 2)
    assert found["density_r"] > 0.9
    parted = (np.array(found["points"])[:, 0] > 0.5).astype(int)
    assert project(vectors, parted, "pca")["density_r"] < 0.1
    assert project(vectors, mixed, "none") is None


@pytest.mark.slow
def test_umap_is_the_same_every_time():
    pytest.importorskip("umap", reason="needs the extra audit")
    vectors = np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32)
    fold = np.arange(60) % 2
    found = project(vectors, fold, "umap")
    assert found["method"] == "UMAP"
    assert found == project(vectors, fold, "umap")


def test_umap_that_is_not_installed(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    vectors = np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32)
    with pytest.raises(GenoProtError, match=r"geno-prot\[audit\]"):
        project(vectors, np.arange(60) % 2, "umap")
    assert project(vectors, np.arange(60) % 2)["method"] == "first two principal components"
