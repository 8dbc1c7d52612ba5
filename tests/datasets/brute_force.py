"""Plain counts that share no code with the package."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np


def similarities(terms: Sequence[Collection[str]], vectors: Mapping[str, Sequence[float]]) -> np.ndarray:
    """Modified Hausdorff similarity of every two sets of terms, float64.

    Row by row: the best cosine of every term to one set, then its mean over each other set.
    """
    names = sorted(vectors)
    row_of = {name: k for k, name in enumerate(names)}
    matrix = np.array([vectors[name] for name in names], np.float64)
    matrix /= np.sqrt((matrix**2).sum(axis=1))[:, None]
    rows = [sorted(row_of[term] for term in own if term in row_of) for own in terms]
    starts = np.cumsum([0, *(len(own) for own in rows[:-1])])
    flat, sizes = np.concatenate(rows), np.array([len(own) for own in rows])
    means = np.empty((len(rows), len(rows)))
    for k, own in enumerate(rows):
        means[k] = np.add.reduceat((matrix[own] @ matrix.T).max(axis=0)[flat], starts) / sizes
    return np.minimum(means, means.T)


def check_function(published, fold: str, terms_of: Mapping[str, Collection[str]]) -> None:
    """Compare the labels and counts of `function` of one fold with similarities of all its pairs.

    Within 2e-6 of the median a pair may have either label, since the builder rounds cosines and means.
    """
    table = published.sequences(["accession", "fold"]).to_pydict()
    members = [a for a, held in zip(table["accession"], table["fold"]) if held == fold]
    vectors = {row["term"]: row["vector"] for row in published.terms(fold).to_pylist() if row["vector"]}
    members = [a for a in members if terms_of[a] & vectors.keys()]
    found = similarities([terms_of[a] for a in members], vectors)
    pairs = found[np.triu_indices(len(members), 1)]
    facts = published.manifest["tasks"]["function"][fold]
    assert facts["records_annotated"] == len(members)
    assert facts["positives_available"] + facts["negatives_available"] == len(pairs)
    median = np.sort(pairs)[(len(pairs) - 1) // 2]
    assert abs(facts["similarity_threshold"] - median) < 2e-6
    surely, perhaps = ((pairs > median + shift).sum() for shift in (2e-6, -2e-6))
    assert surely <= facts["positives_available"] <= perhaps
    place = {accession: k for k, accession in enumerate(members)}
    for row in published.task("function", fold).to_pylist():
        value = found[place[row["accession_a"]], place[row["accession_b"]]]
        assert abs(value - median) < 2e-6 or (value > median) == row["label"]
