"""The dataset card: the template in `loading_scripts/geno-prot` filled in from the manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from string import Template
from typing import Any

from genoprot_datasets.card_pieces import front_matter, markdown_table
from genoprot_datasets.merged_card import render_merged_card
from genoprot_datasets.resources import loading_script
from genoprot_datasets.schema import FOLDS
from genoprot_datasets.tasks import TASKS, matched_config

__all__ = ["render_card"]

_IDENTITY_COLUMNS = """`identity` (identical residues of the best
  local alignment, BLOSUM62, gaps 11/1, over the length of the shorter protein), `challenge` (the identity
  threshold that separates the train classes best gets this pair wrong)"""
_NO_IDENTITY_COLUMNS = """and no `identity` or
  `challenge`, because the pairs were not aligned"""


def render_card(manifest: Mapping[str, Any]) -> str:
    """Text of the published folder's `README.md`.

    Parameters
    ----------
    manifest : mapping
        As `manifest.write_manifest` returns it, of one species or of several.

    Returns
    -------
    str
        Markdown with YAML front matter that names every configuration, its splits and features.
    """
    if "parts" in manifest:
        return render_merged_card(manifest)
    template = Template(loading_script("geno-prot", "README.md").read_text(encoding="utf-8"))
    return template.substitute(
        front_matter=front_matter(manifest),
        species=manifest["species"]["title"],
        name=manifest["name"],
        genes=f"{manifest['records']['kept']:,}",
        task_table=_task_table(manifest),
        shortfall=_shortfall(manifest),
        matched_table=_matched_table(manifest),
        identity_columns=_IDENTITY_COLUMNS if manifest["options"]["identities"] else _NO_IDENTITY_COLUMNS,
        record_table=_record_table(manifest),
        go_terms=manifest["records"]["go_terms"],
        partition_vectors=manifest["partition_vectors"]["kind"],
        recogniser=manifest["recogniser"],
        source_table=_source_table(manifest["sources"]),
    )


def _task_table(manifest: Mapping[str, Any]) -> str:
    rows = []
    for name, task in TASKS.items():
        if name in manifest["tasks"]:
            entry = manifest["tasks"][name]
            train, evaluation = entry["train"], entry["eval"]
            sizes = (f"{train['per_class']:,}", f"{evaluation['samples']} x {evaluation['per_class']:,}")
        else:
            sizes = ("left out", manifest["left_out"][name])
        rows.append((f"`{name}`", task.question, task.positive_when, *sizes))
    return markdown_table(("config", "question", "positive when", "train", "eval"), rows)


def _shortfall(manifest: Mapping[str, Any]) -> str:
    short = []
    for name, entry in manifest["tasks"].items():
        for fold in FOLDS:
            counts = entry[fold]
            if counts["per_class"] < counts["requested_per_class"]:
                short.append(
                    f"* `{name}` {fold}: {counts['per_class']:,} of {counts['requested_per_class']:,} "
                    f"({counts['positives_available']:,} positive and "
                    f"{counts['negatives_available']:,} negative examples exist)"
                )
    if not short:
        return ""
    reason = (
        "The smaller class has fewer examples than the paper's number, and both classes take what it has:"
    )
    return "\n".join(["", reason, "", *short, ""])


def _matched_table(manifest: Mapping[str, Any]) -> str:
    rows = []
    for name, task in TASKS.items():
        matched = manifest["tasks"].get(name, {}).get("matched")
        if matched is None or task.arity == 1:
            continue
        if "eval" in matched:
            train, evaluation = matched["train"], matched["eval"]
            sizes = (f"{train['per_class']:,}", f"{evaluation['samples']} x {evaluation['per_class']:,}")
            plain = manifest["tasks"][name]["eval"]["identity"]["auroc"]
            tells = f"{plain:.2f}, {evaluation['identity']['auroc']:.2f}"
        else:
            sizes, tells = ("left out", matched["left_out"]), ""
        rows.append((f"`{matched_config(name)}`", *sizes, tells))
    return markdown_table(("config", "train", "eval", "AUROC of identity in eval, plain and matched"), rows)


def _record_table(manifest: Mapping[str, Any]) -> str:
    records = manifest["records"]
    rows = [("protein-coding genes in the annotation", f"{records['genes']:,}")]
    rows += [(f"dropped: {entry['because']}", f"{entry['count']:,}") for entry in records["dropped"].values()]
    rows.append(("**records**", f"**{records['kept']:,}**"))
    rows += [("train fold, eval fold", f"{manifest['folds']['train']:,}, {manifest['folds']['eval']:,}")]
    others = [*records["notes"].values(), *records["not_counted"].values()]
    rows += [(entry["meaning"], f"{entry['count']:,}") for entry in others]
    return markdown_table(("", "genes"), rows)


def _source_table(sources: Sequence[Mapping[str, Any]]) -> str:
    rows = [(entry["title"], f"`{entry['file']}`", entry["licence"]) for entry in sources]
    return markdown_table(("source", "file", "licence of the official source"), rows)
