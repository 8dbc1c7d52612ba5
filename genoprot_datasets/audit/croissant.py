"""A Croissant description of a published folder, for tools that read data sets by it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.published import PublishedDataset

__all__ = ["describe", "validate"]

_DESCRIPTION = (
    "Genes (DNA with introns) matched with their proteins, and yes/no questions about one record or a pair: "
    "a benchmark of encoders of biological sequences."
)


def describe(published: PublishedDataset, base: Path) -> dict[str, Any]:
    """Croissant metadata of a folder: every Parquet file with its checksum, and every column.

    Parameters
    ----------
    published : PublishedDataset
    base : Path
        Folder that the description will lie in; files are named relative to it.

    Returns
    -------
    dict
        JSON-LD of Croissant 1.0.

    Raises
    ------
    GenoProtError
        If mlcroissant is not installed.
    """
    try:
        import mlcroissant as mlc
    except ImportError:
        raise GenoProtError("Croissant needs mlcroissant; install geno-prot[audit]") from None
    kinds = {
        pa.string(): mlc.DataType.TEXT,
        pa.bool_(): mlc.DataType.BOOL,
        pa.float32(): mlc.DataType.FLOAT,
        pa.float64(): mlc.DataType.FLOAT,
    }
    files, sets = [], []
    for path, facts in published.manifest["files"].items():
        config, split = path.split("/")[0], Path(path).name.split("-")[0]
        name = f"{config}-{split}"
        files.append(
            mlc.FileObject(
                id=f"{name}-file",
                name=f"{name}-file",
                content_url=os.path.relpath(published.folder / path, base),
                content_size=f"{facts['bytes']} B",
                encoding_formats=["application/x-parquet"],
                sha256=facts["sha256"],
            )
        )
        schema = pq.read_schema(published.folder / path)
        fields = [
            mlc.Field(
                id=f"{name}/{field.name}",
                name=field.name,
                data_types=[kinds.get(_value(field), mlc.DataType.INTEGER)],
                repeated=pa.types.is_list(field.type),
                source=mlc.Source(file_object=f"{name}-file", extract=mlc.Extract(column=field.name)),
            )
            for field in schema
        ]
        sets.append(mlc.RecordSet(id=name, name=name, fields=fields))
    metadata = mlc.Metadata(
        name=published.manifest["name"].replace("/", "-"),
        description=_DESCRIPTION,
        version="1.0.0",
        license=sorted({entry["licence"] for entry in _sources(published.manifest)} - {""}) or ["other"],
        cite_as="Wakim, Gupta et al., NeurIPS 2025 FM4LS workshop",
        url=f"https://huggingface.co/datasets/{published.manifest['name']}",
        distribution=files,
        record_sets=sets,
    )
    return json.loads(json.dumps(metadata.to_json(), default=str))


def validate(path: Path) -> list[str]:
    """Read a Croissant file with mlcroissant.

    Parameters
    ----------
    path : Path

    Returns
    -------
    list of str
        What it objects to; empty for a valid file.
    """
    import mlcroissant as mlc
    from absl import logging

    before = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        issues = mlc.Dataset(jsonld=str(path)).metadata.issues
    except mlc.ValidationError as error:
        return [" ".join(str(error).split())]
    finally:
        logging.set_verbosity(before)
    return sorted(issues.errors)


def _value(field: pa.Field) -> pa.DataType:
    return field.type.value_type if pa.types.is_list(field.type) else field.type


def _sources(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    parts = manifest.get("parts", {"": manifest})
    return [entry for part in parts.values() for entry in part["sources"]]
