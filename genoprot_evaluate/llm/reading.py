"""What kept answers say: classes, probabilities, and why there is no answer where there is none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from genoprot_evaluate.llm.replies import read_reply, said

__all__ = [
    "DECLINED",
    "FILTERED",
    "LOWEST_LOG",
    "REFUSED",
    "TOO_LONG",
    "Reading",
    "Verdict",
    "read_answers",
    "verdict",
]

TOO_LONG = "too long for the model"
FILTERED = "held back by a content filter"
REFUSED = "refused by the endpoint"
DECLINED = "declined by the model"
_CUT_OFF = "cut off before an answer"
_EMPTY = "empty"
_OTHERWISE = "not in the form asked for"

LOWEST_LOG = -100.0
"""Log-probability that is kept of what has none or less."""

# With fewer tokens than one for so many characters no tokenizer reads a question whole.
_CHARACTERS_PER_TOKEN = 10
_LIKELY = 0.5


class Verdict(NamedTuple):
    """What one answer says.

    Parameters
    ----------
    predicted : int
        Class, -1 for none.
    probability : float
        Of class 1; NaN where the answer came without one.
    lacking : str or None
        Why there is no class.
    """

    predicted: int
    probability: float
    lacking: str | None


@dataclass(frozen=True, eq=False)
class Reading:
    """What the answers to the questions of a task say.

    Parameters
    ----------
    predicted : ndarray, shape=(examples,), dtype=int8
        Class, -1 where there is no answer that can be read.
    probability : ndarray, shape=(examples,), dtype=float64, or None
        Of class 1, NaN where `predicted` is -1; None where a class came without one.
    reached : int
        Questions to which the model said something.
    lacking : str
        How many have no answer and why, in words; empty where all have one.
    remarks : tuple of str
        What to know about a score of them.
    """

    predicted: np.ndarray
    probability: np.ndarray | None
    reached: int
    lacking: str
    remarks: tuple[str, ...]


def verdict(answer: Mapping[str, Any], reply: str) -> Verdict:
    """What one answer says.

    Parameters
    ----------
    answer : mapping
        As it is kept: `refused` (why the model did not get to answer), or `yes` and `no` (log-probabilities),
        or `answer` (a text) with `finish` (why it ended) and `declined`.
    reply : str
        One of `prompts.REPLIES`.

    Examples
    --------
    >>> verdict({"answer": "No."}, "word")
    Verdict(predicted=0, probability=nan, lacking=None)
    >>> verdict({"answer": "Perhaps"}, "word").lacking
    'not in the form asked for'
    """
    none = float("nan")
    if answer.get("refused") is not None:
        return Verdict(-1, none, answer["refused"])
    if answer.get("yes") is not None:
        probability = float(1 / (1 + np.exp(np.clip(answer["no"] - answer["yes"], -700, 700))))
        return Verdict(int(probability > 0.5), probability, None)
    text = answer["answer"]
    if answer.get("declined"):
        return Verdict(-1, none, DECLINED)
    predicted = read_reply(text, reply)
    if predicted >= 0:
        return Verdict(predicted, none, None)
    if answer.get("finish") == "length":
        return Verdict(-1, none, _CUT_OFF)
    return Verdict(-1, none, _OTHERWISE if text.strip() else _EMPTY)


def read_answers(found: Sequence[Mapping[str, Any]], reply: str) -> Reading:
    """What the answers to the questions of a task say, one for each example.

    Parameters
    ----------
    found : sequence of mapping
        See `verdict`.
    reply : str
        One of `prompts.REPLIES`.
    """
    verdicts = [verdict(one, reply) for one in found]
    predicted = np.array([one.predicted for one in verdicts], dtype=np.int8)
    probability = np.array([one.probability for one in verdicts], dtype=np.float64)
    lacking = Counter(one.lacking for one in verdicts if one.lacking is not None)
    bare = int(((predicted >= 0) & np.isnan(probability)).sum())
    claims = sum(
        one.lacking == _OTHERWISE and said(answer["answer"]) >= 0 for one, answer in zip(verdicts, found)
    )
    silence = _reasons(lacking, claims)
    remarks = []
    if lacking:
        remarks.append(f"{lacking.total()} of {len(found)} answers are lacking and count as wrong: {silence}")
    if reply == "probability" and bare:
        remarks.append(
            f"{bare} of {len(found)} answers came without probabilities, so the words are scored alone"
        )
    graded = bare == 0 and not np.isnan(probability).all()
    if graded:
        together = float(
            np.mean([np.exp(one["yes"]) + np.exp(one["no"]) for one in found if one.get("yes") is not None])
        )
        if together < _LIKELY:
            remarks.append(f"yes and no together have {together:.1%} of the probability of the next token")
    short = sum(_cut_short(one) for one in found)
    if short:
        remarks.append(
            f"{short} of {len(found)} questions were read as less than one token for "
            f"{_CHARACTERS_PER_TOKEN} characters: the endpoint has cut them"
        )
    return Reading(
        predicted,
        probability if graded else None,
        sum(one.get("refused") is None for one in found),
        silence,
        tuple(remarks),
    )


def _reasons(lacking: Mapping[str, int], claims: int) -> str:
    """Why questions have no answer, the most frequent reason first."""
    words = [f"{lacking[why]} {why}" for why in sorted(lacking, key=lambda why: (-lacking[why], why))]
    if claims:
        place = [one.endswith(_OTHERWISE) for one in words].index(True)
        verb = "says" if claims == 1 else "say"
        words[place] += f" ({claims} of them {verb} yes or no in another form)"
    return ", ".join(words)


def _cut_short(answer: Mapping[str, Any]) -> bool:
    characters, tokens = answer.get("characters"), answer.get("prompt_tokens")
    return bool(characters and tokens) and characters > _CHARACTERS_PER_TOKEN * tokens
