"""`genoprot sources`: the catalogue of a species as a table."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.sources.catalogue import alternatives_of, files_of, sources_of, unavailable_tasks
from genoprot_datasets.sources.listing import RECORDS, SourceSpec
from genoprot_datasets.sources.lock import LOCK_NAME, SourceLock
from genoprot_datasets.sources.species import SPECIES, Species

__all__ = ["add_arguments", "run", "sources_table"]

_HEADER = ("key", "file", "version", "licence", "size", "checksum", "needed for", "citation", "address")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `genoprot sources`."""
    names = [name for name, species in SPECIES.items() if species.assembly]
    parser.add_argument("--species", choices=names, default=names[0], help="default: %(default)s")
    parser.add_argument("--sources", metavar="DIR", help="folder in which to look for the files")


def run(args: argparse.Namespace) -> int:
    """Run `genoprot sources`."""
    print(sources_table(SPECIES[args.species], args.sources))
    return 0


def sources_table(species: Species, folder: str | Path | None = None) -> str:
    """The sources of a species, one a row, and what the species lacks.

    Parameters
    ----------
    species : Species
    folder : path, optional
        Where to look for the files: the size is theirs then, instead of about that of the official file,
        and the checksum that of `sources.lock`, where it has one.

    Returns
    -------
    str

    Raises
    ------
    GenoProtError
        If there is no such folder.
    """
    if folder is not None and not Path(folder).is_dir():
        raise GenoProtError(f"{folder}: no such folder")
    specs = [*sources_of(species), *alternatives_of(species)]
    lock = SourceLock(folder) if folder is not None else None
    rows = [_row(spec, Path(folder) if folder is not None else None, lock) for spec in specs]
    widths = [max(map(len, column)) for column in zip(_HEADER, *rows)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)) for row in [_HEADER, *rows]]
    lines += [f"without {key}: {instead}" for key, instead in species.optional.items()]
    present = {spec.key: Path() for spec in sources_of(species)}
    lines += [f"no {task}: {reason}" for task, reason in sorted(unavailable_tasks(species, present).items())]
    return "\n".join(line.rstrip() for line in lines)


def _row(spec: SourceSpec, folder: Path | None, lock: SourceLock | None) -> Sequence[str]:
    here = files_of(spec, folder) if folder else []
    if here:
        size = f"{here[0].stat().st_size / 1e6:,.1f} MB"
    elif folder:
        size = "not there"
    else:
        size = f"about {spec.megabytes:,.0f} MB" if spec.megabytes else ""
    name = here[0].name if here else spec.file_name
    needed = (
        f"option, instead of {spec.instead_of}"
        if spec.instead_of
        else ", ".join("everything" if task == RECORDS else task for task in spec.required_for)
    )
    address = f"by hand: {spec.url}" if spec.by_hand else spec.url
    entry = lock.get(name) if lock is not None else None
    if entry is not None:
        checksum = f"sha256 {entry.sha256[:12]}"
    else:
        checksum = "publisher's" if spec.checksums else f"recorded in {LOCK_NAME}"
    return (spec.key, name, spec.version, spec.licence, size, checksum, needed, spec.citation, address)
