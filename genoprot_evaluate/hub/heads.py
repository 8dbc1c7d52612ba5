"""Pushing trained heads: a file per task and encoder, beside those that are there already."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from genoprot_datasets.errors import GenoProtError, SourceError
from genoprot_datasets.files import sha256_of
from genoprot_datasets.json_text import parse_json
from genoprot_evaluate.heads import SavedHead, head_path, load_head
from genoprot_evaluate.heads.remote import INDEX_NAME, INDEX_VERSION, head_names
from genoprot_evaluate.hub.commits import (
    Content,
    Head,
    Pushed,
    hub_api,
    open_request,
    push_files,
    read_head,
    read_text,
)
from genoprot_evaluate.hub.heads_card import checked_entry, heads_card
from genoprot_evaluate.results import ResultRecord

if TYPE_CHECKING:
    from huggingface_hub import HfApi

__all__ = ["LocalHead", "local_heads", "push_heads"]

_ENCODER = re.compile(r"\w[\w.-]*")
_WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".h5", ".onnx", ".gguf", ".msgpack", ".json")


class LocalHead(NamedTuple):
    """A head of a folder: its file and what was read from it."""

    path: Path
    saved: SavedHead


def local_heads(folder: str | Path) -> dict[str, LocalHead]:
    """Heads of a folder that `genoprot evaluate --save-heads` wrote, each of them read and checked.

    Parameters
    ----------
    folder : path

    Returns
    -------
    dict of str to LocalHead
        By ``TASK/ENCODER``, sorted.

    Raises
    ------
    GenoProtError
        If there are none, a file is no head or that of another task or encoder, or they are of different
        datasets.
    """
    folder = Path(folder)
    found = {}
    for task, encoder in head_names(folder):
        path = head_path(folder, task, encoder)
        saved = load_head(path)
        origin = saved.origin
        if (origin["task"], origin["encoder"]) != (task, encoder):
            raise SourceError(
                path, f"is the head of task {origin['task']} and encoder {origin['encoder']!r:.60}; rename it"
            )
        if not _ENCODER.fullmatch(encoder):
            raise SourceError(
                path, f"{encoder!r:.60} cannot name a head; use letters, digits, '.', '_' and '-'"
            )
        found[f"{task}/{encoder}"] = LocalHead(path, saved)
    if not found:
        raise SourceError(folder, "no heads here; `genoprot evaluate --save-heads FOLDER` writes them")
    first = next(iter(found))
    for name, head in found.items():
        wanted, other = (str(found[one].saved.origin.get("dataset")) for one in (first, name))
        if other != wanted:
            raise SourceError(
                head.path,
                f"was trained on dataset {other[:12]}, {first} on {wanted[:12]}; push them to different "
                "repositories",
            )
    return found


def push_heads(
    folder: str | Path,
    repository: str,
    *,
    record: ResultRecord | None = None,
    licence: str | None = None,
    create_pr: bool = False,
    private: bool = False,
    dry_run: bool = False,
) -> Pushed:
    """Add the heads of a folder to a model repository, or put them in the place of older ones.

    Other heads of the repository stay as they are; the card lists them all.

    Parameters
    ----------
    folder : path
        Written by `genoprot evaluate --save-heads`; of its files, only heads are sent.
    repository : str
        Made when it is not there, unless `create_pr`.
    record : ResultRecord, optional
        Of the run that wrote the heads: its accuracies go on the card.
    licence : str, optional
        Of the heads, as the Hub names it, such as ``apache-2.0``.
    create_pr : bool
        Open a pull request; an open one of the same user and heads gets the commit instead of a second one.
    private : bool
        Of a repository that is made.
    dry_run : bool
        Send nothing.

    Raises
    ------
    GenoProtError
        If a file is no head, the record is of another run, the repository holds heads of another dataset or
        something else, or the Hub refuses.
    """
    heads = local_heads(folder)
    entries = {name: _entry(head, record, name) for name, head in heads.items()}
    api = hub_api()
    title = f"Heads: {', '.join(heads) if len(heads) <= 3 else f'{len(heads)} of {_tasks(heads)}'}"
    base = read_head(api, "model", repository)
    head = open_request(api, base, title) if create_pr else base
    there = _remote_entries(api, head)
    _refuse_strangers(head, there)
    _refuse_mixture(head, there, entries)
    for name, entry in entries.items():
        known = there.get(name, {})
        if "score" not in entry and known.get("sha256") == entry["sha256"] and "score" in known:
            entry["score"] = known["score"]
    together = {**there, **entries}
    index = {"schema_version": INDEX_VERSION, "heads": together}
    content: dict[str, Content] = {f"{name}.safetensors": one.path for name, one in heads.items()}
    content[INDEX_NAME] = (json.dumps(index, indent=2, sort_keys=True, allow_nan=False) + "\n").encode()
    card = heads_card(together, repository, read_text(api, head, "README.md"), licence)
    content["README.md"] = card.encode()
    return push_files(
        api,
        head,
        content,
        summary=title,
        description=f"Dataset fingerprint {next(iter(entries.values()))['dataset']}.",
        create_pr=create_pr and head is base,
        create=None if create_pr else {"private": private},
        dry_run=dry_run,
    )


def _tasks(heads: Mapping[str, LocalHead]) -> str:
    tasks = sorted({name.partition("/")[0] for name in heads})
    return f"{len(tasks)} task{'s' * (len(tasks) != 1)}"


def _entry(head: LocalHead, record: ResultRecord | None, name: str) -> dict[str, Any]:
    """What the index of the repository says of a head, as JSON values."""
    trained, origin = head.saved
    keys = ("encoder_name", "view", "weights", "readout", "licence", "dataset", "dataset_name", "seed")
    entry = {key: origin.get(key) for key in keys} | {
        "task": origin["task"],
        "encoder": origin["encoder"],
        "dimension": len(trained.mean),
        "config": trained.config.to_dict(),
        "epochs": trained.epochs,
        "fitted_examples": trained.fitted_examples,
        "validation_accuracy": trained.validation_accuracy,
        "sha256": sha256_of(head.path),
    }
    if record is not None:
        entry["score"] = _score(record, entry, name)
    return entry


def _score(record: ResultRecord, entry: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Mean accuracy of a head over the eval samples, its standard deviation and its interval."""
    facts = {
        "dataset": (record.dataset["fingerprint"], entry["dataset"]),
        "seed": (record.seed, entry["seed"]),
        "head": (dict(record.head), entry["config"]),
    }
    for what, (found, wanted) in facts.items():
        if found != wanted:
            raise GenoProtError(
                f"the record is of another run than {name}: its {what} is {str(found):.24}, not "
                f"{str(wanted):.24}"
            )
    score = record.scores.get(entry["task"], {}).get(entry["encoder"])
    if score is None or score.accuracy is None or score.accuracy.mean is None:
        raise GenoProtError(f"the record has no accuracy of {name}")
    if (score.epochs, score.validation_accuracy) != (entry["epochs"], entry["validation_accuracy"]):
        symmetric = entry["config"]["symmetric"] and score.epochs == entry["epochs"]
        if not symmetric:
            raise GenoProtError(f"the record is of another run than {name}: another head was scored")
    return {
        "accuracy": score.accuracy.mean,
        "std": score.accuracy.std,
        "low": score.interval and score.interval.low,
        "high": score.interval and score.interval.high,
    }


