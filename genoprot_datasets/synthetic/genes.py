"""Gene sequences: codons chosen by the organ's habits, introns of its words, untranslated ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from genoprot_datasets.seeding import generator
from genoprot_datasets.synthetic.alphabet import (
    CODON_BASES,
    SELENOCYSTEINE,
    STOP_CODONS,
    SYNONYMS,
    lookup_table,
)
from genoprot_datasets.synthetic.vocabulary import ORGANS

__all__ = ["GENE_LENGTHS", "CodingTranscript", "Gene", "GeneLengths", "Genes"]

WORD_TILT = 0.28
"""Standard deviation of an organ's log preference for a pair of neighbouring bases in introns."""

CODON_TILT = 0.7
"""Standard deviation of an organ's log preference for a codon among its synonyms."""

_BASES = np.frombuffer(b"ACGT", dtype=np.uint8)
_BASE_LOG_FREQUENCIES = np.log([0.29, 0.21, 0.21, 0.29])
_SLOTS = 1 << 16
_CODON_SLOTS = 256
_SHORTEST_INTRON = 70
_EXON_GRAIN = 36


@dataclass(frozen=True)
class GeneLengths:
    """How long genes and the stretches between them are, in base pairs.

    Parameters
    ----------
    median, spread : float
        Of the log-normal length from start to stop codon.
    longest : int
    between : tuple of int
        Smallest and largest distance of neighbouring genes.
    """

    median: float
    spread: float
    longest: int
    between: tuple[int, int]


GENE_LENGTHS: Mapping[str, GeneLengths] = MappingProxyType(
    {
        "compact": GeneLengths(3_000.0, 0.4, 12_000, (300, 1_500)),
        "dense": GeneLengths(25_000.0, 1.4, 2_000_000, (2_000, 30_000)),
        "human": GeneLengths(25_000.0, 1.4, 2_000_000, (2_000, 360_000)),
    }
)
"""Scales of gene length by name."""


@dataclass(frozen=True)
class CodingTranscript:
    """A transcript on the coding strand of its gene; positions are 0-based, ends exclusive.

    Attributes
    ----------
    exons : tuple of (int, int)
        In the order of transcription.
    residues : ndarray, dtype=uint8
        Protein it codes for.
    """

    exons: tuple[tuple[int, int], ...]
    residues: np.ndarray


@dataclass(frozen=True)
class Gene:
    """A gene on its coding strand, from the first to the last base of its transcripts.

    Attributes
    ----------
    bases : ndarray, dtype=uint8
        ASCII; masked stretches are in lower case.
    start, end : int
        First base of the start codon, and the base after the stop codon.
    transcripts : tuple of CodingTranscript
        The first one codes for the whole protein; a second one skips an exon.
    selenocysteine : int
        First base of the codon TGA that is read as selenocysteine, -1 where there is none.
    """

    bases: np.ndarray
    start: int
    end: int
    transcripts: tuple[CodingTranscript, ...]
    selenocysteine: int


