"""The record of a language model, by itself or joined to the record that a folder holds already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from genoprot_datasets.errors import GenoProtError
from genoprot_evaluate.comparison import compare_models
from genoprot_evaluate.evaluation.facts import software_versions
from genoprot_evaluate.results import (
    FURTHER,
    PREDICTIONS,
    RECORD_NAME,
    ResultRecord,
    Score,
    ScoredModel,
    Survey,
    check_folder,
    read_further,
    read_predictions,
    read_record,
    write_record,
)

__all__ = ["Folder"]

_NOT_ASKED = Score("N/A", "not asked")
_NOT_SCORED = Score("N/A", "not scored in the run of this model")


@dataclass(frozen=True, eq=False)
class Folder:
    """A folder of results to which a language model is added.

    Parameters
    ----------
    path : Path
    record : ResultRecord
        What the folder holds; without models where it holds nothing.
    predictions, further : pyarrow.Table
    """

    path: Path
    record: ResultRecord
    predictions: pa.Table
    further: pa.Table

    @classmethod
    def open(cls, path: str | Path, dataset: Mapping[str, Any], seed: int) -> Folder:
        """What a folder holds, if a model that is asked about a dataset can be added to it.

        Parameters
        ----------
        path : str or Path
        dataset : mapping
            `dataset` of the record, as the model is asked about it.
        seed : int
            Of a new record.

        Raises
        ------
        GenoProtError
            If the folder holds a record of other examples, or one without its predictions.
        """
        path = check_folder(path)
        if not (path / RECORD_NAME).is_file():
            empty = ResultRecord(dict(dataset), seed, {}, software_versions(), {}, {}, {})
            return cls(path, empty, PREDICTIONS.empty_table(), FURTHER.empty_table())
        record = read_record(path)
        if dict(record.dataset) != dict(dataset):
            differing = sorted(
                key for key in {*record.dataset, *dataset} if record.dataset.get(key) != dataset.get(key)
            )
            raise GenoProtError(
                f"{path}: its record is of another dataset or other samples (it differs in "
                f"{', '.join(differing)}); name another folder"
            )
        if record.dropped:
            raise GenoProtError(
                f"{path}: its record leaves out the examples that an encoder lacks, and a language model is "
                "asked about all; name another folder"
            )
        further = read_further(path)
        return cls(
            path, record, read_predictions(path), FURTHER.empty_table() if further is None else further
        )

    def check(self, name: str, survey: Survey) -> None:
        """Refuse a name that stands for another model, or for the same one asked otherwise.

        Raises
        ------
        GenoProtError
        """
        known = self.record.models.get(name)
        if known is None:
            return
        before = {} if known.asked is None else known.asked.asked()
        for key, value in survey.asked().items():
            if before.get(key) != value:
                raise GenoProtError(
                    f"{self.path}: {name!r} was asked otherwise ({key} {before.get(key)!r:.60}, and is to be "
                    f"{value!r:.60}); give it another name by --name, or name another folder"
                )

    def join(
        self, name: str, model: ScoredModel, scores: Mapping[str, Score], predictions: pa.Table
    ) -> ResultRecord:
        """Add a model, compare it with all others, and write the record.

        Tasks that it was asked earlier and is not asked again keep their scores.

        Parameters
        ----------
        name : str
        model : ScoredModel
        scores : mapping of str to Score
            By task.
        predictions : pyarrow.Table
            Of the model, with the columns of `results.PREDICTIONS`.

        Returns
        -------
        ResultRecord
        """
        before = self.record
        joined = {
            task: {
                **dict.fromkeys(before.models, _NOT_SCORED),
                name: _NOT_ASKED,
                **before.scores.get(task, {}),
                **({name: scores[task]} if task in scores else {}),
            }
            for task in dict.fromkeys([*before.scores, *scores])
        }
        record = replace(before, models={**before.models, name: model}, scores=joined)
        own = pc.equal(self.predictions["model"], name)
        again = pc.is_in(self.predictions["task"], value_set=pa.array(list(scores), pa.string()))
        kept = self.predictions.filter(pc.invert(pc.and_(own, again)))
        together = _in_order(record, pa.concat_tables([kept, predictions]))
        record = compare_models(record, together)
        write_record(record, together, self.path, self.further)
        return record


def _in_order(record: ResultRecord, predictions: pa.Table) -> pa.Table:
    """Predictions by task, in the order of the paper, and model."""
    parts = [PREDICTIONS.empty_table()]
    for task in record.tasks:
        of_task = predictions.filter(pc.equal(predictions["task"], task))
        parts += [of_task.filter(pc.equal(of_task["model"], name)) for name in sorted(record.models)]
    return pa.concat_tables(parts)
