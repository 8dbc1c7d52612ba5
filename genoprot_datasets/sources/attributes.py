"""The last field of a GFF3 row: attributes of a single row, and of many rows at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import unquote

import numpy as np

from genoprot_datasets.errors import SourceError
from genoprot_datasets.sources.text_fields import TextFields

__all__ = ["AttributeTable", "attributes_of", "dbxref", "decoded", "parse_attributes", "values"]


_SEVERAL = frozenset({"Dbxref", "Parent", "tag"})
"""Attributes that may have several values, which can be told apart only before they are decoded."""


def parse_attributes(path: str | Path, line: int, field: str) -> dict[str, str]:
    """Attributes of a row by name, still percent-encoded; the last one of a name counts.

    Raises
    ------
    SourceError
        If an attribute has no equals sign.
    """
    attributes = {}
    for pair in field.split(";"):
        name, equals, value = pair.strip().partition("=")
        if equals:
            attributes[name] = value
        elif name not in ("", "."):
            raise SourceError(path, f"attribute {name[:40]!r} has no '='", line=line)
    return attributes


def attributes_of(attributes: Mapping[str, str], names: Iterable[str]) -> tuple[str, ...]:
    """Some attributes of a row, empty where there is none of the name.

    They are decoded, but for those of which there may be several: `values` and `dbxref` read these.

    Examples
    --------
    >>> attributes_of({"Note": "isoform 1%3B frameshift", "tag": "a%2Cb,c"}, ["Note", "tag", "ID"])
    ('isoform 1; frameshift', 'a%2Cb,c', '')
    """
    found = ((name, attributes.get(name, "")) for name in names)
    return tuple(value if name in _SEVERAL else decoded(value) for name, value in found)


def decoded(value: str) -> str:
    """Text without its percent-encoding."""
    return unquote(value) if "%" in value else value


def values(value: str) -> list[str]:
    """Values of an attribute that may have several, decoded.

    Examples
    --------
    >>> values("MANE Select,RefSeq Select")
    ['MANE Select', 'RefSeq Select']
    """
    if "," in value:
        return [decoded(item) for item in value.split(",")]
    return [decoded(value)] if value else []


def dbxref(value: str, database: str) -> str:
    """First identifier of a database among cross-references; empty where there is none.

    Examples
    --------
    >>> dbxref("GeneID:672,HGNC:HGNC:1100", "HGNC")
    'HGNC:1100'
    """
    prefix = database + ":"
    for item in value.split(","):
        if (identifier := decoded(item)).startswith(prefix):
            return identifier[len(prefix) :]
    return ""


class AttributeTable:
    """Attributes of many rows at once.

    Parameters
    ----------
    content : bytes
        The last fields of the rows, each with a line feed after it.

    Attributes
    ----------
    is_plain : ndarray of bool, shape=(rows,)
        Rows in ASCII that consist of ``NAME=VALUE`` without white space around them and have an ``ID``. Of
        others is not known what `column` says.

    Examples
    --------
    >>> table = AttributeTable(b"ID=a;Name=b\\nName=c\\nID=d;Note=x%3By\\n")
    >>> table.is_plain.tolist()
    [True, False, True]
    >>> table.column("Name", np.array([0, 2])), table.column("Note", np.array([0, 2]))
    (['b', ''], ['', 'x;y'])
    """

    def __init__(self, content: bytes) -> None:
        self._letters = content.decode("latin-1")
        self._is_encoded = "%" in self._letters
        self._text = TextFields(content)
        letters = self._text.letters
        marks = np.flatnonzero((letters == ord(";")) | (letters == ord("=")) | (letters == ord("\n")))
        last = np.flatnonzero(letters[marks] != ord("="))
        self._ends = marks[last]
        self._starts = np.concatenate([[0], self._ends[:-1] + 1])
        # The first mark of an attribute is its equals sign, or its end where it has none.
        self._equals = marks[np.concatenate([[0], last[:-1] + 1])]
        ends_row = letters[self._ends] == ord("\n")
        self._row = np.cumsum(ends_row) - ends_row
        self._words = self._text.words(self._starts, self._equals)
        self._places: dict[str, tuple[np.ndarray, np.ndarray]] = {}

        starts, ends = self._places_of("ID")
        self.is_plain = ends > starts
        odd = (letters[self._starts] <= ord(" ")) | (letters[self._ends - 1] <= ord(" "))
        odd |= self._equals == self._ends
        self.is_plain[self._row[odd & (self._starts < self._ends)]] = False
        if not content.isascii():
            rows_end = self._ends[ends_row]
            self.is_plain[np.searchsorted(rows_end, np.flatnonzero(letters > 0x7F))] = False

    def column(self, name: str, rows: np.ndarray) -> list[str]:
        """An attribute of some rows, as `attributes_of` has it."""
        starts, ends = self._places_of(name)
        starts, ends = starts[rows], ends[rows]
        if not ends.any():
            return [""] * len(rows)
        letters = self._letters
        column = [letters[start:end] for start, end in zip(starts.tolist(), ends.tolist())]
        if self._is_encoded and name not in _SEVERAL:
            return [unquote(value) if "%" in value else value for value in column]
        return column

    def _places_of(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Start and end of the last value of an attribute in each row; 0 where there is none."""
        if name not in self._places:
            named = self._text.equal(self._starts, self._equals, name.encode(), self._words)
            attributes = np.flatnonzero(named)
            row = self._row[attributes]
            starts, ends = np.zeros((2, self._row[-1] + 1), np.int64)
            starts[row], ends[row] = self._equals[attributes] + 1, self._ends[attributes]
            self._places[name] = starts, ends
        return self._places[name]
