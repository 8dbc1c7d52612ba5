"""Transfer by homology: an example gets the labels of train examples between the most similar proteins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from genoprot_datasets.identity import pair_identities
from genoprot_evaluate.baselines.rules import RuleFit

__all__ = ["KMER", "NEIGHBOURS", "REFLEXIVE", "Homology", "similar_proteins", "transfer_labels"]

NEIGHBOURS = 10
"""Train proteins that each eval protein is aligned to."""

KMER = 4
"""Length of the words by which these are found."""

REFLEXIVE = ("pfam", "subcellular", "anatomical", "function", "pathway", "drug", "disease")
"""Tasks in which a protein and itself are a positive pair: it shares what it has with itself."""

_BLOCK = 512


@dataclass(frozen=True, eq=False)
class Homology:
    """The proteins of a dataset, and the identities that were computed among them.

    Parameters
    ----------
    proteins : mapping of str to str
        Sequence by accession.
    identities : dict
        Identity by the two accessions; filled by `nearest`, so that tasks share alignments.
    """

    proteins: Mapping[str, str]
    identities: dict[tuple[str, str], float] = field(default_factory=dict)

    def nearest(self, queries: Sequence[str], targets: Sequence[str]) -> sparse.csr_array:
        """Identity of each query with those targets that share the most words with it.

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
            [self.proteins[name] for name in queries], [self.proteins[name] for name in targets]
        )
        pairs = [(queries[row], targets[column]) for row, column in zip(rows.tolist(), columns.tolist())]
        missing = [pair for pair in pairs if pair not in self.identities]
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


def transfer_labels(
    similarity: sparse.csr_array,
    members: np.ndarray,
    labels: np.ndarray,
    eval_members: np.ndarray,
    *,
    reflexive: bool,
) -> RuleFit:
    """Predict the label of similar train examples: a mean weighted by similarity.

    An eval pair (a, b) takes the labels of all train pairs of a neighbour c of a and a neighbour d of b,
    each with the weight identity(a, c) x identity(b, d). A single record a takes the labels of its
    neighbours c with the weight identity(a, c) squared.

    Parameters
    ----------
    similarity : csr_array, shape=(eval proteins, train proteins)
    members : ndarray, shape=(m, arity)
        Columns of `similarity` of the train examples.
    labels : ndarray, shape=(m,)
        0 or 1.
    eval_members : ndarray, shape=(eval examples, arity)
        Rows of `similarity`.
    reflexive : bool
        Whether a protein and itself count as a positive pair of train, so that two neighbours of one
        train protein speak for class 1.

    Returns
    -------
    RuleFit
        Where no neighbours are in a train example together, the share of class 1 in train.

    Examples
    --------
    >>> similarity = sparse.csr_array(np.array([[0.8, 0.0], [0.0, 0.5]]))
    >>> pairs, labels = np.array([[0, 1], [0, 1]]), np.array([1, 1])
    >>> transfer_labels(similarity, pairs, labels, np.array([[1, 0]]), reflexive=False).probability.tolist()
    [1.0]
    """
    sums = []
    for weights in (labels.astype(np.float64), np.ones(len(labels))):
        if members.shape[1] == 1:
            total = np.bincount(members[:, 0], weights=weights, minlength=similarity.shape[1])
            sums.append((similarity.power(2) @ total)[eval_members[:, 0]])
            continue
        size = similarity.shape[1]
        one, other = members.T
        table = sparse.csr_array((weights, (one, other)), shape=(size, size))
        table = table + table.T
        if reflexive:
            table = table + sparse.eye_array(size, format="csr")
        spread = (similarity @ table).tocsr()
        a, b = eval_members.T
        sums.append(np.asarray(spread[a].multiply(similarity[b]).sum(axis=1)).reshape(-1))
    positive, weight = sums
    probability = np.full(len(eval_members), float(labels.mean()))
    found = weight > 0
    probability[found] = np.clip(positive[found] / weight[found], 0.0, 1.0)
    silent = int((~found).sum())
    note = f"{silent} of {len(found)} eval examples have no neighbours in a train example" if silent else None
    return RuleFit(probability, None, note)


def _words(protein: str) -> np.ndarray:
    """Codes of the distinct `KMER`-mers of a protein, rising."""
    letters = np.frombuffer(protein.encode("ascii"), dtype=np.uint8).astype(np.int64)
    if len(letters) < KMER:
        return np.empty(0, dtype=np.int64)
    windows = np.lib.stride_tricks.sliding_window_view(letters, KMER)
    return np.unique(windows @ (128 ** np.arange(KMER)))
