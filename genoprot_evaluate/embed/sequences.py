"""The sequences of a dataset without holding them: one pass for lengths and digest, then by position."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from genoprot_datasets.errors import GenoProtError, SourceError
from genoprot_datasets.files import atomic_file, sha256_of
from genoprot_datasets.published import PublishedDataset
from genoprot_evaluate.encoders.base import VIEW_BREAK

__all__ = ["SequenceIndex", "SpooledSequences"]


@dataclass(frozen=True, eq=False)
class SequenceIndex:
    """What is known of the sequences of a dataset; the sequences themselves stay in its files.

    Positions count the records in the order of their accessions.

    Parameters
    ----------
    published : PublishedDataset
    view : {"dna", "protein", "both"}
        What is read of a record; both are DNA and protein with a tab in between.
    accessions : pyarrow.Array
        Sorted.
    lengths : ndarray, shape=(n,), dtype=int64
        Letters of each record.
    offsets : ndarray, shape=(n,), dtype=int64
        Where each record begins when all are written one after another in the order of the files.
    digest : str
        SHA-256 over accessions and sequences, whatever their order in the files.
    """

    published: PublishedDataset
    view: str
    accessions: pa.Array
    lengths: np.ndarray
    offsets: np.ndarray
    digest: str

    @classmethod
    def scan(cls, published: PublishedDataset, view: str) -> SequenceIndex:
        """Read all sequences once.

        Raises
        ------
        GenoProtError
            If there is no record, or one without a sequence.
        """
        accessions, lengths, digests = [], [], bytearray()
        for batch in _batches(published, view):
            accessions.append(batch["accession"])
            for content in _contents(batch):
                lengths.append(len(content))
                digests += hashlib.sha256(content).digest()
        names = pa.concat_arrays(accessions) if accessions else pa.array([], pa.string())
        if not len(names):
            raise GenoProtError(f"dataset {published.name!r} has no records")
        in_files = np.array(lengths, dtype=np.int64)
        if in_files.min() == 0:
            raise GenoProtError(
                f"dataset {published.name!r}, record {names[int(in_files.argmin())]}: no {view} sequence"
            )
        order = pc.sort_indices(names).to_numpy()
        names = names.take(pa.array(order))
        digest = hashlib.sha256()
        for accession, row in zip(names, order.tolist()):
            digest.update(f"{accession}\t{in_files[row]}\n".encode())
            digest.update(digests[32 * row : 32 * row + 32])
        starts = np.concatenate([[0], np.cumsum(in_files)[:-1]])
        return cls(published, view, names, in_files[order], starts[order], digest.hexdigest())

    def __len__(self) -> int:
        return len(self.lengths)

    def names(self, positions: Sequence[int] | np.ndarray) -> list[str]:
        """Accessions at some positions."""
        return self.accessions.take(pa.array(positions)).to_pylist()

    def spool(self, path: Path) -> str:
        """Write all sequences one after another into a file.

        Returns
        -------
        str
            SHA-256 of the file.
        """
        with atomic_file(path) as staging:
            with open(staging, "wb") as handle:
                for batch in _batches(self.published, self.view):
                    for content in _contents(batch):
                        handle.write(content)
            return sha256_of(staging)


class SpooledSequences:
    """Sequences by position, read from the file that `SequenceIndex.spool` has written.

    Parameters
    ----------
    index : SequenceIndex
    path : Path
    """

    def __init__(self, index: SequenceIndex, path: Path) -> None:
        self._index = index
        self._path = path
        self._handle = os.open(path, os.O_RDONLY)

    def __enter__(self) -> SpooledSequences:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._handle)

    def take(self, positions: Sequence[int] | np.ndarray) -> list[str]:
        """Sequences at some positions.

        Raises
        ------
        SourceError
            If the file is shorter than the index says.
        """
        texts = []
        for position in positions:
            length, offset = int(self._index.lengths[position]), int(self._index.offsets[position])
            content = b""
            while len(content) < length:
                part = os.pread(self._handle, length - len(content), offset + len(content))
                if not part:
                    raise SourceError(self._path, "shorter than it was; run the same command again")
                content += part
            texts.append(content.decode())
        return texts


def _batches(published: PublishedDataset, view: str) -> Iterator[dict[str, pa.Array]]:
    columns = ["dna", "protein"] if view == "both" else [view]
    for batch in published.sequence_batches(["accession", *columns]):
        texts = [batch.column(column) for column in columns]
        joined = pc.binary_join_element_wise(*texts, VIEW_BREAK) if len(texts) > 1 else texts[0]
        yield {"accession": batch.column("accession"), "text": joined}


def _contents(batch: dict[str, pa.Array]) -> Iterator[memoryview]:
    for text in batch["text"]:
        content = text.as_buffer()
        yield memoryview(b"" if content is None else content)
