"""UniProt's flat files and its id mapping."""

from __future__ import annotations

import io
import re
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from genoprot_datasets.errors import SourceError
from genoprot_datasets.sources.accessions import is_accession, is_protein_identifier
from genoprot_datasets.sources.tables import iter_rows
from genoprot_datasets.sources.text import open_text

__all__ = ["MIM_TYPES", "UniProtEntry", "iter_entries", "read_entries", "read_id_mapping"]

MIM_TYPES = ("phenotype", "gene+phenotype", "gene")
"""Types of references to MIM: a disease, a gene whose entry also describes one, and a gene."""

# Names, dates, references, features and keywords make up most of a file and are not used.
_WANTED_LINES = frozenset({"ID   ", "AC   ", "GN   ", "OX   ", "CC   ", "DR   ", "SQ   ", "     "})
_OTHER_LINES = frozenset(
    ["DT   ", "DE   ", "OS   ", "OG   ", "OC   ", "OH   ", "RN   ", "RP   ", "RC   ", "RX   "]
    + ["RG   ", "RA   ", "RT   ", "RL   ", "PE   ", "KW   ", "FT   ", "**   "]
)

_CONTINUATION = "CC       "
# Evidence stands between two full stops where it is that of a whole comment.
_EVIDENCE = re.compile(r"(\.)?(?:\s*\{[^{}]*\})+(?(1)\.?)")
_LOCATION = "SUBCELLULAR LOCATION:"
_TISSUE = "TISSUE SPECIFICITY:"
_DATABASE = re.compile(r"[\w.-]+")
_ANY = re.compile(r".+")
_REFERENCES = {
    "Pfam": re.compile(r"PF[0-9]{5}"),
    "MIM": re.compile(r"[0-9]{6}"),
    "STRING": re.compile(r"[0-9]+\.[^\s;]+"),
}
_NOTE = re.compile(r"\bNote=.*", re.DOTALL)
_MOLECULE = re.compile(r"\[[^][]*\]:")


@dataclass(frozen=True, slots=True)
class UniProtEntry:
    """What the benchmark uses of a UniProt entry.

    Attributes
    ----------
    accession : str
        Primary accession.
    entry_name : str
        For example ``TP53_HUMAN``.
    gene : str
        Primary gene name; empty where there is none.
    taxon : int
        NCBI taxon id.
    sequence : str
        Canonical sequence.
    reviewed : bool
        Whether the entry is of Swiss-Prot.
    secondary : tuple of str
        Accessions that the entry had before.
    pfam : frozenset of str
        Pfam families (``PF00001``).
    locations : frozenset of str
        Subcellular locations, without topology, evidence, isoform or note.
    topologies : frozenset of str
        Topologies and orientations given with them, such as ``Single-pass membrane protein``.
    tissue : str
        Tissue specificity in prose, without evidence; all of the entry's comments, joined by a space.
    mim : frozenset of (str, str)
        MIM numbers with their type, one of `MIM_TYPES`.
    string_ids : frozenset of str
        STRING identifiers (``9606.ENSP...``).
    """

    accession: str
    entry_name: str
    gene: str
    taxon: int
    sequence: str
    reviewed: bool = True
    secondary: tuple[str, ...] = ()
    pfam: frozenset[str] = frozenset()
    locations: frozenset[str] = frozenset()
    topologies: frozenset[str] = frozenset()
    tissue: str = ""
    mim: frozenset[tuple[str, str]] = frozenset()
    string_ids: frozenset[str] = frozenset()


def iter_entries(path: str | Path) -> Iterator[UniProtEntry]:
    """Read a flat file entry by entry.

    Parameters
    ----------
    path : str or Path
        Plain or gzipped.

    Yields
    ------
    UniProtEntry

    Raises
    ------
    SourceError
        If an entry is malformed, has no sequence or one of another length than it says, or the last one
        is cut off.
    """
    for line, text in _entry_texts(path):
        yield _entry(path, line, text)


def read_entries(path: str | Path) -> dict[str, UniProtEntry]:
    """Entries of a flat file by primary accession, in the order of the file.

    Raises
    ------
    SourceError
        As `iter_entries`; also if an accession has two different entries, or there is none at all.
    """
    entries: dict[str, UniProtEntry] = {}
    for entry in iter_entries(path):
        if entries.setdefault(entry.accession, entry) != entry:
            raise SourceError(path, "two different entries of this accession", record=entry.accession)
    if not entries:
        raise SourceError(path, "no UniProt entry in it")
    return entries


def _entry_texts(path: str | Path) -> Iterator[tuple[int, str]]:
    """First line and text of each entry; only the lines that are used, and wrapped comments on one line."""
    begin = 0
    kept: list[str] = []
    with open_text(path) as lines:
        for number, line in enumerate(lines, 1):
            line = line.rstrip()
            if not line:
                continue
            if line == "//" and begin:
                yield begin, "\n".join([*kept, "//\n"])
                begin, kept = 0, []
                continue
            if not begin:
                if not line.startswith("ID   "):
                    raise SourceError(path, "expected the ID line of a UniProt entry", line=number)
                begin = number
            if line.startswith(_CONTINUATION) and kept and kept[-1].startswith("CC   -!-"):
                # UniProt wraps after a hyphen without a space.
                kept[-1] += ("" if kept[-1].endswith("-") else " ") + line[len(_CONTINUATION) :].strip()
            elif (code := line[:5]) in _WANTED_LINES:
                kept.append(line)
            elif code not in _OTHER_LINES and line not in ("CC", "**"):
                message = f"expected a line code and three spaces, found {line[:20]!r}"
                raise SourceError(path, message, line=number, record=_name(kept))
    if kept:
        name = _name(kept)
        raise SourceError(path, "the file ends within the entry; fetch it again", line=begin, record=name)


