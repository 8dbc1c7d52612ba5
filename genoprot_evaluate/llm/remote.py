"""A model behind an endpoint: many questions at once, every answer kept as it comes."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

import numpy as np

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.stopping import Stop, TransferStopped
from genoprot_evaluate.llm.answers import Answers
from genoprot_evaluate.llm.endpoint import Budget, BudgetSpent, Endpoint, EndpointError, Unsuitable
from genoprot_evaluate.llm.questions import Question
from genoprot_evaluate.llm.replies import read_reply
from genoprot_evaluate.results import Survey

__all__ = ["DEFAULT_SETTINGS", "RemoteModel", "request_settings"]

DEFAULT_SETTINGS: Mapping[str, Any] = {"temperature": 0, "max_tokens": 16}
"""Fields that are sent with every question, beside the seed."""

_OWN_FIELDS = ("model", "messages", "stream", "n")
_TAGGED = re.compile(r"<\w+:([^>]*)>")
_CHARACTERS_PER_TOKEN = 4
_TAGGED_PER_TOKEN = 2
_MESSAGE_TOKENS = 10


def request_settings(seed: int, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Fields that are sent with every question.

    Parameters
    ----------
    seed : int
    changes : mapping
        Further fields, or other values; None takes a field away.

    Raises
    ------
    GenoProtError
        If a field is one that the questions need.

    Examples
    --------
    >>> request_settings(0, {"max_tokens": None, "max_completion_tokens": 500})
    {'max_completion_tokens': 500, 'seed': 0, 'temperature': 0}
    """
    for name in changes:
        if name in _OWN_FIELDS:
            raise GenoProtError(f"request field {name!r} is set by the question itself")
    fields = {**DEFAULT_SETTINGS, "seed": seed, **changes}
    return {name: fields[name] for name in sorted(fields) if fields[name] is not None}


class RemoteModel:
    """Asks a model behind an endpoint.

    Parameters
    ----------
    endpoint : Endpoint
    survey : Survey
        `settings` are the fields that are sent with each question.
    jobs : int
        Requests at once.
    max_requests : int, optional
        Requests that may be sent, those that are sent again too.
    """

    def __init__(
        self, endpoint: Endpoint, survey: Survey, jobs: int = 8, max_requests: int | None = None
    ) -> None:
        self.survey = survey
        self.budget = Budget(max_requests)
        self._max_requests = max_requests
        self._endpoint = endpoint
        self._jobs = jobs

    def plan(self, questions: Iterable[Question]) -> str:
        """What asking takes, in words."""
        texts = [question.text for question in questions]
        outside, tagged = 0, 0
        for text in texts:
            inside = sum(len(found[1]) for found in _TAGGED.finditer(text))
            outside, tagged = outside + len(text) - inside, tagged + inside
        outside += len(texts) * len(self.survey.instruction)
        tokens = outside / _CHARACTERS_PER_TOKEN + tagged / _TAGGED_PER_TOKEN + len(texts) * _MESSAGE_TOKENS
        words = f"{len(texts):,} requests with about {_rounded(tokens):,} tokens"
        limits = [self.survey.settings.get(name) for name in ("max_tokens", "max_completion_tokens")]
        limit = next((limit for limit in limits if isinstance(limit, int)), None)
        if limit is not None:
            words += f", and {limit * len(texts):,} tokens of answers at most"
        return words + (
            f" (estimate: a token for {_CHARACTERS_PER_TOKEN} characters, and for {_TAGGED_PER_TOKEN} of a "
            "protein's name or sequence)"
        )

    def ask(
        self, questions: Mapping[str, Question], answers: Answers, tick: Callable[[], None]
    ) -> dict[str, tuple[str, str]]:
        """Ask what has no answer yet.

        Parameters
        ----------
        questions : mapping of str to Question
            By key of the answer.
        answers : Answers
            Takes the answers.
        tick : callable
            Called after each of them.

        Returns
        -------
        dict of str to (str, str)
            By task that cannot be scored, status and reason.

        Raises
        ------
        GenoProtError
            If the endpoint answers no question. What it has answered is kept.
        """
        failed: dict[str, tuple[str, str]] = {}
        stop, local = Stop(), threading.local()

        def one(key: str, question: Question) -> None:
            if question.task in failed or stop.is_set():
                return
            if not hasattr(local, "session"):
                local.session = self._endpoint.session()
            try:
                found = self._endpoint.ask(self._body(question), local.session, self.budget, stop)
            except TransferStopped:
                return
            except Unsuitable as error:
                failed.setdefault(question.task, ("ERROR", f"{_shown(question)} was refused: {error}"))
                return
            except BudgetSpent:
                failed.setdefault(
                    question.task,
                    (
                        "N/A",
                        f"questions are left, but the limit of {self._max_requests:,} requests is reached",
                    ),
                )
                return
            except EndpointError:
                stop.set()
                raise
            answers.add([(key, {"task": question.task, "proteins": list(question.accessions), **found})])
            tick()

        with ThreadPoolExecutor(self._jobs) as pool:
            try:
                missing = [(key, question) for key, question in questions.items() if key not in answers]
                for done in as_completed([pool.submit(one, *entry) for entry in missing]):
                    done.result()
            except BaseException:
                stop.set()
                pool.shutdown(cancel_futures=True)
                raise
        return failed

    def _body(self, question: Question) -> dict[str, Any]:
        messages = [
            {"role": "system", "content": self.survey.instruction},
            {"role": "user", "content": question.text},
        ]
        return {"model": self.survey.model, "messages": messages, **self.survey.settings}

    def read(self, found: list[Mapping[str, Any]]) -> tuple[np.ndarray, np.ndarray | None]:
        """Classes that answers name, -1 for none; and no probabilities."""
        classes = [read_reply(one["answer"], self.survey.reply) for one in found]
        return np.array(classes, dtype=np.int8), None

    def remark(self, found: list[Mapping[str, Any]]) -> str | None:
        """How many answers cannot be read; None where all can."""
        unread = int((self.read(found)[0] < 0).sum())
        return f"{unread} of {len(found)} answers cannot be read and count as wrong" if unread else None


def _shown(question: Question) -> str:
    return f"the question about {' and '.join(question.accessions)}"


def _rounded(tokens: float) -> int:
    """Two significant digits; an estimate has no more."""
    whole = round(tokens)
    return round(whole, 2 - len(str(whole)))
