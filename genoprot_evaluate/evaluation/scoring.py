"""Scores encoders on tasks: heads, ensembles, baselines, one record."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.manifest import code_version
from genoprot_datasets.published import PublishedDataset
from genoprot_datasets.schema import FOLDS
from genoprot_datasets.seeding import integer_seed
from genoprot_datasets.tasks import TASKS, get_task
from genoprot_evaluate.baselines import (
    BASELINES,
    DEFAULT_DIMENSION,
    annotation_vectors,
    baseline_names,
    length_vectors,
    random_vectors,
    sequence_vectors,
)
from genoprot_evaluate.comparison import compare_models
from genoprot_evaluate.encoders.kmer import Composition, KmerFrequencies
from genoprot_evaluate.ensembles import ENSEMBLES, default_members, normalised_weights
from genoprot_evaluate.evaluation.cells import Fit, OnEpoch, fit_head, fit_rule, run_cells, score_fit
from genoprot_evaluate.evaluation.examples import TaskExamples, read_examples
from genoprot_evaluate.evaluation.species import ALL_SPECIES, accessions_of_species
from genoprot_evaluate.heads import HeadConfig
from genoprot_evaluate.results import (
    PREDICTIONS,
    Ensemble,
    ResultRecord,
    Score,
    ScoredModel,
    check_folder,
    write_record,
)
from genoprot_evaluate.store import EmbeddingTable, load_embeddings

__all__ = ["DEFAULT_BASELINES", "MISSING", "Progress", "evaluate"]

DEFAULT_BASELINES = tuple(BASELINES)
"""Baselines that are scored unless others are asked for: all of them."""

MISSING = ("refuse", "mark")
"""What to do where embeddings lack accessions that a task needs: refuse to run, or mark the cell N/A."""


class Progress(NamedTuple):
    """What `evaluate` tells after each cell: how far it is, and what came out."""

    done: int
    total: int
    task: str
    model: str
    score: Score
    seconds: float


def evaluate(
    embeddings: Mapping[str, Any],
    dataset: str | Path | PublishedDataset,
    tasks: Sequence[str] | None = None,
    members: Sequence[str] | None = None,
    baselines: Iterable[str] = DEFAULT_BASELINES,
    seed: int = 0,
    head: HeadConfig | None = None,
    missing: str = "refuse",
    species: Mapping[str, Sequence[int]] = ALL_SPECIES,
    out: str | Path | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> ResultRecord:
    """Score encoders on the tasks of a dataset.

    The numbers of an encoder depend on its vectors, the dataset, the seed and the choices of the head;
    not on its name, on what else is scored, or on the number of cores.

    Parameters
    ----------
    embeddings : mapping of str to source
        By model name, anything that `store.load_embeddings` takes.
    dataset : str, Path or PublishedDataset
        A folder written by `genoprot build`, or a Hub id.
    tasks : sequence of str, optional
        All tasks of the dataset when left out.
    members : sequence of str, optional
        Encoders that vote in the ensembles; those of `ensembles.default_members` when left out.
    baselines : iterable of str
        Names, with or without the prefix ``baseline:``.
    seed : int
        Not negative.
    head : HeadConfig, optional
    missing : {"refuse", "mark"}
        What to do where embeddings lack accessions that a task needs: raise, or mark the cell N/A.
    species : mapping of str to sequence of int
        NCBI taxon ids of the species whose examples count, by fold; none stands for all. Other species in
        eval than in train ask what carries over from one to the other.
    out : path, optional
        Folder for `results.json` and `predictions.parquet`; nothing is written when left out.
    progress : callable, optional
        Called after each cell, tasks in the order of the paper.

    Returns
    -------
    ResultRecord

    Raises
    ------
    GenoProtError
        If the dataset, a source or a name cannot be used. What fails in one cell only is recorded in
        that cell, and the others go on.
    """
    if seed < 0:
        raise GenoProtError(f"seed {seed} is negative")
    if missing not in MISSING:
        raise GenoProtError(f"missing={missing!r}: expected one of {', '.join(MISSING)}")
    if out is not None:
        check_folder(out)
    head = head or HeadConfig()
    published = dataset if isinstance(dataset, PublishedDataset) else PublishedDataset.open(dataset)
    chosen = _chosen_tasks(published, tasks)
    floors = baseline_names(baselines)
    tables = _load(embeddings, published)
    voters = _voters(members, tables)
    only = accessions_of_species(published, species)
    examples = {task: read_examples(published, task, only) for task in chosen if task in published.tasks}
    if missing == "refuse":
        for name, table in tables.items():
            _refuse_gaps(name, table, examples.values())

    everything = tables | _baseline_tables(floors, published, tables, seed)
    models = _scored_models(everything, floors)
    own = tuple(sorted(tables)) + floors

    def fit(task: str, model: str, on_epoch: OnEpoch) -> Fit:
        for fold in FOLDS:
            if not len(getattr(examples[task], fold)):
                return Fit("N/A", f"no {fold} example of species {', '.join(map(str, species[fold]))}")
        head_seed = integer_seed(seed, "head", task)
        if model in everything:
            return fit_head(examples[task], everything[model], head, head_seed, on_epoch)
        return fit_rule(examples[task], model, head, head_seed)

    fits: dict[str, dict[str, Fit]] = {task: {} for task in chosen}
    scores: dict[str, dict[str, Score]] = {task: {} for task in chosen}

    def keep(task: str, found: Mapping[str, Fit]) -> None:
        fits[task].update(found)
        scores[task].update({model: score_fit(examples.get(task), one) for model, one in found.items()})

    cells = [(task, model) for task in examples for model in own]
    for done, ((task, model), found, seconds) in enumerate(run_cells(cells, fit), start=1):
        keep(task, {model: found})
        if progress is not None:
            progress(Progress(done, len(cells), task, model, scores[task][model], seconds))
    ensembles = {}
    for task in chosen:
        if task not in examples:
            reason = f"not in the dataset: {published.manifest['left_out'][task]}"
            keep(task, {model: Fit("N/A", reason) for model in own})
        ensembles[task], votes = _combine(fits[task], voters)
        keep(task, votes)
    record = ResultRecord(
        dataset=_dataset_facts(published, species),
        seed=int(seed),
        head=head.to_dict(),
        versions=_versions(),
        models=models,
        scores=scores,
        ensembles=ensembles,
    )
    predictions = _predictions(examples, fits)
    record = compare_models(record, predictions)
    if out is not None:
        write_record(record, predictions, out)
    return record


def _chosen_tasks(published: PublishedDataset, tasks: Sequence[str] | None) -> tuple[str, ...]:
    """Tasks to score, in the order of the paper; those that the dataset had to leave out are among them."""
    known = {*published.tasks, *published.manifest["left_out"]}
    for name in tasks or ():
        get_task(name)
        if name not in known:
            raise GenoProtError(
                f"dataset {published.name!r} has no task {name!r}; it has {', '.join(published.tasks)}"
            )
    return tuple(name for name in TASKS if name in (known if tasks is None else tasks))


def _load(embeddings: Mapping[str, Any], published: PublishedDataset) -> dict[str, EmbeddingTable]:
    """Tables by name, sorted; each from this dataset, where it says what it was made from."""
    tables = {}
    for name in sorted(embeddings):
        if ":" in name:
            raise GenoProtError(
                f"model name {name!r}: names with a colon are kept for baselines and ensembles"
            )
        table = load_embeddings(embeddings[name], name=name)
        made_from = table.run.get("dataset", {}).get("fingerprint", published.fingerprint)
        if made_from != published.fingerprint:
            raise GenoProtError(
                f"embeddings {name!r} were made from another dataset (fingerprint {made_from[:12]}; "
                f"{published.name} has {published.fingerprint[:12]}); embed this dataset again"
            )
        tables[name] = table
    return tables


def _voters(members: Sequence[str] | None, tables: Mapping[str, EmbeddingTable]) -> tuple[str, ...]:
    if members is None:
        return default_members(tables)
    for name in members:
        if name not in tables:
            raise GenoProtError(
                f"ensemble member {name!r} has no embeddings here; there are {', '.join(tables) or 'none'}"
            )
    return tuple(sorted(set(members)))


def _refuse_gaps(name: str, table: EmbeddingTable, examples: Iterable[TaskExamples]) -> None:
    needed = sorted({accession for task in examples for accession in task.accessions.to_pylist()})
    there = set(table.accessions)
    lacking = [accession for accession in needed if accession not in there]
    if lacking:
        shown = ", ".join(lacking[:3]) + (", ..." if len(lacking) > 3 else "")
        raise GenoProtError(
            f"embeddings {name!r} lack {len(lacking)} of the {len(needed)} accessions that the tasks need "
            f"({shown}); embed the whole dataset, or mark such cells N/A with --missing mark"
        )


def _baseline_tables(
    floors: Sequence[str], published: PublishedDataset, tables: Mapping[str, EmbeddingTable], seed: int
) -> dict[str, EmbeddingTable]:
    """Vectors of the baselines that are scored with a head."""
    records = published.sequences(["accession", "dna_length", "protein_length", "go_terms"])
    accessions = records["accession"].to_pylist()
    width = max((table.dimension for table in tables.values()), default=DEFAULT_DIMENSION)
    makers = {
        "baseline:random-vectors": lambda: random_vectors(accessions, width, seed),
        "baseline:length": lambda: length_vectors(records),
        "baseline:composition": lambda: sequence_vectors(
            Composition(), published.sequences(["protein"])["protein"]
        ),
        "baseline:kmer": lambda: sequence_vectors(KmerFrequencies(), published.sequences(["dna"])["dna"]),
        "baseline:annotation-count": lambda: annotation_vectors(records["go_terms"]),
    }
    return {name: EmbeddingTable(name, accessions, make()) for name, make in makers.items() if name in floors}


def _scored_models(tables: Mapping[str, EmbeddingTable], floors: Sequence[str]) -> dict[str, ScoredModel]:
    models = {name: ScoredModel("ensemble", name.split(":")[1] + " voting") for name in ENSEMBLES}
    for name in floors:
        width = tables[name].dimension if name in tables else None
        models[name] = ScoredModel("baseline", BASELINES[name], dimension=width)
    for name in set(tables) - set(floors):
        encoder = tables[name].run.get("encoder", {})
        models[name] = ScoredModel(
            "encoder",
            encoder.get("title") or name,
            tables[name].run.get("view"),
            tables[name].dimension,
            encoder.get("parameters"),
        )
    return models


def _combine(fits: Mapping[str, Fit], voters: Sequence[str]) -> tuple[Ensemble, dict[str, Fit]]:
    """Who votes on a task, and what each ensemble says."""
    members = [name for name in voters if fits[name].status == "OK"]
    left_out = {name: str(fits[name].reason) for name in voters if name not in members}
    if not members:
        reason = "no member has predictions" if voters else "no encoder is scored"
        return Ensemble((), {}, left_out), {name: Fit("N/A", reason) for name in ENSEMBLES}
    probabilities = np.stack([fits[name].probability for name in members])
    accuracies = np.array([fits[name].validation_accuracy for name in members])
    votes = {}
    for name, combine in ENSEMBLES.items():
        vote = combine(probabilities, accuracies)
        votes[name] = Fit("OK", None, vote.score, vote.label)
    weights = dict(zip(members, normalised_weights(accuracies).tolist()))
    return Ensemble(tuple(members), weights, left_out), votes


def _predictions(examples: Mapping[str, TaskExamples], fits: Mapping[str, Mapping[str, Fit]]) -> pa.Table:
    """Every prediction, by task and model, with the columns of `results.PREDICTIONS`."""
    parts = [PREDICTIONS.empty_table()]
    for task, known in examples.items():
        names = [known.accessions.take(pa.array(column)) for column in known.eval.members.T]
        for model in sorted(fits[task]):
            found = fits[task][model]
            if found.status == "OK":
                rows = len(known.eval)
                columns = {
                    "task": pa.repeat(task, rows),
                    "sample": known.eval.sample,
                    "row": known.eval.row,
                    "accession_a": names[0],
                    "accession_b": names[1] if len(names) == 2 else pa.nulls(rows, pa.string()),
                    "model": pa.repeat(model, rows),
                    "label": known.eval.labels,
                    "predicted": found.predicted,
                    "probability": found.probability,
                }
                parts.append(pa.table(columns, schema=PREDICTIONS))
    return pa.concat_tables(parts)


def _dataset_facts(published: PublishedDataset, species: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    manifest = published.manifest
    folds = {fold: manifest["folds"][fold] for fold in sorted(manifest["folds"])}
    facts = {
        "name": manifest["name"],
        "fingerprint": published.fingerprint,
        "genes": sum(folds.values()),
        "folds": folds,
    }
    return facts | {f"{fold}_species": sorted(set(species[fold])) for fold in FOLDS if species[fold]}


def _versions() -> dict[str, str]:
    libraries = {name: version(name) for name in ("numpy", "pyarrow", "scikit-learn", "torch")}
    return {"geno-prot": code_version(), "python": platform.python_version()} | libraries
