"""Language models from Python: one call asks, scores and returns the record."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.published import PublishedDataset
from genoprot_evaluate.llm.function import FunctionModel
from genoprot_evaluate.llm.models import LanguageModel, is_remote, open_model
from genoprot_evaluate.llm.prompts import Prompts
from genoprot_evaluate.llm.zero_shot import Poll
from genoprot_evaluate.results import ResultRecord

__all__ = ["ask"]


def ask(
    model: str | LanguageModel | Callable[[list[str]], Sequence[str | float | None]],
    dataset: str | Path | PublishedDataset,
    form: str = "accession",
    *,
    tasks: Sequence[str] | None = None,
    reply: str | None = None,
    name: str | None = None,
    samples: int | None = None,
    max_residues: int | None = None,
    matched: bool = False,
    prompts: Prompts | None = None,
    again: bool = False,
    seed: int = 0,
    out: str | Path | None = None,
    progress: Callable[[int, int], None] = lambda answered, questions: None,
    **options: Any,
) -> ResultRecord:
    """Ask a language model the questions of a dataset's tasks in words, and score its answers.

    Parameters
    ----------
    model : str, LanguageModel or callable
        A name as `models.open_model` takes it; a model; or a function of a list of texts, each an instruction
        and a question, that returns as many answers: texts, or, with ``reply="probability"``, probabilities
        of yes. None stands for no answer.
    dataset : str, Path or PublishedDataset
        A folder written by `genoprot build`, or a Hub id.
    form : {"accession", "sequence"}
        What stands for a protein in a question.
    tasks : sequence of str, optional
        Names of tasks or of groups of them; all tasks of the dataset when left out.
    reply : {"json", "word", "probability"}, optional
        How a model is to answer. By default an endpoint answers in the paper's JSON and a function in one
        word; a checkpoint always answers with probabilities.
    name : str, optional
        In the record, behind ``llm:``; that of model and form when left out. For a function its own name
        stands; one without a name needs this.
    samples : int, optional
        Eval samples that are asked, the first ones; all when left out.
    max_residues : int, optional
        Residues of a sequence that are shown; all when left out.
    matched : bool
        Whether the pairs of the identity-matched variants are asked too, where the dataset has them.
    prompts : Prompts, optional
        See `prompts.read_prompts`; the packaged ones when left out.
    again : bool
        Whether questions are asked again of which a kept answer says only that they were refused.
    seed : int
        Sent to an endpoint with each question; also of the bootstrap of a new record.
    out : path, optional
        Folder of results: the model joins the record that lies there, and the answers are kept, so that the
        same call goes on where one was ended. Nothing is kept when left out.
    progress : callable, optional
        Called after each answer with the number of questions that are answered, and of all.
    **options
        Those of `models.open_model`, where the model is given by its name.

    Returns
    -------
    ResultRecord
        With all models of `out`. A task that could not be asked to its end is N/A or ERROR, with the reason.

    Raises
    ------
    GenoProtError
        If an argument cannot be used, or the model answers nothing, or nothing any more; the answers that
        came are kept in `out`.

    Examples
    --------
    >>> def sceptic(questions):
    ...     return ["no"] * len(questions)
    >>> record = ask(sceptic, "llnl/geno-prot", tasks=["ppi"])  # doctest: +SKIP
    >>> record.scores["ppi"]["llm:sceptic-accession"].accuracy.mean  # doctest: +SKIP
    0.5
    """
    if isinstance(model, str):
        if is_remote(model):
            options = {"seed": seed, "reply": reply or "json", **options}
        elif reply not in (None, "probability"):
            raise GenoProtError(f"reply {reply!r}: a checkpoint answers with probabilities only")
        model = open_model(model, **options)
    elif options:
        raise GenoProtError(f"{', '.join(sorted(options))}: options of a model that is given by its name")
    elif not isinstance(model, LanguageModel):
        model = _function(model, name, reply)
    elif reply is not None:
        raise GenoProtError("reply: a model that is made already has its own")
    with tempfile.TemporaryDirectory(prefix="genoprot-") as folder:
        poll = Poll(
            model,
            dataset,
            form,
            folder if out is None else out,
            name=name,
            tasks=tasks,
            samples=samples,
            max_residues=max_residues,
            matched=matched,
            prompts=prompts,
            again=again,
            seed=seed,
        )
        return poll.run(progress)


def _function(function: Any, name: str | None, reply: str | None) -> FunctionModel:
    """A function as a model, by its own name where none is given."""
    if not callable(function):
        raise GenoProtError(f"model {function!r:.60}: expected a name, a language model or a function")
    title = name or getattr(function, "__name__", type(function).__name__)
    if title == "<lambda>":
        raise GenoProtError("a function without a name needs one for the record: name=...")
    return FunctionModel(function, title, reply or "word")
