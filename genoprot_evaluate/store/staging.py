"""Shards of a run that is not finished: written whole, checksummed, found again after a kill."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from genoprot_datasets.files import atomic_file, sha256_of
from genoprot_evaluate.batching import length_order

__all__ = ["Shard", "Staging", "move_aside", "plan_shards"]

SHARD_RECORDS = 256
SHARD_RESIDUES = 1 << 22

_LIMIT = "does-not-fit-"


def plan_shards(
    lengths: np.ndarray, *, records: int = SHARD_RECORDS, residues: int = SHARD_RESIDUES
) -> list[np.ndarray]:
    """Divide records into shards, longest first, whatever the number of processes.

    Parameters
    ----------
    lengths : ndarray, shape=(n,), dtype=int64
        Residues or bases of each record.
    records, residues : int
        Most of either in a shard; a longer record is a shard by itself.

    Returns
    -------
    list of ndarray, dtype=int64
        Positions in `lengths`; every position comes once.

    Examples
    --------
    >>> [shard.tolist() for shard in plan_shards(np.array([2, 7, 3, 2]), records=2, residues=8)]
    [[1], [2, 0], [3]]
    """
    shards: list[list[int]] = []
    room = 0
    for position in length_order(lengths):
        if not shards or len(shards[-1]) == records or lengths[position] > room:
            shards.append([])
            room = residues
        shards[-1].append(int(position))
        room -= int(lengths[position])
    return [np.array(shard, dtype=np.int64) for shard in shards]


@dataclass(frozen=True)
class Shard:
    """What is known of a finished shard.

    Parameters
    ----------
    sha256 : str
        Checksum of the file of vectors.
    counts : dict of str to int
        Counts that are the same whenever the shard is computed.
    measured : dict of str to number, str or None
        What it took; differs from time to time.
    """

    sha256: str
    counts: dict[str, int]
    measured: dict[str, Any] = field(default_factory=dict)


class Staging:
    """Folder of the shards of one run.

    A shard is a file of vectors and, written after it, a record with its checksum; a shard without a record
    does not count. Everything gets its name by renaming when it is whole, and no file is written by two
    processes, so that no locks are needed on a shared file system.

    Parameters
    ----------
    folder : Path
        Made with its parents when the first shard is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(
        self,
        index: int,
        vectors: np.ndarray,
        counts: Mapping[str, int],
        measured: Mapping[str, Any] | None = None,
    ) -> None:
        """Store one shard, shape=(records, dimension), dtype=float32, with what is known of it."""
        with atomic_file(self.vectors_path(index)) as staging:
            with open(staging, "wb") as handle:
                np.lib.format.write_array_header_1_0(
                    handle, np.lib.format.header_data_from_array_1_0(vectors)
                )
                handle.write(np.ascontiguousarray(vectors).data)
            digest = sha256_of(staging)
        shard = Shard(digest, dict(counts), dict(measured or {}))
        with atomic_file(self.record_path(index)) as staging:
            staging.write_text(json.dumps(asdict(shard)), encoding="utf-8")

    def find(self, index: int) -> Shard | None:
        """Record of a shard; None when there is none or its vectors are not those it speaks of."""
        try:
            shard = Shard(**json.loads(self.record_path(index).read_text(encoding="utf-8")))
            return shard if sha256_of(self.vectors_path(index)) == shard.sha256 else None
        except (OSError, ValueError, TypeError):
            return None

    def fault(self, index: int) -> str | None:
        """What is wrong with a shard that was written; None for a whole one and for one that never was."""
        path = self.vectors_path(index)
        if not self.record_path(index).is_file():
            return None
        try:
            shard = Shard(**json.loads(self.record_path(index).read_text(encoding="utf-8")))
        except (ValueError, TypeError):
            return f"{self.record_path(index)}: not the record of a shard"
        if not path.is_file():
            return f"{path}: missing"
        if sha256_of(path) != shard.sha256:
            return f"{path}: damaged, its checksum is not that of its record"
        return None

    def set_aside(self, index: int, folder: Path) -> None:
        """Move what is there of a shard to another folder, under a name that is not taken."""
        for path in (self.vectors_path(index), self.record_path(index)):
            if path.exists():
                move_aside(path, folder)

    def vectors(self, index: int) -> np.ndarray:
        """Vectors of a shard, mapped from the disk, shape=(records, dimension), dtype=float32."""
        return np.load(self.vectors_path(index), mmap_mode="r", allow_pickle=False)

    def note_limit(self, tokens: int) -> None:
        """Leave word for the other processes, and for a later start, of a batch that did not fit."""
        with atomic_file(self.folder / f"{_LIMIT}{tokens:015d}"):
            pass

    def limit(self) -> int | None:
        """Padded tokens of the smallest batch that is known not to fit; None when all did."""
        sizes = [int(path.name.removeprefix(_LIMIT)) for path in self.folder.glob(f"{_LIMIT}*")]
        return min(sizes, default=None)

    def write_text(self, name: str, text: str) -> None:
        """Store a small file beside the shards."""
        with atomic_file(self.folder / name) as staging:
            staging.write_text(text, encoding="utf-8")

    def remove(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def vectors_path(self, index: int) -> Path:
        """File of a shard's vectors."""
        return self.folder / f"{index:05d}.npy"

    def record_path(self, index: int) -> Path:
        """File of a shard's record."""
        return self.folder / f"{index:05d}.json"


def move_aside(path: Path, folder: Path) -> Path:
    """Move a file or folder into another folder, under its name or the first free one that begins like it.

    Returns
    -------
    Path
        Where it is.
    """
    folder.mkdir(parents=True, exist_ok=True)
    aim, number = folder / path.name, 1
    while aim.exists():
        number += 1
        aim = folder / f"{path.name}.{number}"
    os.replace(path, aim)
    return aim