def _name(lines: list[str]) -> str | None:
    """Accession, else entry name, of an entry that cannot be parsed."""
    for code in ("AC", "ID"):
        for line in lines:
            if line.startswith(f"{code}   ") and line[5:].split():
                return line[5:].split()[0].rstrip(";")
    return None


def _entry(path: str | Path, line: int, text: str) -> UniProtEntry:
    from Bio import SwissProt

    try:
        record = SwissProt.read(io.StringIO(text))
        taxon = int(record.taxonomy_id[0]) if record.taxonomy_id else 0
    except (ValueError, AssertionError, IndexError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split()) or "malformed line"
        message = f"not a UniProt entry ({reason})"
        raise SourceError(path, message, line=line, record=_name(text.split("\n"))) from None
    if not record.accessions:
        raise SourceError(path, "entry without an accession", line=line, record=record.entry_name)
    for accession in record.accessions:
        if not is_accession(accession):
            message = f"{accession!r} is no UniProt accession"
            raise SourceError(path, message, line=line, record=record.entry_name)
    accession, *secondary = record.accessions
    if not record.sequence:
        raise SourceError(path, "entry without a sequence", line=line, record=accession)
    if not (record.sequence.isascii() and record.sequence.isalpha()):
        raise SourceError(path, "sequence with a character that is no residue", line=line, record=accession)
    if len(record.sequence) != record.sequence_length:
        message = f"sequence of {len(record.sequence)} residues, the entry says {record.sequence_length}"
        raise SourceError(path, message, line=line, record=accession)
    locations, topologies = _locations(record.comments)
    references = record.cross_references
    for reference in references:
        form = _REFERENCES.get(reference[0], _ANY)
        if not (_DATABASE.fullmatch(reference[0]) and reference[1:] and form.fullmatch(reference[1])):
            message = f"cross-reference {'; '.join(reference)!r} is malformed"
            raise SourceError(path, message, line=line, record=accession)
    return UniProtEntry(
        accession=accession,
        entry_name=record.entry_name,
        gene=_EVIDENCE.sub("", record.gene_name[0].get("Name", "")) if record.gene_name else "",
        taxon=taxon,
        sequence=record.sequence.upper(),
        reviewed=record.data_class == "Reviewed",
        secondary=tuple(secondary),
        pfam=frozenset(reference[1] for reference in references if reference[0] == "Pfam"),
        locations=locations,
        topologies=topologies,
        tissue=_tissue(record.comments),
        mim=frozenset(
            (reference[1], reference[2])
            for reference in references
            if reference[0] == "MIM" and reference[2:] and reference[2] in MIM_TYPES
        ),
        string_ids=frozenset(reference[1] for reference in references if reference[0] == "STRING"),
    )


def _locations(comments: list[str]) -> tuple[frozenset[str], frozenset[str]]:
    """Locations, and the topologies and orientations that follow them after semicolons."""
    locations, topologies = set(), set()
    for comment in comments:
        if comment.startswith(_LOCATION):
            text = _EVIDENCE.sub(r"\1", comment[len(_LOCATION) :])
            text = _MOLECULE.sub("", _NOTE.sub("", text))
            for sentence in text.split("."):
                location, *topology = map(str.strip, sentence.split(";"))
                locations.add(location)
                topologies.update(topology)
    return frozenset(locations - {""}), frozenset(topologies - {""})


def _tissue(comments: list[str]) -> str:
    texts = (
        _EVIDENCE.sub(r"\1", comment[len(_TISSUE) :]).strip()
        for comment in comments
        if comment.startswith(_TISSUE)
    )
    return " ".join(text for text in texts if text)


def read_id_mapping(
    path: str | Path, types: Collection[str] = ("RefSeq", "STRING")
) -> dict[str, dict[str, frozenset[str]]]:
    """Read UniProt's ``idmapping.dat``.

    Parameters
    ----------
    path : str or Path
        Accession, type and identifier, separated by tabs, without a header.
    types : collection of str
        Types of identifiers that are wanted, as the second column has them.

    Returns
    -------
    dict of str to dict of str to frozenset of str
        Accessions by identifier by type; an isoform counts for its entry. Every type is in it, also one
        that the file does not have.

    Raises
    ------
    SourceError
        If a row is malformed, or no row is of a wanted type.
    """
    found: dict[str, dict[str, set[str]]] = {name: defaultdict(set) for name in types}
    for line, (accession, name, identifier) in iter_rows(path, "\t", width=3):
        if name in found:
            if not identifier or not is_protein_identifier(accession):
                message = f"expected an accession and an identifier, found {accession!r} and {identifier!r}"
                raise SourceError(path, message, line=line)
            found[name][identifier].add(accession.partition("-")[0])
    if not any(found.values()):
        raise SourceError(path, f"no identifier of type {', '.join(types)}")
    return {
        name: {identifier: frozenset(accessions) for identifier, accessions in identifiers.items()}
        for name, identifiers in found.items()
    }
