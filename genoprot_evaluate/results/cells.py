"""What stands in a result record: models, their scores, who voted, who beats whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from genoprot_evaluate.results.survey import Survey
from genoprot_evaluate.statistics import Summary

__all__ = [
    "KINDS",
    "STATUSES",
    "Combination",
    "CombinedRecord",
    "Comparison",
    "Dropped",
    "Ensemble",
    "Gain",
    "IdentityBin",
    "Interval",
    "Score",
    "ScoredModel",
]

KINDS = ("encoder", "ensemble", "combination", "language-model", "baseline")
"""Kinds of model, in the order in which tables show them.

An ensemble is one of the paper's five; a combination learns from the validation fold how to combine. A
language model is asked the questions in words and learns nothing from the train fold.
"""

STATUSES = ("OK", "N/A", "ERROR")
"""Scored; does not apply, for a reason; failed, for a reason."""


@dataclass(frozen=True)
class ScoredModel:
    """A model in the record.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    title : str
        Name for people.
    modality : str or None
        ``dna``, ``protein`` or ``both``; None where the model reads no sequence or it is not known.
    dimension : int or None
        Width of its vectors; None where it has none.
    parameters : int or None
        Parameters of an encoder or language model; None where there are none or it is not known.
    asked : Survey or None
        How a language model was asked; None for other models.
    """

    kind: str
    title: str
    modality: str | None = None
    dimension: int | None = None
    parameters: int | None = None
    asked: Survey | None = None


@dataclass(frozen=True)
class Interval:
    """Where the accuracy would lie with other proteins.

    Parameters
    ----------
    low, high : float
    level : float
        Nominal coverage.
    resamples : int
        Resamples of the proteins that it rests on.
    """

    low: float
    high: float
    level: float
    resamples: int


@dataclass(frozen=True)
class IdentityBin:
    """Accuracy on the pairs whose sequence identity lies in a bin, over all samples together.

    Parameters
    ----------
    low, high : float
        The bin holds its lower edge; the last one holds 1.
    examples : int
    accuracy : float or None
        None where there are no examples.
    """

    low: float
    high: float
    examples: int
    accuracy: float | None


@dataclass(frozen=True)
class Score:
    """What one model reached on one task.

    Parameters
    ----------
    status : str
        One of `STATUSES`.
    reason : str or None
        Why the status is not ``OK``.
    accuracy, auroc, mcc : Summary or None
        Over the eval samples.
    validation_accuracy : float or None
        On the validation fold; None for ensembles and language models.
    challenge_accuracy : float or None
        Over the challenge pairs of all samples together; None where there are none.
    challenge_examples, train_examples, eval_examples : int or None
        Examples in all samples together, those of the validation fold counted with train.
    epochs : int or None
        Epochs that the head was trained for; None without a head.
    auprc, brier : Summary or None
        Area under the precision-recall curve, and mean squared error of the probability.
    calibration_error : float or None
        Of the probabilities in all samples together.
    identity_bins : tuple of IdentityBin
        Empty where an example is a single record.
    interval : Interval or None
        Of the mean accuracy.
    note : str or None
        What to know about a score that was not reached in the way that was asked for.
    matched_accuracy : float or None
        Over the eval pairs of the variant of the task whose two classes are equally similar in sequence, all
        samples together; None where the dataset has no such variant.
    matched_examples : int or None
    seed_accuracies : tuple of float
        Mean accuracy of every head of the cell, where several were trained; the first one's is that of
        `accuracy`.
    order_difference : float or None
        Mean absolute difference between the probabilities of an eval pair in its two orders, where pairs are
        scored in both.
    order_flips : float or None
        Share of the eval pairs that the two orders put into different classes.
    unanswered : int or None
        Eval examples to which a language model gave no answer that can be read; they count as wrong. None
        for models that always answer.
    """

    status: str
    reason: str | None = None
    accuracy: Summary | None = None
    auroc: Summary | None = None
    mcc: Summary | None = None
    validation_accuracy: float | None = None
    challenge_accuracy: float | None = None
    challenge_examples: int | None = None
    train_examples: int | None = None
    eval_examples: int | None = None
    epochs: int | None = None
    auprc: Summary | None = None
    brier: Summary | None = None
    calibration_error: float | None = None
    identity_bins: tuple[IdentityBin, ...] = ()
    interval: Interval | None = None
    note: str | None = None
    matched_accuracy: float | None = None
    matched_examples: int | None = None
    seed_accuracies: tuple[float, ...] = ()
    order_difference: float | None = None
    order_flips: float | None = None
    unanswered: int | None = None


@dataclass(frozen=True)
class Comparison:
    """Two models on the same examples of one task.

    Parameters
    ----------
    first, second : str
        Models.
    difference : float
        Mean accuracy of the first over the samples less that of the second.
    low, high : float
        Interval of the difference, from the resamples of the proteins.
    p : float
        Two-sided; not corrected for the number of tasks.
    error : float or None
        Standard error of the difference.
    """

    first: str
    second: str
    difference: float
    low: float
    high: float
    p: float
    error: float | None = None


@dataclass(frozen=True)
class Ensemble:
    """Who votes in the ensembles of one task.

    Parameters
    ----------
    members : tuple of str
    weights : mapping of str to float
        Weights of weighted voting; they add up to 1.
    left_out : mapping of str to str
        Members that have no predictions for the task, and why.
    """

    members: tuple[str, ...]
    weights: Mapping[str, float]
    left_out: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Combination:
    """What the combinations of one task learned from the validation fold.

    Parameters
    ----------
    members : tuple of str
    held_out_examples : int
        Examples of the validation fold that all members have in common.
    picks : mapping of str to int
        How often greedy selection picked each member.
    coefficients : mapping of str to float
        Of the members' log-odds in the stacking regression.
    intercept : float or None
    temperatures : mapping of str to float
        What the log-odds of each member are divided by before voting.
    """

    members: tuple[str, ...]
    held_out_examples: int
    picks: Mapping[str, int]
    coefficients: Mapping[str, float]
    intercept: float | None
    temperatures: Mapping[str, float]


@dataclass(frozen=True)
class Gain:
    """What an encoder adds to an ensemble on one task.

    A member is taken away from the ensemble of the record, any other encoder is added to it.

    Parameters
    ----------
    encoder, ensemble : str
    together, without : float
        Mean accuracy over the samples of the ensemble with the encoder and without it.
    low, high : float
        Interval of the difference, from the resamples of the proteins.
    p : float
        Two-sided; not corrected.
    """

    encoder: str
    ensemble: str
    together: float
    without: float
    low: float
    high: float
    p: float


@dataclass(frozen=True)
class Dropped:
    """Examples of one task that no model is scored on, since an encoder lacks a protein of theirs.

    Parameters
    ----------
    lacking : mapping of str to tuple of str
        By encoder: the accessions without a vector, sorted.
    train, eval : int
        Examples that fell away.
    """

    lacking: Mapping[str, tuple[str, ...]]
    train: int
    eval: int


@dataclass(frozen=True)
class CombinedRecord:
    """A record whose predictions another one was combined from.

    Parameters
    ----------
    name : str
        Of its folder.
    files : mapping of str to str
        SHA-256 by name of the file.
    models : tuple of str
        Those of its models that are in the combined record, sorted.
    versions : mapping of str to str
        Of the software that its numbers depend on.
    """

    name: str
    files: Mapping[str, str]
    models: tuple[str, ...]
    versions: Mapping[str, str]
