"""Reactome's table of proteins and pathways."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from genoprot_datasets.errors import SourceError
from genoprot_datasets.sources.tables import iter_rows

__all__ = ["read_pathways"]


def read_pathways(path: str | Path, species: str = "Homo sapiens") -> dict[str, frozenset[str]]:
    """Pathways of each protein in ``UniProt2Reactome.txt`` or ``UniProt2Reactome_All_Levels.txt``.

    Parameters
    ----------
    path : str or Path
        Accession, pathway, address, name, evidence and species, separated by tabs, without a header.
    species : str
        Species by its scientific name, as the last column writes it.

    Returns
    -------
    dict of str to frozenset of str
        Pathway identifiers by UniProt accession; an isoform counts for its entry.

    Raises
    ------
    SourceError
        If a row is malformed, or none is of the species.
    """
    pathways: dict[str, set[str]] = defaultdict(set)
    for line, (accession, pathway, _address, _name, _evidence, organism) in iter_rows(path, "\t", width=6):
        if organism != species:
            continue
        if not accession or not pathway:
            raise SourceError(path, "row without an accession or a pathway", line=line)
        pathways[accession.partition("-")[0]].add(pathway)
    if not pathways:
        raise SourceError(path, f"no row of species {species!r} in the last column")
    return {accession: frozenset(found) for accession, found in pathways.items()}
