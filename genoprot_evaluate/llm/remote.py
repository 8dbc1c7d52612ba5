"""A model behind an endpoint: many questions at once, every answer kept as it comes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.stopping import Stop, TransferStopped
from genoprot_evaluate.llm.answers import Answers
from genoprot_evaluate.llm.budget import (
    CHARACTERS_PER_TOKEN,
    TAGGED_PER_TOKEN,
    Budget,
    BudgetSpent,
    Pace,
    estimated_tokens,
)
from genoprot_evaluate.llm.endpoint import (
    BASE_URL,
    KEY_VARIABLE,
    TIMEOUT_SECONDS,
    Endpoint,
    EndpointError,
    Exhausted,
    Unsuitable,
)
from genoprot_evaluate.llm.prompts import REPLIES, Prompts
from genoprot_evaluate.llm.questions import Question
from genoprot_evaluate.llm.reading import REFUSED
from genoprot_evaluate.llm.workers import run_in_threads
from genoprot_evaluate.results import Survey

__all__ = ["DEFAULT_SETTINGS", "JOBS", "RemoteModel", "request_settings"]

DEFAULT_SETTINGS: Mapping[str, Any] = {"temperature": 0, "max_tokens": 16}
"""Fields that are sent with every question, beside the seed."""

JOBS = 8

_PROBABLE: Mapping[str, Any] = {"logprobs": True, "top_logprobs": 20}
_OWN_FIELDS = ("model", "messages", "stream", "n", "prompts")
# So many refusals without a reason, before any answer, are not about the questions.
_REFUSALS = 5
# So many questions in a row that were each tried in vain mean that the endpoint is gone.
_VAIN = 3


def request_settings(seed: int, changes: Mapping[str, Any], reply: str = "json") -> dict[str, Any]:
    """Fields that are sent with every question.

    Parameters
    ----------
    seed : int
    changes : mapping
        Further fields, or other values; None takes a field away.
    reply : str
        One of `prompts.REPLIES`; for probabilities their fields are among the defaults.

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
    fields = {**DEFAULT_SETTINGS, **(_PROBABLE if reply == "probability" else {}), "seed": seed, **changes}
    return {name: fields[name] for name in sorted(fields) if fields[name] is not None}


class RemoteModel:
    """Asks a model behind an endpoint.

    Parameters
    ----------
    endpoint : Endpoint
    title : str
        Name at the endpoint.
    reply : str
        One of `prompts.REPLIES`. ``probability`` asks for one word and compares the log-probabilities of yes
        and no, where the endpoint sends them; where it does not, the words are read.
    fields : mapping, optional
        Fields that are sent with each question; those of `request_settings` when left out.
    jobs : int
        Requests at once.
    budget : Budget, optional
        What may be sent.

    Raises
    ------
    GenoProtError
        If an argument cannot be.
    """

    parameters = None

    def __init__(
        self,
        endpoint: Endpoint,
        title: str,
        reply: str = "json",
        fields: Mapping[str, Any] | None = None,
        jobs: int = JOBS,
        budget: Budget | None = None,
    ) -> None:
        if reply not in REPLIES:
            raise GenoProtError(f"reply {reply!r}: expected one of {', '.join(REPLIES)}")
        if jobs < 1:
            raise GenoProtError(f"jobs={jobs}: expected 1 or more")
        self.title = title
        self.budget = budget or Budget()
        self._endpoint = endpoint
        self._reply = reply
        self._fields = request_settings(0, {}, reply) if fields is None else dict(fields)
        self._jobs = jobs

    @classmethod
    def of(
        cls,
        title: str,
        *,
        base_url: str = BASE_URL,
        key_variable: str = KEY_VARIABLE,
        reply: str = "json",
        fields: Mapping[str, Any] | None = None,
        seed: int = 0,
        jobs: int = JOBS,
        max_requests: int | None = None,
        token_budget: int | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
        key_needed: bool = True,
    ) -> RemoteModel:
        """A model by its name and the address of its endpoint.

        Parameters
        ----------
        title : str
            Name at the endpoint.
        base_url : str
            Address above ``/chat/completions``.
        key_variable : str
            Environment variable with the key; ``none`` for no key.
        reply : str
        fields : mapping, optional
            Fields to send with each question beside or in place of `DEFAULT_SETTINGS`; None leaves one out.
        seed : int
            Sent with each question.
        jobs : int
        max_requests, token_budget : int, optional
            Of the `Budget`.
        timeout_seconds : float
            How long the endpoint may say nothing.
        key_needed : bool
            Whether the default address needs a key, because it will be asked.

        Raises
        ------
        GenoProtError
            If an argument cannot be, or the key is missing or would be sent unencrypted.
        """
        if reply not in REPLIES:
            raise GenoProtError(f"reply {reply!r}: expected one of {', '.join(REPLIES)}")
        endpoint = Endpoint.of(base_url, key_variable, timeout_seconds=timeout_seconds, needed=key_needed)
        settings = request_settings(seed, fields or {}, reply)
        return cls(endpoint, title, reply, settings, jobs, Budget(max_requests, token_budget))

    def survey(self, form: str, max_residues: int | None, prompts: Prompts) -> Survey:
        """How it is asked."""
        return Survey(
            self.title,
            form,
            self._reply,
            prompts.instruction(form, self._reply),
            max_residues,
            self._endpoint.base_url,
            {**self._fields, "prompts": prompts.digest},
        )

    def plan(self, questions: Sequence[Question], survey: Survey, prompts: Prompts) -> str:
        """What asking takes, in words."""
        tokens = [estimated_tokens(survey.instruction, question.text) for question in questions]
        words = f"{len(tokens):,} requests with about {_rounded(sum(tokens)):,} tokens"
        words += f", {_rounded(max(tokens)):,} in the longest"
        if self._longest_answer:
            words += f", and {self._longest_answer * len(tokens):,} tokens of answers at most"
        return words + (
            f" (estimate: a token for {CHARACTERS_PER_TOKEN} characters, and for {TAGGED_PER_TOKEN} of a "
            "protein's name or sequence)"
        )

    def ask(
        self,
        questions: Mapping[str, Question],
        survey: Survey,
        prompts: Prompts,
        answers: Answers,
        tick: Callable[[], None],
    ) -> dict[str, tuple[str, str]]:
        """Ask what has no answer yet; see `models.LanguageModel.ask`.

        A question that the endpoint refuses is an answer of its own kind. Where nothing says why it is
        refused and nothing has been answered yet, it may be the way of asking; then refusals wait for the
        first answer, and end the run when none comes.
        """
        run = _Run(self._endpoint, self.budget, survey, self._fields, answers, tick)
        run.proven = any(key in answers and answers[key].get("refused") is None for key in questions)
        missing = [(key, question) for key, question in questions.items() if key not in answers]
        reserved = {
            key: estimated_tokens(survey.instruction, one.text) + self._longest_answer for key, one in missing
        }
        run_in_threads(missing, lambda entry: run.one(*entry, reserved[entry[0]]), self._jobs, run.stop)
        run.close()
        return run.failed

    @property
    def _longest_answer(self) -> int:
        limits = [self._fields.get(name) for name in ("max_tokens", "max_completion_tokens")]
        return next((limit for limit in limits if type(limit) is int), 0)


