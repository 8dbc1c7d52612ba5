"""Texts with something wrong in them, for readers that must say so in one line."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from hypothesis import strategies as st

from genoprot_datasets.errors import SourceError

__all__ = ["damaged", "unless_refused"]

T = TypeVar("T")

_INSERTIONS = [
    "",
    "\t",
    "\n",
    " ",
    ";",
    ",",
    ":",
    "=",
    "-",
    "//\n",
    "0",
    "99999999999999999999",
    "%3B",
    '"',
    "{",
]


@st.composite
def damaged(draw: st.DrawFn, text: str) -> str:
    """The text with one to four pieces cut out or replaced, or cut off at its end."""
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        length = draw(st.sampled_from([0, 1, 2, 10, 80, len(text)]))
        piece = draw(st.sampled_from(_INSERTIONS) | st.text(max_size=6))
        text = text[:start] + piece + text[start + length :]
    return text


def unless_refused(read: Callable[[], T]) -> T | None:
    """What a reader gives; None if it refuses its file in one line. Any other error is the test's failure."""
    try:
        return read()
    except SourceError as error:
        if "\n" in str(error) or "\r" in str(error):
            raise AssertionError(f"an error of several lines: {error}") from error
        return None
