"""Transfer by homology: an example gets the labels of train examples between the most similar proteins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from genoprot_datasets.identity import pair_identities
from genoprot_evaluate.baselines.rules import RuleFit, about_threshold, best_threshold

__all__ = [
    "FITTED_TO",
    "KMER",
    "NEIGHBOURS",
    "REFLEXIVE",
    "UNRELATED",
    "Homology",
    "similar_proteins",
    "transfer",
    "transferred_share",
]

NEIGHBOURS = 10
"""Train proteins that each eval protein is aligned to."""

KMER = 4
"""Length of the words by which these are found."""

REFLEXIVE = ("pfam", "subcellular", "anatomical", "function", "pathway", "drug", "disease")
"""Tasks in which a protein and itself are a positive pair: it shares what it has with itself."""

UNRELATED = 0.01
"""Weight of knowing nothing: that of a pair of neighbours with an identity of a tenth, as chance gives it."""

FITTED_TO = 2000
"""Held-out examples that the threshold is fitted to, at most."""

_BLOCK = 512


@dataclass(frozen=True, eq=False)
class Homology:
    """The proteins of a dataset, and the identities that were computed among them.

    Parameters
    ----------
    proteins : mapping of str to str
        Sequence by accession.
    identities : dict
        Identity by the two accessions in order; filled by `nearest`, so that tasks share alignments.
    """

    proteins: Mapping[str, str]
    identities: dict[tuple[str, str], float] = field(default_factory=dict)

    def nearest(self, queries: Sequence[str], targets: Sequence[str]) -> sparse.csr_array:
        """Identity of each query with those targets that share the most words with it, itself left out.

        Parameters
        ----------
        queries, targets : sequence of str
            Accessions.

        Returns
        -------
        scipy.sparse.csr_array, shape=(queries, targets), dtype=float64
            `NEIGHBOURS` entries at most in a row; the identities are those of
            `genoprot_datasets.identity.pair_identities`.
        """
        rows, columns = similar_proteins(
            [self.proteins[name] for name in queries],
            [self.proteins[name] for name in targets],
            NEIGHBOURS + 1,
        )
        others = np.array(queries, dtype=object)[rows] != np.array(targets, dtype=object)[columns]
        rows, columns = rows[others.astype(bool)], columns[others.astype(bool)]
        nearest = np.arange(len(rows)) - np.searchsorted(rows, rows) < NEIGHBOURS
        rows, columns = rows[nearest], columns[nearest]
        # An identity is the same in both orders.
        places = zip(rows.tolist(), columns.tolist())
        pairs = [tuple(sorted((queries[row], targets[column]))) for row, column in places]
        missing = sorted({pair for pair in pairs if pair not in self.identities})
        if missing:
            names = sorted({name for pair in missing for name in pair})
            place = {name: number for number, name in enumerate(names)}
            a, b = np.array([[place[name] for name in pair] for pair in missing]).T
            found = pair_identities([self.proteins[name] for name in names], a, b)
            self.identities.update(zip(missing, found.tolist()))
        values = np.array([self.identities[pair] for pair in pairs], dtype=np.float64)
        return sparse.csr_array((values, (rows, columns)), shape=(len(queries), len(targets)))


def similar_proteins(
    queries: Sequence[str], targets: Sequence[str], count: int = NEIGHBOURS
) -> tuple[np.ndarray, np.ndarray]:
    """The targets that share the most words with each query, without an alignment.

    Words are the distinct `KMER`-mers of a protein; their number in common is divided by the geometric mean
    of the numbers in each. A target without a common word is never taken; of equal ones the first are.

    Returns
    -------
    rows, columns : ndarray, dtype=int64
        Positions of queries and targets, by row and then by falling similarity.

    Examples
    --------
    >>> rows, columns = similar_proteins(["MKTWYVA"], ["GGGGGGG", "MKTWYVV", "TWYVAKK"], count=2)
    >>> columns.tolist()
    [1, 2]
    """
    words = [_words(protein) for protein in (*queries, *targets)]
    vocabulary, places = np.unique(np.concatenate([*words, []]), return_inverse=True)
    sizes = np.array([len(found) for found in words])
    starts = np.concatenate([[0], np.cumsum(sizes)])
    shape = (len(words), len(vocabulary))
    table = sparse.csr_array((np.ones(len(places), dtype=np.int32), places, starts), shape=shape)
    ours, theirs = table[: len(queries)], table[len(queries) :].T.tocsr()
    lengths = np.sqrt(np.maximum(sizes[len(queries) :], 1))
    rows, columns = [], []
    for start in range(0, len(queries), _BLOCK):
        shared = (ours[start : start + _BLOCK] @ theirs).toarray() / lengths
        best = np.argsort(-shared, axis=1, kind="stable")[:, :count]
        row, rank = np.nonzero(np.take_along_axis(shared, best, axis=1))
        rows.append(start + row)
        columns.append(best[row, rank])
    return np.concatenate([*rows, []]).astype(np.int64), np.concatenate([*columns, []]).astype(np.int64)


def transferred_share(
    similarity: sparse.csr_array,
    members: np.ndarray,
    labels: np.ndarray,
    asked: np.ndarray,
    *,
    reflexive: bool,
) -> np.ndarray:
    """Share of class 1 among similar train examples, weighted by similarity.

    A pair (a, b) takes the labels of all train pairs of a neighbour c of a and a neighbour d of b, each
    with the weight identity(a, c) x identity(b, d). A single record a takes the labels of its neighbours c
    with the weight identity(a, c) squared. A label of one half with the weight `UNRELATED` is added, so that
    little evidence says little.

    Parameters
    ----------
    similarity : csr_array, shape=(proteins, train proteins)
    members : ndarray, shape=(m, arity)
        Columns of `similarity` of the train examples.
    labels : ndarray, shape=(m,)
        0 or 1.
    asked : ndarray, shape=(k, arity)
        Rows of `similarity`.
    reflexive : bool
        Whether a protein and itself count as a positive pair of train, so that two neighbours of one
        train protein speak for class 1.

    Returns
    -------
    ndarray, shape=(k,), dtype=float64

    Examples
    --------
    >>> similarity = sparse.csr_array(np.array([[0.8, 0.0], [0.0, 0.5]]))
    >>> pairs, labels = np.array([[0, 1]]), np.array([1])
    >>> transferred_share(similarity, pairs, labels, np.array([[1, 0]]), reflexive=False).round(4).tolist()
    [0.9878]
    """
    sums = []
    for weights in (labels.astype(np.float64), np.ones(len(labels))):
        if members.shape[1] == 1:
            total = np.bincount(members[:, 0], weights=weights, minlength=similarity.shape[1])
            sums.append((similarity.power(2) @ total)[asked[:, 0]])
            continue
        size = similarity.shape[1]
        one, other = members.T
        table = sparse.csr_array((weights, (one, other)), shape=(size, size))
        table = table + table.T
        if reflexive:
            table = table + sparse.eye_array(size, format="csr")
        spread = (similarity @ table).tocsr()
        a, b = asked.T
        sums.append(np.asarray(spread[a].multiply(similarity[b]).sum(axis=1)).reshape(-1))
    positive, weight = sums
    return np.clip((positive + UNRELATED / 2) / (weight + UNRELATED), 0.0, 1.0)


def transfer(
    homology: Homology,
    names: Sequence[str],
    members: np.ndarray,
    labels: np.ndarray,
    fitted: np.ndarray,
    held_out: np.ndarray,
    asked: np.ndarray,
    *,
    reflexive: bool,
) -> RuleFit:
    """Predict class 1 where enough of the similar train examples are of class 1.

    How much is enough is fitted to the examples that are held out of train, `FITTED_TO` of them at most;
    their labels are not transferred.

    Parameters
    ----------
    homology : Homology
    names : sequence of str
        Accessions of the task.
    members : ndarray, shape=(m, arity)
        Positions in `names` of the train examples.
    labels : ndarray, shape=(m,)
        0 or 1.
    fitted, held_out : ndarray, shape=(m,), dtype=bool
    asked : ndarray, shape=(k, arity)
        Positions in `names` of the examples to predict.
    reflexive : bool
        As for `transferred_share`.
    """
    step = max(1, -(-int(held_out.sum()) // FITTED_TO))
    tried = np.flatnonzero(held_out)[::step]
    targets, sources = np.unique(members[fitted], return_inverse=True)
    sources = sources.reshape(-1, members.shape[1])
    shares = []
    for questions in (members[tried], asked):
        queries, places = np.unique(questions, return_inverse=True)
        similarity = homology.nearest([names[q] for q in queries], [names[t] for t in targets])
        places = places.reshape(questions.shape)
        shares.append(transferred_share(similarity, sources, labels[fitted], places, reflexive=reflexive))
    threshold = best_threshold(shares[0], labels[tried])
    silent = int((shares[1] == 0.5).sum())
    note = f"{silent} of {len(asked)} examples have no similar train example" if silent else None
    return RuleFit(about_threshold(threshold, shares[1]), None, note)


def _words(protein: str) -> np.ndarray:
    """Codes of the distinct `KMER`-mers of a protein, rising."""
    letters = np.frombuffer(protein.encode("ascii"), dtype=np.uint8).astype(np.int64)
    if len(letters) < KMER:
        return np.empty(0, dtype=np.int64)
    windows = np.lib.stride_tricks.sliding_window_view(letters, KMER)
    return np.unique(windows @ (128 ** np.arange(KMER)))
