"""How well labels are guessed without looking at what the sequences say."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import ks_2samp

from genoprot_datasets.audit.examples import Examples
from genoprot_datasets.balance import auroc
from genoprot_datasets.identity import challenge_threshold

__all__ = ["degree_balance", "held_out_degree_accuracy", "length_aurocs", "threshold_rule_accuracy"]

_HELD_OUT = 5


def degree_balance(examples: Examples, records: int) -> dict[str, Any]:
    """How often records occur among positive and among negative examples.

    Parameters
    ----------
    examples : Examples
    records : int
        Records that positions refer to.

    Returns
    -------
    dict
        For ``positives`` and ``negatives`` the records that occur and the median, 90th percentile and
        maximum of their occurrences; ``ks``, the Kolmogorov-Smirnov distance between the occurrences in
        both classes of all records that occur in one of them.
    """
    counts = np.stack([_occurrences(examples, value, records) for value in (1, 0)])
    counts = counts[:, counts.any(axis=0)]
    balance: dict[str, Any] = {}
    for name, row in zip(("positives", "negatives"), counts):
        middle, high = np.quantile(row[row > 0], [0.5, 0.9])
        balance[name] = {
            "records": int((row > 0).sum()),
            "median": float(middle),
            "p90": float(high),
            "max": int(row.max()),
        }
    return balance | {"ks": float(ks_2samp(*counts, method="asymp").statistic)}


def held_out_degree_accuracy(examples: Examples, records: int) -> float:
    """Accuracy of a rule that knows only how often each record was positive in other examples.

    The examples are split in five by their row. A record's score is the logarithm of its positive over its
    negative occurrences in four of the parts, each plus one; a pair of the fifth is called positive when
    its scores sum to more than 0, and counts half when they sum to 0.

    Parameters
    ----------
    examples : Examples
    records : int

    Returns
    -------
    float
    """
    right = 0.0
    part = np.arange(len(examples.label)) % _HELD_OUT
    occurrences = [[_occurrences(examples, v, records, part == k) for v in (1, 0)] for k in range(_HELD_OUT)]
    whole = np.sum(occurrences, axis=0)
    for k in range(_HELD_OUT):
        positive, negative = whole - occurrences[k]
        score = np.log((positive + 1) / (negative + 1))[examples.members[part == k]].sum(axis=1)
        label = examples.label[part == k]
        right += 0.5 * (score == 0).sum() + ((score > 0) == (label == 1))[score != 0].sum()
    return float(right / len(examples.label))


def threshold_rule_accuracy(train: Examples, evaluation: Examples, amount: np.ndarray) -> float:
    """Accuracy on the eval split of a threshold, learnt on the train split, on the members' summed amounts.

    Parameters
    ----------
    train, evaluation : Examples
    amount : ndarray, shape=(n,)
        Of each record, such as the logarithm of how many terms annotate it.

    Returns
    -------
    float
    """
    learnt = amount[train.members].sum(axis=1)
    asked = amount[evaluation.members].sum(axis=1)
    best = (-1.0, 0.0)
    for sign in (1.0, -1.0):
        threshold = challenge_threshold(sign * learnt, train.label)
        accuracies = [
            float(np.mean((sign * values >= threshold) == (split.label == 1)))
            for values, split in ((learnt, train), (asked, evaluation))
        ]
        best = max(best, tuple(accuracies), key=lambda found: found[0])
    return best[1]


def length_aurocs(examples: Examples, length: np.ndarray) -> dict[str, float]:
    """AUROC of the members' summed log lengths and, for pairs, of how close their lengths are.

    Parameters
    ----------
    examples : Examples
    length : ndarray, shape=(n,)
        Of each record, positive.

    Returns
    -------
    dict
        ``sum``, and ``closeness`` for pairs; 0.5 tells nothing.
    """
    logs = np.log(length)[examples.members]
    found = {"sum": auroc(logs.sum(axis=1), examples.label)}
    if logs.shape[1] == 2:
        found["closeness"] = auroc(-np.abs(logs[:, 0] - logs[:, 1]), examples.label)
    return found


def _occurrences(examples: Examples, value: int, records: int, rows: np.ndarray | None = None) -> np.ndarray:
    chosen = examples.label == value
    if rows is not None:
        chosen &= rows
    return np.bincount(examples.members[chosen].ravel(), minlength=records)
