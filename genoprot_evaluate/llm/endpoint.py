"""A chat endpoint over HTTP: one question, one answer, with patience for what passes."""

from __future__ import annotations

import ipaddress
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.stopping import Stop, TransferStopped
from genoprot_datasets.transfer import Patience, backoff, innermost_reason, retry_after
from genoprot_evaluate.llm.budget import Budget, Pace
from genoprot_evaluate.llm.completions import events_completion, read_completion
from genoprot_evaluate.llm.refusals import read_complaint

if TYPE_CHECKING:
    import requests

__all__ = [
    "BASE_URL",
    "KEY_VARIABLE",
    "NO_KEY",
    "TIMEOUT_SECONDS",
    "Endpoint",
    "EndpointError",
    "Exhausted",
    "Unsuitable",
]

BASE_URL = "https://api.openai.com/v1"
KEY_VARIABLE = "OPENAI_API_KEY"
NO_KEY = "none"
"""What is given for the variable where no key is to be sent."""

TIMEOUT_SECONDS = 600.0
"""How long an endpoint may say nothing; a model that thinks first says nothing for minutes."""

_REASON_LENGTH = 200
_KEY = re.compile(r"[\x21-\x7e]+")


class EndpointError(GenoProtError):
    """The endpoint answers no question, or none any more."""


class Exhausted(EndpointError):
    """One question was tried as often as patience allows."""


class Unsuitable(GenoProtError):
    """The endpoint refuses a question, and would refuse it again.

    Parameters
    ----------
    message : str
    kind : str
        Why, as `refusals.Complaint` has it.
    """

    def __init__(self, message: str, kind: str) -> None:
        super().__init__(message)
        self.kind = kind


class _Passing(Exception):
    """A failure that may go away; with the wait that the endpoint asks for, in seconds."""

    def __init__(
        self, message: str, retry_after_seconds: float | None = None, *, limited: bool = False
    ) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds
        self.limited = limited


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
    patience: Patience = Patience(stall_seconds=TIMEOUT_SECONDS)

    @classmethod
    def of(
        cls,
        base_url: str = BASE_URL,
        key_variable: str = KEY_VARIABLE,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
        needed: bool = True,
    ) -> Endpoint:
        """Endpoint at an address, with the key of an environment variable.

        Parameters
        ----------
        base_url : str
        key_variable : str
            Name of the variable; `NO_KEY` for none. Where it is not set, no key is sent.
        timeout_seconds : float
            How long a connection may bring nothing.
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
        return cls(base_url.rstrip("/"), key, Patience(stall_seconds=timeout_seconds))

    def session(self) -> requests.Session:
        """A session for one thread, that keeps its connection between requests."""
        import requests

        session = requests.Session()
        # Otherwise requests would send a password of ~/.netrc in place of the key.
        session.auth = self._authorise
        return session

    def ask(
        self,
        body: Mapping[str, Any],
        session: requests.Session,
        budget: Budget,
        stop: Stop,
        pace: Pace | None = None,
        tokens: int = 0,
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
        pace : Pace, optional
            Shared by the threads that ask: where requests come too fast, all of them wait, and it does not
            count against patience as long as any of them is answered.
        tokens : int
            What the request may take of the budget.

        Returns
        -------
        dict
            As `completions.read_completion` gives it.

        Raises
        ------
        Unsuitable
            If the endpoint refuses this request.
        EndpointError
            If it refuses any; `Exhausted` if patience ends.
        BudgetSpent
            If no further request may be sent.
        TransferStopped
            If `stop` was set.
        """
        content = json.dumps(body).encode()
        pace = pace or Pace()
        failures, seen = 0, pace.answered
        while True:
            pace.wait(stop)
            if stop.is_set():
                raise TransferStopped
            budget.take(tokens)
            used = 0
            try:
                found = self._attempt(session, content)
                counts = (found["prompt_tokens"], found["completion_tokens"])
                used = tokens if None in counts else sum(counts)
                pace.count()
                return found
            except _Passing as error:
                if error.limited and pace.answered > seen:
                    failures, seen = 0, pace.answered
                failures += 1
                wait = error.retry_after_seconds
                if failures >= self.patience.attempts:
                    raise Exhausted(f"{self.base_url}: {error}; {failures} attempts") from None
                if wait is not None and wait > self.patience.longest_retry_after_seconds:
                    raise EndpointError(
                        f"{self.base_url}: {error}; it asks to wait {wait:,.0f} s, try again later"
                    ) from None
                wait = backoff(failures, self.patience) if wait is None else wait
                if error.limited:
                    pace.hold(wait)
                else:
                    stop.wait(wait)
            finally:
                budget.settle(tokens, used)

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
        try:
            raw = _json_of(response)
        except ValueError:
            raw = None
        failed = isinstance(raw, dict) and "error" in raw and not raw.get("choices")
        if response.status_code != 200 or failed:
            raise self._refusal(response, raw)
        try:
            found = read_completion(raw)
        except ValueError:
            raise _Passing("its answer is not a chat completion") from None
        return {name: self._hidden(one) if isinstance(one, str) else one for name, one in found.items()}

    def _refusal(self, response: requests.Response, raw: Any) -> Exception:
        """What an error means, with whichever status it comes."""
        status = response.status_code
        complaint = read_complaint(status, raw, response.reason or "")
        message = self._plain(complaint.message)
        if status == 200 or complaint.scope == "later":
            return _Passing(message, retry_after(response), limited=complaint.limited)
        if complaint.scope == "question":
            return Unsuitable(message, complaint.kind)
        hint = "; --field NAME=null takes a field away" if status in (400, 422) else ""
        return EndpointError(f"{self.base_url}: {message}{hint}")

    def _hidden(self, text: str) -> str:
        return text if self.key is None else text.replace(self.key, "[key]")

    def _plain(self, text: str) -> str:
        """A text from outside on one short line, without the key."""
        line = " ".join(self._hidden(text).split())
        return "".join(letter for letter in line if letter.isprintable())[:_REASON_LENGTH]


def _json_of(response: requests.Response) -> Any:
    """The JSON value of an answer, put together where it comes as a stream of events."""
    if response.headers.get("Content-Type", "").startswith("text/event-stream"):
        return events_completion(response.content.decode(errors="replace"))
    return response.json()


def _without_user(url: str) -> str:
    return url.rpartition("@")[2]


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
