"""One file over HTTP: resumed where it broke off, tried again with patience, never mixed of two versions."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.stopping import Stop, TransferStopped

if TYPE_CHECKING:
    import requests

__all__ = [
    "PASSING_STATUSES",
    "NotModified",
    "Origin",
    "Patience",
    "TransferError",
    "backoff",
    "discard",
    "fetch",
    "innermost_reason",
    "retry_after",
]

_BLOCK_BYTES = 1 << 18
PASSING_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers of a server that may be another one after a while."""


class TransferError(GenoProtError):
    """A file that could not be transferred; the message names the address.

    Attributes
    ----------
    status : int or None
        The server's answer, where that was the reason.
    """

    def __init__(self, url: str, message: str, status: int | None = None) -> None:
        super().__init__(f"{url}: {message}")
        self.status = status


class NotModified(Exception):
    """The server still has the version that is known."""


class _Passing(Exception):
    """A failure that may go away; with the wait that the server asked for, in seconds."""

    def __init__(self, message: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


@dataclass(frozen=True)
class Patience:
    """How long a transfer goes on trying.

    Attributes
    ----------
    attempts : int
        Attempts in a row that may bring no new byte.
    first_wait_seconds, longest_wait_seconds : float
        Wait after the first failure and the longest one; it doubles in between, and half of it is random so
        that many transfers do not come back at once.
    longest_retry_after_seconds : float
        The longest wait that a server may ask for.
    stall_seconds : float
        How long a connection may bring nothing.
    """

    attempts: int = 6
    first_wait_seconds: float = 1.0
    longest_wait_seconds: float = 60.0
    longest_retry_after_seconds: float = 900.0
    stall_seconds: float = 60.0


@dataclass(frozen=True)
class Origin:
    """What the server said about the version that is being transferred.

    Attributes
    ----------
    url : str
    etag, last_modified : str or None
    bytes : int or None
        Length of the whole file; None where the server does not say.
    release : str or None
        Release that UniProt's services name in a header.
    """

    url: str
    etag: str | None = None
    last_modified: str | None = None
    bytes: int | None = None
    release: str | None = None

    @property
    def validator(self) -> str | None:
        """What `If-Range` may hold: a strong ETag, else the date.

        Examples
        --------
        >>> Origin("u", etag='W/"1"', last_modified="Sat, 01 Jan 2022 00:00:00 GMT").validator
        'Sat, 01 Jan 2022 00:00:00 GMT'
        """
        if self.etag and not self.etag.startswith("W/"):
            return self.etag
        return self.last_modified


def _origin_path(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _size(part: Path) -> int:
    return part.stat().st_size if part.is_file() else 0


def discard(part: Path) -> None:
    """Remove a partial file and what is known about it."""
    part.unlink(missing_ok=True)
    _origin_path(part).unlink(missing_ok=True)


def _resumable(part: Path, url: str) -> Origin | None:
    """Where a partial file comes from; None, and no partial file any more, where it cannot be continued."""
    try:
        origin = Origin(**json.loads(_origin_path(part).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        origin = None
    if origin and origin.url == url and origin.validator and _size(part):
        return origin
    discard(part)
    return None


def fetch(
    url: str,
    part: Path,
    *,
    patience: Patience | None = None,
    known: Origin | None = None,
    accept: Callable[[Origin], None] = lambda origin: None,
    on_bytes: Callable[[int, int | None], None] = lambda held, total: None,
    stop: Stop | None = None,
) -> Origin:
    """Transfer a file.

    Parameters
    ----------
    url : str
        http or https.
    part : Path
        File to write. What an earlier call left there is continued if it is of the version that the server
        still has, and replaced if not; a small JSON file beside it keeps what is needed to tell.
    patience : Patience, optional
    known : Origin, optional
        Version of which nothing needs to be transferred.
    accept : callable
        Called with every version before its first byte is kept; may raise to refuse it.
    on_bytes : callable
        Called with the bytes held so far and the length of the whole file.
    stop : Stop, optional
        Ends the transfer, and any wait, when it is set.

    Returns
    -------
    Origin
        `part` then has all bytes that the server announced.

    Raises
    ------
    TransferError
        If the server refuses, or patience ends.
    NotModified
        If the server still has the version `known`.
    TransferStopped
        If `stop` was set.

    References
    ----------
    RFC 9110, sections 13 (conditional requests) and 14 (range requests).
    """
    import requests

    stop = stop or Stop()
    patience = patience or Patience()
    failures, furthest = 0, _size(part)
    with requests.Session() as session:
        while True:
            try:
                return _attempt(session, url, part, patience, known, accept, on_bytes, stop)
            except _Passing as error:
                held = _size(part)
                if held > furthest:
                    failures, furthest = 0, held
                failures += 1
                if failures >= patience.attempts:
                    raise TransferError(url, f"{error}; {failures} attempts without progress") from None
                seconds = error.retry_after_seconds
                if seconds is None:
                    seconds = backoff(failures, patience)
                elif seconds > patience.longest_retry_after_seconds:
                    message = f"{error}; the server asks to wait {seconds:,.0f} s, try again later"
                    raise TransferError(url, message) from None
                if stop.wait(seconds):
                    raise TransferStopped from None


def backoff(failures: int, patience: Patience) -> float:
    """Seconds to wait after so many failures in a row."""
    longest = min(patience.first_wait_seconds * 2 ** (failures - 1), patience.longest_wait_seconds)
    return longest * (0.5 + 0.5 * random.random())


def _attempt(
    session: requests.Session,
    url: str,
    part: Path,
    patience: Patience,
    known: Origin | None,
    accept: Callable[[Origin], None],
    on_bytes: Callable[[int, int | None], None],
    stop: Stop,
) -> Origin:
    import requests
    import urllib3

    origin = _resumable(part, url)
    held = _size(part) if origin else 0
    if origin and held == origin.bytes:
        accept(origin)
        return origin
    # Servers that store .gz files like to call gzip a transfer encoding; the file is wanted as it lies there.
    headers = {"Accept-Encoding": "identity"}
    if origin:
        headers |= {"Range": f"bytes={held}-", "If-Range": origin.validator or ""}
    elif known:
        headers |= {"If-None-Match": known.etag} if known.etag else {}
        headers |= {"If-Modified-Since": known.last_modified} if known.last_modified else {}
    timeout = (patience.stall_seconds, patience.stall_seconds)
    try:
        with session.get(url, headers=headers, stream=True, timeout=timeout) as response:
            if response.status_code == 304 and known:
                raise NotModified
            offset = _offset(response, url, part, origin, held)
            origin = _origin(response, url, offset)
            accept(origin)
            if not offset:
                discard(part)
                _origin_path(part).write_text(json.dumps(asdict(origin)), encoding="utf-8")
            held = _receive(response, part, offset, origin.bytes, on_bytes, stop)
    except requests.exceptions.SSLError as error:
        raise TransferError(url, f"no secure connection ({innermost_reason(error)})") from None
    except (requests.Timeout, urllib3.exceptions.TimeoutError):
        raise _Passing(f"nothing came for {patience.stall_seconds:g} s") from None
    except (requests.ConnectionError, urllib3.exceptions.HTTPError) as error:
        raise _Passing(f"the connection failed ({innermost_reason(error)})") from None
    except requests.RequestException as error:
        raise TransferError(url, innermost_reason(error)) from None
    except OSError as error:
        raise TransferError(url, f"cannot write {part} ({error.strerror or error})") from None
    if origin.bytes is not None and held != origin.bytes:
        raise _Passing(f"{held:,} of {origin.bytes:,} bytes came")
    return replace(origin, bytes=held)


def innermost_reason(error: Exception) -> str:
    """The innermost reason of an error of an HTTP client, on one line."""
    while error.args and isinstance(error.args[-1], Exception):
        error = error.args[-1]
    reason = getattr(error, "reason", None)
    if isinstance(reason, Exception):
        return innermost_reason(reason)
    return " ".join(str(error).split()) or type(error).__name__


def _offset(response: requests.Response, url: str, part: Path, origin: Origin | None, held: int) -> int:
    """Where the body of a good answer begins in the file."""
    status = response.status_code
    if status == 200:
        return 0
    if status == 206 and origin:
        start, total = _content_range(response)
        etag = response.headers.get("ETag")
        same = etag is None or origin.etag is None or etag == origin.etag
        if start == held and same and origin.bytes in (None, total):
            return held
        discard(part)
        raise _Passing("the server answered with another part than the one asked for")
    if status == 416 and origin:
        discard(part)
        raise _Passing("the file on the server is shorter than the part that is here")
    reason = f"HTTP status {status} {response.reason or ''}".rstrip()
    if status in PASSING_STATUSES:
        raise _Passing(reason, retry_after(response))
    raise TransferError(url, reason, status)


def _content_range(response: requests.Response) -> tuple[int | None, int | None]:
    """First byte and length of the whole, from ``bytes 100-199/200``."""
    unit, _, value = response.headers.get("Content-Range", "").partition(" ")
    span, _, total = value.partition("/")
    start = span.partition("-")[0]
    if unit != "bytes" or not start.isdigit():
        return None, None
    return int(start), int(total) if total.isdigit() else None


def retry_after(response: requests.Response) -> float | None:
    """Seconds that the server asks to wait; it gives them, or a date."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isdigit():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError, OverflowError):
        return None


def _origin(response: requests.Response, url: str, offset: int) -> Origin:
    headers = response.headers
    encoding = headers.get("Content-Encoding", "identity")
    if encoding not in ("identity", "") and not url.endswith(".gz"):
        raise TransferError(url, f"the server sends it encoded ({encoding}) although it was asked not to")
    length = headers.get("Content-Length", "")
    total = _content_range(response)[1] if offset else int(length) if length.isdigit() else None
    return Origin(
        url, headers.get("ETag"), headers.get("Last-Modified"), total, headers.get("X-UniProt-Release")
    )


def _receive(
    response: requests.Response,
    part: Path,
    offset: int,
    total: int | None,
    on_bytes: Callable[[int, int | None], None],
    stop: Stop,
) -> int:
    """Write the body behind the bytes that are there; the bytes held then."""
    held = offset
    on_bytes(held, total)
    # Unbuffered: what a killed run received is there for the next one.
    with open(part, "ab" if offset else "wb", buffering=0) as file, stop.ending(response.raw):
        while block := response.raw.read1(_BLOCK_BYTES, decode_content=False):
            file.write(block)
            held += len(block)
            on_bytes(held, total)
            if stop.is_set():
                raise TransferStopped
        os.fsync(file.fileno())
    return held
