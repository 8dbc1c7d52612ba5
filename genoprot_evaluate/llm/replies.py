"""How a model is told to answer, and how its answer is read: strictly, or not at all."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["REPLIES", "read_reply"]

REPLIES: Mapping[str, str] = MappingProxyType(
    {
        "json": 'Reply with one JSON object and nothing else: {"result": true} for yes, '
        '{"result": false} for no.',
        "word": "Reply with one word and nothing else: yes or no.",
    }
)
"""What a model is told about its answer, by kind of reply.

References
----------
Wakim, Gupta et al., NeurIPS 2025 FM4LS workshop, Listing C.1, for ``json``.
"""

_FENCED = re.compile(r"```(?:json)?\s*\n(.*?)\n?\s*```", re.DOTALL)
_WORD = re.compile(r"[*_\"'`]*(yes|no)[*_\"'`]*(?=$|[.,;:!\n])", re.IGNORECASE)


def read_reply(text: str, reply: str) -> int:
    """The class that an answer names.

    Parameters
    ----------
    text : str
    reply : str
        One of `REPLIES`. For ``json`` the answer is an object with the single key ``result``, true or false;
        a Markdown fence around it is allowed. For ``word`` it begins with yes or no, and behind that word
        comes nothing, a punctuation mark or a new line.

    Returns
    -------
    int
        1 for yes, 0 for no, -1 for anything else.

    Examples
    --------
    >>> read_reply('{"result": true}', "json"), read_reply('{"result": "true"}', "json")
    (1, -1)
    >>> read_reply("No.", "word"), read_reply("No information is available", "word")
    (0, -1)
    """
    text = text.strip()
    if reply == "word":
        found = _WORD.match(text)
        return -1 if found is None else int(found[1].lower() == "yes")
    fenced = _FENCED.fullmatch(text)
    try:
        value = json.loads(fenced[1] if fenced else text)
    except (ValueError, RecursionError):
        return -1
    if not isinstance(value, dict) or list(value) != ["result"] or not isinstance(value["result"], bool):
        return -1
    return int(value["result"])
