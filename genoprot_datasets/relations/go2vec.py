"""Vectors of Gene Ontology terms by node2vec on the graph of terms and annotations."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass

import numpy as np
from scipy import sparse

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.seeding import generator

__all__ = ["Go2VecConfig", "train_term_vectors"]


@dataclass(frozen=True)
class Go2VecConfig:
    """Settings of the walks and of the skip-gram model.

    The dimension is that of the term vectors which the authors of GO2Vec published with their code; the
    rest are the defaults of the reference implementation of node2vec.

    Parameters
    ----------
    dimension : int
        Length of the vectors.
    walk_length : int
        Nodes of a walk.
    walks_per_node : int
        Walks that start at each node.
    window : int
        Largest distance along a walk at which two nodes are each other's context.
    p, q : float
        node2vec's return and in-out parameters, positive; with both 1 the walks are uniform.
    epochs : int
        Passes over the walks.

    Raises
    ------
    GenoProtError
        If a setting is not positive.
    """

    dimension: int = 100
    walk_length: int = 80
    walks_per_node: int = 10
    window: int = 10
    p: float = 1.0
    q: float = 1.0
    epochs: int = 1

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not value > 0:
                raise GenoProtError(f"GO2Vec: {name} is {value}, expected more than 0")


def train_term_vectors(
    edges: Iterable[tuple[str, str]],
    annotations: Mapping[str, Collection[str]],
    config: Go2VecConfig,
    seed: int,
) -> tuple[list[str], np.ndarray]:
    """Train vectors of the annotated terms and their ancestors.

    The graph is undirected. Its nodes are the proteins, the terms they are annotated with and all
    ancestors of these; its edges are the annotations and the ontology's edges among those terms. Terms of
    which no descendant is annotated, most of the Gene Ontology, are left out.

    The same input gives the same bytes, whatever its order, Python's hash seed and the processor; see
    `skip_gram.train_skip_gram`.

    Parameters
    ----------
    edges : iterable of (str, str)
        Child and parent term of each ontology edge (``is_a``, ``part_of``).
    annotations : mapping of str to collection of str
        Terms of each protein.
    config : Go2VecConfig
    seed : int
        Seed of the run.

    Returns
    -------
    terms : list of str
        Sorted.
    vectors : ndarray, shape=(len(terms), config.dimension), dtype=float32

    Raises
    ------
    GenoProtError
        If no protein has a term.

    References
    ----------
    Zhong, Kaalia and Rajapakse, BMC Genomics 20:918 (2019). Grover and Leskovec, "node2vec: scalable
    feature learning for networks", KDD 2016.
    """
    from genoprot_datasets.relations.skip_gram import train_skip_gram

    graph, terms = _graph(edges, annotations)
    walks = _walks(graph, config, generator(seed, "go2vec", "walks"))
    vectors = train_skip_gram(
        walks,
        graph.shape[0],
        config.dimension,
        config.window,
        config.epochs,
        generator(seed, "go2vec", "skip-gram"),
    )
    return terms, vectors[: len(terms)].copy()


def _graph(
    edges: Iterable[tuple[str, str]], annotations: Mapping[str, Collection[str]]
) -> tuple[sparse.csr_matrix, list[str]]:
    """Undirected graph as a sorted adjacency matrix; terms are the first nodes, then come the proteins."""
    proteins = sorted(protein for protein, labels in annotations.items() if labels)
    if not proteins:
        raise GenoProtError("GO2Vec: no protein has a Gene Ontology term")
    parents: dict[str, set[str]] = {}
    for child, parent in edges:
        parents.setdefault(child, set()).add(parent)
    kept = set().union(*(annotations[protein] for protein in proteins))
    frontier = list(kept)
    while frontier:
        above = parents.get(frontier.pop(), set()) - kept
        kept |= above
        frontier.extend(above)

    terms = sorted(kept)
    number = {term: k for k, term in enumerate(terms)}
    pairs = [(number[term], number[parent]) for term in terms for parent in sorted(parents.get(term, ()))]
    for k, protein in enumerate(proteins):
        pairs += [(number[term], len(terms) + k) for term in sorted(set(annotations[protein]))]
    left, right = np.array(pairs, np.int64).T
    size = len(terms) + len(proteins)
    one_way = sparse.coo_matrix((np.ones(len(left), bool), (left, right)), shape=(size, size))
    graph = (one_way + one_way.T).tocsr()
    graph.sort_indices()
    return graph, terms


def _walks(graph: sparse.csr_matrix, config: Go2VecConfig, rng: np.random.Generator) -> np.ndarray:
    """Second-order random walks from every node, all of them one step at a time.

    Returns
    -------
    ndarray, shape=(walks_per_node * nodes, walk_length), dtype=int32
    """
    nodes = graph.shape[0]
    degree = np.diff(graph.indptr)
    known_edges = np.repeat(np.arange(nodes, dtype=np.int64), degree) * nodes + graph.indices
    starts = np.concatenate([rng.permutation(nodes) for _ in range(config.walks_per_node)])
    walks = np.empty((len(starts), config.walk_length), np.int32)
    walks[:, 0] = starts
    for step in range(1, config.walk_length):
        here = walks[:, step - 1]
        walks[:, step] = _neighbours(graph, degree, here, rng)
        if step > 1 and (config.p != 1.0 or config.q != 1.0):
            open_walks = np.arange(len(starts))
            while len(open_walks):
                proposed, before = walks[open_walks, step], walks[open_walks, step - 2]
                weight = _weights(known_edges, nodes, before, proposed, config)
                refused = rng.random(len(open_walks)) * max(1.0, 1.0 / config.p, 1.0 / config.q) >= weight
                open_walks = open_walks[refused]
                walks[open_walks, step] = _neighbours(graph, degree, here[open_walks], rng)
    return walks


def _neighbours(
    graph: sparse.csr_matrix, degree: np.ndarray, here: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """A uniform neighbour of each node."""
    return graph.indices[graph.indptr[here] + rng.integers(degree[here])]


def _weights(
    known_edges: np.ndarray, nodes: int, before: np.ndarray, proposed: np.ndarray, config: Go2VecConfig
) -> np.ndarray:
    """node2vec's unnormalised probability of a step, given the node before the last."""
    edges = before.astype(np.int64) * nodes + proposed
    place = np.minimum(np.searchsorted(known_edges, edges), len(known_edges) - 1)
    near = np.where(known_edges[place] == edges, 1.0, 1.0 / config.q)
    return np.where(proposed == before, 1.0 / config.p, near)
