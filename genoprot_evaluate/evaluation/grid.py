"""The grid of cells: which are fitted together, by what, and what their fits depend on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.seeding import integer_seed
from genoprot_evaluate.baselines import Homology
from genoprot_evaluate.evaluation.cells import Cell, Fit, OnEpoch, fit_rule
from genoprot_evaluate.evaluation.examples import TaskExamples
from genoprot_evaluate.evaluation.facts import software_versions
from genoprot_evaluate.evaluation.fitting_code import code_digest
from genoprot_evaluate.evaluation.head_fits import fit_heads
from genoprot_evaluate.evaluation.inputs import indistinct, unanswerable
from genoprot_evaluate.evaluation.kept_fits import KeptFits, examples_digest, vectors_digest
from genoprot_evaluate.heads import (
    HeadConfig,
    TrainedHead,
    head_path,
    load_head,
    save_head,
    vectors_origin,
)
from genoprot_evaluate.store import EmbeddingTable, run_key

__all__ = ["Grid", "check_device", "fit_cells"]


# Measured on one core: what an epoch costs besides its examples, the width of vectors that doubles the cost
# of an example, and the alignments of a protein beside the whole training on an example.
_STEPS_COST = 4_000
_WIDE = 1_024
_ALIGNED_COST = 20


def check_device(device: str) -> None:
    """Try a device of torch.

    Raises
    ------
    GenoProtError
        If torch cannot compute on it here.
    """
    if device == "cpu":
        return
    import torch

    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = " ".join(str(error).split())
        raise GenoProtError(f"device {device!r} cannot be used: {reason:.160}") from None


@dataclass(frozen=True)
class Grid:
    """Everything that the fits of a run depend on.

    Parameters
    ----------
    dataset, fingerprint : str
        Name of the dataset, and its fingerprint.
    examples : mapping of str to TaskExamples
        By task.
    tables : mapping of str to EmbeddingTable
        Of the encoders and of the baselines that are vectors.
    encoders : frozenset of str
        Which of the tables are of encoders.
    species : mapping of str to sequence of int
    head : HeadConfig
    seed : int
    homology : Homology or None
    device : str
    """

    dataset: str
    fingerprint: str
    examples: Mapping[str, TaskExamples]
    tables: Mapping[str, EmbeddingTable]
    encoders: frozenset[str]
    species: Mapping[str, Sequence[int]]
    head: HeadConfig
    seed: int
    homology: Homology | None
    device: str

    def jobs(self, models: Sequence[str]) -> list[list[Cell]]:
        """Cells in the order of tasks and models; on an accelerator the heads of a task are one job."""
        together = [model for model in models if self.device != "cpu" and model in self.tables]
        jobs: list[list[Cell]] = []
        for task in self.examples:
            if together:
                jobs.append([(task, model) for model in together])
            jobs += [[(task, model)] for model in models if model not in together]
        return jobs

    def work(self, cell: Cell) -> float:
        """What a cell is expected to cost beside the others, in examples that a head is trained on."""
        task, model = cell
        examples = self.examples[task]
        if model in self.tables:
            width = self.tables[model].dimension
            return self.head.seeds * (len(examples.train) + _STEPS_COST) * (1 + width / _WIDE)
        return len(examples.accessions) * _ALIGNED_COST if model == "baseline:alignment-transfer" else 1.0

    def material(self, cell: Cell) -> dict[str, Any]:
        """What determines the fit of a cell, as JSON values."""
        task, model = cell
        examples = self.examples[task]
        known = {
            "task": task,
            "examples": examples_digest(examples),
            "head": self.head.to_dict(),
            "seed": self.seed,
            "versions": software_versions(self.device),
            "code": code_digest(),
        }
        if model in self.tables:
            return known | {"vectors": vectors_digest(examples, self.tables[model])}
        return known | {"rule": model, "dataset": self.fingerprint}

    def origin(self, cell: Cell) -> dict[str, Any]:
        """What is to be known of the saved head of a cell."""
        task, model = cell
        run = self.tables[model].run
        return {
            "task": task,
            "encoder": model,
            **vectors_origin(run),
            "licence": run.get("encoder", {}).get("licence"),
            "dataset": self.fingerprint,
            "dataset_name": self.dataset,
            "seed": self.seed,
            "versions": software_versions(self.device),
            "fit": run_key(self.material(cell)),
        }


def fit_cells(
    grid: Grid, kept: KeptFits, save_heads: Path | None, cells: Sequence[Cell], on_epoch: OnEpoch
) -> list[Fit]:
    """Fits of cells of one task: those that are kept, and the others from training.

    Parameters
    ----------
    grid : Grid
    kept : KeptFits
    save_heads : Path or None
        Folder for the heads of encoders; a kept fit does not count where its own head is not in it.
    cells : sequence of (task, model)
    on_epoch : callable
    """
    task = cells[0][0]
    examples = grid.examples[task]
    if (reason := unanswerable(examples, grid.species)) is not None:
        return [Fit("N/A", reason)] * len(cells)
    seed = integer_seed(grid.seed, "head", task)
    found: dict[Cell, Fit] = {}
    material = {}
    for cell in cells:
        model = cell[1]
        of_encoder = model in grid.encoders
        if of_encoder and (reason := indistinct(examples, grid.tables[model])) is not None:
            found[cell] = Fit("N/A", reason)
            continue
        material[cell] = grid.material(cell)
        saved = (
            save_heads is None or not of_encoder or _is_head_of(head_path(save_heads, *cell), material[cell])
        )
        if saved and (fit := kept.find(material[cell])) is not None:
            found[cell] = fit
    missing = [cell for cell in cells if cell not in found]
    heads = {cell: grid.tables[cell[1]] for cell in missing if cell[1] in grid.tables}

    def save(table: EmbeddingTable, head: TrainedHead) -> None:
        cell = next(cell for cell, known in heads.items() if known is table)
        if save_heads is not None and cell[1] in grid.encoders:
            save_head(head, head_path(save_heads, *cell), grid.origin(cell))

    if heads:
        tables = list(heads.values())
        fits = fit_heads(examples, tables, grid.head, seed, on_epoch, device=grid.device, save=save)
        found |= dict(zip(heads, fits))
    for cell in missing:
        if cell not in found:
            found[cell] = fit_rule(examples, cell[1], grid.head, seed, grid.homology)
        kept.keep(material[cell], found[cell])
    return [found[cell] for cell in cells]


def _is_head_of(path: Path, material: Mapping[str, Any]) -> bool:
    """Whether a file holds the head of a fit, and not one of another run or none."""
    try:
        return load_head(path).origin.get("fit") == run_key(material)
    except GenoProtError:
        return False
