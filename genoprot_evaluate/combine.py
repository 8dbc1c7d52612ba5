"""Combines stored results: encoders of several records, ensembles of other members; `genoprot combine`.

Nothing is embedded and nothing is trained: votes, intervals, comparisons and gains follow from the
predictions that lie beside each record.
"""

from __future__ import annotations

import argparse
import shlex
import shutil
import sys
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from genoprot_datasets.errors import GenoProtError, meant
from genoprot_datasets.files import sha256_of
from genoprot_datasets.published import PublishedDataset
from genoprot_datasets.tasks import TASKS
from genoprot_evaluate.baselines import DEFAULT_DIMENSION
from genoprot_evaluate.comparison import compare_models
from genoprot_evaluate.evaluation.cells import score_fit
from genoprot_evaluate.evaluation.facts import further_table, predictions_table
from genoprot_evaluate.evaluation.inputs import voters
from genoprot_evaluate.evaluation.stored import stored_examples, stored_fits
from genoprot_evaluate.evaluation.task_choice import add_tasks_argument, named_tasks
from genoprot_evaluate.evaluation.voting import Votes, vote, voting_models
from genoprot_evaluate.results import (
    FURTHER_NAME,
    PREDICTIONS_NAME,
    RECORD_NAME,
    CombinedRecord,
    ResultRecord,
    Results,
    check_folder,
    unite,
    with_pair_columns,
)
from genoprot_evaluate.tables import WIDTH, format_scores

__all__ = ["add_arguments", "combine", "run"]

_VOTING = ("ensemble", "combination")
_RANDOM = "baseline:random-vectors"


def combine(
    results: Iterable[str | Path],
    members: Sequence[str] | None = None,
    tasks: Sequence[str] | None = None,
    models: Collection[str] | None = None,
    drop: Collection[str] = (),
    dataset: str | Path | PublishedDataset | None = None,
    out: str | Path | None = None,
) -> ResultRecord:
    """Make one record of stored results, with ensembles of the members that are asked for.

    It is the record that `evaluate` writes for the same encoders, members and baselines in one run, to the
    last digit, but for `combined_from`, which names what it was made of. Random vectors are as wide as the
    widest encoder: of several the ones are taken that one run would have had, else the widest.

    Parameters
    ----------
    results : iterable of str or Path
        Folders written by `genoprot evaluate`, `genoprot llm` or this function, in any order.
    members : sequence of str, optional
        Encoders that vote in the ensembles; those of `ensembles.default_members` when left out.
    tasks : sequence of str, optional
        Names of tasks or of groups of them; all tasks of the records when left out.
    models : collection of str, optional
        Encoders, baselines and language models to take; all of them when left out.
    drop : collection of str
        Those of them to leave out.
    dataset : str, Path or PublishedDataset, optional
        The dataset of the records: then their examples are compared with it. It is needed for predictions
        of the first version, which lack the identities of the pairs.
    out : path, optional
        Folder for the record and its predictions; nothing is written when left out.

    Returns
    -------
    ResultRecord

    Raises
    ------
    GenoProtError
        If the records are of other examples, seeds or choices of the head, have different models of the same
        name, lack predictions that are needed, or a name is none of theirs.
    """
    # A folder that is named twice counts once.
    paths = list({_folder(Path(path)).resolve(): Path(path) for path in results}.values())
    if not paths:
        raise GenoProtError("no results; name folders written by `genoprot evaluate`")
    if out is not None and any(check_folder(out).resolve() == _folder(path).resolve() for path in paths):
        raise GenoProtError(f"{out}: is one of the results that are combined; name another folder")
    parts = [Results.read(path) for path in paths]
    kept = _kept_models(parts, models, drop)
    wanted = _wanted_tasks(parts, tasks)
    origins = [_origin(part, kept) for part in parts]
    together = unite(_one_width([part.only(wanted, kept) for part in parts]))
    record = replace(together.record, combined_from=tuple(sorted(origins, key=repr)))
    together = _with_pairs(replace(together, record=record), dataset)
    ballot = voters(members, record.models_of("encoder"))
    if record.head:
        together = _with_votes(together, ballot)
    record = compare_models(together.record, together.predictions)
    if out is not None:
        replace(together, record=record).write(out)
    return record


def _folder(path: Path) -> Path:
    return path.parent if path.name == RECORD_NAME and path.is_file() else path


def _own_models(part: Results) -> set[str]:
    """Models that answered themselves."""
    return {name for name, model in part.record.models.items() if model.kind not in _VOTING}


def _kept_models(parts: Sequence[Results], models: Collection[str] | None, drop: Collection[str]) -> set[str]:
    known = set().union(*map(_own_models, parts))
    for name in (*(models or ()), *drop):
        if name not in known:
            raise GenoProtError(
                f"no model {name!r} in the records{meant(name, sorted(known))}; they have "
                f"{', '.join(sorted(known))}"
            )
    kept = (known if models is None else set(models)) - set(drop)
    if not kept:
        raise GenoProtError("no model is left; take one at least")
    return kept


def _wanted_tasks(parts: Sequence[Results], tasks: Sequence[str] | None) -> set[str]:
    known = {task for part in parts for task in part.record.tasks}
    wanted = known if tasks is None else known & set(named_tasks(tasks))
    if not wanted:
        there = ", ".join(task for task in TASKS if task in known)
        raise GenoProtError(f"the records have no task of {', '.join(tasks or ())}; they have {there}")
    return wanted


