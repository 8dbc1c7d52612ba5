"""Rows of a GFF3 file: the wanted types, checked, and the sequences that the file names."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from genoprot_datasets.errors import SourceError
from genoprot_datasets.sources.rows import RowTable
from genoprot_datasets.sources.text import iter_line_blocks

__all__ = ["Feature", "Region", "attribute", "dbxref", "iter_features", "parse_attributes", "values"]

_BLOCK_BYTES = 1 << 20


class Feature(NamedTuple):
    """One row; coordinates are 1-based and inclusive, `attributes` is the last field as it stands."""

    line: int
    seqid: str
    kind: str
    start: int
    end: int
    strand: str
    phase: str
    attributes: str


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


def iter_features(path: str | Path, kinds: Collection[str], regions: dict[str, Region]) -> Iterator[Feature]:
    """Rows of some types, in the order of the file.

    Parameters
    ----------
    path : str or Path
        GFF3, plain or gzipped; what follows ``##FASTA`` is not read.
    kinds : collection of str
        Values of the third column that are wanted.
    regions : dict of str to Region
        Filled, ahead of the rows that lie on it, with every sequence that the file names.

    Yields
    ------
    Feature

    Raises
    ------
    SourceError
        If a row has not nine fields, or a wanted one lies outside its sequence or has an impossible
        coordinate, strand or phase.
    """
    looked_for = frozenset(kinds) | {"region"}
    coding = "CDS" in looked_for
    number = 1
    for block in iter_line_blocks(path, _BLOCK_BYTES):
        table = RowTable(_plain_text(path, block), looked_for)
        limit = 0.0
        seqid = ""
        for k in table.worth_reading():
            if coding and table.is_plain_coding[k] and table.end[k] <= limit:
                start, end, strand, phase, attributes = table.coding(k)
                yield Feature(number + k, seqid, "CDS", start, end, strand, phase, attributes)
                continue
            line = table.line(k)
            if line.startswith("#"):
                if line.startswith("##FASTA"):
                    return
                if line.startswith("##sequence-region"):
                    _add_directive(path, number + k, line, regions)
                continue
            if line.count("\t") != 8:
                found = line.count("\t") + 1
                message = f"expected 9 fields separated by tabs, found {found}"
                raise SourceError(path, message, line=number + k)
            seqid, _source, kind, rest = line.split("\t", 3)
            if "%" in seqid:
                seqid = unquote(seqid)
            if seqid not in regions:
                regions[seqid] = Region(seqid)
            if kind in looked_for:
                feature = _feature(path, number + k, seqid, kind, rest, regions[seqid])
                if kind == "region":
                    _add_region(path, feature, regions)
                if kind in kinds:
                    yield feature
            region = regions[seqid]
            limit = region.length if region.length and not region.circular else math.inf
        number += len(table)


def _plain_text(path: str | Path, block: bytes) -> bytes:
    """A block whose lines end in a line feed only, checked to be UTF-8."""
    try:
        if not block.isascii():
            block.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SourceError(path, f"not UTF-8 text ({error.reason})") from None
    return block.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in block else block


def _feature(path: str | Path, line: int, seqid: str, kind: str, rest: str, region: Region) -> Feature:
    first, last, _score, strand, phase, attributes = rest.split("\t")
    if not (_is_number(first) and _is_number(last) and 1 <= int(first) <= int(last)):
        raise SourceError(path, f"expected 1 <= start <= end, found {first!r} and {last!r}", line=line)
    end = int(last)
    if region.length and end > region.length and not region.circular:
        message = f"{kind} ends at {end}, beyond the {region.length} bases of {seqid}"
        raise SourceError(path, message, line=line)
    if strand not in ("+", "-") and (kind == "CDS" or strand not in (".", "?")):
        raise SourceError(path, f"strand of a {kind} is {strand!r}, expected + or -", line=line)
    if kind == "CDS" and phase not in ("0", "1", "2", "."):
        raise SourceError(path, f"phase of a CDS is {phase!r}, expected 0, 1 or 2", line=line)
    return Feature(line, seqid, kind, int(first), end, strand, phase, attributes)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 16


def _add_directive(path: str | Path, line: int, text: str, regions: dict[str, Region]) -> None:
    fields = text.split()
    if len(fields) != 4 or not _is_number(fields[3]):
        raise SourceError(path, "expected '##sequence-region NAME START END'", line=line)
    seqid = unquote(fields[1])
    regions.setdefault(seqid, Region(seqid, length=int(fields[3])))


def _add_region(path: str | Path, feature: Feature, regions: dict[str, Region]) -> None:
    # Centromeres and the like are `region` rows too; the row of the whole sequence starts at base 1.
    if feature.start != 1 or regions[feature.seqid].genome or regions[feature.seqid].taxon:
        return
    attributes = parse_attributes(path, feature)
    name = attribute(attributes, "Name")
    genome = attribute(attributes, "genome")
    chromosome = attribute(attributes, "chromosome")
    if not chromosome and genome == "mitochondrion":
        chromosome = "MT"
    if not chromosome and name not in ("ANONYMOUS", "Unknown"):
        chromosome = name
    regions[feature.seqid] = Region(
        feature.seqid,
        feature.end,
        chromosome,
        genome,
        attribute(attributes, "Is_circular") == "true",
        dbxref(attributes, "taxon"),
    )


def parse_attributes(path: str | Path, feature: Feature) -> dict[str, str]:
    """Attributes of a row by name, still percent-encoded.

    Raises
    ------
    SourceError
        If an attribute has no equals sign.
    """
    try:
        return dict([pair.split("=", 1) for pair in map(str.strip, feature.attributes.split(";"))])
    except ValueError:
        pass
    attributes = {}
    for pair in feature.attributes.split(";"):
        name, equals, value = pair.strip().partition("=")
        if equals:
            attributes[name] = value
        elif name not in ("", "."):
            raise SourceError(path, f"attribute {name[:40]!r} has no '='", line=feature.line)
    return attributes


def attribute(attributes: Mapping[str, str], name: str) -> str:
    """Value of an attribute, decoded; empty where there is none.

    Examples
    --------
    >>> attribute({"Note": "isoform 1%3B frameshift"}, "Note")
    'isoform 1; frameshift'
    """
    value = attributes.get(name, "")
    return unquote(value) if "%" in value else value


def values(attributes: Mapping[str, str], name: str) -> list[str]:
    """Values of an attribute that may have several, decoded.

    Examples
    --------
    >>> values({"tag": "MANE Select,RefSeq Select"}, "tag")
    ['MANE Select', 'RefSeq Select']
    """
    return [unquote(value) for value in attributes[name].split(",")] if attributes.get(name) else []


def dbxref(attributes: Mapping[str, str], database: str) -> str:
    """First identifier of a database among the cross-references; empty where there is none.

    Examples
    --------
    >>> dbxref({"Dbxref": "GeneID:672,HGNC:HGNC:1100"}, "HGNC")
    'HGNC:1100'
    """
    for value in values(attributes, "Dbxref"):
        name, _, identifier = value.partition(":")
        if name == database:
            return identifier
    return ""
