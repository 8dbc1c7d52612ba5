"""Pushing a dataset folder: verified against its manifest, then one commit."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genoprot_datasets.card import render_card
from genoprot_datasets.errors import GenoProtError, SourceError
from genoprot_datasets.files import sha256_of
from genoprot_datasets.json_text import parse_json
from genoprot_datasets.published import MANIFEST_NAME, PublishedDataset
from genoprot_datasets.snapshots import check_inside
from genoprot_datasets.tasks import TASKS
from genoprot_evaluate.hub.commits import Content, Head, Pushed, hub_api, push_files, read_head, read_text

if TYPE_CHECKING:
    from huggingface_hub import HfApi

__all__ = ["PENDING_BENCHMARK_NAME", "dataset_files", "push_dataset"]

BENCHMARK_NAME = "eval.yaml"
PENDING_BENCHMARK_NAME = "eval.pending.yaml"
"""Name under which `eval.yaml` waits until the Hub knows the evaluation framework that it names."""

_ALWAYS_THERE = {".gitattributes", "README.md"}


def dataset_files(
    folder: str | Path, repository: str, *, pending_benchmark: bool = False
) -> tuple[dict[str, Any], dict[str, Content]]:
    """Check a dataset folder and list what is published of it.

    Card and manifest name the repository, whatever the folder was called when it was built.

    Parameters
    ----------
    folder : path
    repository : str
    pending_benchmark : bool
        Publish `eval.yaml` under the name `PENDING_BENCHMARK_NAME`.

    Returns
    -------
    tuple of dict
        The manifest, and the files by their path in the repository.

    Raises
    ------
    GenoProtError
        If a file is missing, is not the one of the manifest, or is not listed there.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise GenoProtError(f"{folder}: no such folder; `genoprot build` writes it")
    manifest = PublishedDataset(folder, str(folder)).manifest
    files: dict[str, Content] = {}
    for path, facts in {**manifest["files"], **manifest.get("provenance", {})}.items():
        local = folder / check_inside(path, str(folder / MANIFEST_NAME))
        if not local.is_file():
            raise SourceError(local, "not found, though the manifest lists it; build again")
        if sha256_of(local) != facts["sha256"]:
            raise SourceError(local, "its checksum is not that of the manifest; build again")
        files[path] = local
    lines = "\n".join(f"{path} {facts['sha256']}" for path, facts in manifest["files"].items())
    if hashlib.sha256(lines.encode()).hexdigest() != manifest["fingerprint"]:
        raise SourceError(folder / MANIFEST_NAME, "the fingerprint is not that of its files; build again")
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*.parquet")}
    if strangers := sorted(found - set(files)):
        raise SourceError(folder / strangers[0], "not in the manifest; take it away, or build again")
    files |= _texts(folder, manifest, repository)
    benchmark = folder / BENCHMARK_NAME
    if not benchmark.is_file():
        raise SourceError(benchmark, "not found; build again")
    files[PENDING_BENCHMARK_NAME if pending_benchmark else BENCHMARK_NAME] = _benchmark(benchmark, manifest)
    return manifest, files


def push_dataset(
    folder: str | Path,
    repository: str,
    *,
    private: bool = False,
    pending_benchmark: bool = False,
    dry_run: bool = False,
) -> Pushed:
    """Make a dataset repository hold what a folder holds.

    Files of the benchmark that the folder no longer has are taken away; files of others stay.

    Parameters
    ----------
    folder : path
        Written by `genoprot build`.
    repository : str
        Made when it is not there.
    private : bool
        Of a repository that is made.
    pending_benchmark : bool
        See `dataset_files`.
    dry_run : bool
        Send nothing.

    Raises
    ------
    GenoProtError
        If the folder is damaged, the repository holds something else, or the Hub refuses.
    """
    manifest, files = dataset_files(folder, repository, pending_benchmark=pending_benchmark)
    api = hub_api()
    head = read_head(api, "dataset", repository)
    ours = _published_before(api, head) | {BENCHMARK_NAME, PENDING_BENCHMARK_NAME}
    tasks = ", ".join(name for name in TASKS if name in manifest["tasks"])
    return push_files(
        api,
        head,
        files,
        summary=f"GENO-PROT {manifest['fingerprint'][:12]}: {manifest['records']['kept']:,} records, "
        f"{len(manifest['tasks'])} tasks",
        description=f"Tasks: {tasks}. Dataset fingerprint {manifest['fingerprint']}.",
        removed=ours - set(files),
        create={"private": private},
        dry_run=dry_run,
    )


def _benchmark(path: Path, manifest: dict[str, Any]) -> Content:
    """`eval.yaml` without the tasks that the dataset does not have; the file itself when it has them all."""
    import yaml

    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    there = [task for task in content["tasks"] if task["config"] in manifest["tasks"]]
    if there == content["tasks"]:
        return path
    return yaml.safe_dump({**content, "tasks": there}, sort_keys=False, allow_unicode=True).encode()


def _texts(folder: Path, manifest: dict[str, Any], repository: str) -> dict[str, Content]:
    card = folder / "README.md"
    if not card.is_file():
        raise SourceError(card, "not found; build again")
    if manifest["name"] == repository:
        return {"README.md": card, MANIFEST_NAME: folder / MANIFEST_NAME}
    renamed = {**manifest, "name": repository}
    text = json.dumps(renamed, indent=2, ensure_ascii=False) + "\n"
    return {"README.md": render_card(renamed).encode(), MANIFEST_NAME: text.encode()}


def _published_before(api: HfApi, head: Head) -> set[str]:
    """Files that the manifest in the repository lists; one that holds something else is refused."""
    text = read_text(api, head, MANIFEST_NAME)
    if text is None:
        others = sorted(set(head.files) - _ALWAYS_THERE)
        if others:
            raise GenoProtError(
                f"{head.what}: holds {others[0]} and no {MANIFEST_NAME}, so it is no dataset of GENO-PROT; "
                "name another repository"
            )
        return set()
    try:
        manifest = parse_json(text)
        return {*manifest["files"], *manifest.get("provenance", {})}
    except (ValueError, KeyError, TypeError) as error:
        raise GenoProtError(f"{head.what}: its {MANIFEST_NAME} is not a manifest ({error})") from None
