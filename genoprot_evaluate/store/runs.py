"""Finished runs: a dataset folder with one configuration per encoder."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from genoprot_datasets.errors import SourceError
from genoprot_datasets.files import sha256_of
from genoprot_datasets.json_text import parse_json
from genoprot_datasets.snapshots import check_inside
from genoprot_evaluate.store.staging import Staging

__all__ = [
    "MEASURED_NAME",
    "RUN_NAME",
    "SCHEMA_VERSION",
    "commit_run",
    "damaged_file",
    "finished_run",
    "run_configs",
    "run_key",
    "write_card",
]

RUN_NAME = "run.json"
MEASURED_NAME = "measured.json"
SCHEMA_VERSION = 1
FILE_VALUES = 1 << 26
GROUP_VALUES = 1 << 23


def run_key(material: Mapping[str, Any]) -> str:
    """Key of a run: SHA-256 of what determines its vectors, as 64 hexadecimal digits.

    Examples
    --------
    >>> run_key({"b": 1, "a": 2}) == run_key({"a": 2, "b": 1})
    True
    """
    text = json.dumps(material, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def finished_run(folder: Path) -> dict[str, Any] | None:
    """Record of the run in a configuration's folder; None when there is none.

    Raises
    ------
    SourceError
        If the record is not JSON or of another version.
    """
    path = folder / RUN_NAME
    if not path.is_file():
        return None
    try:
        record = parse_json(path.read_text(encoding="utf-8"))
        version = record["schema_version"]
        for name in record["files"]:
            check_inside(name, str(path))
    except (ValueError, KeyError, TypeError) as error:
        raise SourceError(path, f"not the record of a run ({error})") from None
    if version != SCHEMA_VERSION:
        raise SourceError(path, f"schema version {version!r}; this version reads {SCHEMA_VERSION}")
    return record


def damaged_file(folder: Path, record: Mapping[str, Any]) -> SourceError | None:
    """Fault of the first file of a finished run that is missing or changed; None when all are whole."""
    for name, facts in sorted(record["files"].items()):
        path = folder / name
        if not path.is_file():
            return SourceError(path, f"not found, though {RUN_NAME} lists it; embed again")
        if sha256_of(path) != facts["sha256"]:
            return SourceError(path, f"damaged: its checksum is not that of {RUN_NAME}; embed again")
    return None


def run_configs(out: Path) -> tuple[str, ...]:
    """Configurations of a folder of embeddings: its sub-folders that hold a finished run, sorted."""
    return tuple(sorted(path.parent.name for path in out.glob(f"*/{RUN_NAME}") if path.parent.name[0] != "."))


def commit_run(
    out: Path,
    name: str,
    record: Mapping[str, Any],
    measured: Mapping[str, Any],
    accessions: pa.Array,
    shards: Sequence[np.ndarray],
    staging: Staging,
) -> Path:
    """Write the final files of a run from its shards and give them their name.

    Rows are gathered a block at a time, so that memory does not grow with their number. The files are made
    inside the folder of the shards and renamed from there: whatever a kill leaves is in that folder.

    Parameters
    ----------
    out : Path
        Folder of embeddings.
    name : str
        Configuration; a finished run of that name is replaced.
    record : mapping
        Goes to ``run.json``, with `rows`, `dimension` and `files` added.
    measured : mapping
        Goes to ``measured.json``: what differs when the run is repeated.
    accessions : pyarrow.Array
        Sorted.
    shards : sequence of ndarray
        Positions in `accessions` that each shard of `staging` holds.
    staging : Staging
        Stays; remove it when the card is written.

    Returns
    -------
    Path
        Folder of the configuration.
    """
    dimension = staging.vectors(0).shape[1]
    rows = max(1, FILE_VALUES // dimension)
    count = -(-len(accessions) // rows)
    shard_of = np.empty(len(accessions), dtype=np.int32)
    for index, positions in enumerate(shards):
        shard_of[positions] = index
    folder = staging.folder / "final"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    listed = {}
    for number in range(count):
        start, stop = number * rows, min(len(accessions), (number + 1) * rows)
        path = folder / f"train-{number:05d}-of-{count:05d}.parquet"
        _write_vectors(accessions, (start, stop), (shards, shard_of), staging, path)
        listed[path.name] = {"sha256": sha256_of(path), "rows": stop - start, "bytes": path.stat().st_size}
    _write_json(measured, folder / MEASURED_NAME)
    # The record is the marker of a finished run.
    _write_json(
        {**record, "rows": len(accessions), "dimension": dimension, "files": listed}, folder / RUN_NAME
    )
    final = out / name
    if final.exists():
        retired = staging.folder / "replaced"
        shutil.rmtree(retired, ignore_errors=True)
        os.replace(final, retired)
    os.replace(folder, final)
    return final


def write_card(out: Path, staging: Staging) -> None:
    """Write ``README.md`` of a folder of embeddings from the records of its runs.

    Parameters
    ----------
    out : Path
        Folder of embeddings.
    staging : Staging
        Where the file is made before it gets its name.
    """
    names: tuple[str, ...] = ()
    # Another run may have been finished in the meantime, and its card overwritten.
    while names != run_configs(out):
        names = run_configs(out)
        staging.folder.mkdir(parents=True, exist_ok=True)
        path = staging.folder / "README.md"
        path.write_text(_card(out, names), encoding="utf-8")
        os.replace(path, out / "README.md")


def _card(out: Path, names: Sequence[str]) -> str:
    runs = {name: finished_run(out / name) for name in names}
    configs = [
        {"config_name": name, "data_files": [{"split": "train", "path": f"{name}/*.parquet"}]}
        for name in runs
    ]
    rows = [
        f"| `{name}` | {run['view']} | {run['dimension']:,} | {run['rows']:,} | {run['encoder']['readout']} "
        f"| {run['encoder']['licence'] or 'see the source of the weights'} |"
        for name, run in runs.items()
    ]
    template = Template(files(__package__).joinpath("embeddings_card.md").read_text(encoding="utf-8"))
    return template.substitute(
        front_matter=yaml.safe_dump({"configs": configs}, sort_keys=False).rstrip(),
        dataset=", ".join(sorted({run["dataset"]["name"] for run in runs.values()})),
        example=next(iter(runs)),
        rows="\n".join(rows),
    )


def _write_json(content: Mapping[str, Any], path: Path) -> None:
    text = json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    path.write_text(text, encoding="utf-8")


def _write_vectors(
    accessions: pa.Array,
    span: tuple[int, int],
    places: tuple[Sequence[np.ndarray], np.ndarray],
    staging: Staging,
    path: Path,
) -> None:
    shards, shard_of = places
    dimension = staging.vectors(0).shape[1]
    schema = pa.schema([("accession", pa.string()), ("embedding", pa.list_(pa.float32(), dimension))])
    rows = max(1, GROUP_VALUES // dimension)
    # A dictionary of floats makes the file larger than the floats themselves.
    with pq.ParquetWriter(
        path,
        schema,
        compression="zstd",
        use_dictionary=False,
        write_page_checksum=True,
        write_page_index=True,
        use_content_defined_chunking=True,
    ) as writer:
        for start in range(*span, rows):
            stop = min(span[1], start + rows)
            block = np.empty((stop - start, dimension), dtype=np.float32)
            for index in np.unique(shard_of[start:stop]):
                positions = shards[index]
                inside = (positions >= start) & (positions < stop)
                block[positions[inside] - start] = staging.vectors(index)[inside]
            values = pa.FixedSizeListArray.from_arrays(pa.array(block.ravel()), dimension)
            names = accessions.slice(start, stop - start)
            writer.write_table(pa.table([names, values], schema=schema), row_group_size=rows)
