"""What it means when an endpoint does not answer: not now, not this question, or none at all."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from genoprot_datasets.transfer import PASSING_STATUSES
from genoprot_evaluate.llm.reading import FILTERED, REFUSED, TOO_LONG

__all__ = ["Complaint", "read_complaint"]

_OF_QUESTION = frozenset({400, 413, 422})

# Endpoints agree on the form of an error, not on its codes: these are those of OpenAI, Azure, vLLM,
# llama.cpp, TGI, Groq, OpenRouter, Alibaba and Google.
_LONG_CODES = re.compile(
    r"context_length_exceeded|string_above_max_length|exceed_context_size_error|request_too_large|"
    r"tokens_limit_reached",
    re.IGNORECASE,
)
_LONG_WORDS = re.compile(
    r"context (?:length|window|size)|request too large|reduce the length|"
    r"maximum (?:allowed )?(?:context|prompt|input)|too many (?:input |prompt )?tokens|"
    r"(?:prompt|input|request|message)s?(?: token count)? (?:is |are |was )?(?:too (?:long|large)|exceeds?)|"
    r"inputs?`? tokens .{0,40}must be <=|must have less than",
    re.IGNORECASE,
)
_FILTER_CODES = re.compile(
    r"content_?filter|content_policy|invalid_prompt|moderation|data_inspection_failed|"
    r"ResponsibleAIPolicyViolation|PROHIBITED_CONTENT",
    re.IGNORECASE,
)
_FILTER_WORDS = re.compile(
    r"flagged|content (?:management|filter|policy)|usage polic|safety (?:system|filter|setting)|moderation|"
    r"inappropriate content|prohibited content",
    re.IGNORECASE,
)
_HOPELESS_CODES = re.compile(
    r"insufficient_quota|billing|invalid_api_key|model_not_found|unsupported_(?:parameter|value)|"
    r"unknown_parameter|invalid_authentication|API_KEY_INVALID",
    re.IGNORECASE,
)
_HOPELESS_WORDS = re.compile(
    r"api.?key|unsupported (?:parameter|value)|"
    r"(?:unknown|unrecognized|extra) (?:parameter|argument|field|input)|"
    r"model\b.{0,80}(?:not found|does not exist|not supported|not available)",
    re.IGNORECASE,
)


class Complaint(NamedTuple):
    """What an endpoint says in place of an answer.

    Parameters
    ----------
    message : str
    scope : {"later", "question", "all"}
        Whether it may pass, is about this question, or holds for every question.
    kind : str
        For a question, one of `reading.TOO_LONG`, `reading.FILTERED` and `reading.REFUSED`; the last one
        where the words do not tell, so that it may be about how every question is asked.
    limited : bool
        Whether requests come too fast.
    """

    message: str
    scope: str
    kind: str = REFUSED
    limited: bool = False


def read_complaint(status: int, raw: Any, reason: str = "") -> Complaint:
    """What a status other than 200, or an error in place of an answer, means.

    Parameters
    ----------
    status : int
    raw : object
        The JSON value that came with it; anything where none came.
    reason : str
        Words of the status line.

    Examples
    --------
    >>> body = {"error": {"message": "maximum context length is 8192 tokens", "code": None}}
    >>> read_complaint(400, body).kind, read_complaint(503, body).scope, read_complaint(404, {}).scope
    ('too long for the model', 'later', 'all')
    """
    code, message = _error_of(raw)
    message = message or reason
    words = f"HTTP status {status} {message}".rstrip()
    if status >= 500 or status in PASSING_STATUSES - {429}:
        return Complaint(words, "later")
    hopeless = _HOPELESS_CODES.search(code) or (status != 429 and _HOPELESS_WORDS.search(message))
    if status == 429:
        if hopeless:
            return Complaint(words, "all")
        # More tokens than may be sent in a minute can never be sent.
        if re.search("request too large", message, re.IGNORECASE):
            return Complaint(words, "question", TOO_LONG)
        return Complaint(words, "later", limited=True)
    filtered = _FILTER_CODES.search(code) or _FILTER_WORDS.search(message)
    if filtered and status in _OF_QUESTION | {403}:
        return Complaint(words, "question", FILTERED)
    if status in _OF_QUESTION:
        if status == 413 or _LONG_CODES.search(code) or _LONG_WORDS.search(message):
            return Complaint(words, "question", TOO_LONG)
        if not hopeless:
            return Complaint(words, "question")
    return Complaint(words, "all")


def _error_of(raw: Any) -> tuple[str, str]:
    """Codes and message of an error, in whichever of the usual forms."""
    if not isinstance(raw, Mapping):
        return "", ""
    error = raw.get("error", raw)
    if isinstance(error, str):
        return str(raw.get("error_type", "")), error
    if not isinstance(error, Mapping):
        return "", ""
    inner = error.get("innererror")
    codes = [error.get("code"), error.get("type"), inner.get("code") if isinstance(inner, Mapping) else None]
    message = error.get("message") or error.get("detail")
    return " ".join(str(one) for one in codes if one), "" if message is None else str(message)
