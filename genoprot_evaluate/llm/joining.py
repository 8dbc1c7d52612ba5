"""The record of a language model, by itself or joined to the record that a folder holds already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from genoprot_datasets.errors import GenoProtError
from genoprot_evaluate.comparison import compare_models
from genoprot_evaluate.evaluation.facts import software_versions
from genoprot_evaluate.results import (
    FURTHER,
    PREDICTIONS,
    RECORD_NAME,
    ResultRecord,
    Results,
    Score,
    ScoredModel,
    Survey,
    check_folder,
    unite,
)

__all__ = ["Folder"]


@dataclass(frozen=True, eq=False)
class Folder:
    """A folder of results to which a language model is added.

    Parameters
    ----------
    path : Path
    results : Results
        What the folder holds; without models where it holds nothing.
    """

    path: Path
    results: Results

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
            return cls(path, Results(str(path), empty, PREDICTIONS.empty_table(), FURTHER.empty_table()))
        results = Results.read(path)
        record = results.record
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
        return cls(path, results)

    def check(self, name: str, survey: Survey) -> None:
        """Refuse a name that stands for another model, or for the same one asked otherwise.

        Raises
        ------
        GenoProtError
        """
        known = self.results.record.models.get(name)
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
        self,
        name: str,
        model: ScoredModel,
        scores: Mapping[str, Score],
        predictions: pa.Table,
        further: pa.Table | None = None,
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
        further : pyarrow.Table, optional
            Of the model, with the columns of `results.FURTHER`.

        Returns
        -------
        ResultRecord
        """
        before = self.results.record
        own = ResultRecord(
            dataset=before.dataset,
            seed=before.seed,
            head={},
            versions=before.versions,
            models={name: model},
            scores={task: {name: score} for task, score in scores.items()},
            ensembles={},
        )
        asked = Results(name, own, predictions, FURTHER.empty_table() if further is None else further)
        kept = self.results.without(name, list(scores)).with_model(name, model)
        together = unite([kept, asked])
        record = replace(together.record, combined_from=before.combined_from)
        record = compare_models(record, together.predictions)
        replace(together, record=record).write(self.path)
        return record
