"""Result records in a repository: pushed with their predictions, listed, fetched to be recomputed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.files import sha256_of
from genoprot_datasets.hub_faults import hub_errors
from genoprot_datasets.snapshots import fetch_snapshot
from genoprot_evaluate.hub.commits import Content, Pushed, hub_api, push_files, read_head, read_text
from genoprot_evaluate.hub.front_matter import with_front_matter
from genoprot_evaluate.results import (
    FURTHER_NAME,
    PREDICTIONS,
    PREDICTIONS_NAME,
    RECORD_NAME,
    read_further,
    read_predictions,
    read_record,
)

__all__ = ["MOST_BYTES", "StoredRecord", "fetch_record", "list_records", "push_record"]

MOST_BYTES = 1 << 30
"""Bytes of one record with its predictions that are taken from the Hub at most."""

_NAMES = (RECORD_NAME, PREDICTIONS_NAME, FURTHER_NAME)
_PLACE = re.compile(r"records/(?P<label>\w[\w.-]*)/" + re.escape(RECORD_NAME))
_CARD = """
# Results on GENO-PROT

One folder per run of `genoprot evaluate`, named by its content: `results.json`, the record that tables and
pages are drawn from, `predictions.parquet` and `further-predictions.parquet`, from which `genoprot
validate-record` computes the scores again. Records enter by pull request: `genoprot push records RESULTS
--repo {repository} --create-pr`.
"""


@dataclass(frozen=True)
class StoredRecord:
    """A record in a repository.

    Parameters
    ----------
    repository : str
    commit : str
        Commit in which it was seen.
    label : str
        Name of its folder below ``records/``.
    bytes : int
        Of the record and its predictions together.
    """

    repository: str
    commit: str
    label: str
    bytes: int


def push_record(
    folder: str | Path,
    repository: str,
    *,
    label: str | None = None,
    create_pr: bool = False,
    private: bool = False,
    dry_run: bool = False,
) -> Pushed:
    """Add a record and its predictions to a dataset repository of records.

    Parameters
    ----------
    folder : path
        Written by `genoprot evaluate`.
    repository : str
        Made when it is not there, unless `create_pr`.
    label : str, optional
        Name of the record's folder; the first 16 digits of the SHA-256 of `results.json` when left out.
    create_pr : bool
        Open a pull request.
    private : bool
        Of a repository that is made.
    dry_run : bool
        Send nothing.

    Raises
    ------
    GenoProtError
        If record or predictions cannot be read, or the Hub refuses.
    """
    folder = Path(folder)
    read_record(folder)
    read_predictions(folder)
    read_further(folder)
    label = label or sha256_of(folder / RECORD_NAME)[:16]
    if not _PLACE.fullmatch(f"records/{label}/{RECORD_NAME}"):
        raise GenoProtError(f"{label!r:.60} cannot name a record; use letters, digits, '.', '_' and '-'")
    api = hub_api()
    head = read_head(api, "dataset", repository)
    content: dict[str, Content] = {
        f"records/{label}/{name}": folder / name for name in _NAMES if (folder / name).is_file()
    }
    earlier = read_text(api, head, "README.md")
    if earlier is None:
        config = {"config_name": "predictions"}
        # Stated, so that records of older versions, which lack some of them, load beside new ones.
        features = [{"name": field.name, "dtype": str(field.type)} for field in PREDICTIONS]
        changes = {
            "configs": [config | {"data_files": f"records/*/{PREDICTIONS_NAME}"}],
            "dataset_info": [config | {"features": features}],
            "tags": ["biology", "geno-prot", "results"],
        }
        card = with_front_matter(_CARD.format(repository=repository), changes, "README.md")
        content["README.md"] = card.encode()
    return push_files(
        api,
        head,
        content,
        summary=f"Result record {label}",
        create_pr=create_pr,
        create=None if create_pr else {"private": private},
        dry_run=dry_run,
    )


def list_records(repository: str, *, revision: str = "main") -> tuple[StoredRecord, ...]:
    """Records of a repository, by label; pull requests are read as ``refs/pr/N``.

    Raises
    ------
    GenoProtError
        If there is no such repository or revision, or the Hub does not answer.
    """
    from huggingface_hub import HfApi

    head = read_head(HfApi(library_name="geno-prot"), "dataset", repository, revision)
    if head.commit is None:
        raise GenoProtError(f"{head.what}: the Hub shows no such repository")
    labels = sorted(found["label"] for path in head.files if (found := _PLACE.fullmatch(path)))
    return tuple(
        StoredRecord(
            repository,
            head.commit,
            label,
            sum(head.sizes.get(f"records/{label}/{name}", 0) for name in _NAMES),
        )
        for label in labels
    )


def fetch_record(stored: StoredRecord) -> Path:
    """Folder of a record with its predictions, in the Hub's cache; `read_record` reads it.

    Raises
    ------
    GenoProtError
        If it is larger than `MOST_BYTES`, or the Hub does not give it.
    """
    what = f"record {stored.label} of {stored.repository}"
    with hub_errors(what):
        snapshot = fetch_snapshot(
            stored.repository,
            [f"records/{stored.label}/{name}" for name in _NAMES],
            what,
            revision=stored.commit,
            most_bytes=MOST_BYTES,
        )
    return snapshot / "records" / stored.label
