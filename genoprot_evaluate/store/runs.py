"""Finished runs: a dataset folder with one configuration per encoder."""

from __future__ import annotations

import hashlib
import json
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
from genoprot_datasets.files import atomic_file, atomic_folder, sha256_of
from genoprot_datasets.snapshots import check_inside
from genoprot_evaluate.store.staging import Staging

__all__ = [
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
SCHEMA_VERSION = 1
FILE_VALUES = 1 << 26


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
        record = json.loads(path.read_text(encoding="utf-8"))
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
    accessions: Sequence[str],
    shards: Sequence[np.ndarray],
    staging: Staging,
) -> Path:
    """Write the final files of a run from its shards and give them their name.

    Parameters
    ----------
    out : Path
        Folder of embeddings.
    name : str
        Configuration; a finished run of that name is replaced.
    record : mapping
        Goes to ``run.json``, with `rows`, `dimension` and `files` added.
    accessions : sequence of str
        Sorted.
    shards : sequence of ndarray
        Positions in `accessions` that each shard of `staging` holds.
    staging : Staging
        Removed at the end.

    Returns
    -------
    Path
        Folder of the configuration.
    """
    vectors = [staging.vectors(index) for index in range(len(shards))]
    dimension = vectors[0].shape[1]
    rows = max(1, FILE_VALUES // dimension)
    count = -(-len(accessions) // rows)
    listed = {}
    with atomic_folder(out / name) as folder:
        for number in range(count):
            start, stop = number * rows, min(len(accessions), (number + 1) * rows)
            block = np.empty((stop - start, dimension), dtype=np.float32)
            for positions, part in zip(shards, vectors):
                inside = (positions >= start) & (positions < stop)
                block[positions[inside] - start] = part[inside]
            path = folder / f"train-{number:05d}-of-{count:05d}.parquet"
            _write_vectors(accessions[start:stop], block, path)
            listed[path.name] = {
                "sha256": sha256_of(path),
                "rows": stop - start,
                "bytes": path.stat().st_size,
            }
        whole = {**record, "rows": len(accessions), "dimension": dimension, "files": listed}
        text = json.dumps(whole, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        (folder / RUN_NAME).write_text(text, encoding="utf-8")
    staging.remove()
    write_card(out)
    return out / name


def write_card(out: Path) -> None:
    """Write ``README.md`` of a folder of embeddings from the records of its runs."""
    runs = {name: finished_run(out / name) for name in run_configs(out)}
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
    text = template.substitute(
        front_matter=yaml.safe_dump({"configs": configs}, sort_keys=False).rstrip(),
        dataset=", ".join(sorted({run["dataset"]["name"] for run in runs.values()})),
        example=next(iter(runs)),
        rows="\n".join(rows),
    )
    with atomic_file(out / "README.md") as path:
        path.write_text(text, encoding="utf-8")


def _write_vectors(accessions: Sequence[str], vectors: np.ndarray, path: Path) -> None:
    values = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1])
    table = pa.table({"accession": pa.array(accessions, pa.string()), "embedding": values})
    # A dictionary of floats makes the file larger than the floats themselves.
    pq.write_table(
        table,
        path,
        compression="zstd",
        use_dictionary=False,
        row_group_size=max(1, FILE_VALUES // 8 // vectors.shape[1]),
        write_page_checksum=True,
        write_page_index=True,
        use_content_defined_chunking=True,
    )
