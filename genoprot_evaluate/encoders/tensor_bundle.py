"""Checkpoints of TensorFlow, read without it: the variables of a SavedModel, or what a Saver wrote.

A bundle is an index, which is a LevelDB table from names to descriptions, and shards of raw little-endian
numbers. Nothing in it is code.

References
----------
The formats are described in ``tensorflow/core/protobuf/tensor_bundle.proto`` and in LevelDB's
``doc/table_format.md``.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from genoprot_datasets.errors import SourceError
from genoprot_evaluate.encoders.crc32c import crc32c, masked
from genoprot_evaluate.encoders.weights import list_names, refuse_pointer

if TYPE_CHECKING:
    import torch

__all__ = ["SAVED_MODEL", "bundle_prefix", "read_bundle"]

INDEX = ".index"
SAVED_MODEL = "saved_model.pb"
MAGIC = 0xDB4775248B80FB57
FOOTER = 48
TRAILER = 5
TYPES = {
    1: "float32",
    2: "float64",
    3: "int32",
    4: "uint8",
    5: "int16",
    6: "int8",
    9: "int64",
    10: "bool",
    14: "bfloat16",
    17: "uint16",
    19: "float16",
    22: "uint32",
    23: "uint64",
}
"""Names of torch's data types by number; strings and resources are none."""


@dataclass(frozen=True)
class _Entry:
    """Where a tensor lies."""

    dtype: int
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    checksum: int
    sliced: bool


def bundle_prefix(source: Path) -> Path | None:
    """Path of a bundle without its suffixes; None where there is none.

    Parameters
    ----------
    source : Path
        The folder of a SavedModel, its folder of variables, an index, or the path that a Saver was given.
    """
    if source.suffix == INDEX:
        return source.with_suffix("")
    if source.with_name(source.name + INDEX).is_file():
        return source
    for folder in (source / "variables", source):
        found = sorted(folder.glob(f"*{INDEX}"))
        if len(found) == 1:
            return found[0].with_suffix("")
    return None


def read_bundle(prefix: Path) -> tuple[dict[str, torch.Tensor], list[str]]:
    """Tensors of a bundle by name, and the names of what is no tensor of numbers.

    Parameters
    ----------
    prefix : Path
        From `bundle_prefix`.

    Raises
    ------
    SourceError
        If a file is missing, damaged or truncated, a checksum differs, or a tensor is stored in slices.
    """
    import torch

    index = prefix.with_name(prefix.name + INDEX)
    entries, shards = _read_index(index)
    state: dict[str, torch.Tensor] = {}
    skipped = [name for name, entry in entries.items() if entry.dtype not in TYPES]
    sliced = [name for name, entry in entries.items() if entry.sliced]
    if sliced:
        raise SourceError(index, f"tensors in slices, which are not read: {list_names(sliced)}")
    for shard in range(shards):
        path = prefix.with_name(f"{prefix.name}.data-{shard:05d}-of-{shards:05d}")
        here = {name: entries[name] for name in entries if entries[name].shard == shard}
        kept = {name: entry for name, entry in here.items() if entry.dtype in TYPES}
        with _opened(path) as content:
            for name, entry in kept.items():
                state[name] = _tensor(path, content, name, entry, getattr(torch, TYPES[entry.dtype]))
    return state, skipped


class _opened:
    """A file in memory, for as long as it is needed."""

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise SourceError(path, "no such file; the shards of a checkpoint lie beside its index")
        refuse_pointer(path)
        self._handle = path.open("rb")
        self._size = path.stat().st_size

    def __enter__(self) -> bytes | mmap.mmap:
        self._map = mmap.mmap(self._handle.fileno(), 0, access=mmap.ACCESS_READ) if self._size else None
        return b"" if self._map is None else self._map

    def __exit__(self, *error: object) -> None:
        if self._map is not None:
            self._map.close()
        self._handle.close()


def _tensor(
    path: Path, content: bytes | mmap.mmap, name: str, entry: _Entry, dtype: torch.dtype
) -> torch.Tensor:
    import torch

    numbers = 1
    for length in entry.shape:
        numbers *= length
    size = numbers * torch.empty(0, dtype=dtype).element_size()
    if size != entry.size:
        raise SourceError(path, f"{name}: {entry.size:,} bytes for the shape {list(entry.shape)}")
    stored = bytearray(content[entry.offset : entry.offset + entry.size])
    if len(stored) != entry.size:
        raise SourceError(
            path, f"ends within {name}, at {len(content):,} bytes; download it again, it is truncated"
        )
    if masked(crc32c(stored)) != entry.checksum:
        raise SourceError(path, f"{name}: the checksum differs; download it again, it is damaged")
    found = torch.frombuffer(stored, dtype=dtype) if stored else torch.empty(0, dtype=dtype)
    return found.view(entry.shape)


