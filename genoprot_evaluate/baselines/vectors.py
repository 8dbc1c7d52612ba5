"""Vectors of the baselines that are scored with a head."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from genoprot_datasets.published import PublishedDataset
from genoprot_datasets.seeding import generator
from genoprot_evaluate.encoders.kmer import Composition, KmerFrequencies
from genoprot_evaluate.store import EmbeddingTable

__all__ = [
    "DEFAULT_DIMENSION",
    "annotation_vectors",
    "baseline_tables",
    "length_vectors",
    "random_vectors",
    "sequence_vectors",
]

DEFAULT_DIMENSION = 128
"""Width of the random vectors where no encoder is scored."""


def baseline_tables(
    names: Sequence[str], published: PublishedDataset, width: int, seed: int
) -> dict[str, EmbeddingTable]:
    """Vectors of those baselines that have any, for every record of a dataset.

    Parameters
    ----------
    names : sequence of str
        Of `names.BASELINES`.
    published : PublishedDataset
    width : int
        Of the random vectors.
    seed : int
        Of the random vectors.
    """
    records = published.sequences(["accession", "dna_length", "protein_length", "go_terms"])
    accessions = records["accession"].to_pylist()
    makers = {
        "baseline:random-vectors": lambda: random_vectors(accessions, width, seed),
        "baseline:length": lambda: length_vectors(records),
        "baseline:composition": lambda: sequence_vectors(
            Composition(), published.sequences(["protein"])["protein"]
        ),
        "baseline:kmer": lambda: sequence_vectors(KmerFrequencies(), published.sequences(["dna"])["dna"]),
        "baseline:annotation-count": lambda: annotation_vectors(records["go_terms"]),
    }
    return {name: EmbeddingTable(name, accessions, make()) for name, make in makers.items() if name in names}


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
