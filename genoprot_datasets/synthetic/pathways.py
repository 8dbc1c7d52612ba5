"""Reactome's table of proteins and pathways."""

from __future__ import annotations

from typing import BinaryIO

from genoprot_datasets.synthetic.attributes import Attributes
from genoprot_datasets.synthetic.names import SPECIES, Names
from genoprot_datasets.synthetic.vocabulary import PATHWAY_WORDS

__all__ = ["pathway_id", "pathway_name", "write_pathways"]

_OTHER_SPECIES = (
    "Z0A000\tR-MMU-900001\thttps://reactome.org/PathwayBrowser/#/R-MMU-900001\tOther\tIEA\tMus musculus\n"
)


def pathway_id(pathway: int) -> str:
    """Stable identifier of a pathway.

    Examples
    --------
    >>> pathway_id(0)
    'R-SYN-900001'
    """
    return f"R-SYN-{900_001 + pathway}"


def pathway_name(pathway: int) -> str:
    """Name of a pathway, not always unique.

    Examples
    --------
    >>> pathway_name(0)
    'Assembly of amber complexes'
    """
    first, second, third = (words[pathway % len(words)] for words in PATHWAY_WORDS)
    return f"{first} of {second} {third}"


def write_pathways(out: BinaryIO, attributes: Attributes, names: Names) -> None:
    """Write the lowest-level table of all species: here the synthetic one and one row of another."""
    out.write(_OTHER_SPECIES.encode())
    for gene, pathways in enumerate(attributes.pathways):
        accession = names.accession(gene)
        for pathway in pathways:
            stable = pathway_id(pathway)
            address = f"https://reactome.org/PathwayBrowser/#/{stable}"
            row = (accession, stable, address, pathway_name(pathway), "TAS", SPECIES)
            out.write(("\t".join(row) + "\n").encode())
