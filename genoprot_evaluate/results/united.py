"""Records with their predictions: read, confined to some models, put together."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from genoprot_datasets.errors import GenoProtError, SourceError
from genoprot_datasets.tasks import TASKS
from genoprot_evaluate.results.cells import Dropped, Score, ScoredModel
from genoprot_evaluate.results.further import FURTHER, read_further
from genoprot_evaluate.results.predictions import PREDICTIONS, read_predictions
from genoprot_evaluate.results.record import RECORD_NAME, ResultRecord, read_record, write_record

__all__ = ["NOT_ASKED", "NOT_SCORED", "Results", "refuse_other_examples", "unite", "with_pair_columns"]

NOT_ASKED = Score("N/A", "not asked")
"""Cell of a language model in a task that only others have answered."""

NOT_SCORED = Score("N/A", "not scored in the run of this model")
"""Cell of any other model in such a task."""

_EXAMPLE = ("task", "row", "sample", "accession_a", "accession_b", "label")
_PAIR = ("identity", "challenge")
_SAID = ("row", "label", "predicted", "probability")
_FURTHER_ORDER = ("model", "part", "seed", "row")


@dataclass(frozen=True, eq=False)
class Results:
    """A record and the predictions beside it.

    Parameters
    ----------
    place : str
        Where they are, for messages.
    record : ResultRecord
    predictions : pyarrow.Table
        With the columns of `PREDICTIONS`.
    further : pyarrow.Table
        With the columns of `FURTHER`.
    """

    place: str
    record: ResultRecord
    predictions: pa.Table
    further: pa.Table

    @classmethod
    def read(cls, path: str | Path) -> Results:
        """Read a folder of results, or that of a `results.json`.

        Raises
        ------
        SourceError
            If there is no record or there are no predictions, or one of the files cannot be read.
        """
        path = Path(path)
        folder = path.parent if path.name == RECORD_NAME and not path.is_dir() else path
        record, further = read_record(folder), read_further(folder)
        empty = FURTHER.empty_table()
        return cls(str(folder), record, read_predictions(folder), empty if further is None else further)

    def only(self, tasks: Collection[str], models: Collection[str]) -> Results:
        """The same of some tasks and models, without everything that was computed of several models."""
        record = self.record
        kept = replace(
            record,
            models={name: model for name, model in record.models.items() if name in models},
            scores={
                task: {name: cell for name, cell in cells.items() if name in models}
                for task, cells in record.scores.items()
                if task in tasks
            },
            ensembles={},
            comparisons={},
            combinations={},
            gains={},
            dropped={task: lost for task, lost in record.dropped.items() if task in tasks},
            combined_from=(),
        )
        cells = {(task, name) for task in tasks for name in models}
        return Results(self.place, kept, _of_cells(self.predictions, cells), _of_cells(self.further, cells))

    def without(self, model: str, tasks: Collection[str]) -> Results:
        """The same without what a language model answered on some tasks."""
        record = self.record
        if model not in record.models:
            return self
        scores = {
            task: {**cells, model: NOT_ASKED} if task in tasks else cells
            for task, cells in record.scores.items()
        }
        gone = {(task, model) for task in tasks}
        tables = (_of_cells(table, gone, keep=False) for table in (self.predictions, self.further))
        return Results(self.place, replace(record, scores=scores), *tables)

    def with_model(self, name: str, model: ScoredModel) -> Results:
        """The same with other facts of a model, where it is there."""
        record = self.record
        if name not in record.models:
            return self
        return replace(self, record=replace(record, models={**record.models, name: model}))

    def in_order(self) -> Results:
        """The same with the predictions by task, in the order of the paper, model and example."""
        tables = []
        for table, columns in ((self.predictions, ("model", "row")), (self.further, _FURTHER_ORDER)):
            rank = pc.index_in(table["task"], value_set=pa.array(self.record.tasks, pa.string()))
            ranked = table.append_column("rank", rank)
            tables.append(_sorted(ranked, ("rank", *columns)).drop_columns(["rank"]))
        return Results(self.place, self.record, *tables)

    def write(self, out: str | Path) -> Path:
        """Write the three files; see `write_record`."""
        return write_record(self.record, self.predictions, out, self.further)


def unite(parts: Sequence[Results]) -> Results:
    """Put records of the same examples, seed and head together.

    A model that several parts have in the same way is there once; one that answered some tasks in one part
    and other tasks in another one has them all. The seed and head of records of language models only do not
    count beside those of others.

    Parameters
    ----------
    parts : sequence of Results
        One at least.

    Returns
    -------
    Results
        Predictions by task, in the order of the paper, and model. Intervals, comparisons and gains are left
        to `comparison.compare_models`.

    Raises
    ------
    GenoProtError
        If the parts are of other examples, seeds or heads, or have different models of the same name.
    """
    headed = [part for part in parts if part.record.head] or list(parts)
    _refuse_unlike(parts, headed)
    refuse_other_examples((part.place, part.predictions) for part in parts)
    models: dict[str, ScoredModel] = {}
    cells: dict[tuple[str, str], tuple[Score, Results]] = {}
    taken: dict[Results, set[tuple[str, str]]] = {part: set() for part in parts}
    for part in parts:
        for name, model in part.record.models.items():
            models.setdefault(name, model)
            for task, own in part.record.scores.items():
                if own[name] not in (NOT_ASKED, NOT_SCORED) and (task, name) not in cells:
                    cells[task, name] = replace(own[name], interval=None), part
                    taken[part].add((task, name))
    _refuse_other_answers(parts, models, cells)
    tasks = [task for task in TASKS if any(task in part.record.scores for part in parts)]
    absent = {
        name: NOT_ASKED if model.kind == "language-model" else NOT_SCORED for name, model in models.items()
    }
    record = replace(
        headed[0].record,
        versions=_versions(headed),
        models=models,
        scores={
            task: {name: cells.get((task, name), (absent[name],))[0] for name in models} for task in tasks
        },
        ensembles=_first_of(part.record.ensembles for part in parts),
        combinations=_first_of(part.record.combinations for part in parts),
        dropped=_dropped(parts, tasks),
        comparisons={},
        gains={},
        combined_from=(),
    )
    predictions = pa.concat_tables([_of_cells(part.predictions, taken[part]) for part in parts])
    further = pa.concat_tables([_of_cells(part.further, taken[part]) for part in parts])
    for task in tasks:
        predictions = _with_known_pairs(predictions, task)
    return Results(" and ".join(part.place for part in parts), record, predictions, further).in_order()


def refuse_other_examples(judged: Iterable[tuple[str | Path, pa.Table]]) -> None:
    """Predictions of the same dataset must be of the same rows of each task that several of them have.

    Parameters
    ----------
    judged : iterable of (str or Path, pyarrow.Table)
        Where predictions are, and the predictions.

    Raises
    ------
    SourceError
        If they are not.
    """
    seen: dict[str, tuple[str | Path, pa.Table]] = {}
    for place, predictions in judged:
        examples = predictions.select(_EXAMPLE).group_by(_EXAMPLE, use_threads=False).aggregate([])
        for task in pc.unique(examples["task"]).to_pylist():
            rows = examples.filter(pc.equal(examples["task"], task)).sort_by("row")
            first, known = seen.setdefault(task, (place, rows))
            if not known.equals(rows):
                raise SourceError(
                    place,
                    f"its predictions on {task} are of other examples than those of {first}, though "
                    "both name the same dataset; `genoprot validate-record --dataset` tells which is wrong",
                )


def with_pair_columns(
    predictions: pa.Table, task: str, row: np.ndarray, columns: Mapping[str, np.ndarray | None]
) -> pa.Table:
    """Predictions with the identity and challenge of the pairs of a task, where they lack them.

    Parameters
    ----------
    predictions : pyarrow.Table
    task : str
    row : ndarray, shape=(examples,)
        Rows of the eval split.
    columns : mapping of str to ndarray, shape=(examples,), or None
        Values by column.
    """
    own = pc.equal(predictions["task"], task)
    place = pc.index_in(predictions["row"], value_set=pa.array(row, pa.int32()))
    for name, values in columns.items():
        if values is None:
            continue
        known = pa.array(values, PREDICTIONS.field(name).type).take(place.combine_chunks())
        filled = pc.coalesce(predictions[name], pc.if_else(own, known, pa.scalar(None, known.type)))
        predictions = predictions.set_column(
            predictions.column_names.index(name), PREDICTIONS.field(name), filled
        )
    return predictions


def _with_known_pairs(predictions: pa.Table, task: str) -> pa.Table:
    """What one model's predictions say of the pairs of a task, said by all."""
    own = predictions.filter(pc.equal(predictions["task"], task))
    for name in _PAIR:
        known = own.filter(pc.is_valid(own[name]))
        if 0 < len(known) < len(own):
            row, first = np.unique(known["row"].to_numpy(), return_index=True)
            values = known[name].to_numpy()[first]
            predictions = with_pair_columns(predictions, task, row, {name: values})
    return predictions