def _read_index(path: Path) -> tuple[dict[str, _Entry], int]:
    """Entries of an index by name, and the number of shards."""
    if not path.is_file():
        raise SourceError(path, "no such file")
    refuse_pointer(path)
    content = path.read_bytes()
    try:
        magic = struct.unpack("<Q", content[-8:])[0] if len(content) >= FOOTER else 0
        if magic != MAGIC:
            raise SourceError(path, f"not the index of a TensorFlow checkpoint ({len(content):,} bytes)")
        footer = _Bytes(content[-FOOTER:])
        footer.varint(), footer.varint()
        entries: dict[str, _Entry] = {}
        shards = 0
        for _, handle in _block(path, content, footer.varint(), footer.varint()):
            place = _Bytes(handle)
            for key, value in _block(path, content, place.varint(), place.varint()):
                if key:
                    entries[key.decode("utf-8")] = _entry(value)
                else:
                    shards = _shards(path, value)
    except (ValueError, IndexError, struct.error) as error:
        raise SourceError(path, f"not the whole index of a TensorFlow checkpoint ({error})") from None
    if not shards or not entries:
        raise SourceError(path, "an index without tensors")
    return entries, shards


def _block(path: Path, content: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a block of the table."""
    block, trailer = content[offset : offset + size], content[offset + size : offset + size + TRAILER]
    kind, checksum = struct.unpack("<BI", trailer)
    if masked(crc32c(block + trailer[:1])) != checksum:
        raise SourceError(path, "a checksum differs; download it again, it is damaged")
    if kind != 0:
        raise SourceError(path, "a compressed index, which TensorFlow does not write")
    restarts = struct.unpack("<I", block[-4:])[0]
    rows, key = _Bytes(block[: len(block) - 4 * (restarts + 1)]), b""
    while rows.left():
        shared, added, length = rows.varint(), rows.varint(), rows.varint()
        key = key[:shared] + rows.take(added)
        yield key, rows.take(length)


def _shards(path: Path, header: bytes) -> int:
    fields = dict(_Bytes(header).fields())
    if fields.get(2, 0):
        raise SourceError(path, "numbers in big-endian order, which are not read")
    return fields.get(1, 1)


def _entry(value: bytes) -> _Entry:
    found = dict(_Bytes(value).fields())
    axes = [axis for number, axis in _Bytes(found.get(2, b"")).fields() if number == 2]
    shape = [dict(_Bytes(axis).fields()).get(1, 0) for axis in axes]
    return _Entry(
        dtype=found.get(1, 0),
        shape=tuple(shape),
        shard=found.get(3, 0),
        offset=found.get(4, 0),
        size=found.get(5, 0),
        checksum=found.get(6, 0),
        sliced=7 in found,
    )


class _Bytes:
    """Reads the numbers of a protocol buffer one after the other."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._place = 0

    def left(self) -> bool:
        return self._place < len(self._content)

    def take(self, count: int) -> bytes:
        part = self._content[self._place : self._place + count]
        if len(part) != count:
            raise ValueError(f"{count} bytes at {self._place} expected, {len(part)} found")
        self._place += count
        return part

    def varint(self) -> int:
        result = shift = 0
        while True:
            byte = self.take(1)[0]
            result |= (byte & 0x7F) << shift
            if byte < 0x80:
                return result
            shift += 7
            if shift > 63:
                raise ValueError("a number of more than 64 bits")

    def fields(self) -> Iterator[tuple[int, int | bytes]]:
        """Numbers and values of a message's fields."""
        while self.left():
            tag = self.varint()
            kind = tag & 7
            if kind == 0:
                value: int | bytes = self.varint()
            elif kind == 1:
                value = struct.unpack("<Q", self.take(8))[0]
            elif kind == 2:
                value = self.take(self.varint())
            elif kind == 5:
                value = struct.unpack("<I", self.take(4))[0]
            else:
                raise ValueError(f"a field of kind {kind}")
            yield tag >> 3, value
