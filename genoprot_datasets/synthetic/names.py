"""Identifiers of synthetic genes, in the forms of the databases that give them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from genoprot_datasets.seeding import integer_seed
from genoprot_datasets.synthetic.attributes import Attributes

__all__ = ["SPECIES", "TAXON", "Identifiers", "Names"]

SPECIES = "synthetic construct"
TAXON = 32630
"""NCBI's taxon of synthetic constructs."""

_CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ACCESSIONS = 10 * 26 * 36 * 36 * 10
_STRIDE = 1_000_003


class Identifiers(NamedTuple):
    """Names of one gene.

    `transcripts` and `proteins` hold RefSeq accessions of the whole product and of one that lacks an exon.
    """

    accession: str
    entry: str
    symbol: str
    title: str
    gene_id: str
    transcripts: tuple[str, str]
    proteins: tuple[str, str]
    string: str
    target: str
    mim: str


class Names:
    """Identifiers of every gene of a proteome.

    UniProt accessions begin with Z and do not follow the order of the genes.

    Parameters
    ----------
    attributes : Attributes
    seed : int
    """

    def __init__(self, attributes: Attributes, seed: int) -> None:
        self._family = attributes.family
        order = np.argsort(attributes.family, kind="stable")
        starts = np.searchsorted(attributes.family[order], attributes.family[order])
        self._rank = np.empty(attributes.size, dtype=int)
        self._rank[order] = np.arange(attributes.size) - starts
        self._offset = integer_seed(seed, "synthetic", "accessions")

    def accession(self, gene: int) -> str:
        """UniProt accession of a gene."""
        code = (gene * _STRIDE + self._offset) % _ACCESSIONS
        code, last = divmod(code, 10)
        code, fifth = divmod(code, 36)
        code, fourth = divmod(code, 36)
        first, letter = divmod(code, 26)
        return f"Z{first}{_CHARACTERS[10 + letter]}{_CHARACTERS[fourth]}{_CHARACTERS[fifth]}{last}"

    def of(self, gene: int) -> Identifiers:
        """All identifiers of a gene."""
        family, member = int(self._family[gene]) + 1, int(self._rank[gene]) + 1
        return Identifiers(
            accession=self.accession(gene),
            entry=f"S{_base36(gene)}_SYNTH",
            symbol=f"SYF{family}M{member}" if family else f"SYO{member}",
            title=f"Synthetic family {family} member {member}" if family else f"Synthetic orphan {member}",
            gene_id=str(900_000_001 + gene),
            transcripts=(f"NM_{900_000_001 + gene}.1", f"NM_{950_000_001 + gene}.1"),
            proteins=(f"NP_{900_000_001 + gene}.1", f"NP_{950_000_001 + gene}.1"),
            string=f"{TAXON}.SYNP{gene:011d}",
            target=f"CHEMBL{9_000_001 + gene}",
            mim=str(200_000 + gene),
        )


def _base36(number: int) -> str:
    digits = ""
    for _ in range(4):
        number, digit = divmod(number, 36)
        digits = _CHARACTERS[digit] + digits
    return digits
