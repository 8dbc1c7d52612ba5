"""A chat endpoint over HTTP: one question, one answer, with patience for what passes."""

from __future__ import annotations

import ipaddress
import json
import os
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.stopping import Stop, TransferStopped
from genoprot_datasets.transfer import (
    PASSING_STATUSES,
    Patience,
    backoff,
    innermost_reason,
    retry_after,
)

if TYPE_CHECKING:
    import requests

__all__ = ["BASE_URL", "KEY_VARIABLE", "Budget", "BudgetSpent", "Endpoint", "EndpointError", "Unsuitable"]

BASE_URL = "https://api.openai.com/v1"
KEY_VARIABLE = "OPENAI_API_KEY"
NO_KEY = "none"
"""What is given for the variable where no key is to be sent."""

_REASON_LENGTH = 200
_UNSUITABLE = frozenset({400, 413, 422})
_KEY = re.compile(r"[\x21-\x7e]+")


class EndpointError(GenoProtError):
    """The endpoint answers no question, or none any more."""


class Unsuitable(GenoProtError):
    """The endpoint refuses a request as it is, and would refuse it again."""


class BudgetSpent(Exception):
    """No further request may be sent."""


class Budget:
    """How many requests may be sent, in all threads together.

    Parameters
    ----------
    requests : int, optional
        Without limit when left out.
    """

    def __init__(self, requests: int | None = None) -> None:
        self._mutex = threading.Lock()
        self._left = requests
        self.sent = 0

    def take(self) -> None:
        """Count a request that is about to be sent.

        Raises
        ------
        BudgetSpent
            If it may not be sent.
        """
        with self._mutex:
            if self._left is not None and self.sent >= self._left:
                raise BudgetSpent
            self.sent += 1


