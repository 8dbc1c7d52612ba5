"""Pushing scores into a model's repository: `.eval_results` and the `model-index` of its card, merged."""

from __future__ import annotations

import json
from collections.abc import Mapping
from difflib import unified_diff
from typing import TYPE_CHECKING, Any, NamedTuple

from genoprot_datasets.errors import GenoProtError, SourceError
from genoprot_datasets.json_text import parse_json
from genoprot_datasets.published import MANIFEST_NAME
from genoprot_datasets.tasks import TASKS
from genoprot_evaluate.hub.commits import Pushed, hub_api, open_request, push_files, read_head, read_text
from genoprot_evaluate.hub.front_matter import read_front_matter, with_front_matter
from genoprot_evaluate.results import ResultRecord

if TYPE_CHECKING:
    from huggingface_hub import HfApi

__all__ = ["RESULTS_PATH", "PushedResults", "merge_card", "merge_entries", "push_results"]

RESULTS_PATH = ".eval_results/geno-prot.yaml"
"""Path of the results in a model's repository."""

_DIGITS = 6


class PushedResults(NamedTuple):
    """What was pushed, and how the two files changed, as a unified diff."""

    pushed: Pushed
    diff: str


def push_results(
    record: ResultRecord,
    model: str,
    *,
    name: str | None = None,
    dataset: str | None = None,
    source_url: str | None = None,
    create_pr: bool = False,
    dry_run: bool = False,
) -> PushedResults:
    """Write an encoder's mean accuracies into the repository of its model.

    Parameters
    ----------
    record : ResultRecord
    model : str
        Repository of the model; it has to be there.
    name : str, optional
        Encoder of the record; the only one when left out.
    dataset : str, optional
        Repository of the dataset, ``USER/NAME`` or ``USER/NAME@REVISION``; the record's name of it when left
        out. Its fingerprint has to be that of the record, and its commit goes into the results.
    source_url : str, optional
        Where the record is, such as its address in a repository of records.
    create_pr : bool
        Open a pull request; an open one of the same user and title gets the commit instead of a second one.
    dry_run : bool
        Send nothing.

    Raises
    ------
    GenoProtError
        If the record holds several encoders and none is named, the dataset on the Hub is another one, a file
        of the model's repository cannot be merged with, or the Hub refuses.
    """
    name = _encoder(record, name)
    values = _accuracies(record, name)
    api = hub_api()
    dataset, revision = _dataset_commit(api, record, dataset or str(record.dataset["name"]))
    title = f"GENO-PROT results of {name}"
    base = read_head(api, "model", model)
    head = open_request(api, base, title) if create_pr else base
    before = {path: read_text(api, head, path) for path in (RESULTS_PATH, "README.md")}
    after = {
        RESULTS_PATH: merge_entries(before[RESULTS_PATH], values, dataset, revision, source_url, record),
        "README.md": merge_card(before["README.md"], values, dataset, revision, model, record),
    }
    pushed = push_files(
        api,
        head,
        {path: text.encode() for path, text in after.items()},
        summary=title,
        description=f"Mean accuracy of a fixed head per task; seed {record.seed}, dataset fingerprint "
        f"{record.dataset['fingerprint']}.",
        create_pr=create_pr and head is base,
        dry_run=dry_run,
    )
    return PushedResults(pushed, "".join(_diff(path, before[path], after[path]) for path in after))


def merge_entries(
    earlier: str | None,
    values: Mapping[str, float],
    dataset: str,
    revision: str | None,
    source_url: str | None,
    record: ResultRecord,
) -> str:
    """Text of `.eval_results/geno-prot.yaml`: our entries, after those of other datasets and tasks."""
    import yaml
    from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml

    kept: list[Any] = []
    if earlier is not None:
        try:
            kept = yaml.safe_load(earlier) or []
        except yaml.YAMLError as error:
            raise SourceError(RESULTS_PATH, f"not YAML ({' '.join(str(error).split())})") from None
        if not isinstance(kept, list):
            raise SourceError(RESULTS_PATH, "not a list of results")
    notes = f"fixed head, seed {record.seed}"
    entries = [
        EvalResultEntry(
            dataset_id=dataset,
            task_id=task,
            value=value,
            dataset_revision=revision,
            source_url=source_url,
            source_name="GENO-PROT record" if source_url else None,
            notes=notes,
        )
        for task, value in values.items()
    ]
    ours = eval_result_entries_to_yaml(entries)
    mine = {(dataset, task) for task in values}
    theirs = [entry for entry in kept if _names(entry) not in mine]
    if theirs + ours == kept:
        return str(earlier)
    return yaml.safe_dump(theirs + ours, sort_keys=False, allow_unicode=True, width=110)


