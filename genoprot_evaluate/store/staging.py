"""Shards of a run that is not finished: written whole, checksummed, found again after a kill."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from genoprot_datasets.files import atomic_file, sha256_of
from genoprot_evaluate.batching import length_order

__all__ = ["Shard", "Staging", "plan_shards"]

SHARD_RECORDS = 256
SHARD_RESIDUES = 1 << 22


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
    chunked : int
        Records that were read in more than one piece.
    pieces : int
        Pieces over all records.
    """

    sha256: str
    chunked: int
    pieces: int


class Staging:
    """Folder of the shards of one run.

    A shard is a file of vectors and, written after it, a record with its checksum; a shard without a record
    does not count.

    Parameters
    ----------
    folder : Path
        Made with its parents when the first shard is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, index: int, vectors: np.ndarray, *, chunked: int, pieces: int) -> None:
        """Store one shard, shape=(records, dimension), dtype=float32."""
        with atomic_file(self._path(index, "npy")) as staging, open(staging, "wb") as handle:
            np.save(handle, vectors, allow_pickle=False)
        shard = Shard(sha256_of(self._path(index, "npy")), chunked, pieces)
        with atomic_file(self._path(index, "json")) as staging:
            staging.write_text(json.dumps(asdict(shard)), encoding="utf-8")

    def exists(self, index: int) -> bool:
        """Whether a shard was written, damaged or not."""
        return self._path(index, "json").is_file()

    def find(self, index: int) -> Shard | None:
        """Record of a shard; None when it is not there or its checksum differs."""
        try:
            shard = Shard(**json.loads(self._path(index, "json").read_text(encoding="utf-8")))
            return shard if sha256_of(self._path(index, "npy")) == shard.sha256 else None
        except (OSError, ValueError, TypeError):
            return None

    def vectors(self, index: int) -> np.ndarray:
        """Vectors of a shard, mapped from the disk, shape=(records, dimension), dtype=float32."""
        return np.load(self._path(index, "npy"), mmap_mode="r", allow_pickle=False)

    def remove(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, index: int, kind: str) -> Path:
        return self.folder / f"{index:05d}.{kind}"
