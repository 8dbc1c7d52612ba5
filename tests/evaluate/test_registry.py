"""Encoders by name, and what makes an encoder."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from genoprot_datasets.errors import GenoProtError
from genoprot_evaluate.encoders import EncoderSpec, encoder_names, load_encoder
from genoprot_evaluate.encoders.apply import content_digest, embed_sequences
from genoprot_evaluate.encoders.base import check_encoder, resolve_view
from genoprot_evaluate.encoders.command import encoder_rows


class Lengths:
    """Reads at most four residues: their number, and the code of the first one."""

    def __init__(self, factor: float = 1.0) -> None:
        self.spec = EncoderSpec("lengths", modality="protein", dimension=2, context=4)
        self.factor = factor
        self.seen: list[list[str]] = []

    def embed(self, sequences):
        self.seen.append(list(sequences))
        return np.array([[len(s) * self.factor, ord(s[0])] for s in sequences], dtype=np.float32)


def test_unknown_names_are_answered_with_those_there_are(tmp_path):
    with pytest.raises(GenoProtError, match="'luck': unknown; the built-in encoders are kmer-4, composition"):
        load_encoder("luck")
    with pytest.raises(GenoProtError, match=r"'unirep64': unknown \(did you mean 'unirep-64'\?\); `geno"):
        load_encoder("unirep64")
    with pytest.raises(GenoProtError, match="no such folder"):
        load_encoder(str(tmp_path / "absent"))
    with pytest.raises(GenoProtError, match=r"no config\.json"):
        load_encoder(tmp_path, modality="protein")


def test_weights_are_asked_for_and_refused():
    with pytest.raises(GenoProtError, match="encoder unirep-64 needs --weights"):
        load_encoder("unirep-64")
    with pytest.raises(GenoProtError, match="encoder kmer-4 has no weights"):
        load_encoder("kmer-4", weights="anything")
    with pytest.raises(GenoProtError, match="kmer-4 reads dna, not protein"):
        load_encoder("kmer-4", modality="protein")


def test_every_encoder_is_listed():
    listed = [row[0] for row in encoder_rows()]
    assert listed == list(encoder_names())


def test_encoders_without_weights_load_no_torch():
    code = (
        "import sys; from genoprot_evaluate.encoders import load_encoder; import genoprot_evaluate.embed;"
        "load_encoder('kmer-4'); load_encoder('composition'); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_facts_that_make_no_sense_are_refused():
    for name in ("", "../x", ".x", "a b", "a/b"):
        with pytest.raises(GenoProtError, match="encoder name"):
            EncoderSpec(name, modality="dna", dimension=1)
    with pytest.raises(GenoProtError, match="modality 'rna'"):
        EncoderSpec("x", modality="rna", dimension=1)
    with pytest.raises(GenoProtError, match="dimension 0"):
        EncoderSpec("x", modality="dna", dimension=0)
    with pytest.raises(GenoProtError, match="context 0"):
        EncoderSpec("x", modality="dna", dimension=1, context=0)


def test_an_encoder_of_both_modalities_needs_a_choice():
    spec = EncoderSpec("x", modality="both", dimension=1)
    assert resolve_view(spec, "dna") == "dna"
    with pytest.raises(GenoProtError, match="choose --modality"):
        resolve_view(spec, None)
    with pytest.raises(GenoProtError, match="modality 'rna'"):
        resolve_view(spec, "rna")


def test_objects_that_are_no_encoders_are_refused():
    with pytest.raises(GenoProtError, match="function is no encoder"):
        check_encoder(lambda sequences: sequences)
    with pytest.raises(GenoProtError, match="no method `embed"):
        check_encoder(type("Odd", (), {"spec": EncoderSpec("x", modality="dna", dimension=1)})())


def test_long_sequences_are_averaged_by_the_residues_that_pieces_contribute():
    encoder = Lengths()
    applied = embed_sequences(encoder, ["MK", "ABCDEFG"], ["P1", "P2"], budget=100)
    assert applied.pieces.tolist() == [1, 2]
    assert applied.contributed.tolist() == [2, 7]
    assert applied.vectors[0].tolist() == [2, ord("M")]
    assert sorted(text for batch in encoder.seen for text in batch) == ["ABCD", "DEFG", "MK"]
    # The pieces share D; the second one contributes it.
    np.testing.assert_allclose(applied.vectors[1], [4, (3 * ord("A") + 4 * ord("D")) / 7])


def test_batches_are_longest_first_and_order_is_restored():
    encoder = Lengths()
    seen = []
    sequences = ["A", "BBBB", "CC", "DDD"]
    applied = embed_sequences(
        encoder, sequences, sequences, budget=12, advance=lambda *step: seen.append(step)
    )
    assert encoder.seen == [["BBBB", "DDD"], ["CC", "A"]]
    assert applied.vectors[:, 0].tolist() == [1, 4, 2, 3]
    assert (applied.read, applied.computed, applied.batches) == (18, 20, 2)
    assert seen == [(7, 2), (3, 2)]


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (np.zeros((1, 3)), r"shape \(1, 3\) instead of \(1, 2\)"),
        (np.array([[0, np.nan]]), "NaN or infinity for P1"),
        (np.array([[0, 1e300]]), "NaN or infinity for P1"),
        ([["a", "b"]], "not an array of numbers"),
        (None, "not an array of numbers|shape"),
    ],
)
def test_what_an_encoder_gives_is_checked(output, message):
    encoder = Lengths()
    encoder.embed = lambda sequences: output
    with np.errstate(over="ignore"), pytest.raises(GenoProtError, match=f"encoder lengths gave .*{message}"):
        embed_sequences(encoder, ["MK"], ["P1"], budget=100)


def test_encoders_without_a_digest_are_told_apart_by_what_they_compute():
    assert content_digest(Lengths(), "protein") == content_digest(Lengths(), "protein")
    assert content_digest(Lengths(), "protein") != content_digest(Lengths(2.0), "protein")
