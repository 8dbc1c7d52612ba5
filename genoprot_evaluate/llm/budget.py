"""What asking may cost, and how fast it may go."""

from __future__ import annotations

import random
import re
import threading
import time

from genoprot_datasets.stopping import Stop

__all__ = ["CHARACTERS_PER_TOKEN", "TAGGED_PER_TOKEN", "Budget", "BudgetSpent", "Pace", "estimated_tokens"]

CHARACTERS_PER_TOKEN = 4
TAGGED_PER_TOKEN = 2
"""Characters of a protein's name or sequence that make a token, about."""

_TAGGED = re.compile(r"<\w+:([^>]*)>")
_MESSAGE_TOKENS = 10


def estimated_tokens(instruction: str, question: str) -> int:
    """About how many tokens a question has, with the instruction before it.

    Examples
    --------
    >>> estimated_tokens("Reply yes or no.", "Do <SEQ:MKTAYIAKQR> and <SEQ:MALW> interact?")
    28
    """
    inside = sum(len(found[1]) for found in _TAGGED.finditer(question))
    outside = len(instruction) + len(question) - inside
    return round(outside / CHARACTERS_PER_TOKEN + inside / TAGGED_PER_TOKEN) + _MESSAGE_TOKENS


class BudgetSpent(Exception):
    """No further request may be sent; the message says what is reached."""


class Budget:
    """What may be sent, in all threads together.

    Parameters
    ----------
    requests : int, optional
        Requests, those that are sent again too; without limit when left out.
    tokens : int, optional
        Tokens of questions and answers, as the endpoint counts them, else as estimated; without limit when
        left out.
    """

    def __init__(self, requests: int | None = None, tokens: int | None = None) -> None:
        self._mutex = threading.Lock()
        self._requests, self._tokens = requests, tokens
        self._reserved = 0
        self.sent = 0
        self.used = 0

    def take(self, tokens: int = 0) -> None:
        """Count a request that is about to be sent, and keep free what it is expected to take.

        Raises
        ------
        BudgetSpent
            If it may not be sent.
        """
        with self._mutex:
            if self._requests is not None and self.sent >= self._requests:
                raise BudgetSpent(f"the limit of {self._requests:,} requests is reached")
            if self._tokens is not None and self.used + self._reserved + tokens > self._tokens:
                raise BudgetSpent(
                    f"the limit of {self._tokens:,} tokens is reached ({self.used:,} are used, the next "
                    f"question may take {tokens:,})"
                )
            self.sent += 1
            self._reserved += tokens

    def settle(self, reserved: int, used: int) -> None:
        """Put what a request has used in place of what was kept free for it."""
        with self._mutex:
            self._reserved -= reserved
            self.used += used


class Pace:
    """When the next request may be sent, and whether any is answered, for all threads together."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._not_before = 0.0
        self.answered = 0

    def hold(self, seconds: float) -> None:
        """Let no request be sent for a while."""
        with self._mutex:
            self._not_before = max(self._not_before, time.monotonic() + seconds)

    def wait(self, stop: Stop) -> None:
        """Wait until a request may be sent or `stop` is set, a little longer so that not all come at once."""
        while (seconds := self._not_before - time.monotonic()) > 0:
            if stop.wait(seconds + 0.2 * random.random()):
                return

    def count(self) -> None:
        """Note that a request was answered."""
        with self._mutex:
            self.answered += 1
