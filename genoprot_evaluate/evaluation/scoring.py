"""Scores encoders on tasks: heads, ensembles, baselines, one record."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.published import PublishedDataset
from genoprot_evaluate.baselines import (
    BASELINES,
    DEFAULT_DIMENSION,
    Homology,
    baseline_names,
    baseline_tables,
)
from genoprot_evaluate.comparison import compare_models
from genoprot_evaluate.embed.processes import Processes
from genoprot_evaluate.encoders import Encoder
from genoprot_evaluate.evaluation.cells import Cell, Fit, run_cells, score_fit
from genoprot_evaluate.evaluation.examples import read_examples
from genoprot_evaluate.evaluation.facts import (
    dataset_facts,
    further_table,
    predictions_table,
    scored_models,
    software_versions,
)
from genoprot_evaluate.evaluation.grid import Grid, check_device, fit_cells
from genoprot_evaluate.evaluation.inputs import (
    chosen_tasks,
    drop_gaps,
    listed,
    load_tables,
    refuse_gaps,
    voters,
)
from genoprot_evaluate.evaluation.kept_fits import KeptFits, working_folder
from genoprot_evaluate.evaluation.progress import Tell, Tracker
from genoprot_evaluate.evaluation.species import ALL_SPECIES, accessions_of_species
from genoprot_evaluate.evaluation.voting import vote
from genoprot_evaluate.heads import HeadConfig
from genoprot_evaluate.results import ResultRecord, Score, check_folder, write_record

__all__ = ["DEFAULT_BASELINES", "MISSING", "MISSING_SHARE", "evaluate"]

DEFAULT_BASELINES = tuple(BASELINES)
"""Baselines that are scored unless others are asked for: all of them."""

MISSING = ("refuse", "mark", "drop")
"""What to do where embeddings lack accessions that a task needs.

