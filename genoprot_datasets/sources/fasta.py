"""FASTA files of any size, one record in memory at a time."""

from __future__ import annotations

import string
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from genoprot_datasets.errors import SourceError
from genoprot_datasets.sources.text import open_binary

__all__ = ["FastaRecord", "iter_fasta"]

_RESIDUES = string.ascii_uppercase.encode() + b"*-"
_BLANKS = (b" ", b"\t", b"\r", b"\v", b"\f")
_BLOCK_BYTES = 1 << 20


class FastaRecord(NamedTuple):
    """One sequence of a FASTA file.

    Attributes
    ----------
    name : str
        The header's first word.
    description : str
        The rest of the header.
    sequence : bytes
        ASCII letters in upper case, ``*`` and ``-``.
    """

    name: str
    description: str
    sequence: bytes


def iter_fasta(path: str | Path) -> Iterator[FastaRecord]:
    """Read a FASTA file record by record.

    Parameters
    ----------
    path : str or Path
        Plain or gzipped.

    Yields
    ------
    FastaRecord

    Raises
    ------
    SourceError
        If the file does not begin with a header, a record has no name, no sequence, the name of an
        earlier one or a character that is no residue, or there is no record at all.
    """
    header: bytes | None = None
    header_line = 0
    sequence = bytearray()
    seen: set[str] = set()
    for number, lines in _header_or_residues(path):
        if lines.startswith(b">"):
            if header is not None:
                yield _record(path, header, header_line, sequence, seen)
            header, header_line, sequence = lines, number, bytearray()
        elif header is not None:
            sequence += _residues(lines)
        elif lines.strip():
            number += next(k for k, line in enumerate(lines.split(b"\n")) if line.strip())
            raise SourceError(path, "not FASTA: expected a header that begins with '>'", line=number)
    if header is None:
        raise SourceError(path, "no FASTA record in it")
    yield _record(path, header, header_line, sequence, seen)


def _header_or_residues(path: str | Path) -> Iterator[tuple[int, bytes]]:
    """Header lines, and runs of whole lines between them, each with the number of its first line."""
    number = 1
    with open_binary(path) as stream:
        while block := stream.read(_BLOCK_BYTES) + stream.readline():
            start = 0
            while start < len(block):
                is_header = block.startswith(b">", start)
                end = block.find(b"\n", start) + 1 if is_header else _next_header(block, start)
                lines = block[start : end if end > 0 else len(block)]
                yield number, lines
                number += lines.count(b"\n")
                start += len(lines)


def _next_header(block: bytes, start: int) -> int:
    """Place of the first line from `start` that begins with ``>``; -1 where there is none."""
    found = block.find(b">", start)
    while found > 0 and block[found - 1 : found] != b"\n":
        found = block.find(b">", found + 1)
    return found


def _residues(lines: bytes) -> bytes:
    """Lines in upper case without line ends and white space at their ends."""
    if any(mark in lines for mark in _BLANKS):
        lines = b"\n".join(line.strip() for line in lines.split(b"\n"))
    return lines.upper().replace(b"\n", b"")


def _record(path: str | Path, header: bytes, line: int, sequence: bytearray, seen: set[str]) -> FastaRecord:
    try:
        name, _, description = header[1:].decode("utf-8").strip().partition(" ")
    except UnicodeDecodeError:
        raise SourceError(path, "header is not UTF-8 text", line=line) from None
    if not name:
        raise SourceError(path, "header without a name", line=line)
    if name in seen:
        raise SourceError(path, "second record of this name", line=line, record=name)
    if not sequence:
        raise SourceError(path, "no sequence", line=line, record=name)
    strange = bytes(sequence.translate(None, _RESIDUES)[:1])
    if strange:
        raise SourceError(path, f"{strange.decode('latin-1')!r} is no residue", line=line, record=name)
    seen.add(name)
    return FastaRecord(name, description.strip(), bytes(sequence))
