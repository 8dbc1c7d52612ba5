"""The questions of the tasks as a language model reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.published import PublishedDataset
from genoprot_datasets.tasks import TaskSpec, get_task
from genoprot_evaluate.evaluation.examples import TaskExamples
from genoprot_evaluate.llm.replies import REPLIES

__all__ = ["FORMS", "Names", "Question", "instruction", "question_text", "task_questions"]

FORMS = ("accession", "sequence")
"""How a protein is named in a question: by its UniProt accession, or by its sequence."""

_TAGS = {"accession": "UNIPROT", "sequence": "SEQ"}
_GIVEN = {
    "accession": "A protein is written as <UNIPROT:P01234>, by its UniProt accession.",
    "sequence": "A protein is written as <SEQ:MKT...>, by its amino acid sequence in one-letter code.",
}
_CUT = "..."
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
        One of `FORMS`.
    sequences : mapping of str to str
        By accession; empty for accessions.
    max_residues : int or None
        Residues of a sequence that are shown, from its start; None shows all.
    """

    form: str
    sequences: Mapping[str, str]
    max_residues: int | None = None

    @classmethod
    def of(cls, published: PublishedDataset, form: str, max_residues: int | None = None) -> Names:
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
        if form == "accession":
            return cls(form, {})
        table = published.sequences(["accession", "protein"])
        return cls(form, dict(zip(*(table[name].to_pylist() for name in table.column_names))), max_residues)

    def is_cut(self, accession: str) -> bool:
        """Whether a protein is longer than what is shown of it."""
        return self.max_residues is not None and len(self.sequences[accession]) > self.max_residues

    def __call__(self, accession: str) -> str:
        shown = accession
        if self.form == "sequence":
            shown = self.sequences[accession][: self.max_residues]
            shown += _CUT if self.is_cut(accession) else ""
        return f"<{_TAGS[self.form]}:{shown}>"


def instruction(form: str, reply: str) -> str:
    """What a model is told before a question.

    Parameters
    ----------
    form : str
        One of `FORMS`.
    reply : str
        One of `replies.REPLIES`.

    Examples
    --------
    >>> instruction("accession", "word").splitlines()[-1]
    'Reply with one word and nothing else: yes or no.'
    """
    lines = ["You answer yes-or-no questions about proteins, from what you know.", _GIVEN[form]]
    return "\n".join([*lines, REPLIES[reply]])


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


def task_questions(examples: TaskExamples, names: Names) -> list[Question]:
    """The question of every eval example of a task, in their order.

    Raises
    ------
    GenoProtError
        If a protein of the examples has no sequence in the dataset.
    """
    spec = get_task(examples.task)
    known = examples.accessions.to_pylist()
    if names.form == "sequence":
        lacking = [
            known[i] for i in sorted(set(examples.eval.members.flat)) if known[i] not in names.sequences
        ]
        if lacking:
            raise GenoProtError(
                f"task {spec.name}: {len(lacking)} proteins have no sequence, {', '.join(lacking[:3])}"
            )
    members = [tuple(known[i] for i in row) for row in examples.eval.members.tolist()]
    return [Question(spec.name, row, question_text(spec, [names(one) for one in row])) for row in members]
