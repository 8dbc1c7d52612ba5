"""Which runs a folder of embeddings stands for."""

from __future__ import annotations

from pathlib import Path

from genoprot_datasets.errors import SourceError
from genoprot_evaluate.store.runs import finished_run, run_configs
from genoprot_evaluate.store.table import VECTOR_SUFFIXES

__all__ = ["run_folders"]


def run_folders(source: str) -> list[str]:
    """The runs that a folder holds, each by its own folder; other sources as they are.

    A folder holds runs as its configurations or, when each was written to a folder of its own, beneath those.
    Folders of vectors from elsewhere count as runs too.

    Parameters
    ----------
    source : str
        A path, or the id of a repository on the Hub.

    Raises
    ------
    SourceError
        If one of several runs is not finished.
    """
    folder = Path(source)
    if not folder.is_dir() or finished_run(folder) is not None or _holds_vectors(folder):
        return [source]
    found: list[str] = []
    for path in sorted(path for path in folder.iterdir() if path.is_dir() and path.name[0] != "."):
        if finished_run(path) is not None or _holds_vectors(path):
            found.append(str(path))
        elif run_configs(path) or _unfinished(path):
            found += run_folders(str(path))
    unfinished = _unfinished(folder)
    if found and unfinished:
        raise SourceError(
            folder,
            f"the run of {', '.join(unfinished)} is not finished; run `genoprot embed` again, or name the "
            "others one by one",
        )
    return found or [source]


def _unfinished(folder: Path) -> list[str]:
    """Encoders whose runs were not finished."""
    return sorted(path.name[1:].rsplit(".", 2)[0] for path in folder.glob(".*.partial"))


def _holds_vectors(folder: Path) -> bool:
    return any(path.suffix in VECTOR_SUFFIXES for path in folder.iterdir())
