"""Download the sources: several at once, resumed, verified, and locked to the bytes of the first download."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from genoprot_datasets.errors import GenoProtError, SourceError
from genoprot_datasets.files import sha256_of
from genoprot_datasets.progress import TransferProgress
from genoprot_datasets.sources import SPECIES, SourceSpec, Species, alternatives_of, files_of, sources_of
from genoprot_datasets.sources.checksums import Checksum, ChecksumList, read_checksums
from genoprot_datasets.sources.lock import LOCK_NAME, LockEntry, SourceLock
from genoprot_datasets.sources.text import open_binary, open_text
from genoprot_datasets.stopping import Stop, TransferStopped
from genoprot_datasets.transfer import (
    NotModified,
    Origin,
    Patience,
    TransferError,
    discard,
    fetch,
)

__all__ = ["DownloadReport", "add_arguments", "download", "run"]

_VERSION_LINES = 200


@dataclass(frozen=True)
class DownloadReport:
    """What became of each source.

    Attributes
    ----------
    finished : dict of str to str
        By source: the file and what was done about it.
    failed : dict of str to str
        By source: one line with the file, the address and the reason.
    by_hand : dict of str to str
        By source: one line on where a person gets the file and under which name to save it.
    """

    finished: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    by_hand: dict[str, str] = field(default_factory=dict)


def download(
    specs: Sequence[SourceSpec],
    out: str | Path,
    *,
    jobs: int = 4,
    update: bool = False,
    patience: Patience | None = None,
    show_progress: bool = False,
) -> DownloadReport:
    """Download sources into a folder.

    A file appears under its name when it is whole and verified; until then it is `NAME.part`, which a later
    call continues. Its length must be the one that the server announces, its checksum the publisher's where
    there is a list of them, and its bytes those of `sources.lock` where it was downloaded before.

    Parameters
    ----------
    specs : sequence of SourceSpec
        As `sources_of` gives them.
    out : path
        Folder; made where it is missing. Files that are there already stay.
    jobs : int
        Files at a time.
    update : bool
        Accept versions that differ from `sources.lock`, and ask for newer ones.
    patience : Patience, optional
    show_progress : bool
        Write progress to standard error.

    Returns
    -------
    DownloadReport
        A source that fails does not keep the others.

    Raises
    ------
    GenoProtError
        If the folder cannot be used, or its lock is damaged.
    """
    if jobs < 1:
        raise GenoProtError(f"jobs: expected 1 or more, found {jobs}")
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise GenoProtError(f"{folder}: cannot be made ({error.strerror or error})") from None
    report = DownloadReport()
    wanted = []
    for spec in specs:
        if spec.by_hand and not files_of(spec, folder):
            report.by_hand[spec.key] = f"{spec.title}: get it by hand: {spec.url}, save as {spec.file_name}"
        else:
            wanted.append(spec)
    stop = Stop()
    patience = patience or Patience()
    with TransferProgress(len(wanted), show_progress) as progress:
        lock, published = SourceLock(folder), _Published(patience, stop)
        downloader = _Downloader(folder, lock, update, patience, progress, stop, published)
        with ThreadPoolExecutor(jobs) as pool:
            futures = {spec.key: pool.submit(downloader.obtain, spec) for spec in wanted}
            try:
                for spec in wanted:
                    words, failure = futures[spec.key].result()
                    (report.failed if failure else report.finished)[spec.key] = words
            except BaseException:
                stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise
    return report


class _Published:
    """Publishers' checksums; each list is fetched once, when the first file needs it."""

    def __init__(self, patience: Patience, stop: Stop) -> None:
        self._patience = patience
        self._stop = stop
        self._mutex = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._lists: dict[str, ChecksumList] = {}

    def of(self, spec: SourceSpec) -> tuple[Checksum | None, str | None]:
        """Checksum of a source's file and the release that it belongs to, where the publisher states them."""
        if not spec.checksums:
            return None, None
        with self._mutex:
            lock = self._locks.setdefault(spec.checksums, threading.Lock())
        with lock:
            if spec.checksums not in self._lists:
                self._lists[spec.checksums] = self._read(spec.checksums)
        found = self._lists[spec.checksums]
        return found.files.get(spec.url.rpartition("/")[2]), found.release

    def _read(self, url: str) -> ChecksumList:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "list"
            try:
                fetch(url, path, patience=self._patience, stop=self._stop)
            except TransferError as error:
                if error.status in (404, 410):
                    return ChecksumList({})
                raise
            return read_checksums(path.read_text(encoding="utf-8", errors="replace"), url)


