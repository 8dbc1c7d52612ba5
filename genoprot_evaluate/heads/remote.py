"""Heads of folders and Hub repositories: of all that are there, only the one that is asked for is fetched."""

from __future__ import annotations

import re
from pathlib import Path

from genoprot_datasets.errors import GenoProtError, SourceError
from genoprot_datasets.json_text import parse_json
from genoprot_datasets.snapshots import HubId, fetch_snapshot, parse_hub_id
from genoprot_datasets.tasks import get_task
from genoprot_evaluate.heads.saving import SavedHead, head_path, load_head

__all__ = ["INDEX_NAME", "INDEX_VERSION", "MOST_BYTES", "find_head", "head_names"]

INDEX_NAME = "heads.json"
"""File of a repository that lists its heads."""

INDEX_VERSION = 1
"""Version of its layout."""

MOST_BYTES = 256_000_000
"""Bytes of one head that are taken from the Hub at most."""

_MOST_INDEX_BYTES = 5_000_000
_ENCODER = re.compile(r"\w[\w.-]*")
_SHOWN = 12


def find_head(source: str | Path, task: str | None = None, encoder: str | None = None) -> SavedHead:
    """A head of a folder that `genoprot evaluate --save-heads` wrote, or of a Hub repository of heads.

    Parameters
    ----------
    source : path or str
        The folder, or ``USER/NAME`` or ``USER/NAME@REVISION``, pushed by `genoprot push heads`.
    task, encoder : str, optional
        Which head; what is left out is taken where only one head fits.

    Returns
    -------
    SavedHead

    Raises
    ------
    GenoProtError
        If there is no such folder or repository, none or several of its heads fit, or the file is no head of
        that task and encoder.

    Examples
    --------
    >>> find_head("no/such/heads/folder", "ppi", "kmer-4")
    Traceback (most recent call last):
    ...
    genoprot_datasets.errors.GenoProtError: heads 'no/such/heads/folder': no such folder
    """
    if task is not None:
        get_task(task)
    if encoder is not None and not _ENCODER.fullmatch(encoder):
        raise GenoProtError(f"encoder {encoder!r:.60}: expected letters, digits, '.', '_' and '-'")
    what = f"heads {str(source)!r}"
    folder = Path(source)
    wanted = None
    if not folder.is_dir():
        wanted = parse_hub_id(source) if isinstance(source, str) else None
        if wanted is None or wanted.config is not None:
            raise GenoProtError(f"{what}: no such folder")
    if wanted is not None and (task is None or encoder is None):
        folder = _fetched(wanted, INDEX_NAME, what, _MOST_INDEX_BYTES)
        task, encoder = _only(_listed(folder / INDEX_NAME), task, encoder, what)
    elif task is None or encoder is None:
        task, encoder = _only(head_names(folder), task, encoder, what)
    if wanted is not None:
        folder = _fetched(wanted, head_path(Path(), task, encoder).as_posix(), what, MOST_BYTES)
    path = head_path(folder, task, encoder)
    if not path.is_file():
        if wanted is not None:
            folder = _fetched(wanted, INDEX_NAME, what, _MOST_INDEX_BYTES)
        there = head_names(folder) if wanted is None else _listed(folder / INDEX_NAME)
        raise GenoProtError(f"{what}: no head of task {task} and encoder {encoder}; there are {_some(there)}")
    saved = load_head(path)
    if (saved.origin["task"], saved.origin["encoder"]) != (task, encoder):
        raise SourceError(
            path, f"is the head of task {saved.origin['task']} and encoder {saved.origin['encoder']!r:.60}"
        )
    return saved


def head_names(folder: Path) -> list[tuple[str, str]]:
    """Task and encoder of every head in a folder, sorted."""
    return sorted((path.parent.name, path.stem) for path in folder.glob("[!.]*/[!.]*.safetensors"))


def _fetched(wanted: HubId, path: str, what: str, most_bytes: int) -> Path:
    try:
        return fetch_snapshot(
            wanted.repository, [path], what, kind="model", revision=wanted.revision, most_bytes=most_bytes
        )
    except GenoProtError:
        other = _other_kind(wanted.repository)
        if other is None:
            raise
        raise GenoProtError(
            f"{what}: a {other} repository has that name; heads are in a model repository"
        ) from None


def _other_kind(repository: str) -> str | None:
    """Kind of a repository of that name where there is no model; None where there is one, or none at all."""
    from huggingface_hub import HfApi

    api = HfApi(library_name="geno-prot")
    try:
        found = [
            kind for kind in ("model", "dataset", "space") if api.repo_exists(repository, repo_type=kind)
        ]
    except Exception:  # the Hub does not answer, which the first error says
        return None
    return None if "model" in found else next(iter(found), None)


def _listed(path: Path) -> list[tuple[str, str]]:
    """Heads of an index from elsewhere; entries that cannot name a head are passed over."""
    try:
        names = parse_json(path.read_text(encoding="utf-8"))["heads"]
        parts = [tuple(name.split("/")) for name in names]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []
    return sorted(one for one in parts if len(one) == 2 and all(map(_ENCODER.fullmatch, one)))


def _only(there: list[tuple[str, str]], task: str | None, encoder: str | None, what: str) -> tuple[str, str]:
    """The head that fits, where there is one only."""
    fitting = [one for one in there if one[0] == (task or one[0]) and one[1] == (encoder or one[1])]
    if len(fitting) == 1:
        return fitting[0]
    asked = " and ".join(
        f"{key} {value}" for key, value in (("task", task), ("encoder", encoder)) if value is not None
    )
    if not fitting:
        raise GenoProtError(f"{what}: no head{asked and f' of {asked}'}; there are {_some(there)}")
    raise GenoProtError(
        f"{what}: several heads{asked and f' of {asked}'}; name task and encoder of one: {_some(fitting)}"
    )


def _some(names: list[tuple[str, str]]) -> str:
    shown = ", ".join("/".join(one) for one in names[:_SHOWN])
    return (shown or "none") + (", ..." if len(names) > _SHOWN else "")