Refuse to run, mark the cell N/A, or drop the examples concerned for all models.
"""

MISSING_SHARE = 0.05
"""Share of the accessions that an encoder may lack where examples are dropped."""


def evaluate(
    embeddings: Mapping[str, Any],
    dataset: str | Path | PublishedDataset,
    tasks: Sequence[str] | None = None,
    members: Sequence[str] | None = None,
    baselines: Iterable[str] = DEFAULT_BASELINES,
    seed: int = 0,
    head: HeadConfig | None = None,
    missing: str = "refuse",
    missing_share: float = MISSING_SHARE,
    species: Mapping[str, Sequence[int]] = ALL_SPECIES,
    out: str | Path | None = None,
    device: str = "cpu",
    save_heads: str | Path | None = None,
    processes: Processes | None = None,
    progress: Tell | None = None,
) -> ResultRecord | None:
    """Score encoders on the tasks of a dataset.

    The numbers of an encoder depend on its vectors, the dataset, the seed and the choices of the head;
    not on its name, on what else is scored, or on the number of cores.

    Parameters
    ----------
    embeddings : mapping of str to source
        By model name, anything that `store.load_embeddings` takes, or an encoder, with which the dataset is
        embedded first; its vectors are not kept.
    dataset : str, Path or PublishedDataset
        A folder written by `genoprot build`, or a Hub id.
    tasks : sequence of str, optional
        Names of tasks or of groups of them; all tasks of the dataset when left out.
    members : sequence of str, optional
        Encoders that vote in the ensembles; those of `ensembles.default_members` when left out.
    baselines : iterable of str
        Names, with or without the prefix ``baseline:``.
    seed : int
        Not negative.
    head : HeadConfig, optional
    missing : {"refuse", "mark", "drop"}
        What to do where embeddings lack accessions that a task needs: raise, mark the cell N/A, or drop the
        examples concerned for all models.
    missing_share : float
        Share of the accessions that the tasks need which an encoder may lack where examples are dropped.
    species : mapping of str to sequence of int
        NCBI taxon ids of the species whose examples count, by fold; none stands for all. Other species in
        eval than in train ask what carries over from one to the other.
    out : path, optional
        Folder for `results.json` and the two files of predictions; nothing is written when left out. Until
        they are written, finished cells lie in a hidden folder beside it, from which an interrupted run goes
        on.
    device : str
        Where torch trains: on a processor one head after another on each core, elsewhere the heads of a
        task side by side.
    save_heads : path, optional
        Folder for the trained heads, ``TASK/ENCODER.safetensors``.
    processes : Processes, optional
        Those that share the cells; all see the same folder beside `out`.
    progress : callable, optional
        Called with a `Progress` when a cell begins, after each of its epochs, and when it is scored; scores
        come in the order of the paper's tasks. `Ticker` writes what it is told.

    Returns
    -------
    ResultRecord or None
        None in every process but the first.

    Raises
    ------
    GenoProtError
        If the dataset, a source or a name cannot be used. What fails in one cell only is recorded in
        that cell, and the others go on.
    """
    if not isinstance(seed, Integral) or seed < 0:
        raise GenoProtError(f"seed {seed!r}: expected a whole number of 0 or more")
    tasks, members, baselines = listed(tasks), listed(members), listed(baselines)
    if save_heads is not None and (odd := [name for name in sorted(embeddings) if set(name) & {"/", "\\"}]):
        raise GenoProtError(f"model name {odd[0]!r}: a head is saved under it, so it cannot have a slash")
    if missing not in MISSING:
        raise GenoProtError(f"missing={missing!r}: expected one of {', '.join(MISSING)}")
    if not 0 <= missing_share < 1:
        raise GenoProtError(f"missing_share={missing_share!r}: expected a share of 0 or more and less than 1")
    if out is not None:
        check_folder(out)
    head, processes = head or HeadConfig(), processes or Processes()
    check_device(device)
    if processes.count > 1 and out is None:
        raise GenoProtError("several processes need a folder for their results")
    if processes.count > 1 and any(isinstance(source, Encoder) for source in embeddings.values()):
        raise GenoProtError("several processes need embeddings on disk; embed the dataset first")
    published = dataset if isinstance(dataset, PublishedDataset) else PublishedDataset.open(dataset)
    chosen = chosen_tasks(published, tasks)
    floors = baseline_names(baselines)
    tables = load_tables(embeddings, published)
    ballot = voters(members, tables)
    only = accessions_of_species(published, species)
    examples = {task: read_examples(published, task, only) for task in chosen if task in published.tasks}
    if missing == "refuse":
        for name, table in tables.items():
            refuse_gaps(name, table, examples.values())
    dropped = {}
    if missing == "drop":
        examples, dropped = drop_gaps(published, examples, tables, missing_share, only)

    width = max((table.dimension for table in tables.values()), default=DEFAULT_DIMENSION)
    everything = tables | baseline_tables(floors, published, width, seed)
    homology = _homology(published) if "baseline:alignment-transfer" in floors else None
    models = scored_models(everything, floors)
    own = tuple(sorted(tables)) + floors

    grid = Grid(
        dataset=published.manifest["name"],
        fingerprint=published.fingerprint,
        examples=examples,
        tables=everything,
        encoders=frozenset(tables),
        species=species,
        head=head,
        seed=int(seed),
        homology=homology,
        device=device,
    )
    kept = KeptFits(None if out is None else working_folder(out))
    fit = partial(fit_cells, grid, kept, None if save_heads is None else Path(save_heads))
    jobs = grid.jobs(own)
    workers = None if device == "cpu" else 1
    fits: dict[str, dict[str, Fit]] = {task: {} for task in chosen}
    scores: dict[str, dict[str, Score]] = {task: {} for task in chosen}

    def keep(task: str, found: Mapping[str, Fit]) -> None:
        fits[task].update(found)
        scores[task].update({model: score_fit(examples.get(task), one) for model, one in found.items()})

    def run(some: Sequence[Sequence[Cell]], tell: Tell | None) -> None:
        tracker = Tracker({cell: grid.work(cell) for job in some for cell in job}, tell)
        for cell, found, seconds in run_cells(some, fit, workers=workers, watcher=tracker):
            task, model = cell
            keep(task, {model: found})
            tracker.scored(cell, scores[task][model], seconds)

    if processes.count > 1:
        run(jobs[processes.rank :: processes.count], progress)
        processes.wait()
        if not processes.first:
            return None
        progress = None
    run(jobs, progress)
    ensembles, combinations = {}, {}
    for task in chosen:
        if task not in examples:
            reason = f"not in the dataset: {published.manifest['left_out'][task]}"
            keep(task, {model: Fit("N/A", reason) for model in own})
        labels = examples[task].train.labels if task in examples else np.empty(0)
        votes = vote(fits[task], ballot, labels)
        ensembles[task] = votes.ensemble
        if votes.combination is not None:
            combinations[task] = votes.combination
        keep(task, votes.fits)
    record = ResultRecord(
        dataset=dataset_facts(published, species),
        seed=int(seed),
        head=head.to_dict(),
        versions=software_versions(device),
        models=models,
        scores=scores,
        ensembles=ensembles,
        combinations=combinations,
        dropped=dropped,
    )
    predictions = predictions_table(examples, fits)
    record = compare_models(record, predictions)
    if out is not None:
        write_record(record, predictions, out, further_table(examples, fits, models))
        kept.remove()
    return record


def _homology(published: PublishedDataset) -> Homology:
    proteins = published.sequences(["accession", "protein"])
    return Homology(dict(zip(proteins["accession"].to_pylist(), proteins["protein"].to_pylist())))
