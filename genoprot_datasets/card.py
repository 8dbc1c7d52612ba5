"""The dataset card: the template in `loading_scripts/geno-prot` filled in from the manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from string import Template
from typing import Any

import pyarrow as pa

from genoprot_datasets.published import split_path
from genoprot_datasets.resources import loading_script
from genoprot_datasets.schema import FOLDS, SEQUENCES, SEQUENCES_CONFIG, task_schema
from genoprot_datasets.tasks import TASKS, TaskSpec, matched_config

__all__ = ["render_card"]

_IDENTITY_COLUMNS = """`identity` (identical residues of the best
  local alignment, BLOSUM62, gaps 11/1, over the length of the shorter protein), `challenge` (the identity
  threshold that separates the train classes best gets this pair wrong)"""
_NO_IDENTITY_COLUMNS = """and no `identity` or
  `challenge`, because the pairs were not aligned"""

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def render_card(manifest: Mapping[str, Any]) -> str:
    """Text of the published folder's `README.md`.

    Parameters
    ----------
    manifest : mapping
        As `manifest.write_manifest` returns it.

    Returns
    -------
    str
        Markdown with YAML front matter that names every configuration, its splits and features.
    """
    template = Template(loading_script("geno-prot", "README.md").read_text(encoding="utf-8"))
    return template.substitute(
        front_matter=_front_matter(manifest),
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


def _front_matter(manifest: Mapping[str, Any]) -> str:
    import yaml

    configs = _configs(manifest)
    rows = sum(entry["rows"] for entry in manifest["files"].values())
    size = next((label for limit, label in _SIZES if rows < limit), "1M<n<10M")
    content = {
        "pretty_name": "GENO-PROT",
        "license": "other",
        "license_name": "licences-of-the-sources",
        "tags": ["biology", "genomics", "proteomics", "benchmark"],
        "task_categories": ["feature-extraction"],
        "size_categories": [size],
        "configs": [
            {
                "config_name": config,
                # `datasets` names its cache of a local folder by this text, not by the files' content:
                # without the fingerprint a rebuilt folder would load as the old one.
                "description": f"GENO-PROT {config}, fingerprint {manifest['fingerprint']}",
                "data_files": [{"split": fold, "path": split_path(config, fold)} for fold in FOLDS],
            }
            for config in configs
        ],
        "dataset_info": [_dataset_info(config, task, manifest) for config, task in configs.items()],
    }
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110).rstrip()


def _configs(manifest: Mapping[str, Any]) -> dict[str, TaskSpec | None]:
    """Configurations in the order in which the card names them, each with its task."""
    configs: dict[str, TaskSpec | None] = {SEQUENCES_CONFIG: None}
    built = {name: task for name, task in TASKS.items() if name in manifest["tasks"]}
    configs |= built
    for name, task in built.items():
        if "eval" in manifest["tasks"][name].get("matched", {}):
            configs[matched_config(name)] = task
    return configs


def _dataset_info(config: str, task: TaskSpec | None, manifest: Mapping[str, Any]) -> dict[str, Any]:
    files, identities = manifest["files"], manifest["options"]["identities"]
    # One configuration has one set of features in `datasets`: the eval split's, which has the column
    # `sample` besides; the loader fills it with nulls in the train split.
    schema = SEQUENCES if task is None else task_schema(task, "eval", identities=identities)
    paths = {fold: split_path(config, fold) for fold in FOLDS}
    return {
        "config_name": config,
        "features": [_feature(field) for field in schema],
        "splits": [
            {
                "name": fold,
                "num_bytes": files[path]["uncompressed_bytes"],
                "num_examples": files[path]["rows"],
            }
            for fold, path in paths.items()
        ],
        "download_size": sum(files[path]["bytes"] for path in paths.values()),
        "dataset_size": sum(files[path]["uncompressed_bytes"] for path in paths.values()),
    }


def _feature(field: pa.Field) -> dict[str, str]:
    if pa.types.is_list(field.type):
        return {"name": field.name, "list": str(field.type.value_type)}
    return {"name": field.name, "dtype": str(field.type)}


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines)


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
    return _table(("config", "question", "positive when", "train", "eval"), rows)


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
    return _table(("config", "train", "eval", "AUROC of identity in eval, plain and matched"), rows)


def _record_table(manifest: Mapping[str, Any]) -> str:
    records = manifest["records"]
    rows = [("protein-coding genes in the annotation", f"{records['genes']:,}")]
    rows += [(f"dropped: {entry['because']}", f"{entry['count']:,}") for entry in records["dropped"].values()]
    rows.append(("**records**", f"**{records['kept']:,}**"))
    rows += [("train fold, eval fold", f"{manifest['folds']['train']:,}, {manifest['folds']['eval']:,}")]
    others = [*records["notes"].values(), *records["not_counted"].values()]
    rows += [(entry["meaning"], f"{entry['count']:,}") for entry in others]
    return _table(("", "genes"), rows)


def _source_table(sources: Sequence[Mapping[str, Any]]) -> str:
    rows = [(entry["title"], f"`{entry['file']}`", entry["licence"]) for entry in sources]
    return _table(("source", "file", "licence of the official source"), rows)