def _refuse_unlike(parts: Sequence[Results], headed: Sequence[Results]) -> None:
    """The same dataset for all, the same seed and head for all that trained one."""
    first = parts[0]
    for part in parts[1:]:
        one, other = dict(first.record.dataset), dict(part.record.dataset)
        differing = sorted(key for key in {*one, *other} if one.get(key) != other.get(key))
        if differing:
            raise GenoProtError(
                f"{part.place}: its record is of another dataset or of other samples or species than that of "
                f"{first.place} (it differs in {', '.join(differing)}); they cannot stand together"
            )
    first = headed[0]
    for part in headed[1:]:
        if part.record.seed != first.record.seed:
            raise GenoProtError(
                f"{part.place}: its seed is {part.record.seed}, that of {first.place} is "
                f"{first.record.seed}; evaluate with the same seed"
            )
        one, other = dict(first.record.head), dict(part.record.head)
        for key in sorted({*one, *other}):
            if one.get(key) != other.get(key):
                raise GenoProtError(
                    f"{part.place}: its heads were trained with {key} {other.get(key)!r}, those of "
                    f"{first.place} with {one.get(key)!r}; evaluate with the same choices"
                )


def _refuse_other_answers(
    parts: Sequence[Results],
    models: Mapping[str, ScoredModel],
    cells: Mapping[tuple[str, str], tuple[Score, Results]],
) -> None:
    """A model of several parts must be the same in all, and must have said the same."""
    faults = []
    for part in parts:
        for name, model in part.record.models.items():
            if model != models[name]:
                one, other = vars(models[name]), vars(model)
                faults.append(f"{name} ({', '.join(key for key in one if one[key] != other[key])})")
                continue
            shared = [
                task
                for task in part.record.tasks
                if part.record.scores[task][name] not in (NOT_ASKED, NOT_SCORED)
                and cells[task, name][1] is not part
            ]
            differing = [task for task in shared if not _same(name, task, part, *cells[task, name])]
            if differing:
                faults.append(f"{name} (on {', '.join(differing)})")
    if faults:
        raise GenoProtError(
            f"{' and '.join(part.place for part in parts)} have different models of the same name: "
            f"{'; '.join(dict.fromkeys(faults))}; leave them out of one of the records first: genoprot "
            "combine RESULTS --drop NAME --out FOLDER"
        )