class Genes:
    """Gene sequences, each made on demand from the seed and the gene's number.

    Parameters
    ----------
    lengths : GeneLengths
    seed : int
    """

    def __init__(self, lengths: GeneLengths, seed: int) -> None:
        self.lengths = lengths
        self.seed = seed
        rng = generator(seed, "synthetic", "organs")
        self._words = [_word_table(WORD_TILT * rng.standard_normal((4, 4))) for _ in ORGANS]
        self._codons = [_codon_table(CODON_TILT * rng.standard_normal(64)) for _ in ORGANS]
        self._plain_words = _word_table(np.zeros((4, 4)))

    def gene(self, number: int, residues: np.ndarray, organs: np.ndarray) -> Gene:
        """Gene of a protein.

        Parameters
        ----------
        number : int
            Number of the gene.
        residues : ndarray, dtype=uint8
            Its protein.
        organs : ndarray, shape=(2,)
            Organ that sets the codons and most introns, and one that sets the other introns or -1.

        Returns
        -------
        Gene
        """
        rng = generator(self.seed, "synthetic", "gene", str(number))
        codons = self._codons[organs[0]][residues, rng.integers(_CODON_SLOTS, size=len(residues))]
        codons[0] = SYNONYMS[residues[0]][0]
        coding = CODON_BASES[np.append(codons, rng.choice(STOP_CODONS))].ravel()
        skips = rng.random() < 0.15 and SELENOCYSTEINE not in residues
        cuts = _exon_cuts(len(coding), skips, rng)
        introns = self._introns(len(cuts), len(coding), organs, rng)
        leader = self._leader(organs, rng)
        trailer = self.words(int(rng.integers(150, 500)), rng)

        parts = np.split(coding, cuts)
        pieces: list[np.ndarray] = [*leader]
        exon_starts, position = [], sum(map(len, leader))
        start = position
        for part, intron in zip(parts, [*introns, trailer]):
            exon_starts.append(position)
            pieces += [part, intron]
            position += len(part) + len(intron)
        ends = [first + len(part) for first, part in zip(exon_starts, parts)]
        end = ends[-1]
        exons = list(zip(exon_starts, ends))
        untranslated = [(0, len(leader[0]))] if len(leader) > 1 else []
        exons[0] = (start - len(leader[-1]), exons[0][1])
        exons[-1] = (exons[-1][0], position)
        transcripts = [CodingTranscript((*untranslated, *exons), residues)]
        if skips and len(cuts) > 1:
            kept = np.delete(residues, slice(cuts[0] // 3, cuts[1] // 3))
            transcripts.append(CodingTranscript((*untranslated, exons[0], *exons[2:]), kept))
        selenocysteine = -1
        if SELENOCYSTEINE in residues:
            offset = 3 * int(np.flatnonzero(residues == SELENOCYSTEINE)[0])
            selenocysteine = exon_starts[-1] + offset - (len(coding) - len(parts[-1]))
        return Gene(np.concatenate(pieces), start, end, tuple(transcripts), selenocysteine)

    def words(self, length: int, rng: np.random.Generator, organ: int = -1) -> np.ndarray:
        """Non-coding bases in an organ's words, or in words without any preference; dtype uint8."""
        table = self._words[organ] if organ >= 0 else self._plain_words
        return table[rng.integers(_SLOTS, size=-(-length // 4), dtype=np.uint16)].view(np.uint8)[:length]

    def _introns(
        self, number: int, coding: int, organs: np.ndarray, rng: np.random.Generator
    ) -> list[np.ndarray]:
        if number == 0:
            return []
        length = min(rng.lognormal(np.log(self.lengths.median), self.lengths.spread), self.lengths.longest)
        free = max(0, int(length) - coding - number * _SHORTEST_INTRON)
        sizes = _SHORTEST_INTRON + (rng.dirichlet(np.full(number, 1.5)) * free).astype(int)
        use_second = (organs[1] >= 0) & (rng.random(number) < 0.4)
        return [
            self._intron(int(size), int(organs[int(second)]), rng) for size, second in zip(sizes, use_second)
        ]

    def _intron(self, length: int, organ: int, rng: np.random.Generator) -> np.ndarray:
        """Intron from its GT to its AG; a third of it is masked where it is long."""
        bases = self.words(length, rng, organ)
        bases[:2] = _BASES[[2, 3]]
        bases[-2:] = _BASES[[0, 2]]
        if length > 300:
            first = int(rng.integers(10, length // 2))
            bases[first : first + length // 3] |= 0x20
        return bases

    def _leader(self, organs: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
        """Bases before the start codon: one exon's, or two exons' with an intron between them."""
        last = self.words(int(rng.integers(20, 120)), rng)
        if rng.random() < 0.6:
            return [last]
        intron = self._intron(int(rng.integers(_SHORTEST_INTRON, 600)), int(organs[0]), rng)
        return [self.words(int(rng.integers(40, 200)), rng), intron, last]


def _exon_cuts(coding: int, skips: bool, rng: np.random.Generator) -> np.ndarray:
    """Ascending positions at which introns interrupt a coding sequence of `coding` bases.

    The first two lie between codons where an exon is to be skipped.
    """
    if rng.random() < 0.05:
        return np.zeros(0, dtype=int)
    places = np.arange(1, coding // _EXON_GRAIN - 1)
    number = min(2 + int(rng.poisson(3.0)), len(places))
    cuts = np.sort(rng.choice(places, number, replace=False)) * _EXON_GRAIN
    cuts += rng.integers(12, size=number)
    if skips:
        cuts[:2] -= cuts[:2] % 3
    return cuts


def _word_table(preferences: np.ndarray) -> np.ndarray:
    """Four-base words, each packed into a 32-bit number, drawn by the preferences for neighbouring bases."""
    letters = np.stack(np.unravel_index(np.arange(256), (4, 4, 4, 4)), axis=1)
    logits = _BASE_LOG_FREQUENCIES[letters].sum(axis=1)
    logits += preferences[letters[:, :-1], letters[:, 1:]].sum(axis=1)
    words = np.ascontiguousarray(_BASES[letters]).view(np.uint32).ravel()
    return lookup_table(words, np.exp(logits) / np.exp(logits).sum(), _SLOTS)


def _codon_table(preferences: np.ndarray) -> np.ndarray:
    """Codons drawn by the preferences among synonyms, shape (residues, slots)."""
    rows = []
    for codons in SYNONYMS:
        weights = np.exp(preferences[codons])
        rows.append(lookup_table(codons, weights / weights.sum(), _CODON_SLOTS))
    return np.array(rows)
