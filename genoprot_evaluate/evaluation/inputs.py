"""What is scored: the tasks, the encoders' vectors, and who votes."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.published import PublishedDataset
from genoprot_datasets.schema import FOLDS
from genoprot_datasets.tasks import GROUPS, TASKS
from genoprot_evaluate.embed import embed
from genoprot_evaluate.encoders import Encoder
from genoprot_evaluate.ensembles import default_members
from genoprot_evaluate.evaluation.examples import TaskExamples, read_examples
from genoprot_evaluate.evaluation.task_choice import named_tasks
from genoprot_evaluate.results import Dropped
from genoprot_evaluate.store import EmbeddingTable, load_embeddings

__all__ = [
    "chosen_tasks",
    "drop_gaps",
    "examples_without",
    "indistinct",
    "listed",
    "load_tables",
    "refuse_gaps",
    "unanswerable",
    "voters",
]

# A head is fitted to one example of each class and validated on another one.
_FEWEST = {"train": 2, "eval": 1}


def listed(names: Iterable[str] | str | None) -> tuple[str, ...] | None:
    """Names as a tuple; a string is one of them, and not its letters.

    Examples
    --------
    >>> listed("ppi"), listed(["ppi", "pfam"]), listed(None)
    (('ppi',), ('ppi', 'pfam'), None)
    """
    if names is None:
        return None
    return (names,) if isinstance(names, str) else tuple(names)


def chosen_tasks(published: PublishedDataset, tasks: Sequence[str] | None) -> tuple[str, ...]:
    """Tasks to score, by name or group, in the order of the paper; those left out of the dataset too."""
    known = {*published.tasks, *published.manifest["left_out"]}
    if tasks is not None and not tasks:
        raise GenoProtError("no task is named; leave tasks out for all of them")
    for name in tasks or ():
        if name in TASKS and name not in known:
            raise GenoProtError(
                f"dataset {published.name!r} has no task {name!r}; it has {', '.join(published.tasks)}"
            )
    found = tuple(name for name in (TASKS if tasks is None else named_tasks(tasks)) if name in known)
    if not found:
        raise GenoProtError(
            f"dataset {published.name!r} has no task of {', '.join(tasks or GROUPS)}; it has "
            f"{', '.join(published.tasks)}"
        )
    return found


def load_tables(embeddings: Mapping[str, Any], published: PublishedDataset) -> dict[str, EmbeddingTable]:
    """Tables by name, sorted; each from this dataset, where it says what it was made from.

    The dataset is embedded with a source that is an encoder.
    """
    if not isinstance(embeddings, Mapping):
        raise GenoProtError(
            f"embeddings of type {type(embeddings).__name__}: give a mapping from the name of each model to "
            "its vectors, such as {'kmer-4': 'embeddings/kmer-4'}"
        )
    tables = {}
    for name in sorted(embeddings):
        if not name.strip():
            raise GenoProtError("a model without a name: give each of the embeddings one")
        if ":" in name:
            raise GenoProtError(
                f"model name {name!r}: names with a colon are kept for baselines and ensembles"
            )
        source = embeddings[name]
        table = (
            _embedded(source, published, name)
            if isinstance(source, Encoder)
            else load_embeddings(source, name=name)
        )
        made_from = table.run.get("dataset", {}).get("fingerprint", published.fingerprint)
        if made_from != published.fingerprint:
            raise GenoProtError(
                f"embeddings {name!r} were made from another dataset (fingerprint {made_from[:12]}; "
                f"{published.name} has {published.fingerprint[:12]}); embed this dataset again"
            )
        tables[name] = table
    return tables


def _embedded(encoder: Encoder, published: PublishedDataset, name: str) -> EmbeddingTable:
    with tempfile.TemporaryDirectory(prefix="genoprot-") as folder:
        return load_embeddings(embed(encoder, published, folder), name=name)


def voters(members: Sequence[str] | None, encoders: Collection[str]) -> tuple[str, ...]:
    """Encoders that vote: those asked for, else `ensembles.default_members`."""
    if members is None:
        return default_members(encoders)
    for name in members:
        if name not in encoders:
            known = ", ".join(sorted(encoders)) or "none"
            raise GenoProtError(f"ensemble member {name!r} is none of the encoders; they are {known}")
    return tuple(sorted(set(members)))


def refuse_gaps(name: str, table: EmbeddingTable, examples: Iterable[TaskExamples]) -> None:
    """Raise where a table lacks accessions that the tasks need."""
    known = tuple(examples)
    needed, lacking = _gaps(table, known)
    if lacking:
        if otherwise := table.spelled_otherwise(lacking):
            raise GenoProtError(f"embeddings {name!r} lack {_count(needed, lacking)}; {otherwise}")
        raise GenoProtError(
            f"embeddings {name!r} lack {_count(needed, lacking)}; {_concerned(table, known)}; "
            "embed the whole dataset, mark such cells N/A with --missing mark, or score everybody without "
            "these proteins with --missing drop"
        )


def examples_without(
    published: PublishedDataset,
    known: TaskExamples,
    only: Mapping[str, pa.Array | None],
    gone: Collection[str],
) -> TaskExamples:
    """Examples of a task that name none of some accessions.

    Parameters
    ----------
    published : PublishedDataset
    known : TaskExamples
        All examples of the task.
    only : mapping of str to pyarrow.StringArray or None
        What `examples.read_examples` was confined to.
    gone : collection of str
    """
    named = known.accessions.to_pylist()
    allowed = {
        fold: pa.array([a for a in (named if every is None else every.to_pylist()) if a not in gone])
        for fold, every in only.items()
    }
    return read_examples(published, known.task, allowed)


def drop_gaps(
    published: PublishedDataset,
    examples: Mapping[str, TaskExamples],
    tables: Mapping[str, EmbeddingTable],
    share: float,
    only: Mapping[str, pa.Array | None],
) -> tuple[dict[str, TaskExamples], dict[str, Dropped]]:
    """Leave out the examples of which any encoder lacks a protein, for all models.

    So everything in a run is scored on the same examples and can be compared.

    Parameters
    ----------
    published : PublishedDataset
    examples : mapping of str to TaskExamples
        By task.
    tables : mapping of str to EmbeddingTable
        Of the encoders.
    share : float
        Share of the accessions that the tasks need which an encoder may lack.
    only : mapping of str to pyarrow.StringArray or None
        What `examples.read_examples` was confined to.

    Returns
    -------
    dict of str to TaskExamples
        By task.
    dict of str to Dropped
        By task, for those of which examples fell away.

    Raises
    ------
    GenoProtError
        If an encoder lacks more.
    """
    absent: dict[str, set[str]] = {}
    for name, table in tables.items():
        needed, lacking = _gaps(table, examples.values())
        if len(lacking) > share * needed:
            raise GenoProtError(
                f"embeddings {name!r} lack {_count(needed, lacking)}, more than the {share:.1%} that may be "
                f"missing; {_concerned(table, examples.values())}; "
                + (table.spelled_otherwise(lacking) or "embed the whole dataset, or raise --missing-share")
            )
        absent[name] = set(lacking)
    kept, dropped = {}, {}
    for task, known in examples.items():
        named = known.accessions.to_pylist()
        lacking = {name: tuple(a for a in named if a in gaps) for name, gaps in absent.items()}
        lacking = {name: gaps for name, gaps in lacking.items() if gaps}
        kept[task] = known
        if lacking:
            kept[task] = examples_without(published, known, only, set().union(*lacking.values()))
            lost = (len(getattr(known, fold)) - len(getattr(kept[task], fold)) for fold in FOLDS)
            dropped[task] = Dropped(lacking, **dict(zip(FOLDS, lost)))
    return kept, dropped


def unanswerable(examples: TaskExamples, species: Mapping[str, Sequence[int]]) -> str | None:
    """Why no model can be scored on a task; None where one can."""
    for fold in FOLDS:
        split = getattr(examples, fold)
        if not len(split) and species[fold]:
            return f"no {fold} example of species {', '.join(map(str, species[fold]))}"
        fewest = _FEWEST[fold]
        for label in (0, 1):
            count = int((split.labels == label).sum())
            if count < fewest:
                return f"{count} {fold} examples of class {label}; {fewest} or more are needed"
    return None


def indistinct(examples: TaskExamples, table: EmbeddingTable) -> str | None:
    """Why vectors can answer nothing: they are all the same; None where two of them differ."""
    rows = examples.rows_in(table.accessions)
    first = table.vectors[rows[0]]
    if (rows < 0).any() or any(not np.array_equal(table.vectors[row], first) for row in rows):
        return None
    return f"all {len(rows)} proteins of the task have the same vector"


def _gaps(table: EmbeddingTable, examples: Iterable[TaskExamples]) -> tuple[int, list[str]]:
    """How many accessions the tasks need, and which of them a table lacks."""
    needed = sorted({accession for task in examples for accession in task.accessions.to_pylist()})
    there = set(table.accessions)
    return len(needed), [accession for accession in needed if accession not in there]


def _count(needed: int, lacking: Sequence[str]) -> str:
    shown = ", ".join(lacking[:3]) + (", ..." if len(lacking) > 3 else "")
    return f"{len(lacking)} of the {needed} accessions that the tasks need ({shown})"


def _concerned(table: EmbeddingTable, examples: Iterable[TaskExamples]) -> str:
    """How many examples would fall away for want of vectors, by task."""
    counts = {one.task: one.naming(np.flatnonzero(one.rows_in(table.accessions) < 0)) for one in examples}
    listed = ", ".join(
        f"{task} {train} and {test}" for task, (train, test) in counts.items() if train or test
    )
    return f"train and eval examples that name them: {listed}"
