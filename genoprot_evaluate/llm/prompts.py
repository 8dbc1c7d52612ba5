"""The words in which language models are asked, read from a file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from genoprot_datasets.errors import SourceError

__all__ = ["FORMS", "PROMPTS_PATH", "REPLIES", "Prompts", "default_prompts", "read_prompts"]

FORMS = ("accession", "sequence")
"""How a protein is named in a question: by its UniProt accession, or by its sequence."""

REPLIES = ("json", "word", "probability")
"""How a model is to answer: a JSON object, as in the paper; one word; or one word of which the probabilities
of yes and no are compared."""

PROMPTS_PATH = Path(__file__).with_name("prompts.yaml")

_WORDED = ("json", "word")


@dataclass(frozen=True)
class Prompts:
    """What a model is told and asked, beside the questions of the tasks.

    Parameters
    ----------
    version : int
    opening : str
        First line of the instruction.
    forms, replies : mapping of str to str
        Its line for each of `FORMS`, and for the replies ``json`` and ``word``.
    tags : mapping of str to str
        By form, what stands for a protein, with ``{}`` for its accession or sequence.
    cut : str
        Behind a sequence that is not shown whole.
    plain : str
        One text of ``{instruction}`` and ``{question}``, for models without a chat template.
    """

    version: int
    opening: str
    forms: Mapping[str, str]
    replies: Mapping[str, str]
    tags: Mapping[str, str]
    cut: str
    plain: str

    def instruction(self, form: str, reply: str) -> str:
        """What a model is told before a question.

        Parameters
        ----------
        form : str
            One of `FORMS`.
        reply : str
            One of `REPLIES`.

        Examples
        --------
        >>> default_prompts().instruction("accession", "probability").splitlines()[-1]
        'Reply with one word and nothing else: yes or no.'
        """
        worded = "word" if reply == "probability" else reply
        return "\n".join([self.opening, self.forms[form], self.replies[worded]])

    def in_one(self, instruction: str, question: str) -> str:
        """Instruction and question as one text."""
        # Not str.format: a question may hold braces.
        before, _, behind = self.plain.partition("{question}")
        return before.replace("{instruction}", instruction) + question + behind

    @property
    def digest(self) -> str:
        """Version and SHA-256 of the words, as a record names them."""
        words = json.dumps(asdict(self), sort_keys=True)
        return f"version {self.version}, sha256 {hashlib.sha256(words.encode()).hexdigest()}"


def read_prompts(path: str | Path) -> Prompts:
    """Read prompts from a YAML file with the keys of the packaged `prompts.yaml`.

    Raises
    ------
    SourceError
        If there is no such file, it is not YAML, or a key is missing, unknown or of another type.
    """
    import yaml

    path = Path(path)
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SourceError(path, f"not found; {PROMPTS_PATH} is an example of such a file") from None
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise SourceError(path, f"not a YAML file of prompts ({' '.join(str(error).split())})") from None
    fault = _fault(raw)
    if fault is not None:
        raise SourceError(path, f"{fault}; {PROMPTS_PATH} is an example of such a file")
    return Prompts(**raw)


@cache
def default_prompts() -> Prompts:
    """The packaged prompts."""
    return read_prompts(PROMPTS_PATH)


def _fault(raw: Any) -> str | None:
    """What keeps the content of a file from being prompts."""
    keys = tuple(Prompts.__dataclass_fields__)
    if not isinstance(raw, dict) or sorted(raw, key=str) != sorted(keys):
        return f"expected the keys {', '.join(keys)}"
    if type(raw["version"]) is not int:
        return "version: expected a whole number"
    for name, known in (("forms", FORMS), ("replies", _WORDED), ("tags", FORMS)):
        entries = raw[name]
        if not isinstance(entries, dict) or sorted(entries, key=str) != sorted(known):
            return f"{name}: expected the keys {', '.join(known)}"
        if not all(isinstance(text, str) for text in entries.values()):
            return f"{name}: expected texts"
    for name in ("opening", "cut", "plain"):
        if not isinstance(raw[name], str):
            return f"{name}: expected a text"
    if any(tag.count("{}") != 1 for tag in raw["tags"].values()):
        return "tags: each needs {} once, for the accession or sequence"
    places = [raw["plain"].find(place) for place in ("{instruction}", "{question}")]
    if not 0 <= places[0] < places[1]:
        return "plain: expected {instruction} and, behind it, {question}"
    return None