def _same(name: str, task: str, part: Results, score: Score, other: Results) -> bool:
    """Whether a model has the same cell and the same predictions in two parts."""
    if replace(part.record.scores[task][name], interval=None) != score:
        return False
    one, two = (
        (
            _of_cells(results.predictions, {(task, name)}).select(_SAID).sort_by("row"),
            _sorted(_of_cells(results.further, {(task, name)}), _FURTHER_ORDER),
        )
        for results in (part, other)
    )
    return all(mine.equals(theirs) for mine, theirs in zip(one, two))


def _dropped(parts: Sequence[Results], tasks: Sequence[str]) -> dict[str, Dropped]:
    """Examples that fell away, by task; they must be the same in all parts that answered it."""
    found = {}
    for task in tasks:
        judging = [part for part in parts if pc.any(pc.equal(part.predictions["task"], task)).as_py()]
        entries = [part.record.dropped.get(task) for part in judging]
        gone = [set() if one is None else set().union(*one.lacking.values()) for one in entries]
        for part, accessions in zip(judging, gone):
            if accessions != gone[0]:
                raise GenoProtError(
                    f"{part.place}: on {task} its record leaves out the examples of {len(accessions)} "
                    f"proteins without a vector, that of {judging[0].place} those of {len(gone[0])} other "
                    "ones; evaluate them together"
                )
        known = [one for one in entries if one is not None]
        known = known or [part.record.dropped[task] for part in parts if task in part.record.dropped]
        if known:
            lacking = {name: accessions for one in known for name, accessions in one.lacking.items()}
            found[task] = replace(known[0], lacking=dict(sorted(lacking.items())))
    return found


def _versions(parts: Sequence[Results]) -> dict[str, str]:
    """Versions of the software, all of them where they differ."""
    names = sorted({name for part in parts for name in part.record.versions})
    return {
        name: ", ".join(
            sorted({part.record.versions[name] for part in parts if name in part.record.versions})
        )
        for name in names
    }


def _first_of(mappings: Iterable[Mapping[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for mapping in mappings:
        found = {**mapping, **found}
    return found


def _of_cells(table: pa.Table, cells: Collection[tuple[str, str]], *, keep: bool = True) -> pa.Table:
    """Rows of some tasks and models, or all others."""
    keys = pc.binary_join_element_wise(table["task"], table["model"], "\0")
    chosen = pc.is_in(keys, value_set=pa.array(["\0".join(cell) for cell in sorted(cells)], pa.string()))
    return table.filter(chosen if keep else pc.invert(chosen))


def _sorted(table: pa.Table, columns: Sequence[str]) -> pa.Table:
    return table.sort_by([(name, "ascending") for name in columns])
