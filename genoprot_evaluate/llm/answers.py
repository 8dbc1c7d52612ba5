"""Answers on disk: every one is appended as it comes, so that none is asked for twice."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from filelock import FileLock, Timeout

from genoprot_datasets.errors import GenoProtError, SourceError

__all__ = ["Answers", "answer_key", "survey_key"]

_DIGITS = 32


def survey_key(material: Mapping[str, Any]) -> str:
    """Beginning of the keys of all answers of a survey.

    Parameters
    ----------
    material : mapping
        JSON values that say who was asked and how.
    """
    return _digest(json.dumps(material, sort_keys=True))


def answer_key(survey: str, text: str) -> str:
    """Key of an answer: digest of what it depends on.

    Parameters
    ----------
    survey : str
        Of `survey_key`.
    text : str
        The question.
    """
    return f"{survey}-{_digest(text)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


class Answers:
    """The answers in a file of JSON lines, by key; of several with one key the last counts.

    A line that was being written when its run was ended is cut off; its question is asked again.

    Parameters
    ----------
    path : str or Path
        Made with its folder by `writing`.

    Raises
    ------
    SourceError
        If a whole line is no answer.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._mutex = threading.Lock()
        self._found: dict[str, dict[str, Any]] = {}
        self._file: BinaryIO | None = None
        self._bytes = self._whole = 0
        if not self.path.is_file():
            return
        content = self.path.read_bytes()
        whole = content.rfind(b"\n") + 1
        for number, line in enumerate(content[:whole].splitlines(), start=1):
            try:
                entry = json.loads(line)
                self._found[entry.pop("key")] = entry
            except (ValueError, KeyError, TypeError, AttributeError):
                raise SourceError(self.path, f"line {number} is no answer; remove it to go on") from None
        self._bytes, self._whole = len(content), whole

    def __len__(self) -> int:
        return len(self._found)

    def __contains__(self, key: str) -> bool:
        return key in self._found

    def __getitem__(self, key: str) -> Mapping[str, Any]:
        return self._found[key]

    def of(self, survey: str) -> list[Mapping[str, Any]]:
        """All answers of a survey, by key."""
        return [self._found[key] for key in sorted(self._found) if key.startswith(f"{survey}-")]

    def forget(self, keys: Iterable[str]) -> None:
        """Take answers for not given, so that their questions are asked again."""
        for key in list(keys):
            del self._found[key]

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Let answers be added, by this process alone; what is left of a torn line is cut off.

        Raises
        ------
        GenoProtError
            If another process is adding answers, or has since the file was read.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.path.with_name(f".{self.path.name}.lock"))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise GenoProtError(f"{self.path}: another run is adding answers; wait for it") from None
        try:
            with open(self.path, "ab") as file:
                if os.fstat(file.fileno()).st_size != self._bytes:
                    raise GenoProtError(f"{self.path}: another run has added answers; run this again")
                file.truncate(self._whole)
                self._file = file
                try:
                    yield
                finally:
                    self._file = None
                    self._bytes = self._whole = os.fstat(file.fileno()).st_size
        finally:
            lock.release()

    def add(self, entries: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
        """Keep answers by key, within `writing`, from any thread; they are on the disk when this returns."""
        entries = list(entries)
        lines = [json.dumps({"key": key, **entry}, sort_keys=True) + "\n" for key, entry in entries]
        with self._mutex:
            if self._file is None:
                raise GenoProtError(f"{self.path}: no run is adding answers")
            self._file.write("".join(lines).encode())
            self._file.flush()
            os.fsync(self._file.fileno())
            self._found.update({key: dict(entry) for key, entry in entries})
