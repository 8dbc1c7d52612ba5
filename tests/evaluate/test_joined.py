"""Vectors of both views of a record, joined."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from genoprot_datasets.errors import GenoProtError
from genoprot_evaluate.conformance import check_conformance
from genoprot_evaluate.embed import embed
from genoprot_evaluate.encoders import EncoderSpec
from genoprot_evaluate.encoders.apply import embed_sequences
from genoprot_evaluate.encoders.base import VIEW_BREAK
from genoprot_evaluate.encoders.joined import JoinedViews
from genoprot_evaluate.encoders.kmer import Composition, KmerFrequencies
from genoprot_evaluate.store import load_embeddings


class Letters:
    """Length and share of G of anything, at most 30 letters at once."""

    spec = EncoderSpec("letters", modality="both", dimension=2, context=30)

    def embed(self, sequences):
        return np.array([[len(s), s.count("G") / len(s)] for s in sequences], dtype=np.float32)


def test_each_view_is_read_by_its_encoder():
    joined = JoinedViews(KmerFrequencies(), Composition(), "pair")
    texts = [("ACGTACGTAA", "MKV"), ("GATTACAGATTACA", "WWC")]
    expected = [
        np.concatenate([KmerFrequencies().embed([dna])[0], Composition().embed([protein])[0]])
        for dna, protein in texts
    ]
    assert np.array_equal(joined.embed([VIEW_BREAK.join(pair) for pair in texts]), expected)
    assert (joined.spec.name, joined.spec.modality, joined.spec.dimension) == ("pair", "both", 276)
    assert len(joined.weights_digest) == 64


def test_long_views_are_split_each_by_itself():
    joined = JoinedViews(Letters(), Letters(), "letters-both")
    text = VIEW_BREAK.join(["G" * 100, "M" * 10])
    assert joined.embed([text])[0, 1] == 1.0
    assert joined.window_counts([text, VIEW_BREAK.join(["G", "M"])]) == [5, 1]


def test_records_that_memory_does_not_suffice_for_are_counted():
    class Tight(Letters):
        spec = replace(Letters.spec, context=None)

        def embed(self, sequences):
            if sum(map(len, sequences)) > 200:
                raise MemoryError
            return super().embed(sequences)

    joined = JoinedViews(Tight(), Tight(), "pair")
    pairs = (("G" * 150, "M" * 300), ("A" * 90, "M" * 9), ("G" * 400, "M"))
    texts = [VIEW_BREAK.join(pair) for pair in pairs]
    found = embed_sequences(joined, texts, ["one", "two", "three"], 10_000)
    assert found.reduced.tolist() == [True, False, True]
    assert found.vectors[:, 1].tolist() == [1.0, 0.0, 1.0]


def test_both_are_turned_to_a_precision():
    class Turning(Letters):
        dtypes = ("float32", "bfloat16", "float16")
        turned = None

        def cast(self, dtype):
            self.turned = dtype

    dna, protein = Turning(), Turning()
    dna.dtypes = ("float32", "bfloat16")
    joined = JoinedViews(dna, protein, "letters-both")
    assert joined.dtypes == ("float32", "bfloat16")
    joined.cast("bfloat16")
    assert (dna.turned, protein.turned) == ("bfloat16", "bfloat16")
    assert JoinedViews(dna, Letters(), "letters-both").dtypes == ("float32",)


def test_any_encoder_of_both_is_embedded_with(tiny_dataset, tmp_path):
    table = load_embeddings(embed(Letters(), tiny_dataset, tmp_path / "out", modality="both"))
    assert table.run["name"] == "letters-both"
    assert table.vectors.shape == (40, 4)
    assert table.run["chunked"] > 0


def test_what_is_no_record_is_refused():
    joined = JoinedViews(Letters(), Letters(), "letters-both")
    for text in ("ACGT", f"ACGT{VIEW_BREAK}", f"A{VIEW_BREAK}C{VIEW_BREAK}G"):
        with pytest.raises(GenoProtError, match="record 0 of the batch is not DNA, a tab and a protein"):
            joined.embed([text])


@pytest.mark.parametrize("cut", ["dna", "protein"])
def test_checks_find_a_view_that_is_cut_off(cut):
    class Cut(Letters):
        spec = replace(Letters.spec, title="Cut", readout="length", context=None)

        def embed(self, sequences):
            return super().embed([sequence[:20] for sequence in sequences])

    class Whole(Cut):
        embed = Letters.embed

    views = {view: Cut() if view == cut else Whole() for view in ("dna", "protein")}
    joined = JoinedViews(views["dna"], views["protein"], "pair")
    found = {outcome.name: outcome for outcome in check_conformance(joined, modality="both", longest=90)}
    assert found["context"].status == "fail"
    assert found["context"].reason.startswith(f"the last 22 of 90 letters of {cut} make no difference")
