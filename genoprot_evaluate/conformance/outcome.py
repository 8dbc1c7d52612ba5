"""What a check demands, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from genoprot_evaluate.conformance.subject import Subject

__all__ = ["STATUSES", "Check", "Failed", "Outcome", "Skipped"]

STATUSES = ("pass", "fail", "skip")
"""As demanded; not as demanded; not to be tried, for a reason."""


class Failed(Exception):
    """The encoder does not do what a check demands; the message says what was seen."""


class Skipped(Exception):
    """A check does not apply to the encoder; the message says why."""


@dataclass(frozen=True)
class Check:
    """One demand on an encoder.

    Parameters
    ----------
    name : str
    demand : str
        What has to hold, in a few words.
    run : callable
        Called with a `Subject`; returns what was seen, or raises `Failed` or `Skipped`.
    needs : tuple of str
        Checks without which this one says nothing; it is skipped when one of them did not pass.
    """

    name: str
    demand: str
    run: Callable[[Subject], str]
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What came of a check.

    Parameters
    ----------
    name, demand : str
        As of the `Check`.
    status : str
        One of `STATUSES`.
    reason : str
        What was seen.
    """

    name: str
    demand: str
    status: str
    reason: str
