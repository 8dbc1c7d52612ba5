"""STRING's links and aliases: dense modules, and a few weak links between any two proteins."""

from __future__ import annotations

from typing import BinaryIO

import numpy as np

from genoprot_datasets.seeding import generator
from genoprot_datasets.synthetic.attributes import Attributes
from genoprot_datasets.synthetic.names import Names

__all__ = ["draw_links", "write_aliases", "write_links"]

_DENSITY = 0.5
_STRAY_SHARE = 0.1
_MODULE_SCORES = (400, 1000)
_STRAY_SCORES = (150, 400)


def draw_links(attributes: Attributes, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw the interactions of a proteome, at a cost linear in their number.

    Half of the pairs of a module interact, with scores from 400; for every ten of these there is a link with
    a lower score between two proteins drawn at random.

    Parameters
    ----------
    attributes : Attributes
    seed : int

    Returns
    -------
    pairs : ndarray, shape=(m, 2)
        Genes, the lower number first; sorted and unique.
    scores : ndarray, shape=(m,)
        Integers from 150 to 999.
    """
    rng = generator(seed, "synthetic", "links")
    known = np.flatnonzero(attributes.in_string)
    order = known[np.argsort(attributes.module[known], kind="stable")]
    edges = np.flatnonzero(np.diff(attributes.module[order])) + 1
    inside = []
    for members in np.split(order, edges):
        first, second = np.triu_indices(len(members), 1)
        linked = rng.random(len(first)) < _DENSITY
        inside.append(np.column_stack([members[first[linked]], members[second[linked]]]))
    module_pairs = np.concatenate(inside)
    strays = rng.choice(known, (round(_STRAY_SHARE * len(module_pairs)), 2))
    strays = strays[strays[:, 0] != strays[:, 1]]
    pairs = np.sort(np.concatenate([module_pairs, strays]), axis=1)
    scores = np.concatenate(
        [
            rng.integers(*_MODULE_SCORES, size=len(module_pairs)),
            rng.integers(*_STRAY_SCORES, size=len(strays)),
        ]
    )
    _, unique = np.unique(pairs[:, 0] * attributes.size + pairs[:, 1], return_index=True)
    return pairs[unique], scores[unique]


def write_links(out: BinaryIO, pairs: np.ndarray, scores: np.ndarray, names: Names) -> None:
    """Write every link in both directions, sorted, as STRING does."""
    genes = np.unique(pairs)
    strings = dict(zip(genes.tolist(), (names.of(gene).string for gene in genes.tolist())))
    directed = np.concatenate([pairs, pairs[:, ::-1]])
    scores = np.concatenate([scores, scores])
    order = np.lexsort((directed[:, 1], directed[:, 0]))
    out.write(b"protein1 protein2 combined_score\n")
    for (first, second), score in zip(directed[order].tolist(), scores[order].tolist()):
        out.write(f"{strings[first]} {strings[second]} {score}\n".encode())


def write_aliases(out: BinaryIO, attributes: Attributes, names: Names) -> None:
    """Write the names that STRING knows its proteins by, in the layout of version 12."""
    out.write(b"#string_protein_id\talias\tsource\n")
    for gene in np.flatnonzero(attributes.in_string).tolist():
        own = names.of(gene)
        aliases = (
            (own.accession, "UniProt_AC"),
            (own.symbol, "UniProt_GN_Name"),
            (own.gene_id, "UniProt_DR_GeneID"),
        )
        out.write("".join(f"{own.string}\t{alias}\t{source}\n" for alias, source in aliases).encode())
