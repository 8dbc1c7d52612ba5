"""Asks a language model the questions of a dataset's tasks, and scores what it answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.published import PublishedDataset
from genoprot_datasets.tasks import EVAL_SAMPLES
from genoprot_evaluate.evaluation.cells import Fit, score_fit
from genoprot_evaluate.evaluation.examples import TaskExamples, read_examples
from genoprot_evaluate.evaluation.facts import dataset_facts, predictions_table, software_versions
from genoprot_evaluate.evaluation.inputs import chosen_tasks
from genoprot_evaluate.evaluation.species import ALL_SPECIES
from genoprot_evaluate.llm.answers import Answers, answer_key, survey_key
from genoprot_evaluate.llm.joining import Folder
from genoprot_evaluate.llm.questions import Names, Question, task_questions
from genoprot_evaluate.results import ResultRecord, ScoredModel, Survey

__all__ = ["ANSWERS", "PREFIX", "LanguageModel", "Poll"]

PREFIX = "llm:"
"""Names of language models in a record begin with it."""

ANSWERS = "answers"
"""Folder for answers, below that of the results."""


class LanguageModel(Protocol):
    """Answers questions; see `remote.RemoteModel` and `local.LocalModel`."""

    survey: Survey

    def plan(self, questions: Sequence[Question]) -> str: ...

    def ask(
        self, questions: Mapping[str, Question], answers: Answers, tick: Callable[[], None]
    ) -> dict[str, tuple[str, str]]: ...

    def read(self, found: list[Mapping[str, Any]]) -> tuple[np.ndarray, np.ndarray | None]: ...

    def remark(self, found: list[Mapping[str, Any]]) -> str | None: ...


class Poll:
    """The questions of one run: what a model has answered of them already, and what it is still asked.

    Parameters
    ----------
    model : LanguageModel
    name : str
        In the record.
    published : PublishedDataset
    names : Names
        What stands for a protein.
    out : str or Path
        Folder of the results; answers are kept in `ANSWERS` below it.
    tasks : sequence of str, optional
        Names of tasks or of groups of them; all tasks of the dataset when left out.
    samples : int, optional
        Eval samples that are asked, the first ones; all when left out.
    seed : int
        Of the bootstrap of a new record.

    Raises
    ------
    GenoProtError
        If a name cannot be used, or the folder holds what the model cannot be added to.
    """

    def __init__(
        self,
        model: LanguageModel,
        name: str,
        published: PublishedDataset,
        names: Names,
        out: str | Path,
        tasks: Sequence[str] | None = None,
        samples: int | None = None,
        seed: int = 0,
    ) -> None:
        if samples is not None and not 1 <= samples <= EVAL_SAMPLES:
            raise GenoProtError(f"samples={samples}: expected 1 to {EVAL_SAMPLES}")
        self._model, self._name, self._published, self._names = model, name, published, names
        samples = None if samples == EVAL_SAMPLES else samples
        facts = dataset_facts(published, ALL_SPECIES)
        if samples is not None:
            facts["eval_samples"] = samples
        self._folder = Folder.open(out, facts, seed)
        self._folder.check(name, model.survey)
        self._tasks = chosen_tasks(published, tasks)
        self._examples = {
            task: read_examples(published, task).of_samples(samples)
            for task in self._tasks
            if task in published.tasks
        }
        self.answers = Answers(Path(out) / ANSWERS / f"{re.sub(r'[^A-Za-z0-9._-]+', '-', name)}.jsonl")
        self._survey_key = survey_key(model.survey.asked())
        self._keys: dict[str, list[str]] = {}
        self._questions: dict[str, Question] = {}
        self._asked = 0
        for task, examples in self._examples.items():
            asked = task_questions(examples, names)
            self._keys[task] = [answer_key(self._survey_key, question.text) for question in asked]
            for key, question in zip(self._keys[task], asked):
                self._questions.setdefault(key, question)
            self._asked += len(asked)

    @property
    def tasks(self) -> tuple[str, ...]:
        """Tasks of the dataset that are asked."""
        return tuple(self._examples)

    @property
    def missing(self) -> list[Question]:
        """Questions without an answer, each once."""
        return [question for key, question in self._questions.items() if key not in self.answers]

    def plan(self) -> str:
        """What is asked and what that takes, in words."""
        missing = self.missing
        words = f"{self._asked:,} examples, {len(self._questions):,} distinct questions"
        if len(missing) < len(self._questions):
            words += f", {len(self._questions) - len(missing):,} answered already"
        return f"{words}; to be asked: {self._model.plan(missing) if missing else 'none'}"

    def run(self, tick: Callable[[], None] = lambda: None) -> ResultRecord:
        """Ask what is missing, score the answers, and write the record.

        Parameters
        ----------
        tick : callable
            Called after each answer.

        Returns
        -------
        ResultRecord
            With all models of the folder. A task that could not be asked to its end is N/A or ERROR, with
            the reason.

        Raises
        ------
        GenoProtError
            If nothing can be asked. Answers that have come are kept.
        """
        with self.answers.writing():
            failed = self._model.ask(self._questions, self.answers, tick)
        fits = {task: self._fit(task, failed) for task in self._tasks}
        scores = {
            # Nothing is learned from train.
            task: replace(score_fit(self._examples.get(task), fit), train_examples=None)
            for task, fit in fits.items()
        }
        predictions = predictions_table(
            self._examples, {task: {self._name: fits[task]} for task in self._examples}
        )
        return self._folder.join(self._name, self._scored_model(), scores, predictions)

    def _fit(self, task: str, failed: Mapping[str, tuple[str, str]]) -> Fit:
        if task not in self._examples:
            return Fit("N/A", f"not in the dataset: {self._published.manifest['left_out'][task]}")
        examples = self._examples[task]
        if not len(examples.eval):
            return Fit("N/A", "no eval example")
        if not all(key in self.answers for key in self._keys[task]):
            return Fit(*failed[task])
        found = [self.answers[key] for key in self._keys[task]]
        predicted, probability = self._model.read(found)
        remarks = filter(None, [self._model.remark(found), self._cut(examples)])
        return Fit("OK", None, probability, predicted, note="; ".join(remarks) or None)

    def _cut(self, examples: TaskExamples) -> str | None:
        known = examples.accessions.to_pylist()
        cut = sum(self._names.is_cut(known[i]) for i in np.unique(examples.eval.members))
        return f"{cut} proteins are shown up to residue {self._names.max_residues} only" if cut else None

    def _scored_model(self) -> ScoredModel:
        survey = self._model.survey.with_answers(self.answers.of(self._survey_key))
        survey = replace(survey, versions={**software_versions(), **survey.versions})
        return ScoredModel(
            "language-model",
            f"{survey.model}, asked by {survey.form}",
            "protein" if survey.form == "sequence" else None,
            parameters=getattr(self._model, "parameters", None),
            asked=survey,
        )
