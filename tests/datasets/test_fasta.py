from __future__ import annotations

import gzip
import threading

import numpy as np
import pytest
from damage import unless_refused
from hypothesis import given
from hypothesis import strategies as st

from genoprot_datasets.errors import SourceError
from genoprot_datasets.sources import fasta
from genoprot_datasets.sources.fasta import FastaRecord, iter_fasta

NAME = st.text("ABCabc019_.|-", min_size=1, max_size=12)
TITLE = st.text("abc XYZ>()=", max_size=20).map(str.strip)
SEQUENCE = st.text("ACGTNacgtn*", min_size=1, max_size=200)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("fasta") / "genome.fna"


@given(
    st.lists(st.tuples(NAME, TITLE, SEQUENCE), min_size=1, max_size=4, unique_by=lambda r: r[0]), st.data()
)
def test_round_trip(path, records, data):
    width = data.draw(st.integers(1, 80))
    end = data.draw(st.sampled_from(["\n", "\r\n", "\n\n", " \t\n"]))
    text = ""
    for name, title, sequence in records:
        lines = [sequence[i : i + width] for i in range(0, len(sequence), width)]
        text += end.join([f">{name} {title}".rstrip(), *lines]) + end
    path.write_bytes(data.draw(st.sampled_from([bytes, gzip.compress]))(text.encode()))
    expected = [FastaRecord(name, title, sequence.upper().encode()) for name, title, sequence in records]
    assert list(iter_fasta(path)) == expected


@pytest.mark.parametrize("block", range(1, 40))
def test_records_do_not_depend_on_the_blocks(path, monkeypatch, block):
    monkeypatch.setattr(fasta, "_BLOCK_BYTES", block)
    path.write_text("\n>a first\nACgt\n\nAA\n>b\r\nCC \r\nGG\r\n>c\nT")
    expected = [
        FastaRecord("a", "first", b"ACGTAA"),
        FastaRecord("b", "", b"CCGG"),
        FastaRecord("c", "", b"T"),
    ]
    assert list(iter_fasta(path)) == expected
    path.write_text(">a\nAC\nGT\n>b\nAC\n\n>b\nT\n")
    with pytest.raises(SourceError, match="line 7, record b"):
        list(iter_fasta(path))


@given(st.binary(max_size=200) | st.text(">AC \n\t1", max_size=60).map(str.encode))
def test_any_bytes_parse_or_are_refused(path, content):
    path.write_bytes(content)
    for record in unless_refused(lambda: list(iter_fasta(path))) or ():
        assert record.name
        assert record.sequence


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no FASTA record"),
        ("\nACGT\n>a\nA\n", "line 2: not FASTA"),
        (">a\nA C\n", "record a: ' ' is no residue"),
        (">a\nA\rC\n", "record a: '\\\\r' is no residue"),
        (">a\nA\n>\nA\n", "line 3: header without a name"),
        (">a\nA\n>b x\n>c\nA\n", "line 3, record b: no sequence"),
        (">a\nA\n>a\nC\n", "line 3, record a: second record"),
        (">a\nAC1T\n", "record a: '1' is no residue"),
    ],
)
def test_refused(path, text, message):
    path.write_text(text)
    with pytest.raises(SourceError, match=message):
        list(iter_fasta(path))


def test_records_before_the_fault_are_given(path):
    path.write_text(">a\nAC\n>b\n")
    records = iter_fasta(path)
    assert next(records).sequence == b"AC"
    with pytest.raises(SourceError, match="record b"):
        next(records)


def test_real_files(shared):
    folder = shared / "data" / "human-slice"
    proteins = list(iter_fasta(folder / "GCF_000001405.39_GRCh38.p13_protein.faa.gz"))
    assert len(proteins) == 843
    assert proteins[0][:2] == ("NP_000079.2", "collagen type I alpha 1 chain [Homo sapiens]")
    assert all(protein.sequence.startswith(b"M") for protein in proteins)
    genome = {
        r.name: len(r.sequence) for r in iter_fasta(folder / "GCF_000001405.39_GRCh38.p13_genomic.fna.gz")
    }
    assert len(genome) == 688
    assert genome["NG_007400.1"] == 21544


@pytest.mark.parametrize(
    "spoil", [None, b"*", b"-", b" ", b"\r", b"1", b"\n", b"\xc1", b"@", b"[", b"`", b"{"]
)
def test_long_records_are_read_like_short_ones(path, spoil):
    rng = np.random.default_rng(0)
    text = rng.choice(np.frombuffer(b"ACGTNacgtn", np.uint8), 60_000).tobytes()
    if spoil is not None:
        text = text[:33_333] + spoil + text[33_334:]
    lines = b"\n".join(text[start : start + 60] for start in range(0, len(text), 60))
    path.write_bytes(b">a\nAC\n>b\n" + lines + b"\nAC\n\n>c\nAC\n")
    if spoil in (None, b"*", b"-", b"\n"):
        assert [record.sequence for record in iter_fasta(path)] == [
            b"AC",
            text.upper().replace(b"\n", b"") + b"AC",
            b"AC",
        ]
    else:
        with pytest.raises(SourceError, match="line 3, record b: .* is no residue"):
            list(iter_fasta(path))
    path.write_bytes(b">a\nAC\n>b\n" + lines + b"\nAC\n\n>c\n>d\nAC\n")
    if spoil in (None, b"*", b"-"):
        with pytest.raises(SourceError, match="line 1006, record c"):
            list(iter_fasta(path))


def test_a_reader_that_stops_early_leaves_no_thread(path):
    path.write_bytes(gzip.compress(b">a\nAC\n" + b">b\n" + b"A" * 50_000_000))
    before = threading.active_count()
    records = iter_fasta(path)
    assert next(records).name == "a"
    records.close()
    assert threading.active_count() == before


def test_truncated_file_is_named_after_its_whole_records(path):
    bases = np.random.default_rng(0).choice(np.frombuffer(b"ACGT", np.uint8), 4_000_000).tobytes()
    packed = gzip.compress(b">a\nAC\n>b\n" + bases, compresslevel=1)
    path.write_bytes(packed[: len(packed) // 2])
    records = iter_fasta(path)
    assert next(records).name == "a"
    with pytest.raises(SourceError, match="truncated gzip"):
        next(records)
