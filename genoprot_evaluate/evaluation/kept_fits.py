"""Finished cells on disk, so that a run that was ended goes on where it was, with any number of processes."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from genoprot_datasets.files import atomic_file
from genoprot_evaluate.evaluation.cells import Fit, HeldOut
from genoprot_evaluate.evaluation.examples import TaskExamples
from genoprot_evaluate.store import EmbeddingTable, run_key

__all__ = ["KeptFits", "examples_digest", "vectors_digest", "working_folder"]

_ROWS = 1024
_FACTS = ("validation_accuracy", "epochs", "note", "seed_accuracies")


def working_folder(out: str | Path) -> Path:
    """Folder of the finished cells of a run that writes to `out`.

    Examples
    --------
    >>> working_folder("runs/results").as_posix()
    'runs/.results.cells'
    """
    out = Path(out)
    return out.parent / f".{out.name}.cells"


def examples_digest(examples: TaskExamples) -> str:
    """SHA-256 over the examples of a task: accessions, members, labels and everything else in the splits."""
    digest = hashlib.sha256()
    digest.update("\n".join(examples.accessions.to_pylist()).encode())
    for split in (examples.train, examples.eval, examples.matched):
        if split is None:
            digest.update(b"none")
            continue
        for array in (split.members, split.labels, split.sample, split.identity, split.challenge):
            digest.update(b"none" if array is None else f"{array.dtype}{array.shape}".encode())
            if array is not None:
                digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()


def vectors_digest(examples: TaskExamples, table: EmbeddingTable) -> str:
    """SHA-256 over the vectors of a task's proteins in a table, and which of them are missing."""
    rows = examples.rows_in(table.accessions)
    digest = hashlib.sha256(f"{table.dimension}".encode())
    digest.update(np.flatnonzero(rows < 0))
    rows = rows[rows >= 0]
    for start in range(0, len(rows), _ROWS):
        digest.update(np.ascontiguousarray(table.vectors[rows[start : start + _ROWS]]))
    return digest.hexdigest()


class KeptFits:
    """Fits of finished cells, by a key of everything that determines them.

    Parameters
    ----------
    folder : Path or None
        Made when the first fit is kept; None keeps them in memory, for cells with the same vectors.
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder
        self._in_memory: dict[str, Fit] = {}

    def find(self, material: Mapping[str, Any]) -> Fit | None:
        """The fit of a cell; None where none is kept or its file is damaged."""
        if self.folder is None:
            return self._in_memory.get(run_key(material))
        try:
            with np.load(self._path(material), allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            facts = json.loads(str(arrays.pop("facts")))
            facts["seed_accuracies"] = tuple(facts["seed_accuracies"])
            if "held_out" in arrays:
                rows = arrays.pop("held_out")
                arrays["held_out"] = HeldOut(rows, arrays.pop("held_out_probability"))
            return Fit("OK", **arrays, **facts)
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
            return None

    def keep(self, material: Mapping[str, Any], fit: Fit) -> None:
        """Keep the fit of a cell that has predictions; others are found again in no time."""
        if fit.status != "OK":
            return
        if self.folder is None:
            self._in_memory[run_key(material)] = fit
            return
        arrays = {"probability": fit.probability, "predicted": fit.predicted}
        if fit.held_out is not None:
            arrays |= {"held_out": fit.held_out.rows, "held_out_probability": fit.held_out.probability}
        arrays |= {
            name: value
            for name in ("matched", "by_seed", "exchanged")
            if (value := getattr(fit, name)) is not None
        }
        facts = json.dumps({name: getattr(fit, name) for name in _FACTS})
        with atomic_file(self._path(material)) as staging, open(staging, "wb") as handle:
            np.savez(handle, facts=np.array(facts), **arrays)

    def remove(self) -> None:
        """Remove the folder."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, material: Mapping[str, Any]) -> Path:
        return self.folder / f"{run_key(material)}.npz"
