"""Small valid files with something broken in them by seeded mutation, and what a reader may make of them.

A reader may refuse a file by one `GenoProtError` of one line. If it accepts it, what it read has to be what a
plain scan of the same bytes finds: nothing may be lost in silence.
"""

from __future__ import annotations

import gzip
import multiprocessing
import random
import signal
import tempfile
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genoprot_datasets.errors import GenoProtError

__all__ = ["GZIP_SHARE", "SECONDS_PER_INPUT", "Target", "check", "lines_of", "mutated", "rows_of", "run"]

SECONDS_PER_INPUT = 10
"""A reader that takes longer on a small file hangs."""

GZIP_SHARE = 0.15
"""Share of the inputs of a target that are gzipped and then damaged."""

_SEPARATORS = (b"\t", b" ", b";", b",", b"|", b":", b"=")
_PIECES = (
    *(b"", b" ", b"\t", b"\n", b"\r", b"\r\n", b"\n\n", b";", b",", b":", b"=", b"|", b"-", b"#", b"!"),
    *(b'"', b"'", b"{", b"}", b"[", b"]", b"<", b">", b"//\n", b".", b"_", b"%", b"%00", b"%3B", b"\\"),
    *(b"0", b"-1", b"1e400", b"nan", b"inf", b"1_0", b"99999999999999999999", b"true", b"null"),
    *(b"\x00", b"\x0b", b"\x1c", b"\x7f", b"\x80", b"\xff", b"\xef\xbb\xbf", "é".encode(), "\u2028".encode()),
    *("²".encode(), "٣".encode(), b"A" * 300),
)


@dataclass(frozen=True)
class Target:
    """A reader and what it is tried on.

    Parameters
    ----------
    name : str
    seeds : tuple of bytes
        Valid files with legal but unusual content.
    read : callable
        Takes the path of a file; returns what was read as a comparable value, or raises `GenoProtError`.
    scan : callable or None
        Takes the bytes of a file that was accepted, and returns the same value found by plain means. None
        where a plain scan cannot find anything; then only crashes and hangs count.
    file_name : str
        Name of the file that is written.
    gzipped : bool
        Whether the reader also takes gzip.
    """

    name: str
    seeds: tuple[bytes, ...]
    read: Callable[[Path], Any]
    scan: Callable[[bytes], Any] | None
    file_name: str = "input"
    gzipped: bool = True


def mutated(target: Target, number: int) -> tuple[bytes, bytes | None]:
    """An input of a target; the same number gives the same bytes.

    Returns
    -------
    content : bytes
    inside : bytes or None
        What was compressed, where the content is a damaged gzip.
    """
    rng = random.Random(f"{target.name} {number}")
    content = rng.choice(target.seeds)
    if target.gzipped and rng.random() < GZIP_SHARE:
        packed = bytearray(gzip.compress(content, mtime=0))
        return _damaged_gzip(rng, packed), content
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        content = rng.choice(_MUTATIONS)(rng, content)
    return content, None


def _damaged_gzip(rng: random.Random, packed: bytearray) -> bytes:
    kind = rng.randrange(4)
    if kind == 0:
        return bytes(packed[: rng.randrange(len(packed))])
    if kind == 1:
        return bytes(packed) + rng.randbytes(rng.randrange(1, 20))
    for _ in range(rng.randint(1, 3)):
        packed[rng.randrange(len(packed))] ^= 1 << rng.randrange(8)
    return bytes(packed)


def _bytes(rng: random.Random, content: bytes) -> bytes:
    start = rng.randrange(len(content) + 1)
    kind = rng.randrange(4)
    if kind == 0 and start < len(content):
        return content[:start] + bytes([content[start] ^ (1 << rng.randrange(8))]) + content[start + 1 :]
    if kind == 1:
        return content[:start] + rng.choice(_PIECES) + content[start:]
    length = rng.choice((1, 1, 2, 5, 20, 200))
    if kind == 2:
        return content[:start] + content[start + length :]
    return content[:start] + rng.choice(_PIECES) + content[start + length :]


def _truncation(rng: random.Random, content: bytes) -> bytes:
    return content[: rng.randrange(len(content) + 1)]


