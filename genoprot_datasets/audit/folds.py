"""How alike the records of the two folds are."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
from scipy.stats import ks_2samp

__all__ = ["compare_folds"]

_NUMBERS = ("protein_length", "dna_length", "coding_fraction")


def compare_folds(records: pa.Table, fold: np.ndarray) -> dict[str, Any]:
    """Compare what is published of the records of both folds.

    Parameters
    ----------
    records : pyarrow.Table
        With the columns `protein_length`, `dna_length`, `coding_fraction`, `chromosome` and `go_terms`.
    fold : ndarray, shape=(n,), dtype=int64
        0 for train, 1 for eval.

    Returns
    -------
    dict
        Per number the Kolmogorov-Smirnov distance ``ks``, its asymptotic ``p_value`` and both medians; for
        ``chromosome`` and ``go_terms`` the Pearson correlation ``r`` of the shares of records in each fold
        that have a value, over the ``values`` that occur, or None where one fold's shares are all equal.
    """
    train, evaluation = fold == 0, fold == 1
    compared: dict[str, Any] = {}
    for name in _NUMBERS:
        values = records[name].to_numpy()
        test = ks_2samp(values[train], values[evaluation], method="asymp")
        compared[name] = {
            "ks": float(test.statistic),
            "p_value": float(test.pvalue),
            "train_median": float(np.median(values[train])),
            "eval_median": float(np.median(values[evaluation])),
        }
    compared["chromosome"] = _correlation([[value] for value in records["chromosome"].to_pylist()], fold)
    compared["go_terms"] = _correlation(records["go_terms"].to_pylist(), fold)
    return compared


def _correlation(values: list[list[str]], fold: np.ndarray) -> dict[str, Any]:
    counts = [Counter(), Counter()]
    for own, where in zip(values, fold.tolist()):
        counts[where].update(set(own))
    names = sorted(counts[0].keys() | counts[1].keys())
    shares = np.array([[count[name] for name in names] for count in counts], float)
    varied = len(names) > 1 and (np.ptp(shares, axis=1) > 0).all()
    return {"r": float(np.corrcoef(shares)[0, 1]) if varied else None, "values": len(names)}
