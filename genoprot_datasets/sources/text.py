"""Text files, gzipped or plain, whose damage is reported by name."""

from __future__ import annotations

import gzip
import io
import queue
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO

from isal import igzip, isal_zlib

from genoprot_datasets.errors import SourceError

__all__ = ["iter_line_blocks", "open_binary", "open_text"]

_GZIP_MAGIC = b"\x1f\x8b"
_BUFFER_BYTES = 1 << 18
_AHEAD = 4
"""Blocks that are decompressed before they are asked for."""


class _Checked(io.RawIOBase):
    """A stream whose read errors name the file."""

    def __init__(self, stream: BinaryIO, path: Path) -> None:
        self._stream = stream
        self._path = path

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        try:
            block = self._stream.read(len(buffer))
        except EOFError:
            raise SourceError(self._path, "truncated gzip: it ends too early; fetch the file again") from None
        except (gzip.BadGzipFile, isal_zlib.error) as error:
            raise SourceError(self._path, f"damaged gzip ({error}); fetch the file again") from None
        except OSError as error:
            raise SourceError(self._path, f"cannot be read ({error.strerror or error})") from None
        buffer[: len(block)] = block
        return len(block)


@contextmanager
def open_binary(path: str | Path) -> Iterator[io.BufferedReader]:
    """Open a file for reading bytes; gzip is told by its first bytes, not by the file's name.

    Parameters
    ----------
    path : str or Path

    Yields
    ------
    io.BufferedReader
        The bytes, decompressed.

    Raises
    ------
    SourceError
        If there is no such file, it is a folder, or it cannot be read; while reading, if the gzip is
        truncated or damaged.
    """
    path = Path(path)
    with ExitStack() as stack:
        try:
            stream = stack.enter_context(open(path, "rb"))
        except FileNotFoundError:
            raise SourceError(path, "not found") from None
        except IsADirectoryError:
            raise SourceError(path, "is a folder, a file was expected") from None
        except OSError as error:
            raise SourceError(path, f"cannot be opened ({error.strerror or error})") from None
        zipped = stream.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
        stream.seek(0)
        source = igzip.IGzipFile(fileobj=stream) if zipped else stream
        yield stack.enter_context(io.BufferedReader(_Checked(source, path), _BUFFER_BYTES))


def iter_line_blocks(path: str | Path, size: int) -> Iterator[bytes]:
    """Read a file in blocks of whole lines, decompressed by a thread that runs ahead of the reader.

    Parameters
    ----------
    path : str or Path
        Plain or gzipped.
    size : int
        Bytes that are decompressed at a time; a block has about as many.

    Yields
    ------
    bytes
        Ends with a line feed, but for the last block of a file that does not.

    Raises
    ------
    SourceError
        As `open_binary`, after the blocks before the fault.
    """
    rest: list[bytes] = []
    for block in _read_ahead(path, size):
        end = block.rfind(b"\n") + 1
        if end:
            yield b"".join([*rest, memoryview(block)[:end]])
            rest = []
        rest.append(block[end:])
    if last := b"".join(rest):
        yield last


def _read_ahead(path: str | Path, size: int) -> Iterator[bytes]:
    """Blocks of a file, as many as `_AHEAD` of them before they are asked for."""
    blocks: queue.Queue[bytes | BaseException] = queue.Queue(_AHEAD)
    closed = threading.Event()

    def put(item: bytes | BaseException) -> bool:
        while not closed.is_set():
            try:
                blocks.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def read_ahead() -> None:
        try:
            with open_binary(path) as reader:
                while put(block := reader.read(size)) and block:
                    pass
        except BaseException as error:  # noqa: BLE001 - raised again by the reader
            put(error)

    thread = threading.Thread(target=read_ahead, name=f"read {Path(path).name}", daemon=True)
    thread.start()
    try:
        while block := blocks.get():
            if isinstance(block, BaseException):
                raise block
            yield block
    finally:
        closed.set()
        thread.join()


@contextmanager
def open_text(path: str | Path) -> Iterator[TextIO]:
    """Open a UTF-8 text file, gzipped or plain, for reading line by line.

    Lines end in ``\\n``, however they end in the file.

    Parameters
    ----------
    path : str or Path

    Yields
    ------
    io.TextIOWrapper
        Iterate over it for the lines.

    Raises
    ------
    SourceError
        As `open_binary`; while reading, also if the text is not UTF-8.
    """
    with open_binary(path) as reader, io.TextIOWrapper(reader, encoding="utf-8") as lines:
        try:
            yield lines
        except UnicodeDecodeError as error:
            raise SourceError(path, f"not UTF-8 text ({error.reason})") from None
