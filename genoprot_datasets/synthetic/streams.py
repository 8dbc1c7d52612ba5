"""Files that are written piece by piece and come out the same every time."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

__all__ = ["FastaWriter", "open_output"]

_LINE = 80
_COMPRESSION = 4


@contextmanager
def open_output(path: Path) -> Iterator[BinaryIO]:
    """Open a file for writing bytes, compressed when its name ends in ``.gz``.

    The gzip header holds neither a time nor a name.
    """
    with open(path, "wb") as raw:
        if path.suffix != ".gz":
            yield raw
            return
        with (
            gzip.GzipFile(filename="", mode="wb", compresslevel=_COMPRESSION, fileobj=raw, mtime=0) as packed,
            io.BufferedWriter(packed, 1 << 20) as buffered,
        ):
            yield buffered


class FastaWriter:
    """Writes FASTA records whose sequences arrive in pieces, in lines of 80.

    Parameters
    ----------
    out : binary file

    Examples
    --------
    >>> out = io.BytesIO()
    >>> writer = FastaWriter(out)
    >>> writer.begin("a first")
    >>> writer.add(np.full(100, ord("A"), dtype=np.uint8))
    >>> writer.end()
    >>> [len(line) for line in out.getvalue().splitlines()]
    [8, 80, 20]
    """

    def __init__(self, out: BinaryIO) -> None:
        self._out = out
        self._rest = np.zeros(0, dtype=np.uint8)

    def begin(self, title: str) -> None:
        """Start a record."""
        self._out.write(f">{title}\n".encode())

    def add(self, letters: np.ndarray) -> None:
        """Append ASCII letters, dtype uint8, to the record."""
        letters = np.concatenate([self._rest, letters])
        whole = len(letters) - len(letters) % _LINE
        lines = letters[:whole].reshape(-1, _LINE)
        newlines = np.full((len(lines), 1), ord("\n"), dtype=np.uint8)
        self._out.write(np.hstack([lines, newlines]).tobytes())
        self._rest = letters[whole:]

    def end(self) -> None:
        """Finish the record."""
        if len(self._rest):
            self._out.write(self._rest.tobytes() + b"\n")
        self._rest = self._rest[:0]
