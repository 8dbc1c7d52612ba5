"""DepMap's gene effects, averaged over the cell lines of one disease."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genoprot_datasets.errors import SourceError
from genoprot_datasets.sources.tables import columns_of, iter_rows

__all__ = ["GeneEffects", "read_gene_effects"]

_GENE_COLUMN = re.compile(r".+ \((\w+)\)")


@dataclass(frozen=True)
class GeneEffects:
    """Mean gene effects over some cell lines.

    Attributes
    ----------
    means : dict of str to float
        Mean effect by Entrez gene id. A gene without a value in any of the lines is not in it.
    lines : int
        Cell lines that have effects.
    """

    means: dict[str, float]
    lines: int


def read_gene_effects(
    effects: str | Path,
    models: str | Path,
    *,
    lineage: str = "Skin",
    disease: str = "Melanoma",
    subtype: str | None = None,
) -> GeneEffects:
    """Mean gene effect over the cell lines of a disease; empty cells are left out of the mean.

    Parameters
    ----------
    effects : str or Path
        ``CRISPRGeneEffect.csv``: one line per model, one column per gene, headed ``SYMBOL (Entrez id)``.
    models : str or Path
        ``Model.csv``, with ``ModelID``, ``OncotreeLineage`` and ``OncotreePrimaryDisease``.
    lineage, disease : str
        Exact values of the last two columns.
    subtype : str, optional
        Exact value of ``OncotreeSubtype``; any will do when left out.

    Returns
    -------
    GeneEffects

    Raises
    ------
    SourceError
        If a file is malformed, or no line of the disease has effects.
    """
    kind = {"OncotreeLineage": lineage, "OncotreePrimaryDisease": disease}
    if subtype is not None:
        kind["OncotreeSubtype"] = subtype
    known, wanted = _models_of(models, kind)
    rows = iter_rows(effects, ",", quoted=True)
    line, header = next(rows, (1, []))
    genes = _gene_ids(effects, header, line)
    values: dict[str, np.ndarray] = {}
    seen: set[str] = set()
    for line, fields in rows:
        model = fields[0]
        if model in seen:
            raise SourceError(effects, "second row of this model", line=line, record=model)
        seen.add(model)
        if model not in known:
            message = f"model that {Path(models).name} does not have; both files must be of one release"
            raise SourceError(effects, message, line=line, record=model)
        if model not in wanted:
            continue
        values[model] = _effects(effects, fields, line)
    if not seen & wanted:
        sought = ", ".join(kind.values())
        raise SourceError(effects, f"no row of a model with {sought} in {Path(models).name}")
    sums = np.zeros(len(genes))
    counts = np.zeros(len(genes), dtype=np.int64)
    # The last digits of a sum depend on the order, which must not be that of the rows.
    for model in sorted(values):
        present = ~np.isnan(values[model])
        sums[present] += values[model][present]
        counts += present
    means = {
        gene: float(total / count)
        for gene, total, count in zip(genes, sums, counts, strict=True)
        if gene is not None and count
    }
    return GeneEffects(means, len(seen & wanted))


def _models_of(path: str | Path, kind: Mapping[str, str]) -> tuple[set[str], set[str]]:
    """Every model, and those whose columns have these values."""
    rows = iter_rows(path, ",", quoted=True)
    line, header = next(rows, (1, []))
    model, *columns = columns_of(path, header, ("ModelID", *kind), line=line)
    values = list(kind.values())
    known: set[str] = set()
    found: set[str] = set()
    for line, fields in rows:
        name = fields[model]
        if not name or not name.isprintable():
            raise SourceError(path, f"model is {name!r}, expected a ModelID", line=line)
        if name in known:
            raise SourceError(path, "second row of this model", line=line, record=name)
        known.add(name)
        if [fields[column] for column in columns] == values:
            found.add(name)
    if not found:
        sought = ", ".join(f"{name} {value}" for name, value in kind.items())
        raise SourceError(path, f"no model of {sought}")
    return known, found


def _gene_ids(path: str | Path, header: list[str], line: int) -> list[str | None]:
    """Entrez id per column after the first; None where DepMap does not know it."""
    if len(header) < 2:
        raise SourceError(path, "no gene column; expected a model column and one column per gene", line=line)
    genes: list[str | None] = []
    for title in header[1:]:
        match = _GENE_COLUMN.fullmatch(title)
        if match is None:
            raise SourceError(path, f"column {title!r}; expected 'SYMBOL (Entrez id)'", line=line)
        genes.append(match[1] if match[1].isdecimal() else None)
    known = [gene for gene in genes if gene is not None]
    if len(set(known)) < len(known):
        twice = next(gene for gene in known if known.count(gene) > 1)
        raise SourceError(path, f"gene {twice} has two columns", line=line)
    return genes


def _effects(path: str | Path, fields: list[str], line: int) -> np.ndarray:
    values = np.empty(len(fields) - 1)
    for column, text in enumerate(fields[1:]):
        try:
            values[column] = _number(text) if text else math.nan
        except ValueError:
            raise SourceError(path, f"{text!r} is no number", line=line, record=fields[0]) from None
    return values


def _number(text: str) -> float:
    """Finite number; Python itself also takes underscores, other scripts' digits, blanks and ``nan``."""
    number = float(text)
    if not math.isfinite(number) or not text.isascii() or "_" in text or text != text.strip():
        raise ValueError(text)
    return number