class _Passing(Exception):
    """A failure that may go away; with the wait that the endpoint asks for, in seconds."""

    def __init__(self, message: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


@dataclass(frozen=True)
class Endpoint:
    """Where chat completions are asked for, in the form of OpenAI's interface.

    Parameters
    ----------
    base_url : str
        Address above ``/chat/completions``.
    key : str or None
        Sent as a bearer token, and nowhere else; it is cut out of every text that comes back.
    patience : Patience
    """

    base_url: str = BASE_URL
    key: str | None = field(default=None, repr=False)
    patience: Patience = Patience(stall_seconds=120.0)

    @classmethod
    def of(
        cls, base_url: str = BASE_URL, key_variable: str = KEY_VARIABLE, *, needed: bool = True
    ) -> Endpoint:
        """Endpoint at an address, with the key of an environment variable.

        Parameters
        ----------
        base_url : str
        key_variable : str
            Name of the variable; `NO_KEY` for none. Where it is not set, no key is sent.
        needed : bool
            Whether the default address needs one, because it will be asked.

        Raises
        ------
        GenoProtError
            If the address cannot be used, the default one has no key, or the key would be sent unencrypted
            over a network.
        """
        parts = urlsplit(base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise GenoProtError(f"--base-url: expected http(s)://HOST/..., found {_without_user(base_url)!r}")
        if "@" in parts.netloc:
            raise GenoProtError("--base-url: no user or password belongs in it; give the key by a variable")
        key = None if key_variable == NO_KEY else os.environ.get(key_variable, "").strip() or None
        if needed and key is None and parts.hostname == urlsplit(BASE_URL).hostname:
            raise GenoProtError(f"no key: set the environment variable {key_variable}")
        if key is not None and not _KEY.fullmatch(key):
            raise GenoProtError(f"the key in {key_variable} has characters that no header can hold")
        if key is not None and parts.scheme == "http" and not _is_here(parts.hostname):
            raise GenoProtError(
                f"--base-url {base_url}: the key in {key_variable} would be sent unencrypted; use https, or "
                f"--key-variable {NO_KEY} where no key is needed"
            )
        return cls(base_url.rstrip("/"), key)

    def session(self) -> requests.Session:
        """A session for one thread, that keeps its connection between requests."""
        import requests

        session = requests.Session()
        # Otherwise requests would send a password of ~/.netrc in place of the key.
        session.auth = self._authorise
        return session

    def ask(
        self, body: Mapping[str, Any], session: requests.Session, budget: Budget, stop: Stop
    ) -> dict[str, Any]:
        """Send a request until it is answered.

        Parameters
        ----------
        body : mapping
            JSON values.
        session : requests.Session
            Of `session`.
        budget : Budget
            Counts every request, those that are sent again too.
        stop : Stop
            Ends waiting when it is set.

        Returns
        -------
        dict
            `answer`, `finish`, `model`, `fingerprint`, `prompt_tokens`, `completion_tokens`; what the
            endpoint does not say is None, and so is a text that is none.

        Raises
        ------
        Unsuitable
            If the endpoint refuses this request.
        EndpointError
            If it refuses any, or patience ends.
        BudgetSpent
            If no further request may be sent.
        TransferStopped
            If `stop` was set.
        """
        content = json.dumps(body).encode()
        failures = 0
        while not stop.is_set():
            budget.take()
            try:
                return self._attempt(session, content)
            except _Passing as error:
                failures += 1
                wait = error.retry_after_seconds
                if failures >= self.patience.attempts:
                    raise EndpointError(f"{self.base_url}: {error}; {failures} attempts") from None
                if wait is not None and wait > self.patience.longest_retry_after_seconds:
                    raise EndpointError(
                        f"{self.base_url}: {error}; it asks to wait {wait:,.0f} s, try again later"
                    ) from None
                stop.wait(backoff(failures, self.patience) if wait is None else wait)
        raise TransferStopped

    def _authorise(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self.key is not None:
            request.headers["Authorization"] = f"Bearer {self.key}"
        return request

    def _attempt(self, session: requests.Session, content: bytes) -> dict[str, Any]:
        import requests

        timeout = (self.patience.stall_seconds, self.patience.stall_seconds)
        headers = {"Content-Type": "application/json"}
        address = f"{self.base_url}/chat/completions"
        try:
            response = session.post(
                address, data=content, headers=headers, timeout=timeout, allow_redirects=False
            )
        except requests.exceptions.SSLError as error:
            raise EndpointError(
                f"{self.base_url}: no secure connection ({self._plain(innermost_reason(error))})"
            ) from None
        except requests.Timeout:
            raise _Passing(f"nothing came for {self.patience.stall_seconds:g} s") from None
        except requests.RequestException as error:
            raise _Passing(f"the connection failed ({self._plain(innermost_reason(error))})") from None
        if response.status_code == 200:
            return self._read(response)
        raise self._refusal(response)

    def _refusal(self, response: requests.Response) -> Exception:
        """What a status other than 200 means."""
        status = response.status_code
        try:
            error = response.json()["error"]
            code, message = str(error.get("code")), str(error.get("message"))
        except (ValueError, KeyError, TypeError, AttributeError):
            code, message = "", response.reason or ""
        reason = f"HTTP status {status} {self._plain(message)}".rstrip()
        if status == 429 and code == "insufficient_quota":
            return EndpointError(f"{self.base_url}: {reason}")
        if status in PASSING_STATUSES or status >= 500:
            return _Passing(reason, retry_after(response))
        if status in _UNSUITABLE:
            return Unsuitable(reason)
        return EndpointError(f"{self.base_url}: {reason}")

    def _read(self, response: requests.Response) -> dict[str, Any]:
        try:
            raw = response.json()
            choice = raw["choices"][0]
            message = choice["message"]
            usage = raw.get("usage") or {}
            # A refusal comes in a field of its own, with no content.
            answer = message.get("content") or message.get("refusal") or ""
            found = {
                "answer": answer if isinstance(answer, str) else json.dumps(answer),
                "finish": choice.get("finish_reason"),
                "model": raw.get("model"),
                "fingerprint": raw.get("system_fingerprint"),
            }
            counts = {name: usage.get(name) for name in ("prompt_tokens", "completion_tokens")}
        except (ValueError, KeyError, IndexError, TypeError, AttributeError):
            raise _Passing("its answer is not a chat completion") from None
        texts = {name: self._hidden(text) if isinstance(text, str) else None for name, text in found.items()}
        return texts | {name: n if type(n) is int else None for name, n in counts.items()}

    def _hidden(self, text: str) -> str:
        return text if self.key is None else text.replace(self.key, "[key]")

    def _plain(self, text: str) -> str:
        """A text from outside on one short line, without the key."""
        line = " ".join(self._hidden(text).split())
        return "".join(letter for letter in line if letter.isprintable())[:_REASON_LENGTH]


def _without_user(url: str) -> str:
    return url.rpartition("@")[2]


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
