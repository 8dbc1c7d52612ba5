"""What the Hub's client complains of, in one line that says what to do, without the token."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from genoprot_datasets.errors import GenoProtError

__all__ = ["hub_errors", "redact", "refuse_hub_error"]

_TOKEN = re.compile(r"\b(?:hf|api_org|hf_oauth|hf_jwt)_[A-Za-z0-9][A-Za-z0-9.-]{9,}")
_AGAIN = "run the same command again"
_SHOWN = 300


def redact(text: str) -> str:
    """Text without what looks like a token of the Hub, or is the one in use.

    Examples
    --------
    >>> redact("Authorization: Bearer hf_abcdefghijkl")
    'Authorization: Bearer (token)'
    >>> redact("hf_hub_download failed")
    'hf_hub_download failed'
    """
    from huggingface_hub import get_token

    token = get_token()
    if token:
        text = text.replace(token, "(token)")
    return _TOKEN.sub("(token)", text)


def refuse_hub_error(error: BaseException, what: str) -> GenoProtError:
    """The error to raise instead of one that `huggingface_hub` or its HTTP client raised.

    Parameters
    ----------
    error : BaseException
        The causes behind it are looked at too.
    what : str
        What was read or written, such as ``dataset 'llnl/geno-prot'``.
    """
    return GenoProtError(f"{what}: {redact(_reason(error))}")


@contextmanager
def hub_errors(what: str) -> Iterator[None]:
    """Turn what goes wrong inside into a `GenoProtError`.

    Raises
    ------
    GenoProtError
        One line: what it was about, what the Hub said, what to do.
    """
    try:
        yield
    except GenoProtError:
        raise
    except Exception as error:  # the Hub's client raises a different class for every cause
        raise refuse_hub_error(error, what) from None


def _reason(error: BaseException) -> str:
    from huggingface_hub import errors

    chain = list(_causes(error))
    for cause in chain:
        if isinstance(cause, errors.OfflineModeIsEnabled):
            return "not in the cache, and the network is switched off (HF_HUB_OFFLINE)"
        if isinstance(cause, errors.LocalTokenNotFoundError):
            return "no token; log in by `hf auth login`, or set HF_TOKEN"
        if isinstance(cause, errors.HfHubHTTPError):
            return _answer(cause)
    for cause in chain:
        if "TransportError" in {kind.__name__ for kind in type(cause).__mro__}:
            return f"the network failed ({type(cause).__name__}: {_line(cause)}); {_AGAIN}"
    return f"{type(error).__name__}: {_line(error)}"


def _answer(error: BaseException) -> str:
    """What an answer of the Hub means."""
    from huggingface_hub import errors

    response = error.response
    status = response.status_code
    said = " ".join(
        str(getattr(error, "server_message", "") or response.headers.get("X-Error-Message") or "").split()
    )[:_SHOWN]
    if isinstance(error, errors.GatedRepoError):
        return "access to it has to be asked for on its page on the Hub (it is gated), and then a login"
    if isinstance(error, errors.RevisionNotFoundError):
        return "the Hub has no such revision of it; name a branch, tag or commit that is there"
    if isinstance(error, errors.RemoteEntryNotFoundError):
        return f"the Hub has no such file ({response.url.path})"
    if isinstance(error, errors.RepositoryNotFoundError):
        seen = "without a token" if "Authorization" not in response.request.headers else "with this token"
        return f"the Hub shows no such repository {seen}; check the name and `hf auth login`"
    meanings = {
        401: "the token is missing or not valid; log in by `hf auth login`, or set HF_TOKEN",
        403: "the token may not do this; use one with write permission in the repository's namespace",
        409: "the name is taken",
        412: "another commit came in between; run the same command again",
        413: "a file is over the Hub's limit",
        429: f"too many requests{_wait(response)}; {_AGAIN}",
    }
    meaning = meanings.get(status)
    if meaning is None:
        meaning = (
            f"the Hub failed with {status}; {_AGAIN}" if status >= 500 else f"the Hub refused ({status})"
        )
    return f"{meaning} ({said})" if said else meaning


def _wait(response: object) -> str:
    seconds = response.headers.get("Retry-After", "")
    return f", wait {seconds} seconds" if seconds.isdigit() else ""


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:_SHOWN]