class _Run:
    """The questions of one run, from several threads."""

    def __init__(
        self,
        endpoint: Endpoint,
        budget: Budget,
        survey: Survey,
        fields: Mapping[str, Any],
        answers: Answers,
        tick: Callable[[], None],
    ) -> None:
        self.stop = Stop()
        self.proven = False
        self.failed: dict[str, tuple[str, str]] = {}
        self._endpoint, self._budget, self._survey, self._fields = endpoint, budget, survey, fields
        self._answers, self._tick = answers, tick
        self._pace, self._local, self._mutex = Pace(), threading.local(), threading.Lock()
        self._spent: str | None = None
        self._vain = self._answered = 0
        self._held: list[tuple[str, dict[str, Any]]] = []

    def one(self, key: str, question: Question, tokens: int) -> None:
        """Ask one question."""
        if self.stop.is_set():
            return
        if self._spent is not None:
            self._leave(question, "N/A", f"questions are left, but {self._spent}")
            return
        if not hasattr(self._local, "session"):
            self._local.session = self._endpoint.session()
        known = {"task": question.task, "proteins": list(question.accessions)}
        body = self._body(question)
        try:
            found = self._endpoint.ask(body, self._local.session, self._budget, self.stop, self._pace, tokens)
        except TransferStopped:
            return
        except BudgetSpent as spent:
            self._spent = str(spent)
            self._leave(question, "N/A", f"questions are left, but {self._spent}")
        except Unsuitable as error:
            self._refused(key, {**known, "refused": error.kind, "why": str(error)})
        except Exhausted as error:
            if self._ended():
                self.stop.set()
                raise
            self._leave(question, "ERROR", f"{_shown(question)} is left: {error}")
        except EndpointError:
            self.stop.set()
            raise
        else:
            characters = len(self._survey.instruction) + len(question.text)
            self._keep([(key, {**known, "characters": characters, **found})])
            self._prove()

    def close(self) -> None:
        """End the run: refusals without a reason, where nothing was answered, are not kept."""
        if self._held:
            raise EndpointError(self._all_refused())

    def _ended(self) -> bool:
        """Whether a question that was tried in vain means that the endpoint answers none any more."""
        with self._mutex:
            if self._pace.answered > self._answered:
                self._vain, self._answered = 0, self._pace.answered
            self._vain += 1
            return not self.proven or self._vain >= _VAIN

    def _refused(self, key: str, entry: dict[str, Any]) -> None:
        with self._mutex:
            held = entry["refused"] == REFUSED and not self.proven
            if held:
                self._held.append((key, entry))
            if held and len(self._held) >= _REFUSALS:
                self.stop.set()
                raise EndpointError(self._all_refused())
        if not held:
            self._keep([(key, entry)])

    def _prove(self) -> None:
        """Keep the refusals that waited for an answer."""
        with self._mutex:
            self.proven, held, self._held = True, self._held, []
        self._keep(held)

    def _keep(self, entries: Sequence[tuple[str, dict[str, Any]]]) -> None:
        if entries:
            self._answers.add(entries)
        for _ in entries:
            self._tick()

    def _leave(self, question: Question, status: str, reason: str) -> None:
        self.failed.setdefault(question.task, (status, reason))

    def _all_refused(self) -> str:
        why = self._held[-1][1]["why"]
        return (
            f"{self._endpoint.base_url}: {len(self._held)} questions were refused and none was answered "
            f"({why}); if a field is not known there, take it away by --field NAME=null"
        )

    def _body(self, question: Question) -> dict[str, Any]:
        messages = [
            {"role": "system", "content": self._survey.instruction},
            {"role": "user", "content": question.text},
        ]
        return {"model": self._survey.model, "messages": messages, **self._fields}


def _shown(question: Question) -> str:
    return f"the question about {' and '.join(question.accessions)}"


def _rounded(tokens: float) -> int:
    """Two significant digits; an estimate has no more."""
    whole = round(tokens)
    return round(whole, 2 - len(str(whole)))
