"""JSON from elsewhere: whatever is wrong with it is one kind of error."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["parse_json"]


def parse_json(text: str) -> Any:
    """The value of a JSON text that somebody else may have written.

    Raises
    ------
    ValueError
        If the text is not JSON, or nested more deeply than can be read.

    Examples
    --------
    >>> parse_json('{"genes": 600}')
    {'genes': 600}
    >>> parse_json("[" * 100_000)
    Traceback (most recent call last):
    ...
    ValueError: nested too deeply
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
