"""Errors that a person can mend: one clear line, no traceback."""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable
from pathlib import Path

__all__ = ["GenoProtError", "SourceError", "meant", "os_failure"]


class GenoProtError(Exception):
    """Input that cannot be used; the message is one line that says what to do.

    The command line prints it and exits with status 2.
    """


class SourceError(GenoProtError):
    """A source file that is missing, damaged or not in the expected format.

    Parameters
    ----------
    path : str or Path
        The file.
    message : str
        What was expected and what was found.
    line : int, optional
        Line number, counted from 1.
    record : str, optional
        Identifier of the record in which the fault lies.

    Examples
    --------
    >>> str(SourceError("a.gff", "no CDS rows", line=3))
    'a.gff, line 3: no CDS rows'
    """

    def __init__(
        self, path: str | Path, message: str, *, line: int | None = None, record: str | None = None
    ) -> None:
        where = str(path)
        if line is not None:
            where += f", line {line}"
        if record is not None:
            where += f", record {record}"
        # Names come out of damaged files, and the message has to stay one line.
        text = f"{where}: {message}"
        super().__init__("".join(mark if mark.isprintable() else repr(mark)[1:-1] for mark in text))


def meant(name: str, known: Iterable[str]) -> str:
    """A question in brackets after a name that is not known, where one that is known resembles it.

    Examples
    --------
    >>> meant("unirep64", ["kmer-4", "unirep-64"])
    " (did you mean 'unirep-64'?)"
    >>> meant("luck", ["kmer-4", "unirep-64"])
    ''
    """
    close = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


_OS_FAILURES = {
    errno.ENOSPC: "the disk is full; make room or write elsewhere, and give the same command again",
    errno.EDQUOT: "the quota is used up; make room or write elsewhere, and give the same command again",
    errno.EROFS: "lies on a file system that cannot be written; write elsewhere",
    errno.EEXIST: "exists and is not a folder",
    errno.ENOTDIR: "a file stands where a folder should be",
    errno.EACCES: "this user may not read or write it",
    errno.EPERM: "this user may not do that to it",
}


def os_failure(error: OSError) -> str | None:
    """What an error of the operating system means to the user; None where it is of another kind.

    Examples
    --------
    >>> os_failure(OSError(errno.EROFS, "Read-only file system", "/mnt/results"))
    '/mnt/results: lies on a file system that cannot be written; write elsewhere'
    """
    if error.errno is None:
        return None
    words = _OS_FAILURES.get(error.errno, error.strerror)
    return f"{error.filename}: {words}" if error.filename is not None else words
