"""Taxon ids of the sources: each names the species in its own way, and none may name another one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from genoprot_datasets.errors import SourceError
from genoprot_datasets.sources import Species
from genoprot_datasets.sources.genes import Annotation
from genoprot_datasets.sources.go import GoAnnotation
from genoprot_datasets.sources.uniprot import UniProtEntry

__all__ = ["check_annotations", "check_assembly", "check_entries", "check_string_ids", "string_taxon_of"]


def check_assembly(path: Path, annotation: Annotation, species: Species) -> None:
    """Refuse an annotation with sequences of another species.

    Raises
    ------
    SourceError
        If a sequence has another taxon id than `Species.assembly_taxon`; one without any is let through.
    """
    for region in annotation.regions.values():
        if region.taxon not in ("", str(species.assembly_taxon)):
            message = (
                f"sequence of taxon {region.taxon}, expected {_expected(species, species.assembly_taxon)}"
            )
            raise SourceError(path, message, record=region.seqid)


def check_entries(path: Path, entries: Mapping[str, UniProtEntry], species: Species) -> None:
    """Refuse UniProt entries of another species.

    Raises
    ------
    SourceError
        If an entry has another taxon id than `Species.taxon`; one without any is let through.
    """
    expected = _expected(species, species.taxon)
    for accession, entry in entries.items():
        if entry.taxon not in (0, species.taxon):
            message = f"entry of taxon {entry.taxon}, expected {expected}"
            raise SourceError(path, message, record=accession)


def check_annotations(path: Path, annotations: Iterable[GoAnnotation], species: Species) -> None:
    """Refuse GO annotations of another species.

    Raises
    ------
    SourceError
        If a row has another taxon id than `Species.taxon`; one without any is let through.
    """
    for row in annotations:
        if row.taxon not in (0, species.taxon):
            message = f"annotation of taxon {row.taxon}, expected {_expected(species, species.taxon)}"
            raise SourceError(path, message, record=row.accession)


def check_string_ids(path: Path, identifiers: Iterable[str], species: Species) -> None:
    """Refuse STRING identifiers of another species in UniProt's id mapping.

    Raises
    ------
    SourceError
        If one begins with another taxon id than `Species.string_taxon` or one of `Species.string_strains`.
    """
    identifiers = list(identifiers)
    if identifiers:
        string_taxon_of(path, identifiers, species)


def string_taxon_of(path: Path, identifiers: Iterable[str], species: Species) -> int:
    """Taxon id that begins every STRING identifier of a file.

    Parameters
    ----------
    path : Path
        The file, for error messages.
    identifiers : iterable of str
        For example ``9606.ENSP00000269305``; at least one.
    species : Species

    Returns
    -------
    int
        `Species.string_taxon` or one of `Species.string_strains`.

    Raises
    ------
    SourceError
        If there are several taxa, or it is another one.
    """
    taxa = {identifier.partition(".")[0]: identifier for identifier in identifiers}
    allowed = (species.string_taxon, *species.string_strains)
    for taxon, identifier in sorted(taxa.items()):
        if taxon not in map(str, allowed):
            message = f"protein of taxon {taxon}, expected {_expected(species, *allowed)}"
            raise SourceError(path, message, record=identifier)
    if len(taxa) > 1:
        raise SourceError(path, f"proteins of several taxa: {', '.join(sorted(taxa))}")
    return int(next(iter(taxa)))


def _expected(species: Species, *taxa: int) -> str:
    return f"{' or '.join(map(str, taxa))} ({species.title})"
