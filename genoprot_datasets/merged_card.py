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
        identical=_identical(manifest),
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
    parts, dropped = manifest["parts"], manifest["identical_proteins"]["dropped"]
    rows = []
    for name, task in TASKS.items():
        own = dropped.get(name, {})
        cells = [
            _sizes(part["tasks"].get(name), part["left_out"].get(name, ""), own.get(key))
            for key, part in parts.items()
        ]
        rows.append((f"`{name}`", task.question, *cells))
        if any("eval" in part["tasks"].get(name, {}).get("matched", {}) for part in parts.values()):
            matched = {key: part["tasks"].get(name, {}).get("matched", {}) for key, part in parts.items()}
            own = dropped.get(matched_config(name), {})
            cells = [
                _sizes(entry, entry.get("left_out", "the task is left out"), own.get(key))
                for key, entry in matched.items()
            ]
            rows.append((f"`{matched_config(name)}`", "the same, classes matched by identity", *cells))
    return markdown_table(
        ("config", "question", *(part["species"]["title"] for part in parts.values())), rows
    )


def _sizes(entry: Mapping[str, Any] | None, reason: str, dropped: Mapping[str, int] | None) -> str:
    if not entry or "eval" not in entry:
        return f"left out: {reason}"
    train = (dropped or entry["train"])["per_class"]
    return f"{train:,}; {entry['eval']['samples']} x {entry['eval']['per_class']:,}"


def _identical(manifest: Mapping[str, Any]) -> str:
    found = manifest["identical_proteins"]
    count = f"{found['in_both_folds']:,} protein sequences are in both folds"
    if manifest["options"]["drop_identical"]:
        return f"{count}; no train example has one of them."
    return f"{count}, {found['across_species']:,} of them in different species."


def _source_table(manifest: Mapping[str, Any]) -> str:
    rows = [
        (part["species"]["title"], entry["title"], f"`{entry['file']}`", entry["licence"])
        for part in manifest["parts"].values()
        for entry in part["sources"]
    ]
    return markdown_table(("species", "source", "file", "licence of the official source"), rows)
