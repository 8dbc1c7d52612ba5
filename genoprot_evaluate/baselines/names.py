"""Names of the baselines."""

from __future__ import annotations

from collections.abc import Iterable

from genoprot_datasets.errors import GenoProtError, meant

__all__ = ["BASELINES", "PREFIX", "RULES", "baseline_names"]

PREFIX = "baseline:"

BASELINES = {
    f"{PREFIX}majority": "the more frequent class of train",
    f"{PREFIX}random-vectors": "random vectors with the same head",
    f"{PREFIX}length": "logarithms of DNA and protein length with the same head",
    f"{PREFIX}composition": "amino-acid composition with the same head",
    f"{PREFIX}kmer": "frequencies of DNA 4-mers with the same head",
    f"{PREFIX}annotation-count": "logarithm of the number of GO terms with the same head",
    f"{PREFIX}alignment": "threshold on the sequence identity of the pair",
    f"{PREFIX}alignment-transfer": "labels of train examples, transferred from the most similar proteins",
    f"{PREFIX}degree": "number of positive partners in train",
}
"""Titles of the baselines by name, in the order in which they are run."""

RULES = tuple(PREFIX + name for name in ("majority", "alignment", "alignment-transfer", "degree"))
"""Those that have no head."""


def baseline_names(names: Iterable[str]) -> tuple[str, ...]:
    """Full names of baselines, with or without the prefix, in the order of `BASELINES`.

    Raises
    ------
    GenoProtError
        If there is no such baseline.

    Examples
    --------
    >>> baseline_names(["length", "baseline:majority"])
    ('baseline:majority', 'baseline:length')
    """
    wanted = {name if name.startswith(PREFIX) else PREFIX + name for name in names}
    for name in sorted(wanted - set(BASELINES)):
        known = [baseline.removeprefix(PREFIX) for baseline in BASELINES]
        short = name.removeprefix(PREFIX)
        raise GenoProtError(
            f"unknown baseline {short!r}{meant(short, known)}; the baselines are {', '.join(known)}"
        )
    return tuple(name for name in BASELINES if name in wanted)
