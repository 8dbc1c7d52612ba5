"""What is scored: the tasks, the encoders' vectors, and who votes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.published import PublishedDataset
from genoprot_datasets.tasks import TASKS, get_task
from genoprot_evaluate.ensembles import default_members
from genoprot_evaluate.evaluation.examples import TaskExamples
from genoprot_evaluate.store import EmbeddingTable, load_embeddings

__all__ = ["chosen_tasks", "load_tables", "refuse_gaps", "voters"]


def chosen_tasks(published: PublishedDataset, tasks: Sequence[str] | None) -> tuple[str, ...]:
    """Tasks to score, in the order of the paper; those that the dataset had to leave out are among them."""
    known = {*published.tasks, *published.manifest["left_out"]}
    for name in tasks or ():
        get_task(name)
        if name not in known:
            raise GenoProtError(
                f"dataset {published.name!r} has no task {name!r}; it has {', '.join(published.tasks)}"
            )
    return tuple(name for name in TASKS if name in (known if tasks is None else tasks))


def load_tables(embeddings: Mapping[str, Any], published: PublishedDataset) -> dict[str, EmbeddingTable]:
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


def voters(members: Sequence[str] | None, tables: Mapping[str, EmbeddingTable]) -> tuple[str, ...]:
    """Encoders that vote: those asked for, else `ensembles.default_members`."""
    if members is None:
        return default_members(tables)
    for name in members:
        if name not in tables:
            raise GenoProtError(
                f"ensemble member {name!r} has no embeddings here; there are {', '.join(tables) or 'none'}"
            )
    return tuple(sorted(set(members)))


def refuse_gaps(name: str, table: EmbeddingTable, examples: Iterable[TaskExamples]) -> None:
    """Raise where a table lacks accessions that the tasks need."""
    needed = sorted({accession for task in examples for accession in task.accessions.to_pylist()})
    there = set(table.accessions)
    lacking = [accession for accession in needed if accession not in there]
    if lacking:
        shown = ", ".join(lacking[:3]) + (", ..." if len(lacking) > 3 else "")
        raise GenoProtError(
            f"embeddings {name!r} lack {len(lacking)} of the {len(needed)} accessions that the tasks need "
            f"({shown}); embed the whole dataset, or mark such cells N/A with --missing mark"
        )
