"""One cell of the grid of scores: a model fitted to a task, applied to its eval split, scored."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Protocol

import numpy as np

from genoprot_datasets.errors import GenoProtError, os_failure
from genoprot_datasets.tasks import TASKS
from genoprot_evaluate import baselines
from genoprot_evaluate.evaluation.examples import Split, TaskExamples
from genoprot_evaluate.heads import HeadConfig, divide_examples, one_thread_per_head
from genoprot_evaluate.results import IdentityBin, Score
from genoprot_evaluate.statistics import (
    Summary,
    accuracy,
    auprc,
    auroc,
    brier,
    calibration_error,
    matthews,
    summarise,
)

__all__ = [
    "IDENTITY_EDGES",
    "Cell",
    "Fit",
    "HeldOut",
    "OnEpoch",
    "Watcher",
    "asked_members",
    "divided",
    "fit_rule",
    "mean_accuracy",
    "run_cells",
    "score_fit",
]

IDENTITY_EDGES = (0.0, 0.02, 0.05, 0.1, 0.25, 1.0)
"""Edges of the bins of sequence identity in which accuracy is taken apart, as fractions."""

Cell = tuple[str, str]
"""Task and model."""

OnEpoch = Callable[[int, float], None]
"""Hook of `heads.train_head`: number of the epoch and validation loss."""


class Watcher(Protocol):
    """Is told about cells that are fitted together, from the thread that fits them."""

    def begun(self, cells: Sequence[Cell]) -> None: ...

    def reached(self, cells: Sequence[Cell], epoch: int) -> None: ...

    def ended(self, cells: Sequence[Cell], seconds: float) -> None:
        """Seconds are those of each cell."""


class HeldOut(NamedTuple):
    """What a model says about the validation fold, on which it was stopped but not fitted.

    Parameters
    ----------
    rows : ndarray, shape=(k,), dtype=int64
        Numbers of the examples in the train split, rising.
    probability : ndarray, shape=(k,), dtype=float64
        Of class 1.
    """

    rows: np.ndarray
    probability: np.ndarray


class Fit(NamedTuple):
    """What a model says about the eval examples of a task, or why it says nothing.

    Parameters
    ----------
    status : str
        One of `results.STATUSES`; the arrays are there when it is ``OK``.
    reason : str or None
    probability : ndarray, shape=(eval examples,), dtype=float64, or None
        Of class 1; the score of an ensemble. NaN where there is no answer, None for a model that gives
        answers only.
    predicted : ndarray, shape=(eval examples,), dtype=int8, or None
        The predicted class; -1 where an answer cannot be read.
    validation_accuracy : float or None
    epochs : int or None
    note : str or None
        What the head could not do in the way that was asked for.
    held_out : HeldOut or None
        None for models without a head.
    matched : ndarray, shape=(matched examples,), dtype=float64, or None
        Probability of class 1 for the identity-matched eval examples; None where the task has none, or the
        model gives answers only.
    matched_predicted : ndarray, shape=(matched examples,), dtype=int8, or None
        Classes of the same, -1 where an answer cannot be read; None where they follow from `matched`.
    seed_accuracies : tuple of float
        Mean accuracy over the eval samples of the head of every seed, where there are several.
    by_seed : ndarray, shape=(further seeds, eval examples), dtype=float64, or None
        Probability of class 1 by the heads of all seeds but the first.
    exchanged : ndarray, shape=(eval examples,), dtype=float64, or None
        Probability of class 1 of the pairs with their members exchanged, where pairs are scored in both
        orders; `probability` is the mean of both.
    """

    status: str
    reason: str | None = None
    probability: np.ndarray | None = None
    predicted: np.ndarray | None = None
    validation_accuracy: float | None = None
    epochs: int | None = None
    note: str | None = None
    held_out: HeldOut | None = None
    matched: np.ndarray | None = None
    seed_accuracies: tuple[float, ...] = ()
    by_seed: np.ndarray | None = None
    exchanged: np.ndarray | None = None
    matched_predicted: np.ndarray | None = None

    @property
    def matched_classes(self) -> np.ndarray | None:
        """Class of each identity-matched eval example, -1 for none; None where there are no such examples."""
        if self.matched is None or self.matched_predicted is not None:
            return self.matched_predicted
        return (self.matched > 0.5).astype(np.int8)


def fit_rule(
    examples: TaskExamples, name: str, head: HeadConfig, seed: int, homology: baselines.Homology | None = None
) -> Fit:
    """Fit a baseline without a head, on the same examples that a head is fitted to, and apply it.

    Parameters
    ----------
    examples : TaskExamples
    name : str
        One of `baselines.RULES`.
    head : HeadConfig
    seed : int
    homology : baselines.Homology, optional
        For ``baseline:alignment-transfer``.
    """
    train = examples.train
    if TASKS[examples.task].arity == 1:
        if name == "baseline:alignment":
            return Fit("N/A", "a single record has no sequence identity to another")
        if name == "baseline:degree":
            return Fit("N/A", "a single record has no partners")
    elif name == "baseline:alignment" and train.identity is None:
        return Fit("N/A", "the dataset was built without identities")
    fold = divide_examples(train.members, train.labels, head, seed)
    asked, similarity = asked_members(examples)
    if name == "baseline:alignment":
        rule = baselines.alignment(train.labels, train.identity, fold.fitted, fold.held_out, similarity)
    elif name == "baseline:degree":
        rule = baselines.degree(train.members, train.labels, fold.fitted, fold.held_out, asked)
    elif name == "baseline:alignment-transfer":
        rule = baselines.transfer(
            homology,
            examples.accessions.to_pylist(),
            train.members,
            train.labels,
            fold.fitted,
            fold.held_out,
            asked,
            reflexive=examples.task in baselines.REFLEXIVE,
        )
    else:
        rule = baselines.majority(train.labels, fold.fitted, fold.held_out, len(asked))
    probability, matched = divided(rule.probability, examples)
    predicted = (probability > 0.5).astype(np.int8)
    note = "; ".join(filter(None, (fold.note, rule.note))) or None
    return Fit("OK", None, probability, predicted, rule.validation_accuracy, None, note, matched=matched)


def asked_members(examples: TaskExamples) -> tuple[np.ndarray, np.ndarray | None]:
    """Members and identities of the eval examples, then of the matched ones."""
    if examples.matched is None:
        return examples.eval.members, examples.eval.identity
    both = (examples.eval, examples.matched)
    return np.concatenate([s.members for s in both]), np.concatenate([s.identity for s in both])


def divided(probability: np.ndarray, examples: TaskExamples) -> tuple[np.ndarray, np.ndarray | None]:
    """Probabilities of the eval examples and of the matched ones, from those of `asked_members`."""
    count = len(examples.eval)
    return probability[:count], None if examples.matched is None else probability[count:]


def run_cells(
    jobs: Sequence[Sequence[Cell]],
    fit: Callable[[Sequence[Cell], OnEpoch], list[Fit]],
    *,
    workers: int | None = None,
    watcher: Watcher | None = None,
) -> Iterator[tuple[Cell, Fit, float]]:
    """Fit cells side by side, one core each; one that fails is a result with a reason.

    Parameters
    ----------
    jobs : sequence of sequence of (task, model)
        Cells that are fitted in one call.
    fit : callable
        Takes the cells of a job and a hook that it calls after each epoch; through it a run that is
        interrupted ends without waiting for heads in training.
    workers : int, optional
        Jobs at once; as many as torch has threads when left out.
    watcher : Watcher, optional
        Is told of each job that begins, of its epochs, and of its end.

    Yields
    ------
    tuple
        The cell, its fit and its share of the seconds that its job took, in the order of `jobs`.
    """
    interrupted = threading.Event()

    def one(job: Sequence[Cell]) -> list[tuple[Cell, Fit, float]]:
        def on_epoch(epoch: int, loss: float) -> None:
            if interrupted.is_set():
                raise KeyboardInterrupt
            if watcher is not None:
                watcher.reached(job, epoch)

        if watcher is not None:
            watcher.begun(job)
        started = time.perf_counter()
        try:
            found = fit(job, on_epoch)
        except GenoProtError as error:
            found = [Fit("ERROR", str(error))] * len(job)
        except Exception as error:  # a cell may fail in any way; the others go on
            if isinstance(error, OSError) and os_failure(error) is not None:
                raise  # they would fail as well
            found = [Fit("ERROR", " ".join(f"{type(error).__name__}: {error}".split()))] * len(job)
        seconds = (time.perf_counter() - started) / len(job)
        if watcher is not None:
            watcher.ended(job, seconds)
        return [(cell, one, seconds) for cell, one in zip(job, found)]

    with one_thread_per_head() as threads, ThreadPoolExecutor(workers or threads) as pool:
        try:
            for done in pool.map(one, jobs):
                yield from done
        finally:
            interrupted.set()


def score_fit(examples: TaskExamples | None, fit: Fit) -> Score:
    """Score the predictions of a model against the eval split; without examples there are none."""
    if fit.status != "OK" or examples is None:
        return Score(fit.status, fit.reason)
    test = examples.eval
    graded = fit.probability is not None
    # An example without an answer counts as answered wrongly, whichever its class; where a probability is
    # judged, as one of which the model knows nothing.
    silent = fit.predicted < 0
    predicted = np.where(silent, 1 - test.labels, fit.predicted)
    probability = np.where(silent, 0.5, fit.probability) if graded else None

    def over_samples(statistic: Callable[..., float | None], values: np.ndarray) -> Summary:
        samples = (test.sample == sample for sample in np.unique(test.sample))
        return summarise([statistic(test.labels[rows], values[rows]) for rows in samples])

    difference, flips = _order(fit)
    classes = fit.matched_classes
    matched = None if classes is None else examples.matched
    challenge = np.zeros(len(test), dtype=bool) if test.challenge is None else test.challenge
    return Score(
        status="OK",
        accuracy=over_samples(accuracy, predicted),
        auroc=over_samples(auroc, probability) if graded else None,
        mcc=over_samples(matthews, predicted),
        validation_accuracy=fit.validation_accuracy,
        challenge_accuracy=accuracy(test.labels[challenge], predicted[challenge]),
        challenge_examples=int(challenge.sum()),
        train_examples=len(examples.train),
        eval_examples=len(test),
        epochs=fit.epochs,
        auprc=over_samples(auprc, probability) if graded else None,
        brier=over_samples(brier, probability) if graded else None,
        calibration_error=calibration_error(test.labels, probability) if graded else None,
        identity_bins=_identity_bins(test, predicted),
        note=fit.note,
        matched_accuracy=None if matched is None else accuracy(matched.labels, classes),
        matched_examples=None if matched is None else len(matched),
        seed_accuracies=fit.seed_accuracies,
        order_difference=difference,
        order_flips=flips,
        unanswered=None if graded and not silent.any() else int(silent.sum()),
    )


def _order(fit: Fit) -> tuple[float | None, float | None]:
    """How far apart the two orders of a pair are, and how often they are of different classes."""
    if fit.exchanged is None:
        return None, None
    given = 2 * fit.probability - fit.exchanged
    return float(np.abs(given - fit.exchanged).mean()), float(((given > 0.5) != (fit.exchanged > 0.5)).mean())


def mean_accuracy(test: Split, probability: np.ndarray) -> float:
    """Mean over the eval samples of the accuracy of probabilities."""
    samples = (test.sample == sample for sample in np.unique(test.sample))
    return summarise([accuracy(test.labels[rows], probability[rows] > 0.5) for rows in samples]).mean


def _identity_bins(test: Split, predicted: np.ndarray) -> tuple[IdentityBin, ...]:
    """Accuracy by identity; a bin holds its lower edge, the last one both."""
    if test.identity is None:
        return ()
    # As float32, like the identities: 1/50 is kept as a little less than 0.02.
    edges = np.array(IDENTITY_EDGES[1:-1], dtype=test.identity.dtype)
    place = np.searchsorted(edges, test.identity, side="right")
    bins = []
    for number, (low, high) in enumerate(zip(IDENTITY_EDGES, IDENTITY_EDGES[1:])):
        rows = place == number
        bins.append(IdentityBin(low, high, int(rows.sum()), accuracy(test.labels[rows], predicted[rows])))
    return tuple(bins)
