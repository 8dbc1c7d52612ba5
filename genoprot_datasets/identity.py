"""Sequence identity of protein pairs, and the pairs that it would misjudge."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from genoprot_datasets.errors import GenoProtError

__all__ = ["challenge_threshold", "is_challenge", "pair_identities"]

_GAP_OPEN = 11
_GAP_EXTEND = 1
_CHUNK = 256
"""Pairs that a thread aligns before it takes the next ones."""

_NEAREST = str.maketrans({"U": "C", "O": "K"})
"""Selenocysteine and pyrrolysine as the residues they are scored like."""

_UNSCORED = re.compile("[^ARNDCQEGHILKMFPSTWYVBZX]")


def pair_identities(
    proteins: Sequence[str], a: np.ndarray, b: np.ndarray, threads: int | None = None
) -> np.ndarray:
    """Identical residues in the best local alignment over the length of the shorter protein.

    Smith-Waterman with BLOSUM62; a gap of k residues costs 11 + (k - 1). Selenocysteine is scored as
    cysteine, pyrrolysine as lysine, any other letter that BLOSUM62 lacks as X. A pair is aligned once
    however often and in whichever order it is given.

    Parameters
    ----------
    proteins : sequence of str
        Amino acid sequences, upper case.
    a, b : array_like, shape=(k,), dtype=int64
        Positions in `proteins` of the two members of each pair.
    threads : int, optional
        Alignments that run side by side; the number of processors by default. The result does not depend
        on it.

    Returns
    -------
    ndarray, shape=(k,), dtype=float32
        Identities, 0 to 1.

    Raises
    ------
    GenoProtError
        If a protein of a pair has no residues.

    References
    ----------
    Daily, "Parasail: SIMD C library for global, semi-global, and local pairwise sequence alignments", BMC
    Bioinformatics 17:81 (2016).

    Examples
    --------
    >>> pair_identities(["MKTWYVA", "KTWYV", "GGGG"], [0, 0], [1, 2]).tolist()
    [1.0, 0.0]
    """
    a, b = np.asarray(a, np.int64), np.asarray(b, np.int64)
    codes = np.minimum(a, b) * len(proteins) + np.maximum(a, b)
    unique, place = np.unique(codes, return_inverse=True)
    involved = np.unique(np.concatenate([a, b])).tolist()
    scored = {k: _UNSCORED.sub("X", proteins[k].translate(_NEAREST)) for k in involved}
    for k, protein in scored.items():
        if not protein:
            raise GenoProtError(f"identity: protein {k} of {len(proteins)} has no residues")

    def identities(chunk: np.ndarray) -> list[float]:
        pairs = zip((chunk // len(proteins)).tolist(), (chunk % len(proteins)).tolist())
        return [_identity(scored[i], scored[j]) for i, j in pairs]

    chunks = [unique[start : start + _CHUNK] for start in range(0, len(unique), _CHUNK)]
    with ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        values = [value for part in pool.map(identities, chunks) for value in part]
    return np.array(values, np.float32)[place]


def challenge_threshold(identity: np.ndarray, label: np.ndarray) -> float:
    """Identity that best separates the pairs that share the attribute from those that do not.

    Parameters
    ----------
    identity : array_like, shape=(k,), dtype=float32
    label : array_like, shape=(k,), dtype=int8
        1 for pairs that share, 0 for pairs that do not; both occur.

    Returns
    -------
    float
        Threshold t of the rule "they share when their identity is at least t" with the largest balanced
        accuracy on these pairs. Candidates lie halfway between neighbouring identities that occur, and at
        the lowest one. Of equally good ones it is the one whose two class accuracies differ least, and
        then the lowest.

    Raises
    ------
    GenoProtError
        If one of the classes is empty.

    Examples
    --------
    >>> challenge_threshold([0.1, 0.25, 0.5, 0.9], [0, 0, 1, 1])
    0.375
    """
    identity, positive = np.asarray(identity, np.float64), np.asarray(label) == 1
    if positive.all() or not positive.any():
        raise GenoProtError("challenge threshold: needs pairs of both classes")
    values, place = np.unique(identity, return_inverse=True)
    candidates = np.concatenate([values[:1], (values[:-1] + values[1:]) / 2])
    missed = np.concatenate([[0], np.cumsum(np.bincount(place[positive], minlength=len(values)))[:-1]])
    rejected = np.concatenate([[0], np.cumsum(np.bincount(place[~positive], minlength=len(values)))[:-1]])
    positives, negatives = int(positive.sum()), int((~positive).sum())
    # In units of 1 / (positives * negatives), so that ties are exact.
    sensitivity = (positives - missed) * negatives
    specificity = rejected * positives
    best = np.lexsort((candidates, np.abs(sensitivity - specificity), -(sensitivity + specificity)))[0]
    return float(candidates[best])


def is_challenge(identity: np.ndarray, label: np.ndarray, threshold: float) -> np.ndarray:
    """Pairs that the alignment rule gets wrong: they share though dissimilar, or are similar without sharing.

    Parameters
    ----------
    identity : array_like, shape=(k,), dtype=float32
    label : array_like, shape=(k,), dtype=int8
    threshold : float
        From `challenge_threshold` of the train pairs.

    Returns
    -------
    ndarray, shape=(k,), dtype=bool

    Examples
    --------
    >>> is_challenge([0.1, 0.1, 0.8, 0.8], [0, 1, 0, 1], 0.3).tolist()
    [False, True, True, False]
    """
    return (np.asarray(identity, np.float64) >= threshold) != (np.asarray(label) == 1)


def _identity(left: str, right: str) -> float:
    import parasail

    # The longer one is the query, so that a tie between alignments does not depend on the order of the pair.
    query, target = sorted((left, right), key=lambda protein: (-len(protein), protein))
    aligned = parasail.sw_stats_striped_sat(query, target, _GAP_OPEN, _GAP_EXTEND, parasail.blosum62)
    return aligned.matches / len(target)