def merge_card(
    earlier: str | None,
    values: Mapping[str, float],
    dataset: str,
    revision: str | None,
    model: str,
    record: ResultRecord,
) -> str:
    """Text of the model's card with our scores in its `model-index`; everything else stays."""
    from huggingface_hub import EvalResult
    from huggingface_hub.repocard_data import eval_results_to_model_index

    text = earlier or ""
    index = read_front_matter(text, f"README.md of {model}").get("model-index") or []
    if not isinstance(index, list) or not all(isinstance(entry, dict) for entry in index):
        raise SourceError(f"README.md of {model}", "its model-index is not a list of models")
    results = [
        EvalResult(
            task_type="feature-extraction",
            task_name=TASKS[task].title,
            dataset_type=dataset,
            dataset_name=f"GENO-PROT {task}",
            dataset_config=task,
            dataset_split="eval",
            dataset_revision=revision,
            metric_type="accuracy",
            metric_name="mean accuracy of a fixed head",
            metric_value=value,
        )
        for task, value in values.items()
    ]
    name = next((entry.get("name") for entry in index), None) or model.split("/")[1]
    ours = eval_results_to_model_index(name, results)[0]["results"]
    merged = [dict(entry) for entry in index] or [{"name": name, "results": []}]
    mine = {(dataset, task) for task in values}
    for entry in merged:
        entry["results"] = [one for one in entry.get("results") or [] if _configuration(one) not in mine]
    merged[0]["results"] = merged[0]["results"] + ours
    return with_front_matter(text, {"model-index": json.loads(json.dumps(merged))}, f"README.md of {model}")


def _names(entry: Any) -> tuple[Any, Any] | None:
    dataset = entry.get("dataset") if isinstance(entry, dict) else None
    return (dataset.get("id"), dataset.get("task_id")) if isinstance(dataset, dict) else None


def _configuration(result: Any) -> tuple[Any, Any] | None:
    dataset = result.get("dataset") if isinstance(result, dict) else None
    return (dataset.get("type"), dataset.get("config")) if isinstance(dataset, dict) else None


def _encoder(record: ResultRecord, name: str | None) -> str:
    encoders = record.models_of("encoder")
    if name is None and len(encoders) == 1:
        return encoders[0]
    if name not in encoders:
        found = ", ".join(encoders) or "none"
        raise GenoProtError(
            f"the record holds the encoders {found}; name one of them"
            if name is None
            else f"the record holds no encoder {name!r}; it holds {found}"
        )
    return name


def _accuracies(record: ResultRecord, name: str) -> dict[str, float]:
    cells = {task: record.scores[task][name] for task in record.tasks}
    values = {
        task: round(cell.accuracy.mean, _DIGITS)
        for task, cell in cells.items()
        if cell.accuracy is not None and cell.accuracy.mean is not None
    }
    if not values:
        raise GenoProtError(f"the record holds no accuracy of {name!r}")
    return values


def _dataset_commit(api: HfApi, record: ResultRecord, dataset: str) -> tuple[str, str]:
    """Repository of the record's dataset, and the commit that holds it."""
    repository, _, revision = dataset.partition("@")
    head = read_head(api, "dataset", repository, revision or "main")
    if head.commit is None:
        raise GenoProtError(f"{head.what}: the Hub shows no such repository; name it with --dataset")
    text = read_text(api, head, MANIFEST_NAME)
    try:
        fingerprint = parse_json(text or "{}")["fingerprint"]
    except (ValueError, KeyError, TypeError):
        raise GenoProtError(f"{head.what}: holds no {MANIFEST_NAME} of GENO-PROT") from None
    wanted = record.dataset["fingerprint"]
    if fingerprint != wanted:
        raise GenoProtError(
            f"{head.what}: has the fingerprint {str(fingerprint)[:12]}, the record is of {wanted[:12]}; "
            "name the revision with --dataset USER/NAME@REVISION, or evaluate again"
        )
    return repository, head.commit


def _diff(path: str, before: str | None, after: str) -> str:
    old = (before or "").splitlines(keepends=True)
    lines = unified_diff(old, after.splitlines(keepends=True), f"a/{path}", f"b/{path}")
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)
