"""Lists of checksums as publishers write them: lines of md5sum or sha256sum, and UniProt's metalinks."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from genoprot_datasets.errors import SourceError

__all__ = ["Checksum", "ChecksumList", "read_checksums"]

_ALGORITHM_OF_LENGTH = {32: "md5", 40: "sha1", 64: "sha256"}
_ALGORITHMS = {"md5": "md5", "sha1": "sha1", "sha-1": "sha1", "sha256": "sha256", "sha-256": "sha256"}
_HEXADECIMAL = frozenset("0123456789abcdef")


@dataclass(frozen=True)
class Checksum:
    """A checksum that a publisher states for a file.

    Attributes
    ----------
    algorithm : {"md5", "sha1", "sha256"}
    digest : str
        Hexadecimal, in lower case.
    """

    algorithm: str
    digest: str

    def of(self, path: str | Path) -> Checksum:
        """The checksum that a file has by the same algorithm."""
        with open(path, "rb") as file:
            digest = hashlib.new(self.algorithm, usedforsecurity=False)
            while block := file.read(1 << 20):
                digest.update(block)
        return Checksum(self.algorithm, digest.hexdigest())

    def __str__(self) -> str:
        return f"{self.algorithm} {self.digest}"


@dataclass(frozen=True)
class ChecksumList:
    """What a publisher's list says.

    Attributes
    ----------
    files : dict of str to Checksum
        By file name without folders. Of files of one name in several folders, that of the uppermost folder
        counts; where there are several of them with different checksums, none does.
    release : str or None
        Release that the list is of, where it says.
    """

    files: dict[str, Checksum]
    release: str | None = None


def read_checksums(text: str, source: str) -> ChecksumList:
    """Read a list of checksums.

    Parameters
    ----------
    text : str
        Lines of a hexadecimal checksum and a file name, or a metalink (version 3 or 4).
    source : str
        Where the list is from, for error messages.

    Returns
    -------
    ChecksumList

    Raises
    ------
    SourceError
        If the text is neither.

    Examples
    --------
    >>> found = read_checksums("0cc175b9c0f1b6a831c399e269772661  ./a.gff.gz", "md5checksums.txt")
    >>> found.files["a.gff.gz"].algorithm
    'md5'
    """
    if text.lstrip().startswith("<"):
        return _read_metalink(text, source)
    paths: dict[str, Checksum] = {}
    for number, line in enumerate(text.splitlines(), 1):
        fields = line.split(maxsplit=1)
        if not fields:
            continue
        digest = fields[0].lower()
        algorithm = _ALGORITHM_OF_LENGTH.get(len(digest))
        if len(fields) != 2 or algorithm is None or not _HEXADECIMAL.issuperset(digest):
            raise SourceError(
                source, f"expected a checksum and a file name, found {line[:60]!r}", line=number
            )
        name = fields[1].strip().lstrip("*").removeprefix("./")
        if paths.setdefault(name, Checksum(algorithm, digest)).digest != digest:
            raise SourceError(source, "two checksums of this file", line=number, record=name)
    return ChecksumList(_by_name(paths))


def _by_name(paths: dict[str, Checksum]) -> dict[str, Checksum]:
    """Checksums by name without folders, where the uppermost folder with the name has only one."""
    best: dict[str, tuple[int, set[Checksum]]] = {}
    for path, checksum in paths.items():
        depth, name = path.count("/"), path.rpartition("/")[2]
        least, found = best.get(name, (depth, set()))
        if depth <= least:
            best[name] = (depth, found | {checksum} if depth == least else {checksum})
    return {name: next(iter(found)) for name, (_, found) in best.items() if len(found) == 1}


def _read_metalink(text: str, source: str) -> ChecksumList:
    try:
        root = ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        raise SourceError(source, f"neither a list of checksums nor a metalink ({error})") from None
    files = {}
    release = None
    for element in root.iter():
        tag = element.tag.rpartition("}")[2]
        if tag == "version" and release is None:
            release = (element.text or "").strip() or None
        elif tag == "file":
            for child in element.iter():
                algorithm = _ALGORITHMS.get(child.get("type", "").lower())
                digest = (child.text or "").strip().lower()
                if child.tag.rpartition("}")[2] == "hash" and algorithm and digest:
                    files[element.get("name", "").rpartition("/")[2]] = Checksum(algorithm, digest)
    if not files:
        raise SourceError(source, "a metalink without a checksum was found")
    return ChecksumList(files, release)
