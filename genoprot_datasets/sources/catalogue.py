"""The sources of a species: which files, from where, and which of them are in a folder."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.sources.listing import ALTERNATIVES, EXCEPTIONS, LISTING, RECORDS, SourceSpec
from genoprot_datasets.sources.species import SPECIES, Species
from genoprot_datasets.tasks import TASKS

__all__ = ["alternatives_of", "detect_species", "files_of", "locate", "sources_of", "unavailable_tasks"]


def sources_of(species: Species) -> tuple[SourceSpec, ...]:
    """Sources of a species, with the file names and addresses filled in.

    Parameters
    ----------
    species : Species

    Returns
    -------
    tuple of SourceSpec
        Without those that the species does not have. The synthetic species' have no address:
        `genoprot synthesize` writes them.

    Examples
    --------
    >>> [spec.patterns for spec in sources_of(SPECIES["human"]) if spec.key == "links"]
    [('9606.protein.links.v*.txt',)]
    >>> [spec.key for spec in sources_of(SPECIES["ecoli"])][-2:]
    ['links', 'aliases']
    """
    return tuple(_filled(spec, species) for spec in LISTING if spec.key not in species.absent)


def alternatives_of(species: Species) -> tuple[SourceSpec, ...]:
    """Sources that options of the build ask for in the place of others; as `sources_of`.

    Examples
    --------
    >>> [(spec.key, spec.instead_of) for spec in alternatives_of(SPECIES["ecoli"])]
    [('links_detailed', 'links')]
    """
    return tuple(_filled(spec, species) for spec in ALTERNATIVES if spec.instead_of not in species.absent)


def _filled(spec: SourceSpec, species: Species) -> SourceSpec:
    spec = replace(spec, **EXCEPTIONS.get((species.name, spec.key), {}))
    prefix, _, digits = species.assembly.partition(".")[0].partition("_")
    parts = {
        "assembly": species.assembly,
        "assembly_name": species.assembly_name,
        "assembly_folder": "/".join([prefix, digits[:3], digits[3:6], digits[6:]]),
        "embeddings": species.embeddings,
        "mnemonic": species.mnemonic,
        "organism": species.organism,
        "ORGANISM": species.organism.upper(),
        "string_taxon": species.string_taxon,
        "taxon": species.taxon,
    }
    strains = (species.string_taxon, *species.string_strains)
    patterns = tuple(
        dict.fromkeys(
            pattern.format_map(parts | {"string_taxon": strain})
            for strain in strains
            for pattern in spec.patterns
        )
    )
    if not species.assembly:
        made_up = dict.fromkeys(("version", "licence", "url", "citation", "save_as", "checksums"), "")
        return replace(spec, patterns=patterns, **made_up)
    texts = {
        name: getattr(spec, name).format_map(parts) for name in ("version", "url", "save_as", "checksums")
    }
    return replace(spec, patterns=patterns, **texts)


def locate(
    folder: str | Path,
    species: Species,
    tasks: Collection[str] | None = None,
    instead: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Path]:
    """Find the source files of a species in a folder.

    Parameters
    ----------
    folder : str or Path
    species : Species
    tasks : collection of str, optional
        Tasks whose sources must be there; all tasks when left out. Other sources are found too where
        they are there.
    instead : mapping of str to str
        Sources to look for in the place of others: `SourceSpec.key` of the alternative by that of the
        usual one.

    Returns
    -------
    dict of str to Path
        By `SourceSpec.key`, in the order of `sources_of`.

    Raises
    ------
    GenoProtError
        One line that names every file that is missing, or found more than once, or is a folder.

    Notes
    -----
    The sources of the records themselves are always required, but for those that the species can do without
    (`Species.optional`).
    """
    folder = Path(folder)
    if not folder.is_dir():
        reason = "is not a folder" if folder.exists() else "no such folder"
        raise GenoProtError(f"{folder}: {reason}; expected the folder of the source files")
    required = {RECORDS, *(TASKS if tasks is None else tasks)}
    found: dict[str, Path] = {}
    faults: list[str] = []
    alternatives = {spec.key: spec for spec in alternatives_of(species)}
    for usual in sources_of(species):
        spec = alternatives.get(instead.get(usual.key, ""), usual)
        matches = files_of(spec, folder)
        if len(matches) == 1 and matches[0].is_file():
            found[spec.key] = matches[0]
        elif len(matches) > 1:
            names = ", ".join(path.name for path in matches)
            faults.append(f"{spec.title}: expected one file, found {names}")
        elif matches:
            faults.append(f"{spec.title}: {matches[0].name} is not a file")
        elif required.intersection(usual.required_for) and usual.key not in species.optional:
            origin = spec.url or f"`genoprot synthesize` writes it with the others of {species.title}"
            faults.append(f"{spec.title}: no {' or '.join(spec.globs)} ({origin})")
    if faults:
        raise GenoProtError(f"{folder}: {len(faults)} source files at fault: " + "; ".join(faults))
    return found


def files_of(spec: SourceSpec, folder: Path) -> list[Path]:
    """What a folder has under the names of a source, sorted; there should be one."""
    return sorted({path for pattern in spec.globs for path in folder.glob(pattern)})


def unavailable_tasks(species: Species, found: Mapping[str, Path]) -> dict[str, str]:
    """Tasks that a species cannot have, and why.

    Parameters
    ----------
    species : Species
    found : mapping of str to Path
        As `locate` returns it.

    Returns
    -------
    dict of str to str
        The reason by task: a source that the species does not have, or one of its optional sources that is
        not there.

    Examples
    --------
    >>> unavailable_tasks(SPECIES["ecoli"], {"uniprot": Path("uniprot_sprot_ecoli.dat")})["melanoma"]
    'DepMap CRISPR gene effects: DepMap screens human cell lines'
    """
    reasons: dict[str, str] = {}
    for spec in LISTING:
        if spec.key in species.absent:
            reason = species.absent[spec.key]
        elif spec.key in species.optional and spec.key not in found:
            reason = "not among the source files"
        else:
            continue
        for task in spec.required_for:
            if task != RECORDS:
                reasons.setdefault(task, f"{spec.title}: {reason}")
    return reasons


def detect_species(folder: str | Path) -> Species:
    """The species whose files are in a folder; human where there are none of any.

    Parameters
    ----------
    folder : str or Path

    Returns
    -------
    Species

    Raises
    ------
    GenoProtError
        If there are files of several species.
    """
    folder = Path(folder)
    shared = {pattern for spec in LISTING for pattern in spec.patterns}
    present = [
        species
        for species in SPECIES.values()
        if any(files_of(spec, folder) for spec in sources_of(species) if shared.isdisjoint(spec.patterns))
    ]
    if len(present) > 1:
        names = ", ".join(species.name for species in present)
        raise GenoProtError(f"{folder}: files of several species ({names}); name one with --species")
    return present[0] if present else next(iter(SPECIES.values()))
