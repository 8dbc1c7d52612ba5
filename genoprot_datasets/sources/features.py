"""Rows of a GFF3 file: the wanted types, checked, and the sequences that the file names."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from genoprot_datasets.errors import SourceError
from genoprot_datasets.sources.attributes import attributes_of, dbxref, decoded, parse_attributes
from genoprot_datasets.sources.rows import Rows, RowTable, Wanted
from genoprot_datasets.sources.text import iter_line_blocks

__all__ = ["Region", "iter_features"]

_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Region:
    """A sequence of the assembly.

    Attributes
    ----------
    seqid : str
    length : int
        Bases; 0 where the file does not say.
    chromosome : str
        Name of the chromosome; empty where the file gives none.
    genome : str
        What NCBI calls it: ``chromosome``, ``genomic``, ``mitochondrion``, ``plasmid``.
    circular : bool
    taxon : str
        NCBI taxon id; empty where the file gives none.
    """

    seqid: str
    length: int = 0
    chromosome: str = ""
    genome: str = ""
    circular: bool = False
    taxon: str = ""


def iter_features(path: str | Path, wanted: Sequence[Wanted], regions: dict[str, Region]) -> Iterator[Rows]:
    """Rows of some types.

    Parameters
    ----------
    path : str or Path
        GFF3, plain or gzipped; what follows ``##FASTA`` is not read.
    wanted : sequence of Wanted
    regions : dict of str to Region
        Filled, ahead of the rows that lie on it, with every sequence that the file names.

    Yields
    ------
    Rows
        In the order of the file those that are wanted together; others may come before or after them.

    Raises
    ------
    SourceError
        At the first row that has not nine fields, or that is wanted and lies outside its sequence or has an
        impossible coordinate, strand or phase, or an attribute without an equals sign.
    """
    reader = _LineReader(path, wanted, regions)
    number = 1
    for block in iter_line_blocks(path, _BLOCK_BYTES):
        table = RowTable(_plain_text(path, block), wanted, number)
        for first, odd, last, reach, found in table.stretches():
            within = reach <= reader.limit
            if found and within:
                yield from reader.on_sequence(found)
            for k in range(odd if within else first, last + 1):
                line = table.line(k)
                if line.startswith("##FASTA"):
                    return
                if rows := reader.read(number + k, line):
                    yield rows
        number += len(table)


def _plain_text(path: str | Path, block: bytes) -> bytes:
    """A block whose lines end in a line feed, checked to be UTF-8."""
    try:
        if not block.isascii():
            block.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SourceError(path, f"not UTF-8 text ({error.reason})") from None
    if b"\r" in block:
        block = block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return block if block.endswith(b"\n") else block + b"\n"


class _LineReader:
    """Reads lines one by one, and keeps what the next ones depend on.

    Attributes
    ----------
    limit : float
        The largest coordinate that a row on the sequence of the last one may have.
    """

    def __init__(self, path: str | Path, wanted: Sequence[Wanted], regions: dict[str, Region]) -> None:
        self.limit = 0.0
        self._path, self._regions = path, regions
        self._wanted = {kind: group for group in wanted for kind in group.kinds}
        self._seqid = ""
        self._nameless: tuple[int, str, str, str] | None = None

    def on_sequence(self, found: list[Rows]) -> list[Rows]:
        """Rows that lie on the sequence of the last one."""
        if any(rows.wanted.is_coding for rows in found):
            self._nameless = None
        return [rows._replace(seqid=self._seqid) for rows in found]

    def read(self, number: int, line: str) -> Rows | None:
        """What a line says, where it is a row that is wanted."""
        if not line or line.startswith("#"):
            if line.startswith("##sequence-region"):
                self._add_directive(number, line)
            return None
        if line.count("\t") != 8:
            found = line.count("\t") + 1
            raise SourceError(self._path, f"expected 9 fields separated by tabs, found {found}", line=number)
        seqid, _source, kind, rest = line.split("\t", 3)
        self._seqid = seqid = decoded(seqid)
        region = self._regions.setdefault(seqid, Region(seqid))
        rows = None
        if kind in self._wanted or kind == "region":
            rows = self._read(number, kind, rest, region)
        region = self._regions[seqid]
        self.limit = region.length if region.length and not region.circular else math.inf
        return rows

    def _read(self, number: int, kind: str, rest: str, region: Region) -> Rows | None:
        first, last, _score, strand, phase, field = rest.split("\t")
        if not (_is_number(first) and _is_number(last) and 1 <= int(first) <= int(last)):
            message = f"expected 1 <= start <= end, found {first!r} and {last!r}"
            raise SourceError(self._path, message, line=number)
        start, end = int(first), int(last)
        if region.length and end > region.length and not region.circular:
            message = f"{kind} ends at {end}, beyond the {region.length} bases of {region.seqid}"
            raise SourceError(self._path, message, line=number)
        if strand not in ("+", "-") and (kind == "CDS" or strand not in (".", "?")):
            raise SourceError(self._path, f"strand of a {kind} is {strand!r}, expected + or -", line=number)
        if kind == "CDS" and phase not in ("0", "1", "2", "."):
            raise SourceError(self._path, f"phase of a CDS is {phase!r}, expected 0, 1 or 2", line=number)
        if kind == "region" and start == 1 and not region.genome and not region.taxon:
            # Centromeres and the like are `region` rows too; the row of the whole sequence starts at base 1.
            self._add_region(end, parse_attributes(self._path, number, field), region)
        if kind not in self._wanted:
            return None
        wanted = self._wanted[kind]
        attributes = parse_attributes(self._path, number, field)
        parts, phases = [], []
        if wanted.is_coding:
            number = self._first_line(number, field, strand, bool(attributes.get("ID")))
            parts, phases = [((start, end),)], [phase]
        columns = [[value] for value in attributes_of(attributes, wanted.names)]
        place = [number], [kind], [start], [end], [strand]
        return Rows(wanted, region.seqid, *place, columns, parts, phases)

    def _first_line(self, number: int, field: str, strand: str, named: bool) -> int:
        """Line of a row of a coding region, or of the first of several that are the same but have no name."""
        if named:
            self._nameless = None
        elif self._nameless and self._nameless[1:] == (field, self._seqid, strand):
            number = self._nameless[0]
        else:
            self._nameless = (number, field, self._seqid, strand)
        return number

    def _add_directive(self, number: int, line: str) -> None:
        fields = line.split()
        if len(fields) != 4 or not _is_number(fields[3]):
            raise SourceError(self._path, "expected '##sequence-region NAME START END'", line=number)
        seqid = unquote(fields[1])
        self._regions.setdefault(seqid, Region(seqid, length=int(fields[3])))

    def _add_region(self, end: int, attributes: Mapping[str, str], region: Region) -> None:
        name, genome, chromosome, circular, references = attributes_of(
            attributes, ("Name", "genome", "chromosome", "Is_circular", "Dbxref")
        )
        if not chromosome and genome == "mitochondrion":
            chromosome = "MT"
        if not chromosome and name not in ("ANONYMOUS", "Unknown"):
            chromosome = name
        taxon = dbxref(references, "taxon")
        self._regions[region.seqid] = Region(region.seqid, end, chromosome, genome, circular == "true", taxon)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 16
