"""The questions of the tasks as a language model reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.published import PublishedDataset
from genoprot_datasets.tasks import TaskSpec, get_task
from genoprot_evaluate.evaluation.examples import TaskExamples
from genoprot_evaluate.llm.prompts import FORMS, Prompts, default_prompts

__all__ = ["Names", "Question", "question_text", "task_questions"]

_PLACES = {1: "protein A", 2: "proteins A and B"}


class Question(NamedTuple):
    """One question of a task.

    Parameters
    ----------
    task : str
    accessions : tuple of str
        Its proteins, in the order of the example.
    text : str
        What is asked.
    """

    task: str
    accessions: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class Names:
    """What stands for a protein in a question.

    Parameters
    ----------
    form : str
        One of `prompts.FORMS`.
    sequences : mapping of str to str
        By accession; empty for accessions.
    max_residues : int or None
        Residues of a sequence that are shown, from its start; None shows all.
    prompts : Prompts, optional
        The packaged ones when left out.
    """

    form: str
    sequences: Mapping[str, str]
    max_residues: int | None = None
    prompts: Prompts = field(default_factory=default_prompts)

    @classmethod
    def of(
        cls,
        published: PublishedDataset,
        form: str,
        max_residues: int | None = None,
        prompts: Prompts | None = None,
    ) -> Names:
        """Names of the proteins of a dataset.

        Raises
        ------
        GenoProtError
            If there is no such form, or the limit is not positive or means nothing.
        """
        if form not in FORMS:
            raise GenoProtError(f"form {form!r}: expected one of {', '.join(FORMS)}")
        if max_residues is not None and (form != "sequence" or max_residues < 1):
            raise GenoProtError(
                f"max_residues={max_residues}: a positive number, with the form sequence only"
            )
        prompts = prompts or default_prompts()
        if form == "accession":
            return cls(form, {}, None, prompts)
        table = published.sequences(["accession", "protein"])
        sequences = dict(zip(*(table[name].to_pylist() for name in table.column_names)))
        return cls(form, sequences, max_residues, prompts)

    def is_cut(self, accession: str) -> bool:
        """Whether a protein is longer than what is shown of it."""
        return self.max_residues is not None and len(self.sequences[accession]) > self.max_residues

    def __call__(self, accession: str) -> str:
        shown = accession
        if self.form == "sequence":
            shown = self.sequences[accession][: self.max_residues]
            shown += self.prompts.cut if self.is_cut(accession) else ""
        return self.prompts.tags[self.form].replace("{}", shown)


def question_text(task: TaskSpec, names: Sequence[str]) -> str:
    """The question of a task about proteins.

    Parameters
    ----------
    task : TaskSpec
    names : sequence of str
        What stands for each protein.

    Raises
    ------
    GenoProtError
        If the task's question has no place for them.

    Examples
    --------
    >>> question_text(get_task("ppi"), ["<UNIPROT:P04637>", "<UNIPROT:Q00987>"])
    'Do proteins <UNIPROT:P04637> and <UNIPROT:Q00987> interact?'
    """
    place = _PLACES[task.arity]
    if task.question.count(place) != 1:
        raise GenoProtError(f"task {task.name}: its question must name {place!r} once, to be asked in words")
    word = place.split()[0]
    return task.question.replace(place, f"{word} {' and '.join(names)}")


def task_questions(examples: TaskExamples, names: Names, *, matched: bool = False) -> list[Question]:
    """The question of every eval example of a task, in their order; or of every identity-matched one.

    Raises
    ------
    GenoProtError
        If a protein of the examples has no sequence in the dataset.
    """
    spec = get_task(examples.task)
    known = examples.accessions.to_pylist()
    split = examples.matched if matched else examples.eval
    if names.form == "sequence":
        lacking = [known[i] for i in sorted(set(split.members.flat)) if known[i] not in names.sequences]
        if lacking:
            raise GenoProtError(
                f"task {spec.name}: {len(lacking)} proteins have no sequence, {', '.join(lacking[:3])}"
            )
    members = [tuple(known[i] for i in row) for row in split.members.tolist()]
    return [Question(spec.name, row, question_text(spec, [names(one) for one in row])) for row in members]
