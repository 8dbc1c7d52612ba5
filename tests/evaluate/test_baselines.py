"""Baselines: each knows only what its name says."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genoprot_datasets.errors import GenoProtError
from genoprot_evaluate.baselines import (
    BASELINES,
    annotation_vectors,
    baseline_names,
    identity,
    identity_threshold,
    length_vectors,
    majority,
    random_vectors,
    sequence_vectors,
)
from genoprot_evaluate.encoders.kmer import Composition, KmerFrequencies


def test_names_with_and_without_prefix():
    assert baseline_names(BASELINES) == tuple(BASELINES)
    assert baseline_names(["identity", "baseline:majority"]) == ("baseline:majority", "baseline:identity")
    assert baseline_names([]) == ()
    with pytest.raises(GenoProtError, match="unknown baseline 'baseline:luck'; the baselines are"):
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
    threshold = identity_threshold(identities.astype(np.float32), labels)
    assert 0 < threshold <= 1
    found = ((identities > threshold) == labels).sum()
    best = max(((identities > cut) == labels).sum() for cut in (0.05, 0.2, 0.3, 0.7, 0.95, 1.0))
    assert found == best


@settings(deadline=None)
@given(st.integers(0, 1000))
def test_identity_predicts_by_the_threshold_of_train(seed):
    rng = np.random.default_rng(seed)
    labels = np.arange(100) % 2
    values = rng.uniform(size=100).astype(np.float32)
    values[labels == 1] = np.sqrt(values[labels == 1])
    held_out = np.arange(100) % 10 < 2
    new = np.concatenate([[0.0, 1.0], rng.uniform(size=20)]).astype(np.float32)
    fit = identity(labels, values, ~held_out, held_out, new)
    threshold = identity_threshold(values[~held_out], labels[~held_out])
    assert np.array_equal(fit.probability > 0.5, new > threshold)
    assert np.array_equal(np.argsort(fit.probability, kind="stable"), np.argsort(new, kind="stable"))
    assert ((fit.probability >= 0) & (fit.probability <= 1)).all()
    assert fit.validation_accuracy == ((values[held_out] > threshold) == labels[held_out]).mean()


def test_identity_that_tells_nothing_predicts_class_0():
    held_out = np.array([True, True, False, False])
    fit = identity(np.array([0, 1, 0, 1]), np.full(4, 0.3), ~held_out, held_out, np.array([1.0]))
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
