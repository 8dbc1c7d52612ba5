"""Per-protein vectors in UniProt's HDF5 layout: one float16 dataset for each accession."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

import numpy as np

from genoprot_datasets.seeding import generator
from genoprot_datasets.synthetic.alphabet import BACKGROUND

__all__ = ["DIMENSION", "VectorWriter"]

DIMENSION = 64
_RESIDUES = len(BACKGROUND)


class VectorWriter:
    """Writes random projections of the frequencies of residues and of neighbouring pairs of them.

    The projection is the same for every seed, so vectors of different proteomes can be compared.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path) -> None:
        import h5py

        rng = generator(0, "synthetic", "projection")
        self._single = rng.standard_normal((_RESIDUES, DIMENSION)) / np.sqrt(BACKGROUND)[:, None]
        pairs = np.outer(BACKGROUND, BACKGROUND).ravel()
        self._pairs = 0.25 * rng.standard_normal((_RESIDUES**2, DIMENSION)) / np.sqrt(pairs)[:, None]
        self._file = h5py.File(path, "w")

    def __enter__(self) -> VectorWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, accession: str, residues: np.ndarray) -> None:
        """Write the vector of a protein given by its residue codes; selenocysteine does not count."""
        standard = residues[residues < _RESIDUES].astype(int)
        single = np.bincount(standard, minlength=_RESIDUES) / len(standard) - BACKGROUND
        pairs = np.bincount(standard[:-1] * _RESIDUES + standard[1:], minlength=_RESIDUES**2)
        excess = pairs / len(standard) - np.outer(BACKGROUND, BACKGROUND).ravel()
        vector = (single @ self._single + excess @ self._pairs).astype(np.float16)
        self._file.create_dataset(accession, data=vector)
