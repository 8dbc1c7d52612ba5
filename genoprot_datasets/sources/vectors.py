"""Embeddings of proteins in HDF5, as UniProt publishes them, and of Gene Ontology terms in text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from genoprot_datasets.errors import SourceError
from genoprot_datasets.sources.text import open_text

__all__ = ["read_protein_vectors", "read_term_vectors"]

_TERM = re.compile(r"GO:\d{7}")


def read_protein_vectors(
    path: str | Path, accessions: Iterable[str] | None = None
) -> tuple[list[str], np.ndarray]:
    """Read one vector per protein.

    Parameters
    ----------
    path : str or Path
        HDF5 file with one HDF5 dataset per accession, each of shape (d,).
    accessions : iterable of str, optional
        Proteins that are wanted; every one of the file when left out. Those that the file does not hold are
        not in the result.

    Returns
    -------
    accessions : list of str
        Sorted.
    vectors : ndarray, shape=(n, d), dtype=float32
        In the same order.

    Raises
    ------
    SourceError
        If the file is not HDF5, holds none of the proteins, or a vector has another shape than the first
        one or a value that is not finite.
    """
    import h5py

    path = Path(path)
    if not path.is_file():
        raise SourceError(path, "is a folder, a file was expected" if path.is_dir() else "not found")
    try:
        with h5py.File(path, "r") as file:
            held = {name for name in file if isinstance(name, str)}
            names = sorted(held if accessions is None else held.intersection(accessions))
            if not names:
                raise SourceError(path, "no vector of any of the proteins in it")
            vectors = [_vector(path, file[name], name) for name in names]
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, MemoryError) as error:
        reason = " ".join(str(error).split())
        raise SourceError(path, f"not a readable HDF5 file ({reason}); fetch the file again") from None
    for name, vector in zip(names, vectors, strict=True):
        if len(vector) != len(vectors[0]):
            message = f"{len(vector)} dimensions, expected {len(vectors[0])} as in {names[0]}"
            raise SourceError(path, message, record=name)
        if not np.isfinite(vector).all():
            raise SourceError(path, "vector with a value that is not finite", record=name)
    return names, np.stack(vectors)


def _vector(path: Path, dataset, name: str) -> np.ndarray:
    shape = getattr(dataset, "shape", None)
    if shape is None or len(shape) != 1 or shape[0] == 0 or dataset.dtype.kind not in "fiu":
        raise SourceError(path, "expected a vector of numbers", record=name)
    return dataset[:].astype(np.float32)


def read_term_vectors(path: str | Path) -> tuple[list[str], np.ndarray]:
    """Read vectors of Gene Ontology terms in word2vec's text format.

    Parameters
    ----------
    path : str or Path
        Plain or gzipped. A line holds a node and the numbers of its vector, separated by white space; the
        first line may be a header with the number of nodes and the dimension. Nodes that are no terms, such
        as proteins, are passed over.

    Returns
    -------
    terms : list of str
        Sorted.
    vectors : ndarray, shape=(n, d), dtype=float32
        In the same order.

    Raises
    ------
    SourceError
        If a vector has another length than the first one or a number that is not finite, a term occurs
        twice, or there is none.
    """
    found: dict[str, np.ndarray] = {}
    dimension = 0
    with open_text(path) as lines:
        for number, line in enumerate(lines, 1):
            name, *texts = line.split() or [""]
            if not texts or (number == 1 and len(texts) == 1):
                if name and not texts:
                    raise SourceError(path, "node without a vector", line=number, record=name)
                continue
            dimension = dimension or len(texts)
            if len(texts) != dimension:
                message = f"{len(texts)} dimensions, expected {dimension} as in the first vector"
                raise SourceError(path, message, line=number, record=name)
            if not _TERM.fullmatch(name):
                continue
            if name in found:
                raise SourceError(path, "second vector of this term", line=number, record=name)
            found[name] = _numbers(path, texts, number, name)
    if not found:
        raise SourceError(path, "no vector of a term (GO:0008150 ...) in it")
    terms = sorted(found)
    return terms, np.stack([found[term] for term in terms])


def _numbers(path: str | Path, texts: list[str], line: int, name: str) -> np.ndarray:
    try:
        vector = np.array(texts, np.float32)
    except ValueError:
        raise SourceError(path, "vector with a value that is no number", line=line, record=name) from None
    if not np.isfinite(vector).all():
        raise SourceError(path, "vector with a value that is not finite", line=line, record=name)
    return vector
