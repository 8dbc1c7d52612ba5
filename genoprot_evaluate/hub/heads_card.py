"""The card of a repository of heads, drawn from the index of its heads."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from importlib.resources import files
from string import Template
from typing import Any

from genoprot_datasets.snapshots import parse_hub_id
from genoprot_datasets.tasks import TASKS
from genoprot_evaluate.hub.cards import placed_section, word
from genoprot_evaluate.hub.front_matter import read_front_matter, with_front_matter
from genoprot_evaluate.markdown import plain

__all__ = ["checked_entry", "heads_card"]

_NAME = re.compile(r"(?P<task>\w+)/(?P<encoder>\w[\w.-]*)")
_TAGS = ("biology", "geno-prot", "prediction-head")


def checked_entry(name: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """An entry of an index from elsewhere, when a card can be drawn from it.

    Raises
    ------
    ValueError, KeyError, TypeError
        If its name is none of a head, a value is missing or of another kind.
    """
    found = _NAME.fullmatch(name)
    if found is None or found["task"] not in TASKS:
        raise ValueError(f"{name!r:.60} names no head")
    if (entry["task"], entry["encoder"]) != (found["task"], found["encoder"]):
        raise ValueError(f"{name} is entered as that of {entry['task']!r:.30} and {entry['encoder']!r:.30}")
    str(entry["dataset"]), int(entry["dimension"]), dict(entry["config"])
    _row(name, entry), _accuracy(entry)
    return dict(entry)


def heads_card(
    entries: Mapping[str, Mapping[str, Any]], repository: str, earlier: str | None, licence: str | None = None
) -> str:
    """The card of a repository of heads.

    Keys of the front matter that are not ours and text outside our section stay.

    Parameters
    ----------
    entries : mapping of str to mapping
        By ``TASK/ENCODER``, as `hub.heads` writes them to the index.
    repository : str
    earlier : str or None
        The card that is there.
    licence : str, optional
        Of the heads; that of the earlier card when left out.
    """
    source = f"README.md of {repository}"
    present = read_front_matter(earlier or "", source)
    licence = licence or present.get("license")
    first = min(entries)
    dataset = entries[first].get("dataset_name") or "the dataset"
    template = Template(files(__package__).joinpath("heads_card.md").read_text(encoding="utf-8"))
    section = template.substitute(
        rows="\n".join(_row(name, entries[name]) for name in sorted(entries)),
        dataset=word(dataset),
        fingerprint=word(entries[first]["dataset"]),
        accuracies=_accuracies(entries),
        repository=repository,
        task=entries[first]["task"],
        encoder=entries[first]["encoder"],
        configurations=_configurations(entries),
        licence=f"The heads: {word(licence)}." if licence else "No licence is stated for the heads.",
    )
    changes: dict[str, Any] = {"tags": list(dict.fromkeys([*(present.get("tags") or []), *_TAGS]))}
    changes |= {"library_name": "geno-prot"}
    if parse_hub_id(str(dataset)) is not None:
        changes |= {"datasets": list(dict.fromkeys([*(present.get("datasets") or []), str(dataset)]))}
    if licence:
        changes |= {"license": licence}
    return with_front_matter(placed_section(earlier, section, "Heads for GENO-PROT"), changes, source)


def _row(name: str, entry: Mapping[str, Any]) -> str:
    cells = (
        TASKS[entry["task"]].question,
        entry.get("encoder_name") or entry["encoder"],
        entry.get("view") or "–",
        entry["dimension"],
        entry.get("readout") or "–",
        entry.get("licence") or "see the source of the weights",
        _accuracy(entry),
    )
    return f"| `{name}` | " + " | ".join(map(plain, cells)) + " |"


def _accuracy(entry: Mapping[str, Any]) -> str:
    score = entry.get("score")
    if score is None:
        return "–"
    text = f"{100 * float(score['accuracy']):.1f}"
    if score.get("std") is not None:
        text += f" ± {100 * float(score['std']):.1f}"
    if score.get("low") is not None:
        text += f" ({100 * float(score['low']):.1f} to {100 * float(score['high']):.1f})"
    return text


def _accuracies(entries: Mapping[str, Mapping[str, Any]]) -> str:
    if not any(entry.get("score") for entry in entries.values()):
        return "No accuracies were given with the push."
    return (
        "Accuracy on its eval fold: mean and standard deviation over the eval samples, in brackets the 95% "
        "interval over proteins. Chance is 50."
    )


def _configurations(entries: Mapping[str, Mapping[str, Any]]) -> str:
    """Every configuration and seed, and the heads that were trained so."""
    groups: dict[str, list[str]] = {}
    for name in sorted(entries):
        facts = {"seed": entries[name].get("seed"), **entries[name]["config"]}
        groups.setdefault(json.dumps(facts, sort_keys=True), []).append(name)
    parts = []
    for text, names in groups.items():
        facts = json.loads(text)
        listed = "; ".join(
            f"{plain(key.replace('_', ' '))} {plain(_shown(facts[key]))}" for key in sorted(facts)
        )
        parts.append(f"{', '.join(f'`{name}`' for name in names)}: {listed}.")
    return "\n\n".join(parts)


def _shown(value: object) -> str:
    return "-".join(map(str, value)) if isinstance(value, list) else str(value)
