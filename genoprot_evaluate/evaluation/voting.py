"""Ensembles of one task: who votes, and what comes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import NamedTuple

import numpy as np

from genoprot_datasets.errors import GenoProtError
from genoprot_evaluate.combinations import (
    COMBINATIONS,
    calibrate,
    greedy_counts,
    greedy_vote,
    stacked_vote,
    stacking_weights,
    temperatures,
)
from genoprot_evaluate.ensembles import ENSEMBLES, Vote, normalised_weights, soft
from genoprot_evaluate.evaluation.cells import Fit
from genoprot_evaluate.results import Combination, Ensemble, ScoredModel

__all__ = ["Votes", "combine_members", "learn_to_combine", "vote", "voting_models"]

Rule = Callable[[np.ndarray], Vote]


class Votes(NamedTuple):
    """What the models of a task say together.

    Parameters
    ----------
    ensemble : Ensemble
        Who votes.
    combination : Combination or None
        What was learned on the validation fold; None where nothing can be learned.
    fits : mapping of str to Fit
        By name of an ensemble or combination.
    """

    ensemble: Ensemble
    combination: Combination | None
    fits: Mapping[str, Fit]


def voting_models() -> dict[str, ScoredModel]:
    """The ensembles and combinations as models of a record."""
    models = {name: ScoredModel("ensemble", name.split(":")[1] + " voting") for name in ENSEMBLES}
    return models | {name: ScoredModel("combination", title) for name, title in COMBINATIONS.items()}


def vote(fits: Mapping[str, Fit], ballot: Sequence[str], train_labels: np.ndarray) -> Votes:
    """Let the members of the ensembles vote on a task.

    Parameters
    ----------
    fits : mapping of str to Fit
    ballot : sequence of str
        Encoders that vote where they have predictions.
    train_labels : ndarray, shape=(m,)
        Classes of the train examples, of which `HeldOut.rows` are numbers.
    """
    ensemble, votes = combine_members(fits, ballot)
    learned, more = learn_to_combine(fits, ensemble.members, train_labels)
    return Votes(ensemble, learned, votes | more)


def combine_members(fits: Mapping[str, Fit], ballot: Sequence[str]) -> tuple[Ensemble, dict[str, Fit]]:
    """Who votes on a task, and what each of the five ensembles says."""
    members = [name for name in ballot if fits[name].status == "OK"]
    left_out = {name: str(fits[name].reason) for name in ballot if name not in members}
    if not members:
        reason = "no member has predictions" if ballot else "no encoder is scored"
        return Ensemble((), {}, left_out), {name: Fit("N/A", reason) for name in ENSEMBLES}
    accuracies = np.array([fits[name].validation_accuracy for name in members])
    voters = [fits[name] for name in members]
    votes = {
        name: _applied(lambda probabilities, combine=combine: combine(probabilities, accuracies), voters)
        for name, combine in ENSEMBLES.items()
    }
    weights = dict(zip(members, normalised_weights(accuracies).tolist()))
    return Ensemble(tuple(members), weights, left_out), votes


def learn_to_combine(
    fits: Mapping[str, Fit], members: Sequence[str], train_labels: np.ndarray
) -> tuple[Combination | None, dict[str, Fit]]:
    """What the combinations beyond the paper learn on the validation fold of a task, and what they say.

    Parameters
    ----------
    fits : mapping of str to Fit
    members : sequence of str
        Those of the task's ensembles.
    train_labels : ndarray, shape=(m,)
        Classes of the train split.

    Returns
    -------
    Combination or None
        None where nothing can be learned.
    dict of str to Fit
        By name of `combinations.COMBINATIONS`.
    """
    if not members:
        return None, {name: Fit("N/A", "no member has predictions") for name in COMBINATIONS}
    voters = [fits[name] for name in members]
    # All members are stopped on the same fold, unless one of them could not be.
    rows = reduce(np.intersect1d, [voter.held_out.rows for voter in voters])
    held_out = np.stack(
        [voter.held_out.probability[np.searchsorted(voter.held_out.rows, rows)] for voter in voters]
    )
    labels = train_labels[rows]
    try:
        counts = greedy_counts(held_out, labels)
        coefficients, intercept = stacking_weights(held_out, labels)
        divisors = temperatures(held_out, labels)
    except GenoProtError as error:
        return None, {name: Fit("N/A", str(error)) for name in COMBINATIONS}
    learned = Combination(
        tuple(members),
        len(rows),
        dict(zip(members, counts.tolist())),
        dict(zip(members, coefficients.tolist())),
        intercept,
        dict(zip(members, divisors.tolist())),
    )
    rules: dict[str, Rule] = {
        "combination:greedy": lambda probabilities: greedy_vote(probabilities, counts),
        "combination:stacked": lambda probabilities: stacked_vote(probabilities, coefficients, intercept),
        "combination:calibrated": lambda probabilities: soft(calibrate(probabilities, divisors)),
    }
    return learned, {name: _applied(rule, voters) for name, rule in rules.items()}


def _applied(rule: Rule, voters: Sequence[Fit]) -> Fit:
    """What comes out for the eval examples and, where the members have them, for the matched ones."""
    vote = rule(np.stack([voter.probability for voter in voters]))
    matched = None
    if all(voter.matched is not None for voter in voters):
        matched = rule(np.stack([voter.matched for voter in voters])).score
    return Fit("OK", None, vote.score, vote.label, matched=matched)
