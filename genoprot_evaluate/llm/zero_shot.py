"""Asks a language model the questions of a dataset's tasks, and scores what it answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import NamedTuple

import numpy as np

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.published import PublishedDataset
from genoprot_datasets.tasks import EVAL_SAMPLES
from genoprot_evaluate.evaluation.cells import Fit, score_fit
from genoprot_evaluate.evaluation.examples import TaskExamples, read_examples
from genoprot_evaluate.evaluation.facts import (
    dataset_facts,
    further_table,
    predictions_table,
    software_versions,
)
from genoprot_evaluate.evaluation.inputs import chosen_tasks
from genoprot_evaluate.evaluation.species import ALL_SPECIES
from genoprot_evaluate.llm.answers import Answers, answer_key, survey_key
from genoprot_evaluate.llm.joining import Folder
from genoprot_evaluate.llm.models import LanguageModel
from genoprot_evaluate.llm.prompts import Prompts, default_prompts
from genoprot_evaluate.llm.questions import Names, Question, task_questions
from genoprot_evaluate.llm.reading import Reading, read_answers, verdict
from genoprot_evaluate.results import ResultRecord, ScoredModel

__all__ = ["ANSWERS", "PREFIX", "Poll", "Unread"]

PREFIX = "llm:"
"""Names of language models in a record begin with it."""

ANSWERS = "answers"
"""Folder for answers, below that of the results."""


class Unread(NamedTuple):
    """An answer from which no class can be taken.

    Parameters
    ----------
    question : Question
    lacking : str
        Why, as `reading.verdict` says it.
    text : str
        The answer, or what the endpoint said in its place.
    """

    question: Question
    lacking: str
    text: str


class Poll:
    """The questions of one run: what a model has answered of them already, and what it is still asked.

    Parameters
    ----------
    model : LanguageModel
    dataset : str, Path or PublishedDataset
    form : str
        One of `prompts.FORMS`.
    out : str or Path
        Folder of the results; answers are kept in `ANSWERS` below it.
    name : str, optional
        In the record, behind `PREFIX`; that of model and form when left out.
    tasks : sequence of str, optional
        Names of tasks or of groups of them; all tasks of the dataset when left out.
    samples : int, optional
        Eval samples that are asked, the first ones; all when left out.
    max_residues : int, optional
        Residues of a sequence that are shown; all when left out.
    matched : bool
        Whether the pairs of the identity-matched variants are asked too, where the dataset has them.
    prompts : Prompts, optional
        The packaged ones when left out.
    again : bool
        Whether questions are asked again of which the kept answer says only that they were refused.
    seed : int
        Of the bootstrap of a new record.

    Attributes
    ----------
    name : str
        In the record.
    answers : Answers
    left : mapping of str to str
        By task of which questions are left when `run` has returned, why.

    Raises
    ------
    GenoProtError
        If a name cannot be used, or the folder holds what the model cannot be added to.
    """

    def __init__(
        self,
        model: LanguageModel,
        dataset: str | Path | PublishedDataset,
        form: str,
        out: str | Path,
        *,
        name: str | None = None,
        tasks: Sequence[str] | None = None,
        samples: int | None = None,
        max_residues: int | None = None,
        matched: bool = False,
        prompts: Prompts | None = None,
        again: bool = False,
        seed: int = 0,
    ) -> None:
        if samples is not None and not 1 <= samples <= EVAL_SAMPLES:
            raise GenoProtError(f"samples={samples}: expected 1 to {EVAL_SAMPLES}")
        published = dataset if isinstance(dataset, PublishedDataset) else PublishedDataset.open(dataset)
        self.name = PREFIX + (name or f"{model.title}-{form}").replace(":", "-")
        self.left: Mapping[str, str] = {}
        self._model, self._published = model, published
        self._prompts = prompts or default_prompts()
        self._names = Names.of(published, form, max_residues, self._prompts)
        self._survey = model.survey(form, max_residues, self._prompts)
        samples = None if samples == EVAL_SAMPLES else samples
        facts = dataset_facts(published, ALL_SPECIES)
        if samples is not None:
            facts["eval_samples"] = samples
        self._folder = Folder.open(out, facts, seed)
        self._folder.check(self.name, self._survey)
        self._tasks = chosen_tasks(published, tasks)
        self._examples = {
            task: read_examples(published, task).of_samples(samples)
            for task in self._tasks
            if task in published.tasks
        }
        self.answers = Answers(Path(out) / ANSWERS / f"{re.sub(r'[^A-Za-z0-9._-]+', '-', self.name)}.jsonl")
        self._survey_key = survey_key(self._survey.asked())
        self._keys: dict[str, list[str]] = {}
        self._matched_keys: dict[str, list[str]] = {}
        self._questions: dict[str, Question] = {}
        for task, examples in self._examples.items():
            self._keys[task] = self._entered(task_questions(examples, self._names))
            if matched and examples.matched is not None:
                self._matched_keys[task] = self._entered(task_questions(examples, self._names, matched=True))
        if again:
            self.answers.forget(
                key for key in self._questions if key in self.answers and "refused" in self.answers[key]
            )

    def _entered(self, asked: Sequence[Question]) -> list[str]:
        """Keys of questions, which are then among those of the run."""
        keys = [answer_key(self._survey_key, question.text) for question in asked]
        for key, question in zip(keys, asked):
            self._questions.setdefault(key, question)
        return keys

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
        examples = sum(map(len, (*self._keys.values(), *self._matched_keys.values())))
        words = f"{examples:,} examples, {len(self._questions):,} distinct questions"
        if len(missing) < len(self._questions):
            words += f", {len(self._questions) - len(missing):,} answered already"
        told = self._model.plan(missing, self._survey, self._prompts) if missing else "none"
        return f"{words}; to be asked: {told}"

    def run(self, progress: Callable[[int, int], None] = lambda answered, questions: None) -> ResultRecord:
        """Ask what is missing, score the answers, and write the record.

        Parameters
        ----------
        progress : callable
            Called after each answer with the number of questions that are answered, and of all.

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
        answered = count(len(self._questions) - len(self.missing) + 1)

        def tick() -> None:
            progress(next(answered), len(self._questions))

        with self.answers.writing():
            failed = self._model.ask(self._questions, self._survey, self._prompts, self.answers, tick)
        self.left = {task: reason for task, (_, reason) in failed.items()}
        fits = {task: self._fit(task, failed) for task in self._tasks}
        scores = {
            # Nothing is learned from train.
            task: replace(score_fit(self._examples.get(task), fit), train_examples=None)
            for task, fit in fits.items()
        }
        by_model = {task: {self.name: fits[task]} for task in self._examples}
        model = self._scored_model()
        return self._folder.join(
            self.name,
            model,
            scores,
            predictions_table(self._examples, by_model),
            further_table(self._examples, by_model, {self.name: model}),
        )

    def unread(self) -> Iterator[Unread]:
        """Answers from which no class can be taken, in the order of the questions."""
        for key, question in self._questions.items():
            if key in self.answers:
                answer = self.answers[key]
                lacking = verdict(answer, self._survey.reply).lacking
                if lacking is not None:
                    yield Unread(question, lacking, answer.get("why") or answer.get("answer") or "")

    def _fit(self, task: str, failed: Mapping[str, tuple[str, str]]) -> Fit:
        if task not in self._examples:
            return Fit("N/A", f"not in the dataset: {self._published.manifest['left_out'][task]}")
        examples = self._examples[task]
        if not len(examples.eval):
            return Fit("N/A", "no eval example")
        if not self._answered(self._keys[task]):
            return Fit(*failed[task])
        reading = self._reading(self._keys[task])
        if not reading.reached:
            return Fit("N/A", f"no question was answered: {reading.lacking}")
        matched, remark = self._matched(task, failed)
        remarks = [*reading.remarks, self._cut(examples), remark]
        return Fit(
            "OK",
            None,
            reading.probability,
            reading.predicted,
            note="; ".join(filter(None, remarks)) or None,
            matched=None if matched is None else matched.probability,
            matched_predicted=None if matched is None else matched.predicted,
        )

    def _matched(self, task: str, failed: Mapping[str, tuple[str, str]]) -> tuple[Reading | None, str | None]:
        """What the answers about identity-matched pairs say, and what to know about it."""
        keys = self._matched_keys.get(task)
        if not keys:
            return None, None
        if not self._answered(keys):
            return None, f"identity-matched pairs are not scored: {failed[task][1]}"
        found = self._reading(keys)
        if not found.reached:
            return None, f"identity-matched pairs are not scored: {found.lacking}"
        return found, f"of the identity-matched pairs, {found.remarks[0]}" if found.lacking else None

    def _answered(self, keys: Sequence[str]) -> bool:
        return all(key in self.answers for key in keys)

    def _reading(self, keys: Sequence[str]) -> Reading:
        return read_answers([self.answers[key] for key in keys], self._survey.reply)

    def _cut(self, examples: TaskExamples) -> str | None:
        known = examples.accessions.to_pylist()
        cut = sum(self._names.is_cut(known[i]) for i in np.unique(examples.eval.members))
        return f"{cut} proteins are shown up to residue {self._names.max_residues} only" if cut else None

    def _scored_model(self) -> ScoredModel:
        survey = self._survey.with_answers(self.answers.of(self._survey_key))
        survey = replace(survey, versions={**software_versions(), **survey.versions})
        return ScoredModel(
            "language-model",
            f"{survey.model}, asked by {survey.form}",
            "protein" if survey.form == "sequence" else None,
            parameters=self._model.parameters,
            asked=survey,
        )