@dataclass(frozen=True)
class _Downloader:
    folder: Path
    lock: SourceLock
    update: bool
    patience: Patience
    progress: TransferProgress
    stop: Stop
    published: _Published

    def obtain(self, spec: SourceSpec) -> tuple[str, bool]:
        """What was done about a source, in words, and whether it failed."""
        words, failed = "stopped", True
        try:
            words, failed = self._obtained(spec), False
        except TransferStopped:
            pass
        except GenoProtError as error:
            words = str(error) if spec.url in str(error) else f"{spec.url}: {error}"
        except OSError as error:
            words = f"{spec.url}: cannot be written ({error.strerror or error})"
        self.progress.finish(spec.file_name, "failed" if failed else words)
        return f"{spec.file_name}: {words}", failed

    def _obtained(self, spec: SourceSpec) -> str:
        final = self.folder / spec.file_name
        here = files_of(spec, self.folder)
        if spec.by_hand:
            return self._keep(spec, here[0])
        if others := [path.name for path in here if path != final]:
            raise GenoProtError(f"{others[0]} stands for the same source; move it away to download this one")
        locked = self.lock.get(final.name)
        if final.exists() and not self.update:
            return self._keep(spec, final)
        current = locked if locked and final.exists() and sha256_of(final) == locked.sha256 else None
        try:
            try:
                return self._replace(spec, final, current)
            except SourceError:
                # A part of an earlier run may have been at fault, and that is gone now.
                return self._replace(spec, final, current)
        except NotModified:
            return "the server has no newer version"

    def _keep(self, spec: SourceSpec, path: Path) -> str:
        """Check a file that is there already against the lock, or add it to the lock."""
        digest = sha256_of(path)
        locked = self.lock.get(path.name)
        if locked is None:
            size = path.stat().st_size
            version = _version_in(path, spec.version_tag)
            self.lock.record(LockEntry(path.name, spec.url, digest, size, version=version))
            return f"was here already, recorded in {LOCK_NAME}"
        if digest != locked.sha256:
            raise GenoProtError(
                f"{path.name} is not the file of {LOCK_NAME} (sha256 {digest}, expected {locked.sha256}); "
                "remove it to download it again, or accept another version with --update"
            )
        return f"was here already, {locked.bytes:,} bytes"

    def _replace(self, spec: SourceSpec, final: Path, current: LockEntry | None) -> str:
        """Transfer and verify a file; SourceError where its bytes are wrong, and nothing of it is left."""
        locked = None if self.update else self.lock.get(final.name)
        checksum, release = self.published.of(spec)
        part = final.with_name(final.name + ".part")

        def accept(origin: Origin) -> None:
            if locked and origin.bytes not in (None, locked.bytes):
                raise GenoProtError(_another_version(f"{origin.bytes:,} bytes", f"{locked.bytes:,} bytes"))

        origin = fetch(
            spec.url,
            part,
            patience=self.patience,
            known=Origin(spec.url, current.etag, current.last_modified) if current else None,
            accept=accept,
            on_bytes=lambda held, total: self.progress.update(final.name, held, total),
            stop=self.stop,
        )
        try:
            if checksum is not None:
                found = checksum.of(part)
                if found != checksum:
                    raise SourceError(part, f"{found}, the publisher states {checksum}; the bytes are wrong")
            elif final.suffix == ".gz":
                _read_through(part)
        except SourceError:
            discard(part)
            raise
        digest = sha256_of(part)
        if locked and digest != locked.sha256:
            discard(part)
            raise GenoProtError(_another_version(f"sha256 {digest}", f"sha256 {locked.sha256}"))
        entry = LockEntry(
            final.name,
            spec.url,
            digest,
            part.stat().st_size,
            origin.etag,
            origin.last_modified,
            origin.release or release or _version_in(part, spec.version_tag),
            None if checksum is None else str(checksum),
        )
        os.replace(part, final)
        discard(part)
        self.lock.record(entry)
        verified = "publisher's checksum" if checksum else "lock" if locked else "length only, now locked"
        return f"{entry.bytes:,} bytes, verified ({verified})"


def _another_version(found: str, expected: str) -> str:
    return f"the server has {found}, {LOCK_NAME} expects {expected}: another version; accept it with --update"


def _read_through(path: Path) -> None:
    """Read a gzip to its end, which shows whether it is whole."""
    with open(path, "rb") as file:
        magic = file.read(2)
    if magic != b"\x1f\x8b":
        raise SourceError(path, f"expected a gzip, the file begins with {magic!r}")
    with open_binary(path) as reader:
        while reader.read(1 << 20):
            pass


def _version_in(path: Path, tag: str) -> str | None:
    """Version that a file names in one of its first lines."""
    if not tag:
        return None
    with open_text(path) as lines:
        for line in islice(lines, _VERSION_LINES):
            if line.startswith(tag):
                return line[len(tag) :].strip() or None
    return None


def _selected(species: Species, only: Collection[str] | None) -> list[SourceSpec]:
    """Sources that are wanted: without names, every one that no option is needed for."""
    if only is None:
        return list(sources_of(species))
    specs = [*sources_of(species), *alternatives_of(species)]
    keys = [spec.key for spec in specs]
    if unknown := [key for key in only if key not in keys]:
        raise GenoProtError(f"no source {', '.join(map(repr, unknown))}; the sources are {', '.join(keys)}")
    return [spec for spec in specs if spec.key in only]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `genoprot download`."""
    species = [name for name, species in SPECIES.items() if species.assembly]
    parser.add_argument("--out", required=True, metavar="DIR", help="folder of the source files")
    parser.add_argument("--species", choices=species, default=species[0], help="default: %(default)s")
    parser.add_argument(
        "--only", nargs="+", metavar="KEY", help="sources by key (`genoprot sources` lists them)"
    )
    parser.add_argument("--jobs", type=int, default=4, metavar="N", help="files at a time; default: 4")
    parser.add_argument(
        "--update", action="store_true", help=f"accept newer versions than those of {LOCK_NAME}"
    )


def run(args: argparse.Namespace) -> int:
    """Run `genoprot download`."""
    specs = _selected(SPECIES[args.species], args.only)
    report = download(specs, args.out, jobs=args.jobs, update=args.update, show_progress=True)
    for line in report.by_hand.values():
        print(line, file=sys.stderr)
    for line in report.failed.values():
        print(f"genoprot: error: {line}", file=sys.stderr)
    print(f"{len(report.finished)} of {len(specs)} sources in {args.out}")
    return 2 if report.failed or (args.only and report.by_hand) else 0
