"""What a chat completion says: its text, how it ended, and how probable yes and no were."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from itertools import accumulate
from typing import Any

from genoprot_evaluate.llm.reading import FILTERED, LOWEST_LOG
from genoprot_evaluate.llm.replies import read_reply, without_reasoning

__all__ = ["events_completion", "read_completion", "yes_and_no"]

_WORDS = ("yes", "no")
_AROUND = "*_\"'`.,:;! \t\r\n"


def events_completion(text: str) -> dict[str, Any]:
    """One completion from the events of an endpoint that answers in pieces, as a stream.

    Parameters
    ----------
    text : str
        Server-sent events, each with a piece of the first choice.

    Raises
    ------
    ValueError
        If an event is no JSON object, or they end before the choice does.
    """
    whole: dict[str, Any] = {}
    content, refusal, tokens, finish = "", "", [], None
    for line in text.splitlines():
        if not line.startswith("data:") or line[5:].strip() == "[DONE]":
            continue
        event = json.loads(line[5:])
        if not isinstance(event, dict):
            raise ValueError("an event is no JSON object")
        if "error" in event:
            return event
        whole |= {name: event[name] for name in ("model", "system_fingerprint", "usage") if event.get(name)}
        for choice in event.get("choices") or ():
            delta = choice.get("delta") or {}
            content += delta.get("content") or ""
            refusal += delta.get("refusal") or ""
            tokens += (choice.get("logprobs") or {}).get("content") or ()
            finish = choice.get("finish_reason") or finish
    if finish is None:
        raise ValueError("the events end before the answer does")
    message = {"content": content, "refusal": refusal or None}
    choice = {"message": message, "finish_reason": finish, "logprobs": {"content": tokens}}
    return whole | {"choices": [choice]}


def read_completion(raw: Any) -> dict[str, Any]:
    """What is kept of a completion.

    Parameters
    ----------
    raw : object
        JSON value.

    Returns
    -------
    dict
        `answer`, `finish`, `model`, `fingerprint`, `prompt_tokens`, `completion_tokens`: what the endpoint
        does not say is None. Also, where there is such a thing, `declined` (true), `refused` (why a filter
        let no answer through), `yes` and `no` (log-probabilities).

    Raises
    ------
    ValueError
        If it is no chat completion.
    """
    try:
        choice = raw["choices"][0]
        message = choice["message"]
        usage = raw.get("usage") or {}
        content, refusal = message.get("content"), message.get("refusal")
        answer = content or refusal or ""
        found = {
            "answer": answer if isinstance(answer, str) else json.dumps(answer),
            "finish": choice.get("finish_reason"),
            "model": raw.get("model"),
            "fingerprint": raw.get("system_fingerprint"),
        }
        counts = {name: usage.get(name) for name in ("prompt_tokens", "completion_tokens")}
        logs = choice.get("logprobs")
    except (KeyError, IndexError, TypeError, AttributeError):
        raise ValueError("no chat completion") from None
    kept: dict[str, Any] = {name: one if isinstance(one, str) else None for name, one in found.items()}
    kept |= {name: count if type(count) is int else None for name, count in counts.items()}
    if refusal and not content:
        kept["declined"] = True
    if kept["finish"] == "content_filter" and not kept["answer"]:
        kept["refused"] = FILTERED
    elif (words := yes_and_no(logs)) is not None:
        kept["yes"], kept["no"] = words
    return kept


def yes_and_no(logs: Any) -> tuple[float, float] | None:
    """Log-probabilities of yes and of no where an answer says which.

    That is its first token with letters, behind the reasoning; where the answer names one of the words
    further on, as in "Answer: yes", the token that does. Tokens that differ in case or punctuation are added
    up. A word that is not among the listed alternatives has less than the least of them, and less than what
    they leave: that bound is taken for it.

    Parameters
    ----------
    logs : object
        `logprobs` of a choice.

    Returns
    -------
    (float, float) or None
        None where there are no log-probabilities, or neither word is listed.

    Examples
    --------
    >>> top = [{"token": "Yes", "logprob": -0.5}, {"token": " no", "logprob": -1.0}]
    >>> yes_and_no({"content": [{"token": "Yes", "logprob": -0.5, "top_logprobs": top}]})
    (-0.5, -1.0)
    """
    try:
        tokens = [dict(token) for token in logs["content"]]
        texts = [token["token"] for token in tokens]
        joined = "".join(texts)
    except (KeyError, TypeError, ValueError):
        return None
    behind = len(joined) - len(without_reasoning(joined))
    starts = accumulate(map(len, texts), initial=0)
    lettered = [
        place
        for place, (start, text) in enumerate(zip(starts, texts))
        if start >= behind and any(letter.isalnum() for letter in text)
    ]
    if not lettered:
        return None
    place = lettered[0]
    if read_reply(joined, "word") >= 0:
        place = next((one for one in lettered if _bare(texts[one]) in _WORDS), place)
    listed = _listed(tokens[place])
    if listed is None or not listed:
        return None
    shares = {
        word: sum(math.exp(log) for text, log in listed.items() if _bare(text) == word) for word in _WORDS
    }
    if not any(shares.values()):
        return None
    rest = max(0.0, 1 - sum(math.exp(log) for log in listed.values()))
    bound = min(rest, math.exp(min(listed.values())))
    yes, no = (max(LOWEST_LOG, math.log(share or bound or math.exp(LOWEST_LOG))) for share in shares.values())
    return min(yes, 0.0), min(no, 0.0)


def _listed(token: Mapping[str, Any]) -> dict[str, float] | None:
    """Log-probabilities of a token and its alternatives, by text; None where they cannot be such."""
    listed: dict[str, float] = {}
    try:
        for one in (token, *(token.get("top_logprobs") or ())):
            log = float(one["logprob"])
            if not log <= 1e-6:
                return None
            listed[one["token"]] = max(LOWEST_LOG, log)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    return listed


def _bare(text: str) -> str:
    return text.strip(_AROUND).lower()
