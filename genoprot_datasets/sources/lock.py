"""`sources.lock`: which bytes of each source were downloaded, so that a later download gets the same."""

from __future__ import annotations

import json
import threading
from dataclasses import asdict, dataclass
from pathlib import Path

from genoprot_datasets.errors import SourceError
from genoprot_datasets.files import atomic_file

__all__ = ["LOCK_NAME", "LockEntry", "SourceLock"]

LOCK_NAME = "sources.lock"
"""Name of the file, beside the sources."""

_SCHEMA_VERSION = 1


@dataclass(frozen=True)
class LockEntry:
    """One downloaded file.

    Attributes
    ----------
    file : str
        Name beside the lock.
    url : str
    sha256 : str
    bytes : int
    etag, last_modified : str or None
        As the server gave them.
    version : str or None
        Release that the server, the publisher's list of checksums or the file itself names.
    published_checksum : str or None
        The publisher's own checksum, which the file agrees with: algorithm and digest.
    """

    file: str
    url: str
    sha256: str
    bytes: int
    etag: str | None = None
    last_modified: str | None = None
    version: str | None = None
    published_checksum: str | None = None


class SourceLock:
    """The entries of a folder's lock; written back whenever one is recorded.

    Parameters
    ----------
    folder : path
        Folder of the sources; the lock need not be there yet.

    Raises
    ------
    SourceError
        If the lock cannot be read.
    """

    def __init__(self, folder: str | Path) -> None:
        self._path = Path(folder) / LOCK_NAME
        self._mutex = threading.Lock()
        self._entries = self._read() if self._path.exists() else {}

    def _read(self) -> dict[str, LockEntry]:
        try:
            content = json.loads(self._path.read_text(encoding="utf-8"))
            version = content["schema_version"]
            rows = content["files"]
            if version != _SCHEMA_VERSION:
                message = f"schema version {version!r}, this program reads {_SCHEMA_VERSION}"
                raise SourceError(self._path, message)
            entries = {row["file"]: LockEntry(**row) for row in rows}
            if len(entries) != len(rows):
                raise SourceError(self._path, "a file has two entries; remove one of them")
        except (OSError, ValueError, KeyError, TypeError) as error:
            reason = " ".join(str(error).split())
            message = f"not a lock of sources ({reason}); restore it, or remove it to record anew"
            raise SourceError(self._path, message) from None
        for entry in entries.values():
            if not (isinstance(entry.sha256, str) and isinstance(entry.bytes, int)):
                raise SourceError(self._path, "expected a sha256 and a size", record=str(entry.file))
        return entries

    def get(self, file: str) -> LockEntry | None:
        """Entry of a file; None where it was never downloaded."""
        with self._mutex:
            return self._entries.get(file)

    def record(self, entry: LockEntry) -> None:
        """Add or replace an entry and write the lock; safe to call from several threads."""
        with self._mutex:
            self._entries[entry.file] = entry
            rows = [asdict(self._entries[name]) for name in sorted(self._entries)]
            content = {"schema_version": _SCHEMA_VERSION, "files": rows}
            with atomic_file(self._path) as staging:
                staging.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
