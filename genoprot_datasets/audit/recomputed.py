"""Labels of `ppi` and `function` computed again from the published interactions and vectors of terms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from genoprot_datasets.audit.counts import COUNTS, told_counts
from genoprot_datasets.audit.examples import Check, Examples
from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.files import sha256_of
from genoprot_datasets.published import PublishedDataset, split_path
from genoprot_datasets.relations import FunctionSimilarity
from genoprot_datasets.schema import FOLDS, INTERACTIONS_CONFIG, TERMS_CONFIG
from genoprot_datasets.sources.vectors import read_term_vectors

__all__ = ["check_interactions", "check_similarities", "not_recomputed", "read_given_vectors"]

_MARGIN = 2.0**-19
"""Distance from the median within which a pair may have either label: two steps of the builder's rounding."""


def read_given_vectors(
    published: PublishedDataset, path: str | Path | None
) -> dict[int, dict[str, np.ndarray]]:
    """Vectors of terms from a file that the folder was built with and does not hold.

    Parameters
    ----------
    published : PublishedDataset
    path : str, Path or None

    Returns
    -------
    dict of int to dict of str to ndarray
        By taxon id of the species that were built with it, and term; empty without a file.

    Raises
    ------
    GenoProtError
        If it is not the file that the manifest names by its checksum, or cannot be read.
    """
    if path is None:
        return {}
    if not Path(path).is_file():
        raise GenoProtError(f"{path}: no such file; expected vectors of Gene Ontology terms")
    found = sha256_of(path)
    wanted = {taxon: _origin(part).get("sha256") for taxon, part in _with(published, TERMS_CONFIG).items()}
    if found not in wanted.values():
        raise GenoProtError(f"{path}: not a file of vectors that {published.name} was built with")
    vectors = dict(zip(*read_term_vectors(path)))
    return {taxon: vectors for taxon, checksum in wanted.items() if checksum == found}


def not_recomputed(
    published: PublishedDataset, given: Mapping[int, Mapping[str, np.ndarray]]
) -> Iterator[str]:
    """Tasks whose labels cannot be computed again from this folder, each with the reason."""
    for task, config in (("ppi", INTERACTIONS_CONFIG), ("function", TERMS_CONFIG)):
        for taxon, part in _parts(published).items():
            if task not in part["tasks"]:
                continue
            where = f"{task} of {part['species']['title']}"
            if taxon not in _with(published, config):
                yield f"{where}: built before the configuration {config} was published"
            elif task == "function" and (name := _origin(part).get("file")) and taxon not in given:
                yield f"{where}: the vectors of terms come from {name}; give it by --go-vectors"