def _remote_entries(api: HfApi, head: Head) -> dict[str, dict[str, Any]]:
    """Entries of the index that is in the repository; those without a file are left out."""
    text = read_text(api, head, INDEX_NAME)
    if text is None:
        return {}
    try:
        index = parse_json(text)
        if index["schema_version"] != INDEX_VERSION:
            raise ValueError(f"schema version {index['schema_version']!r:.20}, not {INDEX_VERSION}")
        entries = index["heads"]
        checked = {name: checked_entry(name, entry) for name, entry in entries.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise GenoProtError(
            f"{head.what}: {INDEX_NAME} is not the index of heads ({type(error).__name__}: {error!s:.100})"
        ) from None
    return {name: entry for name, entry in checked.items() if f"{name}.safetensors" in head.files}


def _refuse_strangers(head: Head, there: Mapping[str, Any]) -> None:
    if there:
        return
    if weights := sorted(path for path in head.files if path.endswith(_WEIGHTS)):
        raise GenoProtError(
            f"{head.what}: holds {weights[0]} and no heads of GENO-PROT; name another repository"
        )


def _refuse_mixture(head: Head, there: Mapping[str, Any], entries: Mapping[str, Any]) -> None:
    """All heads of a repository are of one dataset."""
    first, wanted = next((name, entry["dataset"]) for name, entry in entries.items())
    for name, entry in there.items():
        if name not in entries and entry["dataset"] != wanted:
            raise GenoProtError(
                f"{head.what}: its {name} was trained on dataset {str(entry['dataset'])[:12]}, {first} on "
                f"{str(wanted)[:12]}; push to another repository, or all of its heads anew"
            )
