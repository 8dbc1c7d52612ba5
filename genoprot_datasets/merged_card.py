"""The card of a folder of several species: the template `merged.md` filled in from the manifest."""

from __future__ import annotations

from collections.abc import Mapping
from string import Template
from typing import Any

from genoprot_datasets.card_pieces import front_matter, markdown_table
from genoprot_datasets.resources import loading_script
from genoprot_datasets.tasks import TASKS, matched_config

__all__ = ["render_merged_card"]


def render_merged_card(manifest: Mapping[str, Any]) -> str:
    """Text of the `README.md` of a folder that `genoprot merge` writes.

    Parameters
    ----------
    manifest : mapping
        With the manifests of the species under `parts`.

    Returns
    -------
    str
    """
    template = Template(loading_script("geno-prot", "merged.md").read_text(encoding="utf-8"))
    return template.substitute(
        front_matter=front_matter(manifest),
        species=_joined([part["species"]["title"] for part in manifest["parts"].values()]),
        name=manifest["name"],
        genes=f"{manifest['records']['kept']:,}",
        species_table=_species_table(manifest),
        task_table=_task_table(manifest),
        source_table=_source_table(manifest),
    )


def _joined(names: list[str]) -> str:
    return ", ".join(names[:-1]) + " and " + names[-1]


def _species_table(manifest: Mapping[str, Any]) -> str:
    rows = [
        (
            part["species"]["title"],
            str(part["species"]["taxon"]),
            f"{part['records']['kept']:,} of {part['records']['genes']:,}",
            f"{part['folds']['train']:,}, {part['folds']['eval']:,}",
            part["records"]["go_terms"],
            part["partition_vectors"]["kind"],
        )
        for part in manifest["parts"].values()
    ]
    header = ("species", "`species`", "genes kept", "train, eval", "`go_terms`", "vectors of the partition")
    return markdown_table(header, rows)


def _task_table(manifest: Mapping[str, Any]) -> str:
    parts = manifest["parts"]
    rows = []
    for name, task in TASKS.items():
        cells = [_sizes(part["tasks"].get(name), part["left_out"].get(name, "")) for part in parts.values()]
        rows.append((f"`{name}`", task.question, *cells))
        if any("eval" in part["tasks"].get(name, {}).get("matched", {}) for part in parts.values()):
            matched = [part["tasks"].get(name, {}).get("matched", {}) for part in parts.values()]
            cells = [_sizes(entry, entry.get("left_out", "the task is left out")) for entry in matched]
            rows.append((f"`{matched_config(name)}`", "the same, classes matched by identity", *cells))
    return markdown_table(
        ("config", "question", *(part["species"]["title"] for part in parts.values())), rows
    )


def _sizes(entry: Mapping[str, Any] | None, reason: str) -> str:
    if not entry or "eval" not in entry:
        return f"left out: {reason}"
    return f"{entry['train']['per_class']:,}; {entry['eval']['samples']} x {entry['eval']['per_class']:,}"


def _source_table(manifest: Mapping[str, Any]) -> str:
    rows = [
        (part["species"]["title"], entry["title"], f"`{entry['file']}`", entry["licence"])
        for part in manifest["parts"].values()
        for entry in part["sources"]
    ]
    return markdown_table(("species", "source", "file", "licence of the official source"), rows)
