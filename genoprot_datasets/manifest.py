"""`MANIFEST.json`: where the data came from, every count, and the dataset's fingerprint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from genoprot_datasets.files import sha256_of
from genoprot_datasets.published import FATES_NAME, MANIFEST_NAME
from genoprot_datasets.records import DROP_REASONS, NOT_COUNTED, NOTES, RecordSet
from genoprot_datasets.sources import SourceSpec, Species

__all__ = [
    "SCHEMA_VERSION",
    "code_version",
    "describe_lacking",
    "describe_records",
    "describe_sources",
    "write_manifest",
]

SCHEMA_VERSION = 1
"""Version of the manifest's layout."""

_LIBRARIES = ("numpy", "parasail", "pyarrow")
"""What the bytes depend on besides this package: random numbers, alignments, the writer of the files."""


def code_version() -> str:
    """Version of the installed distribution, or `unknown` in a tree that was not installed."""
    try:
        return version("geno-prot")
    except PackageNotFoundError:
        return "unknown"


def describe_sources(specs: Mapping[str, SourceSpec], paths: Mapping[str, Path]) -> list[dict[str, Any]]:
    """Size and checksum of every source file that was read, and what the official source is."""
    return [
        {
            "key": key,
            "title": specs[key].title,
            "file": path.name,
            "bytes": path.stat().st_size,
            "sha256": sha256_of(path),
            "official_version": specs[key].version,
            "official_url": specs[key].url,
            "licence": specs[key].licence,
        }
        for key, path in sorted(paths.items())
    ]


def describe_lacking(species: Species, paths: Mapping[str, Path]) -> dict[str, str]:
    """Sources that the build did without, by key: why there is none, or what stood in for it."""
    standing_in = {key: words for key, words in species.optional.items() if key not in paths}
    return dict(sorted({**species.absent, **standing_in}.items()))


def describe_records(found: RecordSet) -> dict[str, Any]:
    """Counts of genes that were kept and dropped, each drop with its reason and the genes' symbols."""
    return {
        "genes": found.genes,
        "kept": len(found.records),
        "dropped": {
            reason: {"count": len(genes), "because": DROP_REASONS[reason], "genes": list(genes)}
            for reason, genes in found.dropped.items()
        },
        "notes": {
            note: {"count": len(members), "meaning": NOTES[note], "accessions": list(members)}
            for note, members in found.notes.items()
        },
        "not_counted": {
            outcome: {"count": count, "meaning": NOT_COUNTED[outcome]}
            for outcome, count in found.not_counted.items()
        },
    }


def write_manifest(folder: Path, content: Mapping[str, Any]) -> dict[str, Any]:
    """Write the manifest of a folder whose Parquet files are complete.

    Parameters
    ----------
    folder : Path
        Folder that holds the Parquet files.
    content : mapping
        Everything but the schema version, versions, file list and fingerprint, which are added here.

    Returns
    -------
    dict
        The manifest as written.
    """
    files = {
        path.relative_to(folder).as_posix(): _describe_file(path)
        for path in sorted(folder.rglob("*.parquet"))
    }
    # What is loaded and scored does not depend on it, so it has no part in the fingerprint.
    provenance = {name: files.pop(name) for name in [FATES_NAME] if name in files}
    lines = "\n".join(f"{name} {entry['sha256']}" for name, entry in files.items())
    manifest = {
        "schema_version": SCHEMA_VERSION,
        "code_version": code_version(),
        "versions": {name: version(name) for name in _LIBRARIES},
        "fingerprint": hashlib.sha256(lines.encode()).hexdigest(),
        **content,
        "files": files,
        "provenance": provenance,
    }
    text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
    (folder / MANIFEST_NAME).write_text(text, encoding="utf-8")
    return manifest


def _describe_file(path: Path) -> dict[str, Any]:
    metadata = pq.read_metadata(path)
    groups = (metadata.row_group(index) for index in range(metadata.num_row_groups))
    return {
        "rows": metadata.num_rows,
        "bytes": path.stat().st_size,
        "uncompressed_bytes": sum(group.total_byte_size for group in groups),
        "sha256": sha256_of(path),
    }
