"""What each encoder adds to the ensembles."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from genoprot_evaluate.ensembles import ENSEMBLES
from genoprot_evaluate.results import ResultRecord

__all__ = ["counterparts"]


def counterparts(
    record: ResultRecord, task: str, probabilities: Mapping[str, np.ndarray]
) -> dict[tuple[str, str], np.ndarray]:
    """Predictions of every ensemble of a task with one encoder more or less.

    A member is taken away, any other encoder is added; an ensemble of a single member has no counterpart
    without it.

    Parameters
    ----------
    record : ResultRecord
    task : str
    probabilities : mapping of str to ndarray, shape=(examples,), dtype=float64
        Of class 1, by every encoder that has predictions.

    Returns
    -------
    dict of (str, str) to ndarray, shape=(examples,), dtype=int8
        Predicted classes by encoder and ensemble.
    """
    found = {}
    members = record.ensembles[task].members if task in record.ensembles else ()
    accuracies = {name: record.scores[task][name].validation_accuracy for name in probabilities}
    for encoder in sorted(probabilities):
        others = sorted(set(members) ^ {encoder})
        if not members or not others or any(accuracies[name] is None for name in others):
            continue
        votes = np.stack([probabilities[name] for name in others])
        trust = np.array([accuracies[name] for name in others])
        for ensemble, combine in ENSEMBLES.items():
            found[encoder, ensemble] = combine(votes, trust).label
    return found
