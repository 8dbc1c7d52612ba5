"""Protein sequences: diverged copies of ancestral domains in linkers of the gene's own composition."""

from __future__ import annotations

import numpy as np

from genoprot_datasets.seeding import generator
from genoprot_datasets.synthetic.alphabet import METHIONINE, SELENOCYSTEINE
from genoprot_datasets.synthetic.attributes import Attributes
from genoprot_datasets.synthetic.composition import CLASSES, Tendencies

__all__ = ["Proteome"]

_SHORTEST, _LONGEST = 270, 2_000
_MEDIAN_EXCESS = 110
_EXCESS_SPREAD = 0.8
_DIVERGENCE = (0.1, 0.8)
_INDEL_RATE = 0.01


class Proteome:
    """Proteins of all genes, each made on demand from the seed and the gene's number.

    A member of a family carries a copy of the family's ancestral domain. Every site of the copy keeps the
    ancestral residue or is drawn anew from the gene's own residue frequencies, as linkers are; the share
    that is drawn anew is the gene's divergence, uniform from 0.1 to 0.8, so that some members are hardly
    alike. Lengths are independent of everything else.

    Parameters
    ----------
    attributes : Attributes
    seed : int
    """

    def __init__(self, attributes: Attributes, seed: int) -> None:
        self.attributes = attributes
        self.seed = seed
        tendencies = Tendencies(seed)
        self._cumulative = np.cumsum(tendencies.frequencies(attributes.memberships), axis=1)
        clans = tendencies.frequencies({"clan": np.eye(CLASSES["clan"])})
        rng = generator(seed, "synthetic", "domains")
        self._domains = [
            _draw(np.cumsum(clans[clan]), int(rng.integers(110, 161)), rng)
            for clan in attributes.clan_of_family
        ]
        background = np.cumsum(tendencies.frequencies({"clan": np.zeros((1, CLASSES["clan"]))})[0])
        accessories = int(attributes.accessory.max(initial=-1)) + 1
        self._accessories = [_draw(background, int(rng.integers(50, 71)), rng) for _ in range(accessories)]

    def protein(self, gene: int) -> np.ndarray:
        """Residue codes of a gene's protein, dtype uint8; the first is methionine.

        A selenoprotein has its selenocysteine four residues before its end.
        """
        rng = generator(self.seed, "synthetic", "protein", str(gene))
        cumulative = self._cumulative[gene]
        family, accessory = self.attributes.family[gene], self.attributes.accessory[gene]
        domains = [self._domains[family]] if family >= 0 else []
        domains += [self._accessories[accessory]] if accessory >= 0 else []
        divergence = rng.uniform(*_DIVERGENCE)
        copies = [_diverged(domain, divergence, cumulative, rng) for domain in domains]
        length = min(_SHORTEST + int(rng.lognormal(np.log(_MEDIAN_EXCESS), _EXCESS_SPREAD)), _LONGEST)
        linkers = _draw(cumulative, length - sum(map(len, copies)), rng)
        cuts = np.sort(rng.integers(1, len(linkers) - 8, size=len(copies)))
        pieces = [linkers[: cuts[0] if len(cuts) else None]]
        for copy, start, end in zip(copies, cuts, [*cuts[1:], None]):
            pieces += [copy, linkers[start:end]]
        residues = np.concatenate(pieces)
        residues[0] = METHIONINE
        if self.attributes.selenoprotein[gene]:
            residues[len(residues) - 4] = SELENOCYSTEINE
        return residues


def _draw(cumulative: np.ndarray, length: int, rng: np.random.Generator) -> np.ndarray:
    """Residues with the given cumulative frequencies."""
    return np.searchsorted(cumulative[:-1], rng.random(length), side="right").astype(np.uint8)


def _diverged(
    ancestor: np.ndarray, divergence: float, cumulative: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Copy of a domain with substitutions, deletions and insertions."""
    fresh = _draw(cumulative, len(ancestor), rng)
    copy = np.where(rng.random(len(ancestor)) < divergence, fresh, ancestor)
    copy = copy[rng.random(len(copy)) >= _INDEL_RATE]
    inserted = np.flatnonzero(rng.random(len(copy)) < _INDEL_RATE)
    return np.insert(copy, inserted, _draw(cumulative, len(inserted), rng))
