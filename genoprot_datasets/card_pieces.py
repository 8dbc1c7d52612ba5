"""Pieces that the cards of one and of several species have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from genoprot_datasets.published import split_path
from genoprot_datasets.schema import (
    ATTRIBUTES,
    ATTRIBUTES_CONFIG,
    FOLDS,
    INTERACTIONS,
    INTERACTIONS_CONFIG,
    SEQUENCES,
    SEQUENCES_CONFIG,
    TERMS,
    TERMS_CONFIG,
    task_schema,
)
from genoprot_datasets.tasks import TASKS, matched_config

__all__ = ["front_matter", "markdown_table"]

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))


def front_matter(manifest: Mapping[str, Any]) -> str:
    """YAML that names every configuration with its splits, features and sizes."""
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
        "dataset_info": [_dataset_info(config, own, manifest["files"]) for config, own in configs.items()],
    }
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110).rstrip()


def _configs(manifest: Mapping[str, Any]) -> dict[str, pa.Schema]:
    """Configurations in the order in which the card names them, each with its schema.

    One configuration has one set of features in `datasets`: the eval split's, which has the column `sample`
    besides; the loader fills it with nulls in the train split.
    """
    kind = {"identities": manifest["options"]["identities"], "species": "parts" in manifest}
    built = {
        name: task_schema(task, "eval", **kind) for name, task in TASKS.items() if name in manifest["tasks"]
    }
    matched = {
        matched_config(name): schema
        for name, schema in built.items()
        if "eval" in manifest["tasks"][name].get("matched", {})
    }
    records = {SEQUENCES_CONFIG: SEQUENCES, ATTRIBUTES_CONFIG: ATTRIBUTES}
    optional = {INTERACTIONS_CONFIG: INTERACTIONS, TERMS_CONFIG: TERMS}
    present = {
        name: schema for name, schema in optional.items() if split_path(name, "train") in manifest["files"]
    }
    return records | present | built | matched


def _dataset_info(config: str, schema: pa.Schema, files: Mapping[str, Any]) -> dict[str, Any]:
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


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of cells in Markdown.

    Examples
    --------
    >>> print(markdown_table(("a", "b"), [("1", "x|y")]))
    | a | b |
    |---|---|
    | 1 | x\\|y |
    """
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines)
