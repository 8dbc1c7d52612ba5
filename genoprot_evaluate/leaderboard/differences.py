"""Where two values of JSON types differ by more than rounding."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["TOLERANCE", "differences"]

TOLERANCE = 1e-9
"""Difference of two numbers that are the same."""


def differences(given: Any, found: Any, place: str, *, relative: float = 0.0) -> Iterator[str]:
    """Places at which two values differ, one line each.

    Parameters
    ----------
    given, found : object
        Numbers, texts, None, and lists and mappings of them.
    place : str
        Name of the value.
    relative : float
        Share of a number by which it may differ, beside `TOLERANCE`.

    Examples
    --------
    >>> list(differences({"a": [0.5, None]}, {"a": [0.25, None]}, "x"))
    ['x.a.0 is 0.5, its predictions give 0.25']
    """
    if isinstance(given, dict) and isinstance(found, dict) and given.keys() == found.keys():
        for key in given:
            yield from differences(given[key], found[key], f"{place}.{key}", relative=relative)
    elif isinstance(given, list | tuple) and isinstance(found, list | tuple) and len(given) == len(found):
        for number, (one, other) in enumerate(zip(given, found)):
            yield from differences(one, other, f"{place}.{number}", relative=relative)
    elif isinstance(given, float | int) and isinstance(found, float | int):
        if abs(given - found) > TOLERANCE + relative * abs(found):
            yield f"{place} is {given:.6g}, its predictions give {found:.6g}"
    elif given != found:
        yield f"{place} is {given!r:.60}, its predictions give {found!r:.60}"
