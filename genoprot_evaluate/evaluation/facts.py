"""What a record says beside its scores: models, dataset, versions, predictions."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
import pyarrow as pa

from genoprot_datasets.manifest import code_version
from genoprot_datasets.published import PublishedDataset
from genoprot_datasets.schema import FOLDS
from genoprot_evaluate.baselines import BASELINES
from genoprot_evaluate.evaluation.cells import Fit
from genoprot_evaluate.evaluation.examples import Split, TaskExamples
from genoprot_evaluate.evaluation.voting import voting_models
from genoprot_evaluate.results import FURTHER, PREDICTIONS, ScoredModel
from genoprot_evaluate.store import EmbeddingTable

__all__ = ["dataset_facts", "further_table", "predictions_table", "scored_models", "software_versions"]


def scored_models(tables: Mapping[str, EmbeddingTable], floors: Sequence[str]) -> dict[str, ScoredModel]:
    """Models of the record: the ensembles, the baselines, and every encoder that has a table."""
    models = voting_models()
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


def predictions_table(
    examples: Mapping[str, TaskExamples], fits: Mapping[str, Mapping[str, Fit]]
) -> pa.Table:
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
                    "identity": _or_null(known.eval.identity, rows),
                    "challenge": _or_null(known.eval.challenge, rows),
                    "model": pa.repeat(model, rows),
                    "label": known.eval.labels,
                    "predicted": found.predicted,
                    "probability": _or_null(found.probability, rows),
                }
                parts.append(pa.table(columns, schema=PREDICTIONS))
    return pa.concat_tables(parts)


def _or_null(values: np.ndarray | None, rows: int) -> pa.Array:
    """A column that is null where a value is NaN, and everywhere where there are none."""
    return pa.nulls(rows) if values is None else pa.array(values, from_pandas=True)


def further_table(
    examples: Mapping[str, TaskExamples],
    fits: Mapping[str, Mapping[str, Fit]],
    models: Mapping[str, ScoredModel],
) -> pa.Table:
    """Predictions beside those of the eval examples, with the columns of `results.FURTHER`.

    Those of the validation fold are kept for encoders only, since no other model votes.
    """
    parts = [FURTHER.empty_table()]

    def keep(
        task: str,
        part: str,
        seed: int,
        model: str,
        split: Split,
        probability: np.ndarray | None,
        predicted: np.ndarray | None = None,
    ) -> None:
        columns = {
            "task": pa.repeat(task, len(split)),
            "part": pa.repeat(part, len(split)),
            "seed": pa.repeat(pa.scalar(seed, pa.int16()), len(split)),
            "row": split.row,
            "model": pa.repeat(model, len(split)),
            "label": split.labels,
            "predicted": (probability > 0.5).astype(np.int8) if predicted is None else predicted,
            "probability": _or_null(probability, len(split)),
        }
        parts.append(pa.table(columns, schema=FURTHER))

    for task, known in examples.items():
        for model in sorted(fits[task]):
            found = fits[task][model]
            if found.status != "OK":
                continue
            if found.exchanged is not None:
                keep(task, "exchanged", 0, model, known.eval, found.exchanged)
            if found.matched_classes is not None:
                keep(task, "matched", 0, model, known.matched, found.matched, found.matched_classes)
            for seed, probability in enumerate(() if found.by_seed is None else found.by_seed, start=1):
                keep(task, "seed", seed, model, known.eval, probability)
            if found.held_out is not None and models[model].kind == "encoder":
                held_out = known.train.take(found.held_out.rows)
                keep(task, "validation", 0, model, held_out, found.held_out.probability)
    return pa.concat_tables(parts)


def dataset_facts(published: PublishedDataset, species: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    """`dataset` of the record."""
    manifest = published.manifest
    folds = {fold: manifest["folds"][fold] for fold in sorted(manifest["folds"])}
    facts = {
        "name": manifest["name"],
        "fingerprint": published.fingerprint,
        "genes": sum(folds.values()),
        "folds": folds,
    }
    return facts | {f"{fold}_species": sorted(set(species[fold])) for fold in FOLDS if species[fold]}


def software_versions(device: str = "cpu") -> dict[str, str]:
    """`versions` of the record; the kind of device is among them where it is no processor."""
    libraries = {
        name: version(name) for name in ("numpy", "parasail", "pyarrow", "scikit-learn", "scipy", "torch")
    }
    if device != "cpu":
        libraries["device"] = _device_name(device)
    return {"geno-prot": code_version(), "python": platform.python_version()} | libraries


def _device_name(device: str) -> str:
    import torch

    kind = torch.device(device)
    return torch.cuda.get_device_name(kind) if kind.type == "cuda" else kind.type
