"""Rows of delimited text with their line numbers; a row of the wrong width is an error."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from genoprot_datasets.errors import SourceError
from genoprot_datasets.sources.text import open_text

__all__ = ["columns_of", "iter_rows"]


def iter_rows(
    path: str | Path,
    separator: str,
    *,
    width: int | None = None,
    comment: str | None = None,
    quoted: bool = False,
) -> Iterator[tuple[int, list[str]]]:
    """Rows of a table in a text file.

    Empty lines are passed over. No value is converted and nothing stands for a missing one.

    Parameters
    ----------
    path : str or Path
    separator : str
        One character.
    width : int, optional
        Fields in a row; that of the first row when left out.
    comment : str, optional
        How a line begins that is no row.
    quoted : bool
        Whether a field may stand in double quotes, as in CSV files.

    Yields
    ------
    line : int
        Line of the file, counted from 1; of a quoted row over several lines, the last one.
    fields : list of str

    Raises
    ------
    SourceError
        If a row has too few or too many fields, or its quotes do not match.
    """
    rows = _quoted_rows(path, separator, comment) if quoted else _plain_rows(path, separator, comment)
    for line, fields in rows:
        if width is None:
            width = len(fields)
        if len(fields) != width:
            raise SourceError(path, f"expected {width} fields, found {len(fields)}", line=line)
        yield line, fields


def _plain_rows(path: str | Path, separator: str, comment: str | None) -> Iterator[tuple[int, list[str]]]:
    with open_text(path) as lines:
        for number, line in enumerate(lines, 1):
            if line == "\n" or (comment is not None and line.startswith(comment)):
                continue
            yield number, line.rstrip("\n").split(separator)


def _quoted_rows(path: str | Path, separator: str, comment: str | None) -> Iterator[tuple[int, list[str]]]:
    with open_text(path) as lines:
        reader = csv.reader(lines, delimiter=separator, strict=True)
        while True:
            try:
                fields = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise SourceError(path, f"not a CSV row ({error})", line=reader.line_num) from None
            if fields and not (comment is not None and fields[0].startswith(comment)):
                yield reader.line_num, fields


def columns_of(
    path: str | Path, header: Sequence[str], names: Sequence[str], *, line: int | None = None
) -> list[int]:
    """Positions of named columns in a header.

    Parameters
    ----------
    path : str or Path
        File, for the error.
    header : sequence of str
    names : sequence of str
        Columns that are needed.
    line : int, optional
        Line of the header, for the error.

    Returns
    -------
    list of int

    Raises
    ------
    SourceError
        If the header lacks one of them.

    Examples
    --------
    >>> columns_of("a.csv", ["id", "name"], ["name"])
    [1]
    """
    missing = [name for name in names if name not in header]
    if missing:
        found = ", ".join(map(repr, header[:8])) + (", ..." if len(header) > 8 else "")
        raise SourceError(path, f"no column {', '.join(missing)}; the header has {found}", line=line)
    return [header.index(name) for name in names]
