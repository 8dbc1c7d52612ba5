"""How the text of an answer is read: strictly, or not at all."""

from __future__ import annotations

import json
import re

__all__ = ["read_reply", "said", "without_reasoning"]

_THOUGHT = r"think|thinking|thought|reasoning"
_THOUGHT_END = re.compile(rf"</(?:{_THOUGHT})>", re.IGNORECASE)
_THOUGHT_BEGUN = re.compile(rf"\s*<(?:{_THOUGHT})>", re.IGNORECASE)
_FENCED = re.compile(r"```(?:json)?\s*\n(.*?)\n?\s*```", re.DOTALL)
_MARKS = r"[*_\"'`]*"
_LEAD = rf"(?:{_MARKS}(?:(?:the|my|final)\s+)*answer{_MARKS}(?:\s*:|\s+is\s*:?){_MARKS}\s*)?"
_WORD = re.compile(
    rf"{_LEAD}{_MARKS}(?P<word>yes|no){_MARKS}(?=$|[.,;:!\n]|\s+[-\u2013\u2014(])", re.IGNORECASE
)
_CLAIM = re.compile(r"\b(?:(?P<yes>yes|true)|(?P<no>no|false))\b", re.IGNORECASE)


def without_reasoning(text: str) -> str:
    """What comes behind the reasoning of a model that writes it down first, in ``<think>`` or the like.

    Examples
    --------
    >>> without_reasoning("<think>Both bind DNA. Yes?</think> No."), without_reasoning("<think>Both bind")
    (' No.', '')
    """
    ends = list(_THOUGHT_END.finditer(text))
    if ends:
        return text[ends[-1].end() :]
    return "" if _THOUGHT_BEGUN.match(text) else text


def read_reply(text: str, reply: str) -> int:
    """The class that an answer names.

    Parameters
    ----------
    text : str
        Reasoning that it begins with does not count.
    reply : str
        For ``json`` the answer is an object with the single key ``result``, true or false; a Markdown fence
        around it is allowed. Otherwise it begins with yes or no, with "Answer:" or "The answer is" before it
        or not, and behind that word comes nothing, a punctuation mark or a new line.

    Returns
    -------
    int
        1 for yes, 0 for no, -1 for anything else.

    Examples
    --------
    >>> read_reply('{"result": true}', "json"), read_reply('{"result": "true"}', "json")
    (1, -1)
    >>> read_reply("**Answer:** No.", "word"), read_reply("No information is available", "word")
    (0, -1)
    """
    text = without_reasoning(text).strip()
    if reply != "json":
        found = _WORD.match(text)
        return -1 if found is None else int(found["word"].lower() == "yes")
    fenced = _FENCED.fullmatch(text)
    try:
        value = json.loads(fenced[1] if fenced else text)
    except (ValueError, RecursionError):
        return -1
    if not isinstance(value, dict) or list(value) != ["result"] or not isinstance(value["result"], bool):
        return -1
    return int(value["result"])


def said(text: str) -> int:
    """The class that a text names anywhere, in whichever form.

    Nothing is scored by it; it tells answers in another form from those that say nothing.

    Returns
    -------
    int
        1 where yes or true occurs and neither no nor false, 0 the other way round, else -1.

    Examples
    --------
    >>> said("I believe so: yes"), said('{"answer": "No"}'), said("It depends, yes and no")
    (1, 0, -1)
    """
    kinds = {found.lastgroup for found in _CLAIM.finditer(without_reasoning(text))}
    return int(kinds == {"yes"}) if len(kinds) == 1 else -1