def check_interactions(
    published: PublishedDataset,
    examples: Sequence[Examples],
    accessions: pa.Array,
    fold: np.ndarray,
    species: np.ndarray,
    partners: np.ndarray,
) -> Iterator[Check]:
    """Compare the labels of `ppi` with the published interactions, and these with the manifest.

    Parameters
    ----------
    published : PublishedDataset
    examples : sequence of Examples
        Every split of `ppi` and of its identity-matched variant.
    accessions : pyarrow.Array of string, length n
    fold, species : ndarray, shape=(n,), dtype=int64
        Fold and taxon id of each record.
    partners : ndarray, shape=(n,), dtype=float64
        Number of interactions of each record by its attributes; NaN where none were looked for.

    Yields
    ------
    Check
        Nothing about species that were built before the table was published.
    """
    n, parts = len(accessions), _with(published, INTERACTIONS_CONFIG)
    if not parts:
        return
    listed = {}
    for split in FOLDS:
        table = published.interactions(split)
        members = np.stack(
            [
                pc.fill_null(pc.index_in(table[column], value_set=accessions), -1).to_numpy()
                for column in ("accession_a", "accession_b")
            ],
            axis=1,
        ).astype(np.int64)
        where = f"{INTERACTIONS_CONFIG}/{split}"
        taxa = table["species"].to_numpy()
        own = ((members >= 0) & (fold[members] == FOLDS.index(split))).all(axis=1)
        foreign = int((~own | (species[members] != taxa[:, None]).any(axis=1)).sum())
        codes = members[:, 0] * n + members[:, 1]
        twice = len(codes) - len(np.unique(codes)) + int((members[:, 0] >= members[:, 1]).sum())
        yield Check(
            f"{where}: pairs of records of the fold and species, each once in the order of the accessions",
            not foreign and not twice,
            f"{foreign:,} of others, {twice:,} repeated or turned around",
        )
        found, stated = [], []
        for taxon, part in parts.items():
            annotated = int(((fold == FOLDS.index(split)) & (species == taxon) & ~np.isnan(partners)).sum())
            positives = int((taxa == taxon).sum())
            found.append([annotated, positives, annotated * (annotated - 1) // 2 - positives])
            stated.append([part["tasks"]["ppi"][split][count] for count in COUNTS])
        yield told_counts(f"ppi/{split}", found, stated)
        degree = np.bincount(members[own].ravel(), minlength=n)
        more = int((degree > np.nan_to_num(partners)).sum())
        yield Check(f"{where}: no record has more than its attributes count", not more, f"{more:,} have")
        listed[split] = codes
    for examined in examples:
        checked = np.isin(species[examined.members[:, 0]], list(parts))
        ordered = np.sort(examined.members, axis=1)
        reported = np.isin(ordered[:, 0] * n + ordered[:, 1], listed[examined.split])
        wrong = int(((reported != (examined.label == 1)) & checked).sum())
        yield _follows(examined, "interactions", wrong, checked)


def check_similarities(
    published: PublishedDataset,
    examples: Sequence[Examples],
    fold: np.ndarray,
    species: np.ndarray,
    terms: Sequence[Sequence[str]],
    given: Mapping[int, Mapping[str, np.ndarray]],
) -> Iterator[Check]:
    """Compare the labels of `function` with similarities, and their medians with the stated thresholds.

    The similarities of the examples are computed pair by pair in double precision; the median is that of
    all pairs of the fold.

    Parameters
    ----------
    published : PublishedDataset
    examples : sequence of Examples
        Every split of `function` and of its identity-matched variant.
    fold, species : ndarray, shape=(n,), dtype=int64
    terms : sequence of sequences of str, length n
        Terms of each record, as published.
    given : mapping
        From `read_given_vectors`.

    Yields
    ------
    Check
        Nothing about species whose vectors are not at hand.
    """
    for number, split in enumerate(FOLDS):
        table = published.terms(split)
        own = [examined for examined in examples if examined.split == split]
        if not len(table) or not own:
            continue
        above = [np.full(len(examined.label), np.nan) for examined in own]
        for taxon, part in _with(published, TERMS_CONFIG).items():
            if "file" in _origin(part) and taxon not in given:
                continue
            rows = table.filter(pc.equal(table["species"], taxon))
            units, place = _unit_vectors(rows, given.get(taxon))
            members = np.flatnonzero((fold == number) & (species == taxon))
            lost = len(set().union(*(terms[k] for k in members)) - place.keys())
            where = f"{TERMS_CONFIG}/{split}" + _suffix(published, part)
            yield Check(f"{where}: every term of the records is there", not lost, f"{lost:,} are not")
            sets: dict[int, list[int]] = {}
            for k in members.tolist():
                found = {place.get(term, -1) for term in terms[k]} - {-1}
                if found:
                    sets[k] = sorted(found)
            facts = part["tasks"]["function"][split]
            pairs = len(sets) * (len(sets) - 1) // 2
            compared = facts["positives_available"] + facts["negatives_available"]
            yield Check(
                f"function/{split}{_suffix(published, part)}: as many pairs exist as the manifest says",
                pairs == compared and len(sets) == facts["records_annotated"],
                f"{len(sets):,} annotated records, {pairs:,} pairs",
            )
            stated = facts["similarity_threshold"]
            relation = FunctionSimilarity(units, list(sets.values()))
            median = relation.threshold(np.arange(len(sets)))
            yield Check(
                f"function/{split}{_suffix(published, part)}: the threshold is the median over all pairs",
                abs(median - stated) <= _MARGIN,
                f"{median:.6f}, the manifest states {stated:.6f}",
            )
            for examined, excess in zip(own, above):
                concerned = np.flatnonzero(species[examined.members[:, 0]] == taxon)
                excess[concerned] = _similarities(units, sets, examined.members[concerned]) - stated
        for examined, excess in zip(own, above):
            checked = ~np.isnan(excess)
            if checked.any():
                clear = np.abs(np.nan_to_num(excess)) > _MARGIN
                wrong = int((((excess > 0) != (examined.label == 1)) & clear & checked).sum())
                yield _follows(examined, "vectors of the terms", wrong, checked)


def _follows(examined: Examples, what: str, wrong: int, checked: np.ndarray) -> Check:
    detail = f"{wrong:,} do not" + ("" if checked.all() else f", {int((~checked).sum()):,} were not compared")
    return Check(f"{examined.config}/{examined.split}: labels follow from the {what}", not wrong, detail)


def _similarities(units: np.ndarray, sets: Mapping[int, Sequence[int]], pairs: np.ndarray) -> np.ndarray:
    """Similarity of each pair by the definition; 0 where a record has no term with a vector."""
    ordered, place = np.unique(np.sort(pairs, axis=1), axis=0, return_inverse=True)
    found = np.zeros(len(ordered))
    for k, (a, b) in enumerate(ordered.tolist()):
        if a in sets and b in sets:
            cosines = units[sets[a]] @ units[sets[b]].T
            found[k] = min(cosines.max(axis=1).mean(), cosines.max(axis=0).mean())
    return found[place.ravel()]


def _unit_vectors(
    rows: pa.Table, given: Mapping[str, np.ndarray] | None
) -> tuple[np.ndarray, dict[str, int]]:
    """Unit vectors of the terms that have one, float64, and the row of each term; -1 for one without."""
    vectors: dict[str, np.ndarray] = {}
    for primary, vector in zip(rows["primary"].to_pylist(), rows["vector"]):
        if given is None and vector.is_valid:
            vectors[primary] = vector.values.to_numpy()
        elif given is not None and primary in given:
            vectors[primary] = given[primary]
    place = {primary: k for k, primary in enumerate(vectors)}
    stacked = np.stack(list(vectors.values())).astype(np.float64) if vectors else np.zeros((0, 1))
    norms = np.linalg.norm(stacked, axis=1, keepdims=True)
    names = zip(rows["term"].to_pylist(), rows["primary"].to_pylist())
    return stacked / np.where(norms > 0, norms, 1.0), {
        term: place.get(primary, -1) for term, primary in names
    }


def _parts(published: PublishedDataset) -> dict[int, Mapping[str, Any]]:
    """Manifest of each species by taxon id."""
    parts = published.manifest.get("parts", {"": published.manifest}).values()
    return {part["species"]["taxon"]: part for part in parts}


def _with(published: PublishedDataset, config: str) -> dict[int, Mapping[str, Any]]:
    """Those that have a configuration."""
    path = split_path(config, FOLDS[0])
    return {taxon: part for taxon, part in _parts(published).items() if path in part["files"]}


def _origin(part: Mapping[str, Any]) -> Mapping[str, Any]:
    return part["tasks"]["function"]["labels"]["vectors"]


def _suffix(published: PublishedDataset, part: Mapping[str, Any]) -> str:
    return f" of {part['species']['title']}" if published.has_several_species else ""
