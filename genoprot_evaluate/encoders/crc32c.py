"""CRC-32C, the checksum of LevelDB tables and TensorFlow checkpoints."""

from __future__ import annotations

import numpy as np

__all__ = ["crc32c", "masked"]

POLYNOMIAL = 0x82F63B78
LANES = 1 << 12
ALL = 0xFFFFFFFF
DELTA = 0xA282EAD8


def _table() -> np.ndarray:
    entries = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        entries = (entries >> 1) ^ np.where(entries & 1, np.uint32(POLYNOMIAL), np.uint32(0))
    return entries


_TABLE = _table()


def crc32c(content: bytes | memoryview) -> int:
    """Checksum of bytes.

    Many stretches of the content advance together, one byte at a time, and are then joined: the state behind
    two stretches is that of the first, moved on by the length of the second, plus that of the second.

    Examples
    --------
    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    values = np.frombuffer(content, dtype=np.uint8)
    step = len(values) // LANES
    state = ALL
    if step:
        lanes = values[: step * LANES].reshape(LANES, step)
        states = np.zeros(LANES, dtype=np.uint32)
        for place in range(step):
            states = _TABLE[(states ^ lanes[:, place]) & 0xFF] ^ (states >> 8)
        move = _moved(step)
        for lane in states.tolist():
            state = _applied(move, state) ^ lane
    for value in values[step * LANES :].tolist():
        state = int(_TABLE[(state ^ value) & 0xFF]) ^ (state >> 8)
    return state ^ ALL


def masked(checksum: int) -> int:
    """Checksum as it is stored: rotated, and a constant added.

    Examples
    --------
    >>> hex(masked(0xE3069283))
    '0xc78ab0e5'
    """
    return (((checksum >> 15) | (checksum << 17)) + DELTA) & ALL


def _moved(count: int) -> list[int]:
    """Matrix over two elements that moves a state on by so many zero bytes: the image of each bit."""
    one = [int(_TABLE[(1 << bit) & 0xFF]) ^ ((1 << bit) >> 8) for bit in range(32)]
    result = [1 << bit for bit in range(32)]
    while count:
        if count & 1:
            result = [_applied(one, image) for image in result]
        one = [_applied(one, image) for image in one]
        count >>= 1
    return result


def _applied(matrix: list[int], state: int) -> int:
    result = 0
    while state:
        low = state & -state
        result ^= matrix[low.bit_length() - 1]
        state ^= low
    return result
