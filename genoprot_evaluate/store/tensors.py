"""Embeddings in safetensors files: one tensor per accession."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from genoprot_datasets.errors import SourceError

__all__ = ["read_tensors"]


def read_tensors(path: Path) -> tuple[list[str], np.ndarray]:
    """Read a file of one-dimensional tensors named by accession.

    Parameters
    ----------
    path : Path

    Returns
    -------
    tuple of (list of str, ndarray)
        Accessions, sorted, and vectors, shape=(n, dimension), dtype=float32.

    Raises
    ------
    SourceError
        If the file is not safetensors, or a tensor is not a vector of float16, float32 or float64 of the
        width of the first.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            accessions = sorted(file.keys())
            if not accessions:
                raise SourceError(path, "no tensors")
            shape = tuple(file.get_slice(accessions[0]).get_shape())
            for accession in accessions:
                tensor = file.get_slice(accession)
                found = tuple(tensor.get_shape())
                if len(found) != 1 or found != shape or tensor.get_dtype() not in ("F16", "F32", "F64"):
                    raise SourceError(
                        path,
                        f"a tensor {tensor.get_dtype()} of shape {found}; expected one vector per accession, "
                        f"F16, F32 or F64, of shape {shape}",
                        record=accession,
                    )
            vectors = np.empty((len(accessions), shape[0]), dtype=np.float32)
            for row, accession in enumerate(accessions):
                vectors[row] = file.get_tensor(accession)
    except (SafetensorError, OSError) as error:
        raise SourceError(path, f"not a readable safetensors file ({' '.join(str(error).split())})") from None
    return accessions, vectors
