"""Baselines: what a score means is seen beside models that know little or nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.seeding import generator
from genoprot_evaluate.encoders.kmer import Composition, KmerFrequencies
from genoprot_evaluate.statistics import accuracy

__all__ = [
    "BASELINES",
    "DEFAULT_DIMENSION",
    "PREFIX",
    "RuleFit",
    "annotation_vectors",
    "baseline_names",
    "identity",
    "identity_threshold",
    "length_vectors",
    "majority",
    "random_vectors",
    "sequence_vectors",
]

PREFIX = "baseline:"

BASELINES = {
    f"{PREFIX}majority": "the more frequent class of train",
    f"{PREFIX}random-vectors": "random vectors with the same head",
    f"{PREFIX}length": "logarithms of DNA and protein length with the same head",
    f"{PREFIX}composition": "amino-acid composition with the same head",
    f"{PREFIX}kmer": "frequencies of DNA 4-mers with the same head",
    f"{PREFIX}annotation-count": "logarithm of the number of GO terms with the same head",
    f"{PREFIX}identity": "threshold on the sequence identity of the pair",
}
"""Titles of the baselines by name, in the order in which they are run."""

DEFAULT_DIMENSION = 128
"""Width of the random vectors where no encoder is scored."""


class RuleFit(NamedTuple):
    """Predictions of a baseline that has no head.

    Parameters
    ----------
    probability : ndarray, shape=(eval examples,), dtype=float64
        Of class 1; above one half where class 1 is predicted.
    validation_accuracy : float
    """

    probability: np.ndarray
    validation_accuracy: float | None


def baseline_names(names: Iterable[str]) -> tuple[str, ...]:
    """Full names of baselines, with or without the prefix, in the order of `BASELINES`.

    Raises
    ------
    GenoProtError
        If there is no such baseline.

    Examples
    --------
    >>> baseline_names(["length", "baseline:majority"])
    ('baseline:majority', 'baseline:length')
    """
    wanted = {name if name.startswith(PREFIX) else PREFIX + name for name in names}
    for name in sorted(wanted - set(BASELINES)):
        raise GenoProtError(f"unknown baseline {name!r}; the baselines are {', '.join(BASELINES)}")
    return tuple(name for name in BASELINES if name in wanted)


def majority(labels: np.ndarray, fitted: np.ndarray, held_out: np.ndarray, eval_examples: int) -> RuleFit:
    """Predict the more frequent class of train for every example; class 0 where both are as frequent.

    Parameters
    ----------
    labels : ndarray, shape=(m,)
        Classes of the train examples, 0 or 1.
    fitted, held_out : ndarray, shape=(m,), dtype=bool
        The examples that the rule is fitted to, and the validation fold.
    eval_examples : int

    Returns
    -------
    RuleFit
        The probability is the share of class 1 among the examples that it is fitted to.

    Examples
    --------
    >>> held_out = np.array([False, False, False, True])
    >>> majority(np.array([1, 1, 0, 1]), ~held_out, held_out, 2).probability.round(3)
    array([0.667, 0.667])
    """
    share = float(labels[fitted].mean())
    guess = np.full(int(held_out.sum()), int(share > 0.5))
    return RuleFit(np.full(eval_examples, share), accuracy(labels[held_out], guess))


def identity(
    labels: np.ndarray,
    train_identity: np.ndarray,
    fitted: np.ndarray,
    held_out: np.ndarray,
    eval_identity: np.ndarray,
) -> RuleFit:
    """Predict class 1 for pairs whose sequence identity is above a threshold fitted on train.

    Parameters
    ----------
    labels : ndarray, shape=(m,)
        Classes of the train pairs, 0 or 1.
    train_identity : ndarray, shape=(m,)
        Sequence identity of the train pairs, as a fraction.
    fitted, held_out : ndarray, shape=(m,), dtype=bool
        The examples that the threshold is fitted to, and the validation fold.
    eval_identity : ndarray, shape=(eval examples,)

    Returns
    -------
    RuleFit
        The probability grows with the identity, along two straight lines that meet at the threshold
        with one half.
    """
    threshold = identity_threshold(train_identity[fitted], labels[fitted])
    guess = train_identity[held_out] > threshold
    values = np.asarray(eval_identity, dtype=np.float64)
    probability = 0.5 * values / threshold
    above = values > threshold
    probability[above] = 0.5 + 0.5 * (values[above] - threshold) / (1 - threshold)
    return RuleFit(probability, accuracy(labels[held_out], guess))


def identity_threshold(identities: np.ndarray, labels: np.ndarray) -> float:
    """Threshold with the most pairs classified right: class 1 above it, class 0 at or below it.

    Parameters
    ----------
    identities : ndarray, shape=(m,)
        Between 0 and 1.
    labels : ndarray, shape=(m,)
        0 or 1.

    Returns
    -------
    float
        Midway between two neighbouring identities, or between zero and the lowest; the lowest of equally
        good ones; 1.0 where none is better than calling every pair class 0.

    Examples
    --------
    >>> identity_threshold(np.array([0.1, 0.2, 0.6, 0.9]), np.array([0, 0, 1, 1]))
    0.4
    """
    order = np.argsort(identities, kind="stable")
    classes = np.asarray(labels)[order]
    values = np.concatenate([[0.0], np.asarray(identities, dtype=np.float64)[order]])
    zeros_below = np.concatenate([[0], np.cumsum(classes == 0)])
    ones_below = np.concatenate([[0], np.cumsum(classes == 1)])
    right = zeros_below + ones_below[-1] - ones_below
    cuts = np.flatnonzero(values[:-1] < values[1:])
    if not len(cuts) or right[cuts].max() <= right[-1]:
        return 1.0
    cut = cuts[np.argmax(right[cuts])]
    return float((values[cut] + values[cut + 1]) / 2)


def random_vectors(accessions: Sequence[str], dimension: int, seed: int) -> np.ndarray:
    """Standard normal vectors that depend on the seed and on each accession alone.

    Returns
    -------
    ndarray, shape=(n, dimension), dtype=float32
    """
    vectors = np.empty((len(accessions), dimension), dtype=np.float32)
    for row, accession in enumerate(accessions):
        # Labels of streams are hashed to 32 bits, which tells strings of four bytes apart for certain.
        pieces = [accession[start : start + 4] for start in range(0, len(accession), 4)]
        vectors[row] = generator(seed, "random-vectors", *pieces).standard_normal(dimension)
    return vectors


def sequence_vectors(encoder: Composition | KmerFrequencies, sequences: pa.ChunkedArray) -> np.ndarray:
    """Frequencies that an encoder without weights counts, one sequence in memory at a time.

    Returns
    -------
    ndarray, shape=(n, d), dtype=float32
    """
    vectors = np.empty((len(sequences), encoder.spec.dimension), dtype=np.float32)
    for row, sequence in enumerate(sequences):
        vectors[row] = encoder.embed([sequence.as_py()])[0]
    return vectors


def annotation_vectors(go_terms: pa.ChunkedArray) -> np.ndarray:
    """Natural logarithm of one more than the number of Gene Ontology terms of each record.

    Well-studied proteins have more annotations of every kind; this baseline shows how much of a question
    that alone answers.

    Parameters
    ----------
    go_terms : pyarrow.ChunkedArray of lists

    Returns
    -------
    ndarray, shape=(n, 1), dtype=float32

    Examples
    --------
    >>> annotation_vectors(pa.chunked_array([[["GO:1"], []]])).round(3).tolist()
    [[0.6930000185966492], [0.0]]
    """
    return np.log1p(pc.list_value_length(go_terms).to_numpy()).astype(np.float32)[:, None]


def length_vectors(sequences: pa.Table) -> np.ndarray:
    """Natural logarithms of DNA length in bases and protein length in residues.

    Parameters
    ----------
    sequences : pyarrow.Table
        With columns `dna_length` and `protein_length`.

    Returns
    -------
    ndarray, shape=(n, 2), dtype=float32
    """
    lengths = [sequences[column].to_numpy() for column in ("dna_length", "protein_length")]
    return np.log(np.stack(lengths, axis=1)).astype(np.float32)
