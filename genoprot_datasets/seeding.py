"""Independent random streams from one seed."""

from __future__ import annotations

import zlib

import numpy as np

__all__ = ["generator", "integer_seed"]


def generator(seed: int, *labels: str) -> np.random.Generator:
    """Random generator of one named stream.

    Streams with different labels are independent, and a stream does not change when another one is
    added or drawn from in a different order.

    Parameters
    ----------
    seed : int
        Seed of the run, not negative.
    *labels : str
        Names of the stream, for example a task and a split.

    Returns
    -------
    numpy.random.Generator

    Examples
    --------
    >>> int(generator(0, "ppi", "train").integers(1000)) == int(generator(0, "ppi", "train").integers(1000))
    True
    """
    entropy = [seed, *(zlib.crc32(label.encode()) for label in labels)]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy)))


def integer_seed(seed: int, *labels: str) -> int:
    """Seed of one named stream for a library that takes an integer, in [0, 2**31)."""
    return int(generator(seed, *labels).integers(2**31))
