"""What can be asked: anything that answers questions, and how it is named on the command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from genoprot_datasets.errors import GenoProtError
from genoprot_evaluate.encoders.hub_weights import fetch_weights
from genoprot_evaluate.llm.answers import Answers
from genoprot_evaluate.llm.prompts import Prompts
from genoprot_evaluate.llm.questions import Question
from genoprot_evaluate.results import Survey

__all__ = ["HUB", "REMOTE", "LanguageModel", "is_remote", "open_model"]

REMOTE, HUB = "openai/", "hf/"
"""What the names of models behind an endpoint and of those on the Hub begin with."""


@runtime_checkable
class LanguageModel(Protocol):
    """Answers questions; see `remote.RemoteModel`, `local.LocalModel` and `function.FunctionModel`.

    Attributes
    ----------
    title : str
        Its name, where none is given for the record.
    parameters : int or None
    """

    title: str
    parameters: int | None

    def survey(self, form: str, max_residues: int | None, prompts: Prompts) -> Survey:
        """How it is asked: everything that its answers depend on."""

    def plan(self, questions: Sequence[Question], survey: Survey, prompts: Prompts) -> str:
        """What asking takes, in words."""

    def ask(
        self,
        questions: Mapping[str, Question],
        survey: Survey,
        prompts: Prompts,
        answers: Answers,
        tick: Callable[[], None],
    ) -> dict[str, tuple[str, str]]:
        """Ask what has no answer yet.

        Parameters
        ----------
        questions : mapping of str to Question
            By key of the answer.
        survey : Survey
        prompts : Prompts
        answers : Answers
            Takes the answers, in the form that `reading.verdict` reads.
        tick : callable
            Called after each of them.

        Returns
        -------
        dict of str to (str, str)
            By task of which questions are left, status and reason.

        Raises
        ------
        GenoProtError
            If nothing can be asked, or nothing any more. What has been answered is kept.
        """


def is_remote(named: str) -> bool:
    """Whether a name is that of a model behind an endpoint."""
    return named.startswith(REMOTE) and not Path(named).is_dir()


def open_model(named: str, **options: Any) -> LanguageModel:
    """The model of a name.

    Parameters
    ----------
    named : str
        ``openai/NAME`` of a model behind an OpenAI-compatible endpoint, ``hf/OWNER/NAME[@REVISION]`` on the
        Hub, or the folder of a causal transformers checkpoint.
    **options
        Those of `remote.RemoteModel.of` for the first, of `local.LocalModel.load` for the others.

    Raises
    ------
    GenoProtError
        If there is no such model, or it cannot be opened.
    """
    if is_remote(named):
        from genoprot_evaluate.llm.remote import RemoteModel

        return RemoteModel.of(named.removeprefix(REMOTE), **options)
    folder, title = Path(named), Path(named).resolve().name
    if not folder.is_dir():
        if not named.startswith(HUB):
            raise GenoProtError(
                f"model {named}: expected {REMOTE}NAME, {HUB}OWNER/NAME, or the folder of a checkpoint"
            )
        named = named.removeprefix(HUB)
        folder = fetch_weights(named, code=options.get("trust_remote_code", False))
        title = named.partition("@")[0]
    from genoprot_evaluate.llm.local import LocalModel

    return LocalModel.load(folder, title, **options)