def _origin(part: Results, kept: Collection[str]) -> CombinedRecord:
    folder = Path(part.place)
    files = [folder / name for name in (RECORD_NAME, PREDICTIONS_NAME, FURTHER_NAME)]
    return CombinedRecord(
        folder.resolve().name,
        {path.name: sha256_of(path) for path in files if path.is_file()},
        tuple(sorted(_own_models(part) & set(kept))),
        part.record.versions,
    )


def _one_width(parts: Sequence[Results]) -> list[Results]:
    """Parts of which those with random vectors of another width than one run would have lack them."""
    widths = {
        part: part.record.models[_RANDOM].dimension or 0 for part in parts if _RANDOM in part.record.models
    }
    encoders = [
        model.dimension or 0
        for part in parts
        for model in part.record.models.values()
        if model.kind == "encoder"
    ]
    wanted = max(encoders, default=DEFAULT_DIMENSION)
    chosen = wanted if wanted in widths.values() else max(widths.values(), default=wanted)
    return [
        part.only(part.record.scores, part.record.models.keys() - {_RANDOM})
        if widths.get(part, chosen) != chosen
        else part
        for part in parts
    ]


def _with_pairs(results: Results, dataset: str | Path | PublishedDataset | None) -> Results:
    """Results with the identities of the pairs, from the dataset where the predictions lack them."""
    record, predictions = results.record, results.predictions
    published = dataset
    if dataset is not None and not isinstance(dataset, PublishedDataset):
        published = PublishedDataset.open(dataset)
    if published is not None and published.fingerprint != record.dataset["fingerprint"]:
        raise GenoProtError(
            f"the records are of a dataset with fingerprint {record.dataset['fingerprint'][:12]}, "
            f"{published.name} has {published.fingerprint[:12]}"
        )
    for task in record.tasks:
        own = predictions.filter(pc.equal(predictions["task"], task))
        if not len(own):
            continue
        first = own.filter(pc.equal(own["model"], own["model"][0])).sort_by("row")
        if published is not None:
            try:
                test = stored_examples(record, task, first, published).eval
            except GenoProtError as error:
                raise GenoProtError(f"the predictions on {task}: {error}") from None
            columns = {"identity": test.identity, "challenge": test.challenge}
            predictions = with_pair_columns(predictions, task, test.row, columns)
        elif first["identity"].null_count and any(s.identity_bins for s in record.scores[task].values()):
            raise GenoProtError(
                f"the predictions on {task} are of a version without the identities of the pairs, with which "
                "accuracy on challenge pairs and by identity is computed; name the dataset by --dataset"
            )
    return replace(results, predictions=predictions)


def _with_votes(results: Results, ballot: Sequence[str]) -> Results:
    """Results with the votes of ensembles and combinations, task by task."""
    record = results.record
    models = voting_models()
    votes: dict[str, Votes] = {}
    scores, examples = {}, {}
    for task, cells in record.scores.items():
        known, fits = stored_fits(results, task, ballot)
        if known is not None:
            examples[task] = known
        votes[task] = vote(fits, ballot, () if known is None else known.train.labels)
        trained = next((cells[name].train_examples for name in votes[task].ensemble.members), None)
        scores[task] = dict(cells)
        for name, fit in votes[task].fits.items():
            score = score_fit(known, fit)
            scores[task][name] = replace(score, train_examples=trained) if fit.status == "OK" else score
    record = replace(
        record,
        models={**record.models, **models},
        scores=scores,
        ensembles={task: found.ensemble for task, found in votes.items()},
        combinations={
            task: found.combination for task, found in votes.items() if found.combination is not None
        },
    )
    fits = {task: votes[task].fits for task in examples}
    predictions = [results.predictions, predictions_table(examples, fits)]
    further = [results.further, further_table(examples, fits, models)]
    return replace(
        results,
        record=record,
        predictions=pa.concat_tables(predictions),
        further=pa.concat_tables(further),
    ).in_order()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `genoprot combine`."""
    parser.add_argument(
        "results", nargs="+", metavar="RESULTS", help="folders written by genoprot evaluate or genoprot llm"
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for the combined record")
    parser.add_argument(
        "--members",
        nargs="+",
        metavar="ENCODER",
        help="encoders that vote in the ensembles; default: the paper's six where all are there, else all",
    )
    parser.add_argument(
        "--models",
        nargs="+",
        metavar="NAME",
        help="encoders, baselines and language models to take; default: all of the records",
    )
    parser.add_argument("--drop", nargs="+", default=(), metavar="NAME", help="those to leave out")
    add_tasks_argument(parser)
    parser.add_argument(
        "--dataset",
        metavar="DIR",
        help="folder or Hub id of the dataset, to compare the examples with; older predictions need it",
    )


def run(args: argparse.Namespace) -> int:
    """Run `genoprot combine`."""
    if (Path(args.out) / RECORD_NAME).is_file():
        print(f"{Path(args.out) / RECORD_NAME} will be replaced", file=sys.stderr)
    record = combine(
        args.results,
        members=args.members,
        tasks=args.tasks,
        models=args.models,
        drop=args.drop,
        dataset=args.dataset,
        out=args.out,
    )
    print(format_scores(record, shutil.get_terminal_size((WIDTH, 24)).columns))
    print(f"{Path(args.out) / RECORD_NAME} is written; for tables, figures and a page:")
    print(f"genoprot report {shlex.quote(args.out)} --out report/")
    return 0
