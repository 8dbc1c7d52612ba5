"""How a language model was asked, as the record says it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

__all__ = ["Survey"]

_FOUND = ("reported", "distinct_questions", "prompt_tokens", "completion_tokens", "versions")


@dataclass(frozen=True)
class Survey:
    """How a language model was asked.

    Parameters
    ----------
    model : str
        Name at the endpoint, or of the checkpoint.
    form : str
        What stood for a protein: ``accession`` or ``sequence``.
    reply : str
        How answers were read: ``json``, ``word``, or ``probability`` where those of yes and no were compared.
    instruction : str
        What the model was told before each question.
    max_residues : int or None
        Residues of a sequence that were shown; None for all.
    endpoint : str or None
        Address; None for a checkpoint.
    settings : mapping
        Every other choice that an answer depends on: the fields sent to an endpoint with each question; the
        digest of a checkpoint's files, precision and chat template.
    reported : tuple of str
        Versions of the model that the endpoint named with its answers, sorted.
    distinct_questions : int
        Questions that were answered: an example that is in several samples is asked once.
    prompt_tokens, completion_tokens : int or None
        Of all answers, as counted by the endpoint or tokenizer; None where an answer came without a count.
    versions : mapping of str to str
        Of the software that asked.
    """

    model: str
    form: str
    reply: str
    instruction: str
    max_residues: int | None = None
    endpoint: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    reported: tuple[str, ...] = ()
    distinct_questions: int = 0
    prompt_tokens: int | None = 0
    completion_tokens: int | None = 0
    versions: Mapping[str, str] = field(default_factory=dict)

    def asked(self) -> dict[str, Any]:
        """What was decided before anything was asked; every answer depends on it, as JSON values."""
        return {name: value for name, value in asdict(self).items() if name not in _FOUND}

    def with_answers(self, answers: Sequence[Mapping[str, Any]]) -> Survey:
        """With what is known of the answers.

        Parameters
        ----------
        answers : sequence of mapping
            Their `model`, `fingerprint`, `prompt_tokens` and `completion_tokens`, where they are known.
        """
        named = {
            " ".join(str(one[key]) for key in ("model", "fingerprint") if one.get(key)) for one in answers
        }
        return replace(
            self,
            reported=tuple(sorted(named - {""})),
            distinct_questions=len(answers),
            **{
                name: None if None in counts else sum(counts)
                for name in ("prompt_tokens", "completion_tokens")
                for counts in [[one.get(name) for one in answers]]
            },
        )
