"""FASTA files of any size, one record in memory at a time."""

from __future__ import annotations

import string
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from genoprot_datasets.errors import SourceError
from genoprot_datasets.sources.text import iter_line_blocks

__all__ = ["FastaRecord", "iter_fasta"]

_RESIDUES = string.ascii_uppercase.encode() + b"*-"
_BLANKS = (b" ", b"\t", b"\r", b"\v", b"\f")
_BLOCK_BYTES = 1 << 18
_TABLE_BYTES = 1 << 12
"""Length from which lines are worth being treated as a table."""

_UPPER = np.uint8(0xDF)
"""Mask that turns a lower-case ASCII letter into its capital, and makes a letter of nothing else."""


class FastaRecord(NamedTuple):
    """One sequence of a FASTA file.

    Attributes
    ----------
    name : str
        The header's first word.
    description : str
        The rest of the header.
    sequence : bytearray
        ASCII letters in upper case, ``*`` and ``-``.
    """

    name: str
    description: str
    sequence: bytearray


class _Residues:
    """Residues of a record as its lines come in, and the first byte that is none."""

    def __init__(self) -> None:
        self.sequence = bytearray()
        self.strange = b""

    def add(self, lines: bytes) -> int:
        """Append whole lines, in upper case, without line ends and white space at their ends; count them."""
        rows, lines = self._add_table(lines)
        rows += lines.count(b"\n")
        if any(mark in lines for mark in _BLANKS):
            lines = b"\n".join(line.strip() for line in lines.split(b"\n"))
        residues = lines.upper().replace(b"\n", b"")
        self.strange = self.strange or residues.translate(None, _RESIDUES)[:1]
        self.sequence += residues
        return rows

    def _add_table(self, lines: bytes) -> tuple[int, bytes]:
        """Append lines of one width with nothing but letters in them; their number, and what is left."""
        width = lines.find(b"\n") + 1
        whole = len(lines) - len(lines) % width if width > 1 else 0
        if whole < _TABLE_BYTES:
            return 0, lines
        table = np.frombuffer(lines, np.uint8, whole).reshape(-1, width)
        letters = table[:, :-1] & _UPPER
        if (table[:, -1] != ord("\n")).any() or (letters - np.uint8(ord("A"))).max() > ord("Z") - ord("A"):
            return 0, lines
        self.sequence.extend(letters.reshape(-1))
        return len(table), lines[whole:]


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
    number, header_line = 1, 0
    residues = _Residues()
    seen: set[str] = set()
    for lines in _header_or_residues(path):
        if lines.startswith(b">"):
            if header is not None:
                yield _record(path, header, header_line, residues, seen)
            header, header_line, residues = lines, number, _Residues()
            number += 1
        elif header is not None:
            number += residues.add(lines)
        elif lines.strip():
            number += next(k for k, line in enumerate(lines.split(b"\n")) if line.strip())
            raise SourceError(path, "not FASTA: expected a header that begins with '>'", line=number)
        else:
            number += lines.count(b"\n")
    if header is None:
        raise SourceError(path, "no FASTA record in it")
    yield _record(path, header, header_line, residues, seen)


def _header_or_residues(path: str | Path) -> Iterator[bytes]:
    """Header lines, and runs of whole lines between them."""
    for block in iter_line_blocks(path, _BLOCK_BYTES):
        start = 0
        while start < len(block):
            is_header = block.startswith(b">", start)
            end = block.find(b"\n", start) + 1 if is_header else _next_header(block, start)
            lines = block[start : end if end > 0 else len(block)]
            yield lines
            start += len(lines)


def _next_header(block: bytes, start: int) -> int:
    """Place of the first line from `start` that begins with ``>``; -1 where there is none."""
    found = block.find(b">", start)
    while found > 0 and block[found - 1 : found] != b"\n":
        found = block.find(b">", found + 1)
    return found


def _record(path: str | Path, header: bytes, line: int, residues: _Residues, seen: set[str]) -> FastaRecord:
    try:
        name, _, description = header[1:].decode("utf-8").strip().partition(" ")
    except UnicodeDecodeError:
        raise SourceError(path, "header is not UTF-8 text", line=line) from None
    if not name:
        raise SourceError(path, "header without a name", line=line)
    if name in seen:
        raise SourceError(path, "second record of this name", line=line, record=name)
    if not residues.sequence:
        raise SourceError(path, "no sequence", line=line, record=name)
    if residues.strange:
        message = f"{residues.strange.decode('latin-1')!r} is no residue"
        raise SourceError(path, message, line=line, record=name)
    seen.add(name)
    return FastaRecord(name, description.strip(), residues.sequence)
