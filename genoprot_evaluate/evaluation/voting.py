"""Ensembles of one task: who votes, and what comes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from genoprot_evaluate.ensembles import ENSEMBLES, normalised_weights
from genoprot_evaluate.evaluation.cells import Fit
from genoprot_evaluate.results import Ensemble

__all__ = ["combine_members"]


def combine_members(fits: Mapping[str, Fit], voters: Sequence[str]) -> tuple[Ensemble, dict[str, Fit]]:
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