def _lines(rng: random.Random, content: bytes) -> bytes:
    lines = content.split(b"\n")
    place = rng.randrange(len(lines))
    other = rng.randrange(len(lines))
    kind = rng.randrange(6)
    if kind == 0:
        del lines[place]
    elif kind == 1:
        lines.insert(other, lines[place])
    elif kind == 2:
        lines[place], lines[other] = lines[other], lines[place]
    elif kind == 3:
        lines[place] = lines[place][: rng.randrange(len(lines[place]) + 1)]
    elif kind == 4:
        lines[place : place + 2] = [b"".join(lines[place : place + 2])]
    else:
        lines.insert(place, rng.choice(_PIECES))
    return b"\n".join(lines)


def _fields(rng: random.Random, content: bytes) -> bytes:
    lines = content.split(b"\n")
    place = rng.randrange(len(lines))
    present = [mark for mark in _SEPARATORS if mark in lines[place]]
    if not present:
        return content
    mark = rng.choice(present)
    fields = lines[place].split(mark)
    one, two = rng.randrange(len(fields)), rng.randrange(len(fields))
    kind = rng.randrange(6)
    if kind == 0:
        fields.insert(two, fields[one])
    elif kind == 1:
        del fields[one]
    elif kind == 2:
        fields[one], fields[two] = fields[two], fields[one]
    elif kind == 3:
        fields[one] = b""
    elif kind == 4:
        fields[one] = rng.choice(_PIECES)
    else:
        fields[one] = rng.choice(rng.choice(lines).split(mark))
    lines[place] = mark.join(fields)
    return b"\n".join(lines)


_MUTATIONS = (_bytes, _bytes, _truncation, _lines, _fields, _fields)


@contextmanager
def _deadline(seconds: float):
    def stop(_signal, _frame):
        raise TimeoutError(f"no answer in {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def check(target: Target, number: int, folder: Path) -> bool:
    """Try one input; whether the reader accepted it.

    Raises
    ------
    AssertionError
        If the reader crashed, hung, refused in several lines, or lost something in silence.
    """
    content, inside = mutated(target, number)
    path = folder / target.file_name
    path.write_bytes(content)
    where = f"{target.name}, input {number}"
    try:
        with _deadline(SECONDS_PER_INPUT):
            found = target.read(path)
    except GenoProtError as error:
        if len(str(error).splitlines()) != 1:
            raise AssertionError(f"{where}: an error of several lines: {error}") from error
        return False
    except Exception as error:
        raise AssertionError(f"{where}: {type(error).__name__}: {error}") from error
    if target.scan is not None:
        try:
            expected = target.scan(content if inside is None else inside)
        except Exception as error:
            raise AssertionError(f"{where}: read {found!r}, a plain scan fails: {error!r}") from error
        assert found == expected, f"{where}: read {found!r}, the file has {expected!r}"
    return True


def _work(target: Target, start: int, stop: int, state, faults) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for number in range(start, stop):
            state[0] = number
            try:
                state[1] += check(target, number, Path(folder))
            except AssertionError as error:
                faults.put((number, str(error)))
    state[0] = stop


def run(target: Target, inputs: int) -> tuple[int, list[tuple[int, str]]]:
    """Try a target in a process of its own, so that one that kills the process is a fault like another.

    Returns
    -------
    accepted : int
    faults : list of (int, str)
        Number of the input and what went wrong.
    """
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    state = context.Array("l", [0, 0], lock=False)
    faults: list[tuple[int, str]] = []
    start = 0
    while start < inputs:
        process = context.Process(target=_work, args=(target, start, inputs, state, queue))
        process.start()
        while process.is_alive():
            process.join(0.05)
            while not queue.empty():
                faults.append(queue.get())
        start = inputs
        if process.exitcode:
            faults.append((state[0], f"{target.name}, input {state[0]}: ended with {process.exitcode}"))
            start = state[0] + 1
    while not queue.empty():
        faults.append(queue.get())
    return state[1], faults


def lines_of(content: bytes) -> list[str]:
    """Lines as Python's text mode has them, the empty ones left out."""
    text = content.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    return [line for line in text.split("\n") if line]


def rows_of(content: bytes, separator: str, comment: str | None = None) -> list[list[str]]:
    return [
        line.split(separator) for line in lines_of(content) if comment is None or not line.startswith(comment)
    ]
