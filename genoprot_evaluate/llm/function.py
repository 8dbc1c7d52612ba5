"""Any Python function that answers questions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import Any

from genoprot_datasets.errors import GenoProtError
from genoprot_evaluate.llm.answers import Answers
from genoprot_evaluate.llm.prompts import REPLIES, Prompts
from genoprot_evaluate.llm.questions import Question
from genoprot_evaluate.llm.reading import DECLINED, LOWEST_LOG
from genoprot_evaluate.results import Survey

__all__ = ["BATCH_QUESTIONS", "FunctionModel"]

BATCH_QUESTIONS = 32
"""Questions that a function is called with."""


class FunctionModel:
    """Asks a function.

    Parameters
    ----------
    function : callable
        Takes a list of texts, each an instruction and a question; returns as many answers, in their order: a
        text each, or, with the reply ``probability``, the probability of yes. None stands for no answer.
    title : str
        Its name. Kept answers are found by it: another function, or another state of this one, needs another.
    reply : str
        One of `prompts.REPLIES`.
    batch_questions : int
        Texts of one call, at most.

    Raises
    ------
    GenoProtError
        If an argument cannot be.
    """

    parameters = None

    def __init__(
        self,
        function: Callable[[list[str]], Sequence[str | float | None]],
        title: str,
        reply: str = "word",
        batch_questions: int = BATCH_QUESTIONS,
    ) -> None:
        if reply not in REPLIES:
            raise GenoProtError(f"reply {reply!r}: expected one of {', '.join(REPLIES)}")
        if batch_questions < 1:
            raise GenoProtError(f"batch_questions={batch_questions}: expected 1 or more")
        self.title = title
        self._function = function
        self._reply = reply
        self._batch_questions = batch_questions

    def survey(self, form: str, max_residues: int | None, prompts: Prompts) -> Survey:
        """How it is asked."""
        return Survey(
            self.title,
            form,
            self._reply,
            prompts.instruction(form, self._reply),
            max_residues,
            settings={"prompts": prompts.digest},
        )

    def plan(self, questions: Sequence[Question], survey: Survey, prompts: Prompts) -> str:
        """What asking takes, in words."""
        characters = sum(len(prompts.in_one(survey.instruction, one.text)) for one in questions)
        calls = -(-len(questions) // self._batch_questions)
        return f"{len(questions):,} questions with {characters:,} characters in {calls:,} calls"

    def ask(
        self,
        questions: Mapping[str, Question],
        survey: Survey,
        prompts: Prompts,
        answers: Answers,
        tick: Callable[[], None],
    ) -> dict[str, tuple[str, str]]:
        """Ask what has no answer yet; what the function raises is raised."""
        missing = [(key, question) for key, question in questions.items() if key not in answers]
        for start in range(0, len(missing), self._batch_questions):
            batch = missing[start : start + self._batch_questions]
            found = self._function([prompts.in_one(survey.instruction, one.text) for _, one in batch])
            if isinstance(found, str) or len(found) != len(batch):
                told = "one text" if isinstance(found, str) else f"{len(found)} answers"
                raise GenoProtError(f"{self.title} was asked {len(batch)} questions and returned {told}")
            answers.add(
                (key, {"task": question.task, "proteins": list(question.accessions), **self._kept(one)})
                for (key, question), one in zip(batch, found)
            )
            for _ in batch:
                tick()
        return {}

    def _kept(self, answer: Any) -> dict[str, Any]:
        """One answer as it is kept."""
        if answer is None:
            return {"refused": DECLINED}
        if self._reply != "probability":
            if not isinstance(answer, str):
                raise GenoProtError(
                    f"{self.title} answered with {answer!r:.60}; expected a text or None, or a probability "
                    "with reply='probability'"
                )
            return {"answer": answer}
        if not isinstance(answer, Real) or not 0 <= answer <= 1:
            raise GenoProtError(
                f"{self.title} answered with {answer!r:.60}; expected the probability of yes, 0 to 1, or None"
            )
        logs = (math.log(share) if share > 0 else LOWEST_LOG for share in (answer, 1 - answer))
        return dict(zip(("yes", "no"), (max(LOWEST_LOG, log) for log in logs)))
