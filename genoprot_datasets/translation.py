"""Splicing and translation of annotated coding regions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

__all__ = ["reverse_complement", "splice", "translate"]

_LONG = 4096
_COMPLEMENT = bytes.maketrans(b"ACGTUNRYSWKMBDHVacgtunryswkmbdhv", b"TGCAANYRSWMKVHDBtgcaanyrswmkvhdb")


def reverse_complement(sequence: bytes) -> bytes:
    """Reverse complement of a DNA sequence; IUPAC codes are kept.

    Examples
    --------
    >>> reverse_complement(b"ATGCN")
    b'NGCAT'
    """
    complement = sequence.translate(_COMPLEMENT)
    if len(complement) < _LONG:
        return complement[::-1]
    # Eight bases at a time: bytes that are turned around one by one take three times as long.
    odd = len(complement) % 8
    turned = np.frombuffer(complement, np.uint64, offset=odd)[::-1].byteswap().tobytes()
    return turned + complement[:odd][::-1]


def splice(chromosome: bytes, parts: Sequence[tuple[int, int]], strand: str) -> bytes:
    """Join the parts of a coding region.

    Parameters
    ----------
    chromosome : bytes
        Forward strand.
    parts : sequence of (int, int)
        Start and end of each part, 1-based and inclusive, in the order of transcription.
    strand : {"+", "-"}

    Returns
    -------
    bytes
        The coding region, 5' to 3' on the coding strand.

    Examples
    --------
    >>> splice(b"AACCGGTT", [(1, 2), (5, 6)], "+")
    b'AAGG'
    >>> splice(b"AACCGGTT", [(7, 8), (3, 4)], "-")
    b'AAGG'
    """
    if strand == "-":
        return reverse_complement(b"".join([chromosome[start - 1 : end] for start, end in reversed(parts)]))
    return b"".join([chromosome[start - 1 : end] for start, end in parts])


@cache
def _codons(genetic_code: int) -> tuple[dict[bytes, str], frozenset[bytes]]:
    """Amino acid (or `*`) of every codon without ambiguity, and the start codons."""
    from Bio.Data.CodonTable import unambiguous_dna_by_id

    table = unambiguous_dna_by_id[genetic_code]
    amino_acids = {codon.encode(): residue for codon, residue in table.forward_table.items()}
    amino_acids |= {codon.encode(): "*" for codon in table.stop_codons}
    return amino_acids, frozenset(codon.encode() for codon in table.start_codons)


def translate(coding: bytes, genetic_code: int, exceptions: dict[int, str] | None = None) -> str | None:
    """Translate a coding region from its start codon to its stop codon.

    Parameters
    ----------
    coding : bytes
        Upper-case DNA, start and stop codon included.
    genetic_code : int
        NCBI translation table.
    exceptions : dict of int to str, optional
        Residue (or `*`) of the codons that the annotation translates otherwise, by the codon's index
        from 0; a stop codon that the poly(A) tail completes is one of them.

    Returns
    -------
    str or None
        The protein without the stop; None when there is no start codon, no stop codon at the end, or a
        stop codon before the end.

    Notes
    -----
    Any start codon of the table is read as methionine at the first position. A codon with an ambiguous
    base is `X`.

    Examples
    --------
    >>> translate(b"ATGTGATAA", 1, {1: "U"})
    'MU'
    >>> translate(b"ATGTGATAA", 1) is None
    True
    """
    amino_acids, starts = _codons(genetic_code)
    exceptions = exceptions or {}
    length = len(coding)
    residues = [amino_acids.get(coding[index : index + 3], "X") for index in range(0, length - 2, 3)]
    for index, residue in exceptions.items():
        if index < len(residues):
            residues[index] = residue
        elif index == len(residues) and length % 3:
            residues.append(residue)
    if len(residues) * 3 < length or len(residues) < 2 or residues[-1] != "*":
        return None
    if 0 not in exceptions:
        if coding[:3] not in starts:
            return None
        residues[0] = "M"
    protein = "".join(residues[:-1])
    return None if "*" in protein else protein
