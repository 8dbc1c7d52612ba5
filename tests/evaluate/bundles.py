"""Writes checkpoints as TensorFlow does, by the published formats."""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping
from pathlib import Path

import torch

NUMBERS = {torch.float32: 1, torch.float64: 2, torch.int32: 3, torch.int64: 9, torch.bool: 10}
NUMBERS |= {torch.bfloat16: 14, torch.float16: 19}
STRING = 7
MAGIC = 0xDB4775248B80FB57


def crc(content: bytes) -> bytes:
    """Masked CRC-32C, one bit at a time."""
    state = 0xFFFFFFFF
    for byte in content:
        state ^= byte
        for _ in range(8):
            state = (state >> 1) ^ (0x82F63B78 if state & 1 else 0)
    state ^= 0xFFFFFFFF
    return struct.pack("<I", (((state >> 15) | (state << 17)) + 0xA282EAD8) & 0xFFFFFFFF)


def varint(number: int) -> bytes:
    head = b""
    while number > 0x7F:
        head += bytes([number & 0x7F | 0x80])
        number >>= 7
    return head + bytes([number])


def field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, bytes):
        return varint(number << 3 | 2) + varint(len(value)) + value
    return varint(number << 3) + varint(value)


def block(rows: list[tuple[bytes, bytes]], every: int = 4) -> bytes:
    content, restarts, before = b"", [], b""
    for number, (key, value) in enumerate(rows):
        shared = len(os.path.commonprefix([before, key])) if number % every else 0
        if number % every == 0:
            restarts.append(len(content))
        content += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        before = key
    restarts = restarts or [0]
    return content + struct.pack(f"<{len(restarts) + 1}I", *restarts, len(restarts))


def table(rows: list[tuple[bytes, bytes]], size: int = 5) -> bytes:
    """A LevelDB table with so many rows in a block."""
    content, handles = b"", []

    def add(part: bytes) -> bytes:
        nonlocal content
        handle = varint(len(content)) + varint(len(part))
        content += part + b"\0" + crc(part + b"\0")
        return handle

    for start in range(0, len(rows), size):
        part = rows[start : start + size]
        handles.append((part[-1][0], add(block(part))))
    meta = add(block([]))
    index = add(block(handles, every=1))
    return content + (meta + index).ljust(40, b"\0") + struct.pack("<Q", MAGIC)


def write_bundle(prefix: Path, tensors: Mapping[str, torch.Tensor], shards: int = 1, **options) -> Path:
    """Write the index and the shards of a bundle; `options` go into the description of every tensor."""
    prefix.parent.mkdir(parents=True, exist_ok=True)
    parts = [b""] * shards
    rows = [(b"", field(1, shards) + field(3, field(1, 1)))]
    for number, (name, tensor) in enumerate(sorted(tensors.items())):
        shard = number % shards
        stored = tensor.contiguous().view(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() else b""
        shape = b"".join(field(2, field(1, length)) for length in tensor.shape)
        entry = field(1, NUMBERS[tensor.dtype]) + field(2, shape)
        entry += (field(3, shard) if shard else b"") + field(4, len(parts[shard])) + field(5, len(stored))
        rows.append((name.encode(), entry + varint(6 << 3 | 5) + crc(stored) + options.get("more", b"")))
        parts[shard] += stored
    if options.get("text"):
        rows.append((b"zz_object_graph", field(1, STRING) + field(2, b"") + field(5, 3)))
        parts[0] += b"abc"
    prefix.with_name(f"{prefix.name}.index").write_bytes(table(rows))
    for shard, part in enumerate(parts):
        prefix.with_name(f"{prefix.name}.data-{shard:05d}-of-{shards:05d}").write_bytes(part)
    return prefix
