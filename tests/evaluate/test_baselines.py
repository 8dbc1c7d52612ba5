"""Baselines: each knows only what its name says."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.identity import pair_identities
from genoprot_evaluate.baselines import (
    BASELINES,
    Homology,
    alignment,
    annotation_vectors,
    baseline_names,
    best_threshold,
    degree,
    length_vectors,
    majority,
    random_vectors,
    sequence_vectors,
    similar_proteins,
    transfer,
    transferred_share,
)
from genoprot_evaluate.baselines.homology import UNRELATED
from genoprot_evaluate.encoders.kmer import Composition, KmerFrequencies


def test_names_with_and_without_prefix():
    assert baseline_names(BASELINES) == tuple(BASELINES)
    assert baseline_names(["alignment", "baseline:majority"]) == ("baseline:majority", "baseline:alignment")
    assert baseline_names([]) == ()
    with pytest.raises(GenoProtError, match="unknown baseline 'luck'; the baselines are"):
        baseline_names(["luck"])


@pytest.mark.parametrize(("labels", "predicted"), [([1, 1, 1, 0, 0, 0], 0), ([1, 1, 1, 1, 0, 0], 1)])
def test_majority(labels, predicted):
    held_out = np.array([True, False, False, False, False, True])
    fit = majority(np.array(labels), ~held_out, held_out, 4)
    assert ((fit.probability > 0.5) == predicted).all()
    assert len(fit.probability) == 4
    assert fit.validation_accuracy == 0.5


IDENTITIES = st.lists(
    st.tuples(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0]), st.integers(0, 1)), min_size=1
)


@given(IDENTITIES)
def test_threshold_is_the_best_of_all(pairs):
    identities, labels = np.array(pairs).T
    threshold = best_threshold(identities.astype(np.float32), labels)
    assert 0 < threshold <= 1
    found = ((identities > threshold) == labels).sum()
    best = max(((identities > cut) == labels).sum() for cut in (0.05, 0.2, 0.3, 0.7, 0.95, 1.0))
    assert found == best


@settings(deadline=None)
@given(st.integers(0, 1000))
def test_alignment_predicts_by_the_threshold_of_train(seed):
    rng = np.random.default_rng(seed)
    labels = np.arange(100) % 2
    values = rng.uniform(size=100).astype(np.float32)
    values[labels == 1] = np.sqrt(values[labels == 1])
    held_out = np.arange(100) % 10 < 2
    new = np.concatenate([[0.0, 1.0], rng.uniform(size=20)]).astype(np.float32)
    fit = alignment(labels, values, ~held_out, held_out, new)
    threshold = best_threshold(values[~held_out], labels[~held_out])
    assert np.array_equal(fit.probability > 0.5, new > threshold)
    assert np.array_equal(np.argsort(fit.probability, kind="stable"), np.argsort(new, kind="stable"))
    assert ((fit.probability >= 0) & (fit.probability <= 1)).all()
    assert fit.validation_accuracy == ((values[held_out] > threshold) == labels[held_out]).mean()


def test_alignment_that_tells_nothing_predicts_class_0():
    held_out = np.array([True, True, False, False])
    fit = alignment(np.array([0, 1, 0, 1]), np.full(4, 0.3), ~held_out, held_out, np.array([1.0]))
    assert fit.probability.tolist() == [0.5]


def test_random_vectors_depend_on_seed_and_accession_alone():
    accessions = ["P12345", "P12346", "Q9Y6K9", "A0A024RBG1"]
    vectors = random_vectors(accessions, 6, seed=3)
    assert vectors.dtype == np.float32
    assert np.array_equal(random_vectors(accessions[::-1], 6, seed=3)[::-1], vectors)
    assert np.array_equal(random_vectors(accessions[2:3], 4, seed=3)[0], vectors[2, :4])
    assert not np.isclose(random_vectors(accessions, 6, seed=4), vectors).any()


def test_random_vectors_are_standard_normal_and_all_different():
    vectors = random_vectors([f"Q{number:05d}" for number in range(2000)], 8, seed=0)
    assert abs(vectors.mean()) < 5 / np.sqrt(vectors.size)
    assert abs(vectors.std() - 1) < 5 / np.sqrt(2 * vectors.size)
    assert len(np.unique(vectors[:, 0])) == 2000
    np.testing.assert_allclose(np.corrcoef(vectors.T), np.eye(8), atol=0.12)


def test_length_vectors():
    table = pa.table({"dna_length": [1000, 10], "protein_length": [100, 1]})
    np.testing.assert_allclose(
        length_vectors(table), [[np.log(1000), np.log(100)], [np.log(10), 0]], rtol=1e-6
    )


def test_sequence_vectors_are_those_of_the_encoder():
    proteins = ["MKV", "AACB", "MMMMW"]
    vectors = sequence_vectors(Composition(), pa.chunked_array([proteins[:1], proteins[1:]]))
    assert np.array_equal(vectors, Composition().embed(proteins))
    assert sequence_vectors(KmerFrequencies(), pa.chunked_array([["ACGTACGT"]])).shape == (1, 256)


def test_annotation_vectors_count_terms():
    terms = pa.chunked_array([[["GO:1", "GO:2", "GO:3"]], [[], ["GO:9"]]])
    np.testing.assert_allclose(annotation_vectors(terms), np.log([[4], [1], [2]]), rtol=1e-6)
    assert annotation_vectors(terms).dtype == np.float32


def test_degree_is_strong_where_partners_are_known_and_says_nothing_of_unknown_proteins():
    hubs = np.array([[hub, leaf] for hub in (0, 1, 2) for leaf in range(10, 40)])
    loners = np.array([[loner, leaf] for loner in (3, 4, 5) for leaf in range(10, 40)])
    members, labels = np.concatenate([hubs, loners]), np.repeat([1, 0], 90).astype(np.int8)
    held_out = np.arange(180) % 9 == 0
    unknown = degree(members, labels, ~held_out, held_out, np.array([[50, 51], [0, 51]]))
    assert unknown.validation_accuracy == 1.0
    assert unknown.probability.tolist() == [0.5, 0.5]
    assert unknown.note == "1 of 3 eval proteins are in train pairs"
    leaked = degree(members, labels, ~held_out, held_out, np.array([[0, 10], [10, 3]]))
    assert (leaked.probability > 0.5).tolist() == [True, False]
    disjoint = degree(members, labels, ~held_out, held_out, np.array([[50, 51]]))
    assert disjoint.note.startswith("no eval protein is in a train pair")


def test_degree_does_not_count_a_pair_for_itself():
    # Labels at random and every pair of strangers: counting the pair itself would tell every label.
    members, labels = np.arange(400).reshape(200, 2), np.arange(200) % 2
    held_out = np.arange(200) >= 180
    fit = degree(members, labels, ~held_out, held_out, members[held_out])
    assert fit.validation_accuracy == 0.5


def test_similar_proteins_are_those_with_common_words():
    rng = np.random.default_rng(0)
    targets = ["".join(rng.choice(list("ACDEFGHIKLMNPQRSTVWY"), 200)) for _ in range(300)]
    queries = [targets[7][50:150], targets[211][:120] + "W" * 30, "MK", "AAAA"]
    rows, columns = similar_proteins(queries, targets, count=3)
    first = {row: column for row, column in zip(rows[::-1].tolist(), columns[::-1].tolist())}
    assert (first[0], first[1]) == (7, 211)
    assert 2 not in first
    assert max(np.bincount(rows)) <= 3
    assert similar_proteins([], targets)[0].size == 0


def test_nearest_has_the_identities_of_the_aligner_and_aligns_once():
    proteins = {"A": "MKTWYVAGGHK", "B": "MKTWYVAGG", "C": "PPPPMKTWYV", "D": "LLLLLLLLLL"}
    homology = Homology(proteins)
    found = homology.nearest(["A"], ["B", "C", "D"]).toarray()
    expected = pair_identities(list(proteins.values()), [0, 0], [1, 2])
    assert found.tolist() == [[*expected.tolist(), 0.0]]
    homology.identities["A", "B"] = 0.125
    assert homology.nearest(["A"], ["B", "D"]).toarray().tolist() == [[0.125, 0.0]]
    assert homology.nearest(["B"], ["A", "D"]).toarray().tolist() == [[0.125, 0.0]]


def test_transfer_by_hand():
    # Asked proteins 0, 1, 2; train proteins 0, 1, 2.
    similarity = sparse.csr_array(np.array([[0.8, 0.1, 0.0], [0.0, 0.5, 0.2], [0.4, 0.0, 0.0]]))
    members, labels = np.array([[1, 0], [0, 2]]), np.array([1, 0])
    pairs = np.array([[0, 1], [1, 0], [0, 2]])

    def share(positive: float, weight: float) -> float:
        return (positive + UNRELATED / 2) / (weight + UNRELATED)

    found = transferred_share(similarity, members, labels, pairs, reflexive=False)
    # (0, 1): 0.8 x 0.5 for the positive pair, 0.8 x 0.2 for the negative one.
    # (0, 2): the positive pair of 1 and 0, by 0.1 x 0.4.
    np.testing.assert_allclose(found, [share(0.4, 0.56), share(0.4, 0.56), share(0.04, 0.04)])
    alike = transferred_share(similarity, members[1:], labels[1:], pairs, reflexive=True)
    # (0, 1): both are like train protein 1, by 0.1 x 0.5, against the negative pair; (0, 2): both like 0.
    np.testing.assert_allclose(alike[[0, 2]], [share(0.05, 0.21), share(0.32, 0.32)])
    silent = transferred_share(similarity, members[1:], labels[1:], pairs[2:], reflexive=False)
    assert silent.tolist() == [0.5]
    records, record = np.array([[0], [1]]), np.array([[0]])
    single = transferred_share(similarity, records, np.array([1, 0]), record, reflexive=False)
    np.testing.assert_allclose(single, [share(0.64, 0.65)])


def families(seed: int, count: int, size: int) -> tuple[dict[str, str], np.ndarray]:
    """Proteins by name, a fifth of whose residues differ from their family's, and their families."""
    rng = np.random.default_rng(seed)
    letters = np.array(list("ACDEFGHIKLMNPQRSTVWY"))
    roots = rng.choice(letters, size=(count, 150))
    family = np.repeat(np.arange(count), size)
    proteins = {}
    for number, root in enumerate(roots[family]):
        changed = rng.random(150) < 0.2
        proteins[f"P{number:03d}"] = "".join(np.where(changed, rng.choice(letters, 150), root))
    return proteins, family


