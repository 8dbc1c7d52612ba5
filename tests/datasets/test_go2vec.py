"""Term vectors."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.relations import Go2VecConfig, train_term_vectors
from genoprot_datasets.relations.go2vec import _graph, _walks
from genoprot_datasets.seeding import generator

EDGES = [("a1", "a"), ("a2", "a"), ("a", "root"), ("b1", "b"), ("b", "root"), ("b2", "b"), ("unused", "a1")]
ANNOTATIONS = {"P2": ["b1", "b2"], "P1": ["a1", "a2", "a1"], "P3": ["lone"], "P4": []}

PROGRAM = """
import hashlib
from genoprot_datasets.relations import Go2VecConfig, train_term_vectors
edges = {(f"t{k}", f"t{k // 3}") for k in range(1, 60)}
annotations = {f"P{k}": {f"t{(7 * k) % 60}", f"t{(11 * k) % 60}"} for k in range(40)}
terms, vectors = train_term_vectors(edges, annotations, Go2VecConfig(dimension=16, p=0.5, q=2.0), 3)
print(hashlib.sha256(vectors.tobytes()).hexdigest(), *terms)
"""


def test_graph_holds_annotated_terms_and_their_ancestors():
    graph, terms = _graph(EDGES, ANNOTATIONS)
    assert terms == ["a", "a1", "a2", "b", "b1", "b2", "lone", "root"]
    nodes = [*terms, "P1", "P2", "P3"]
    assert graph.shape == (11, 11)
    rows, columns = graph.nonzero()
    edges = {(nodes[i], nodes[j]) for i, j in zip(rows, columns)}
    expected = {
        *[("a1", "a"), ("a2", "a"), ("a", "root"), ("b1", "b"), ("b", "root"), ("b2", "b")],
        *[("a1", "P1"), ("a2", "P1"), ("b1", "P2"), ("b2", "P2"), ("lone", "P3")],
    }
    assert edges == expected | {(right, left) for left, right in expected}


def test_cycle_in_the_ontology_ends():
    graph, terms = _graph([("x", "y"), ("y", "x")], {"P": ["x"]})
    assert terms == ["x", "y"]
    assert graph.nnz == 4


def test_walks_follow_edges_and_start_everywhere():
    graph, _ = _graph(EDGES, ANNOTATIONS)
    config = Go2VecConfig(walk_length=12, walks_per_node=4, p=0.25, q=4.0)
    walks = _walks(graph, config, generator(0))
    assert walks.shape == (44, 12)
    assert np.bincount(walks[:, 0]).tolist() == [4] * 11
    assert np.asarray(graph[walks[:, :-1].ravel(), walks[:, 1:].ravel()]).all()


@pytest.mark.parametrize(("p", "q"), [(1.0, 1.0), (0.25, 4.0), (4.0, 0.5), (1.0, 3.0)])
def test_walks_have_the_transition_probabilities_of_node2vec(p, q):
    # Triangle u-v-w with a tail v-x: after u and v come u (1/p), w (1, a neighbour of u) or x (1/q).
    graph, terms = _graph([("u", "v"), ("w", "v"), ("u", "w"), ("x", "v")], {"P": ["u", "w", "x"]})
    u, v, w, x = (terms.index(name) for name in "uvwx")
    walks = _walks(graph, Go2VecConfig(walk_length=30, walks_per_node=3000, p=p, q=q), generator(1))
    steps = np.stack([walks[:, :-2].ravel(), walks[:, 1:-1].ravel(), walks[:, 2:].ravel()], axis=1)
    after = steps[(steps[:, 0] == u) & (steps[:, 1] == v), 2]
    weights = np.array([1 / p, 1.0, 1 / q])
    shares = [(after == node).mean() for node in (u, w, x)]
    np.testing.assert_allclose(shares, weights / weights.sum(), atol=0.02)


def test_same_bytes_whatever_the_hash_seed_and_the_processor():
    outputs = []
    for hash_seed, processor in (("0", ""), ("1", "generic"), ("2", "")):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        if processor:
            environment |= {"NUMBA_CPU_NAME": processor, "NUMBA_CPU_FEATURES": ""}
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True
        )
        assert done.stderr == ""
        outputs.append(done.stdout)
    assert outputs[0] == outputs[1] == outputs[2]


def test_near_terms_have_near_vectors():
    """Two ontologies that share no protein: a term is closer to terms of its own."""
    edges, annotations = [], {}
    rng = np.random.default_rng(0)
    for branch in "ab":
        edges += [(f"{branch}{k}", f"{branch}{(k - 1) // 3}") for k in range(1, 40)]
        edges.append((f"{branch}0", "root"))
        for k in range(60):
            annotations[f"{branch}P{k}"] = {f"{branch}{t}" for t in rng.integers(13, 40, size=3)}
    terms, vectors = train_term_vectors(edges, annotations, Go2VecConfig(dimension=32), 0)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(terms), 32)
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    branch = np.array([term[0] for term in terms])
    a, b = units[branch == "a"], units[branch == "b"]
    assert min((a @ a.T).mean(), (b @ b.T).mean()) > (a @ b.T).mean() + 0.1


def test_input_order_does_not_matter_but_the_seed_does():
    config = Go2VecConfig(dimension=8, walk_length=10, walks_per_node=2)
    terms, vectors = train_term_vectors(EDGES, ANNOTATIONS, config, 0)
    turned = {protein: ANNOTATIONS[protein][::-1] for protein in reversed(ANNOTATIONS)}
    again, same = train_term_vectors(EDGES[::-1], turned, config, 0)
    assert terms == again
    np.testing.assert_array_equal(vectors, same)
    assert not np.array_equal(vectors, train_term_vectors(EDGES, ANNOTATIONS, config, 1)[1])


def test_no_annotations():
    with pytest.raises(GenoProtError, match="no protein has a Gene Ontology term"):
        train_term_vectors(EDGES, {"P": []}, Go2VecConfig(), 0)
