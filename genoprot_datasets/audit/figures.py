"""What the paper's Figure 4 shows of the records."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

__all__ = ["sequence_features"]

_BINS = 20


def sequence_features(records: pa.Table) -> dict[str, Any]:
    """Distributions of lengths without outliers, and of the coding fraction.

    Parameters
    ----------
    records : pyarrow.Table
        With the columns `dna_length`, `protein_length` and `coding_fraction`.

    Returns
    -------
    dict
        For ``dna_length`` and ``protein_length`` the quartiles ``q1``, ``median`` and ``q3``, the lowest and
        highest value within 1.5 interquartile ranges of the quartiles (Tukey's rule), the number of
        ``outliers`` beyond and ``density``, the counts of the rest in 20 equal bins; for
        ``coding_fraction`` ``median`` and ``counts`` in 20 bins from 0 to 1.
    """
    found: dict[str, Any] = {"records": records.num_rows}
    for name in ("dna_length", "protein_length"):
        values = records[name].to_numpy()
        low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
        reach = 1.5 * (high - low)
        inside = values[(values >= low - reach) & (values <= high + reach)]
        counts, _ = np.histogram(inside, bins=_BINS)
        found[name] = {
            "q1": float(low),
            "median": float(middle),
            "q3": float(high),
            "lowest": int(inside.min()),
            "highest": int(inside.max()),
            "outliers": len(values) - len(inside),
            "density": counts.tolist(),
        }
    fractions = records["coding_fraction"].to_numpy()
    counts, _ = np.histogram(fractions, bins=_BINS, range=(0.0, 1.0))
    return found | {"coding_fraction": {"median": float(np.median(fractions)), "counts": counts.tolist()}}