def test_transfer_knows_families_that_it_met_in_train_and_nothing_of_noise():
    proteins, family = families(0, 12, 6)
    names = list(proteins)
    rng = np.random.default_rng(1)
    train, eval_fold = (np.flatnonzero(np.arange(72) % 6 < 4), np.flatnonzero(np.arange(72) % 6 >= 4))

    def pairs_of(fold: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        universe = fold[np.stack(np.triu_indices(len(fold), 1), axis=1)]
        same = family[universe[:, 0]] == family[universe[:, 1]]
        chosen = [rng.choice(np.flatnonzero(same == side), count) for side in (False, True)]
        rows = np.concatenate(chosen)
        return universe[rows], same[rows].astype(np.int8)

    members, labels = pairs_of(train, 60)
    asked, truth = pairs_of(eval_fold, 40)
    held_out = np.arange(120) % 5 == 0
    for reflexive in (False, True):
        fit = transfer(
            Homology(proteins), names, members, labels, ~held_out, held_out, asked, reflexive=reflexive
        )
        assert ((fit.probability > 0.5) == truth).mean() > 0.9
    noise = rng.integers(0, 2, 120)
    fit = transfer(Homology(proteins), names, members, noise, ~held_out, held_out, asked, reflexive=False)
    assert abs(((fit.probability > 0.5) == truth).mean() - 0.5) < 0.25


def test_protein_is_no_neighbour_of_itself():
    proteins, _ = families(3, 2, 6)
    names = list(proteins)
    found = Homology(proteins).nearest(names, names).toarray()
    assert (np.diag(found) == 0).all()
    assert (found > 0.5).sum(axis=1).tolist() == [5] * 12
