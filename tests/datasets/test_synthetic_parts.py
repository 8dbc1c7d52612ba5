"""The parts that the synthetic proteome is made of."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genoprot_datasets.synthetic.alphabet import BACKGROUND, lookup_table, reverse_complement
from genoprot_datasets.synthetic.annotation import Placement
from genoprot_datasets.synthetic.attributes import FAULTS, draw_attributes
from genoprot_datasets.synthetic.composition import CLASSES, STRENGTHS, Tendencies
from genoprot_datasets.synthetic.genes import GENE_LENGTHS, Genes
from genoprot_datasets.synthetic.interactions import draw_links
from genoprot_datasets.synthetic.names import Names
from genoprot_datasets.synthetic.prose import wrapped
from genoprot_datasets.synthetic.proteome import Proteome
from genoprot_datasets.synthetic.streams import FastaWriter

SEQUENCES = st.text("ACGTacgt", max_size=60).map(lambda text: np.frombuffer(text.encode(), dtype=np.uint8))


@given(SEQUENCES)
def test_reverse_complement_undoes_itself(bases: np.ndarray) -> None:
    assert reverse_complement(reverse_complement(bases)).tobytes() == bases.tobytes()


@given(SEQUENCES, st.data())
def test_spans_of_both_strands_hold_the_same_bases(bases: np.ndarray, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(bases)))
    end = data.draw(st.integers(start, len(bases)))
    for forward in (True, False):
        sequence = np.concatenate(
            [np.full(7, ord("N"), np.uint8), bases if forward else reverse_complement(bases)]
        )
        first, last = Placement("NC", 7, len(bases), forward).span(start, end)
        found = sequence[first - 1 : last]
        assert (found if forward else reverse_complement(found)).tobytes() == bases[start:end].tobytes()


@given(st.lists(st.floats(0.001, 1.0), min_size=1, max_size=64))
def test_lookup_table_holds_values_as_often_as_they_are_probable(weights: list[float]) -> None:
    probabilities = np.array(weights) / sum(weights)
    table = lookup_table(np.arange(len(weights)), probabilities, 4096)
    assert len(table) == 4096
    assert np.abs(np.bincount(table, minlength=len(weights)) / 4096 - probabilities).max() <= 1.01 / 4096


@given(st.lists(st.integers(0, 200), max_size=12))
def test_fasta_lines_do_not_depend_on_the_pieces(sizes: list[int]) -> None:
    letters = np.resize(np.frombuffer(b"ACGTN", dtype=np.uint8), sum(sizes))
    out = io.BytesIO()
    writer = FastaWriter(out)
    writer.begin("x")
    for piece in np.split(letters, np.cumsum(sizes)[:-1]) if sizes else []:
        writer.add(piece)
    writer.end()
    lines = [letters[k : k + 80].tobytes() for k in range(0, len(letters), 80)]
    assert out.getvalue() == b"".join(line + b"\n" for line in [b">x", *lines])


@given(st.lists(st.text("abc-{}", min_size=1, max_size=40), min_size=1, max_size=40))
def test_wrapped_comments_keep_their_words(words: list[str]) -> None:
    lines = wrapped("TISSUE SPECIFICITY", " ".join(words))
    assert all(len(line) <= 80 for line in lines)
    assert " ".join(line[9:] for line in lines) == f"TISSUE SPECIFICITY: {' '.join(words)}"


@pytest.mark.parametrize("kind", CLASSES)
def test_a_class_tilts_frequencies_by_its_strength_and_no_other_kind(kind: str) -> None:
    tendencies = Tendencies(0)
    change = {
        name: tendencies.frequencies({name: np.eye(number)}) / BACKGROUND - 1.0
        for name, number in CLASSES.items()
    }
    spread = np.sqrt((change[kind] ** 2) @ BACKGROUND)
    np.testing.assert_allclose(spread, STRENGTHS[kind], rtol=0.25)
    for other in set(CLASSES) - {kind}:
        cosines = (change[kind] * BACKGROUND) @ change[other].T
        cosines /= np.sqrt(np.outer(change[kind] ** 2 @ BACKGROUND, change[other] ** 2 @ BACKGROUND))
        assert np.abs(cosines).max() < 0.35


def test_members_of_a_family_are_alike_and_some_hardly() -> None:
    attributes = draw_attributes(200, 0)
    proteome = Proteome(attributes, 0)
    proteins = [proteome.protein(gene) for gene in range(attributes.size)]
    words = [{protein[k : k + 6].tobytes() for k in range(len(protein) - 5)} for protein in proteins]
    shared = {True: [], False: []}
    for a in range(attributes.size):
        for b in range(a):
            same = bool(attributes.family[a] == attributes.family[b] >= 0)
            shared[same].append(len(words[a] & words[b]))
    assert np.mean(shared[True]) > 20 * np.mean(shared[False])
    assert 0.2 < np.mean(np.array(shared[True]) == 0) < 0.9


def test_proteins_have_lengths_that_say_nothing() -> None:
    attributes = draw_attributes(2_000, 1)
    proteome = Proteome(attributes, 1)
    lengths = np.array([len(proteome.protein(gene)) for gene in range(attributes.size)])
    assert 270 <= lengths.min() < lengths.max() <= 2_000
    groups = {
        "accessory": attributes.accessory >= 0,
        "orphan": attributes.family < 0,
        "melanoma": attributes.melanoma,
        "nucleus": attributes.locations[:, 0] == 0,
    }
    error = lengths.std() / np.sqrt(attributes.size)
    for name, members in groups.items():
        share = members.mean()
        difference = lengths[members].mean() - lengths[~members].mean()
        assert abs(difference) < 4 * error / np.sqrt(share * (1 - share)), name


@pytest.mark.parametrize(
    ("scale", "median", "longest"),
    [("compact", (2_500, 3_500), 14_000), ("human", (20_000, 31_000), 2_010_000)],
)
def test_genes_have_the_lengths_of_their_scale(scale: str, median: tuple[int, int], longest: int) -> None:
    attributes = draw_attributes(400, 2)
    proteome, genes = Proteome(attributes, 2), Genes(GENE_LENGTHS[scale], 2)
    made = [genes.gene(k, proteome.protein(k), attributes.organs[k]) for k in range(attributes.size)]
    lengths = np.array([gene.end - gene.start for gene in made])
    assert median[0] < np.median(lengths) < median[1]
    assert lengths.max() < longest
    for gene in made[:50]:
        assert gene.bases[gene.start : gene.start + 3].tobytes() == b"ATG"
        assert gene.transcripts[0].exons[-1][1] == len(gene.bases)


def test_accessions_are_unique_to_the_largest_proteome() -> None:
    names = Names(draw_attributes(100_000, 0), 0)
    assert len({names.accession(gene) for gene in range(100_000)}) == 100_000


@pytest.mark.parametrize("genes", [100, 600, 5_000])
def test_faults_hit_a_hundredth_each_and_no_special_gene(genes: int) -> None:
    attributes = draw_attributes(genes, 0)
    counts = {fault: attributes.fault.count(fault) for fault in FAULTS}
    assert set(counts.values()) == {genes // 100}
    special = [*np.flatnonzero(attributes.selenoprotein), *attributes.unplaced, *attributes.duplicated]
    assert len(set(special)) == len(special) >= 6
    assert {attributes.fault[gene] for gene in special} == {""}


def test_work_per_gene_does_not_grow_with_the_genes() -> None:
    per_gene = {}
    for genes in (1_000, 8_000):
        attributes = draw_attributes(genes, 0)
        pairs, scores = draw_links(attributes, 0)
        assert len(pairs) == len(scores) == len(np.unique(pairs, axis=0))
        family_pairs = (np.bincount(attributes.family[attributes.family >= 0]) ** 2).sum() / 2
        per_gene[genes] = (len(pairs) / genes, family_pairs / genes)
    np.testing.assert_allclose(per_gene[8_000], per_gene[1_000], rtol=0.25)
