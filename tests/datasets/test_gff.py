from __future__ import annotations

from urllib.parse import quote

import pytest
from damage import damaged, unless_refused
from hypothesis import given
from hypothesis import strategies as st

from genoprot_datasets.errors import SourceError
from genoprot_datasets.sources.genes import Annotation, TranslationException
from genoprot_datasets.sources.gff import read_annotation


def row(kind, start, end, strand, attributes, phase=".", seqid="s1"):
    return f"{seqid}\tRefSeq\t{kind}\t{start}\t{end}\t.\t{strand}\t{phase}\t{attributes}\n"


WHOLE = "ID=s1:1..90000;Dbxref=taxon:9606;Name=11;chromosome=11;genome=chromosome"
WT1 = "ID=gene-WT1;Dbxref=GeneID:7490,HGNC:HGNC:12796;gene=WT1;gene_biotype=protein_coding"
NP_1 = (
    "ID=cds-NP_1;Parent=rna-NM_1;Note=iso 1%3B x;protein_id=NP_1.3;tag=MANE Select,Extra;"
    "transl_except=(pos:complement(49565..49567)%2Caa:Met)"
)
HUMAN = "##gff-version 3\n" + "".join(
    [
        row("region", 1, 90000, "+", WHOLE),
        row("gene", 100, 90000, "-", WT1),
        row("mRNA", 100, 90000, "-", "ID=rna-NM_1;Parent=gene-WT1;tag=RefSeq Select;transcript_id=NM_1.3"),
        row("exon", 100, 90000, "-", "ID=exon-1;Parent=rna-NM_1"),
        row("CDS", 48922, 49567, "-", NP_1, "0"),
        row("CDS", 300, 1200, "-", NP_1, "2"),
        row("mRNA", 100, 90000, "-", "ID=rna-NM_2;Parent=gene-WT1;Name=NM_2"),
        row("CDS", 300, 1199, "-", "ID=cds-NP_2;Parent=rna-NM_2;protein_id=NP_2.1", "0"),
        row("gene", 50, 60, "+", "ID=gene-MIR1;gene=MIR1;gene_biotype=miRNA"),
    ]
)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("gff") / "genomic.gff"


def read(path, text) -> Annotation:
    path.write_text(text, encoding="utf-8")
    return read_annotation(path)


def transcripts(annotation):
    return [transcript for gene in annotation.genes for transcript in gene.transcripts]


def coding(attributes, strand="+"):
    """A bacterial gene of nine bases whose coding region has some attributes."""
    return row("gene", 1, 9, strand, "ID=g;locus_tag=b1") + row(
        "CDS", 1, 9, strand, f"ID=c;Parent=g;{attributes}", "0"
    )


def test_gene_with_two_transcripts(path):
    annotation = read(path, HUMAN)
    wt1, mir1 = annotation.genes
    assert (wt1.symbol, wt1.gene_id, wt1.seqid, wt1.strand, wt1.biotype) == (
        "WT1", "7490", "s1", "-", "protein_coding"
    )  # fmt: skip
    first, second = wt1.transcripts
    assert (first.id, first.name, first.protein_accession) == ("rna-NM_1", "NM_1.3", "NP_1.3")
    assert first.parts == ((48922, 49567), (300, 1200))
    assert first.tags == {"RefSeq Select", "MANE Select", "Extra"}
    assert first.note == "iso 1; x"
    assert first.transl_except == (TranslationException(49565, 49567, "M"),)
    assert first.genetic_code is None
    assert not first.trans_spliced
    assert (second.name, second.parts, second.tags) == ("NM_2", ((300, 1199),), frozenset())
    assert mir1.transcripts == ()
    assert annotation.chromosomes == {"s1": "11"}


def test_bacterial_gene_has_no_transcript_row(path):
    text = (
        "s1\tR\tregion\t1\t99\t.\t+\t.\tID=r;Is_circular=true;Name=ANONYMOUS;genome=chromosome\n"
        + row("gene", 1, 9, "+", "ID=gene-b0001;gene=thrL;locus_tag=b0001")
        + row("CDS", 1, 9, "+", "ID=cds-NP_1;Parent=gene-b0001;protein_id=NP_1;transl_table=11", "0")
        + row("pseudogene", 20, 31, "+", "ID=gene-b2;gene=yaaB;pseudo=true")
        + row("CDS", 20, 31, "+", "ID=cds-b2;Parent=gene-b2;pseudo=true;partial=true", "1")
    )
    annotation = read(path, text)
    thrl, yaab = annotation.genes
    assert (thrl.transcripts[0].id, thrl.transcripts[0].name) == ("cds-NP_1", "")
    assert thrl.transcripts[0].genetic_code == 11
    decayed = yaab.transcripts[0]
    assert (yaab.pseudo, decayed.pseudo, decayed.partial, decayed.phase) == (True, True, True, 1)
    assert annotation.chromosomes == {"s1": "s1"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("(pos:4..6%2Caa:Sec)", [(4, 6, "U")]),
        ("(pos:complement(4..6)%2Caa:Sec),(pos:complement(1..3)%2Caa:TERM)", [(4, 6, "U"), (1, 3, "*")]),
        ("(pos:4..6,aa:Pyl)", [(4, 6, "O")]),
        ("(pos:join(3%2C7..8)%2Caa:Trp)", [(3, 8, "W")]),
        ("(pos:complement(join(3..4%2C8))%2Caa:OTHER)", [(3, 8, "X")]),
        ("(pos:9%2Caa:TERM)", [(9, 9, "*")]),
    ],
)
def test_translation_exceptions(path, text, expected):
    (transcript,) = transcripts(read(path, coding(f"transl_except={text}")))
    assert list(transcript.transl_except) == expected


@pytest.mark.parametrize(
    "text", ["pos:4..6", "(pos:4..6%2Caa:Foo)", "(pos:x%2Caa:Sec)", "(pos:1..3%2Caa:Sec)(pos"]
)
def test_malformed_translation_exception(path, text):
    with pytest.raises(SourceError, match="line 2, record c: transl_except"):
        read(path, coding(f"transl_except={text}"))


def test_frameshift_keeps_its_overlap(path):
    text = row("gene", 1, 20, "-", "ID=g") + "".join(
        row("CDS", start, end, "-", "ID=c;Parent=g;exception=ribosomal slippage", "0")
        for start, end in ((10, 20), (2, 10))
    )
    (transcript,) = transcripts(read(path, text))
    assert transcript.parts == ((10, 20), (2, 10))
    assert transcript.exception == "ribosomal slippage"


def test_trans_splicing_is_flagged(path):
    other = row("CDS", 30, 35, "-", "ID=c;Parent=g", "0", seqid="s2")
    text = (
        row("gene", 1, 9, "?", "ID=g") + row("gene", 30, 35, "?", "ID=g", seqid="s2")
        + row("CDS", 1, 9, "+", "ID=c;Parent=g", "0") + other
    )  # fmt: skip
    annotation = read(path, text)
    (transcript,) = transcripts(annotation)
    assert transcript.trans_spliced
    assert transcript.parts == ((1, 9), (30, 35))
    assert set(annotation.chromosomes) == {"s1", "s2"}


def test_gene_in_several_rows_spans_them(path):
    text = row("gene", 1, 9, "+", "ID=g;part=1") + row("gene", 20, 30, "+", "ID=g;part=2")
    (gene,) = read(path, text + row("CDS", 1, 9, "+", "ID=c;Parent=g", "0")).genes
    assert (gene.start, gene.end, gene.strand) == (1, 30, "+")


def test_transcript_with_two_coding_regions_and_region_with_two_parents(path):
    text = row("gene", 1, 60, "+", "ID=g") + "".join(
        row("mRNA", 1, 60, "+", f"ID=t{i};Parent=g") for i in (1, 2)
    )
    text += row("CDS", 1, 9, "+", "ID=a;Parent=t1,t2", "0") + row("CDS", 31, 39, "+", "ID=b;Parent=t1", "0")
    found = [(t.id, t.parts) for t in transcripts(read(path, text))]
    assert found == [("t1", ((1, 9),)), ("t1", ((31, 39),)), ("t2", ((1, 9),))]


def test_orphans_are_named(path):
    lost = row("CDS", 1, 9, "+", "ID=lost;Parent=nothing;protein_id=NP_9", "0")
    nameless = row("CDS", 1, 9, "+", "ID=nameless", "0")
    assert read(path, coding("") + lost + nameless).orphans == ("NP_9", "nameless")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no CDS row"),
        (row("gene", 1, 9, "+", "ID=g"), "no CDS row"),
        (row("CDS", 1, 9, "+", "ID=c;Parent=g", "0"), "no CDS row names a gene"),
        (row("gene", 1, 9, "+", "Name=g"), "line 1: gene without an ID"),
        (coding("transl_table=eleven"), "line 2: transl_table is 'eleven'"),
        ("<html>\n", "line 1: expected 9 fields"),
    ],
)
def test_refused(path, text, message):
    with pytest.raises(SourceError, match=message):
        read(path, text)


@st.composite
def gene_models(draw):
    """Symbol, strand and parts in the order of transcription of some genes."""
    models = []
    for number in range(draw(st.integers(1, 4))):
        edges = sorted(draw(st.lists(st.integers(1, 10_000), min_size=2, max_size=10, unique=True)))
        parts = list(zip(edges[::2], edges[1::2], strict=False))
        strand = draw(st.sampled_from("+-"))
        symbol = draw(st.text("AB1-;=,%& é", min_size=1, max_size=6).map(str.strip).filter(bool)) + str(
            number
        )
        models.append((symbol, strand, tuple(parts if strand == "+" else parts[::-1])))
    return models


@given(gene_models(), st.booleans(), st.booleans(), st.randoms())
def test_round_trip(path, models, forwards, shuffled, random):
    blocks = []
    for number, (symbol, strand, parts) in enumerate(models):
        start, end = min(min(parts)), max(max(parts))
        name = quote(symbol, safe=" ")
        listed = sorted(parts) if forwards else parts
        cds = [
            row("CDS", a, b, strand, f"ID=c{number};Parent=t{number};protein_id=NP_{number}", "0")
            for a, b in listed
        ]
        mrna = row("mRNA", start, end, strand, f"ID=t{number};Parent=g{number};Name=NM_{number}")
        blocks += [row("gene", start, end, strand, f"ID=g{number};gene={name}"), mrna, "".join(cds)]
    order = [block for block in blocks if "\tgene\t" in block]
    if shuffled:
        random.shuffle(blocks)
        order = [block for block in blocks if "\tgene\t" in block]
    annotation = read(path, "".join(blocks))
    expected = {f"g{number}": model for number, model in enumerate(models)}
    assert [gene.id for gene in annotation.genes] == [block.split("ID=")[1].split(";")[0] for block in order]
    for gene in annotation.genes:
        (transcript,) = gene.transcripts
        assert (gene.symbol, gene.strand, transcript.parts) == expected[gene.id]
        assert transcript.protein_accession == f"NP_{gene.id[1:]}"
        assert not transcript.trans_spliced


@given(damaged(HUMAN))
def test_damaged_files_parse_or_are_refused(path, text):
    annotation = unless_refused(lambda: read(path, text))
    if annotation is not None:
        assert all(transcript.parts for transcript in transcripts(annotation))


def test_human_slice(shared):
    annotation = read_annotation(
        shared / "data" / "human-slice" / "GCF_000001405.39_GRCh38.p13_genomic.gff.gz"
    )
    genes = annotation.genes
    assert len(genes) == 688
    assert [gene.strand for gene in genes].count("+") == 345
    assert [gene.strand for gene in genes].count("-") == 343
    assert len(transcripts(annotation)) == 843
    assert sum("RefSeq Select" in transcript.tags for transcript in transcripts(annotation)) == 688
    assert annotation.chromosomes["NG_007400.1"] == "17"
    assert annotation.orphans == ()
    for transcript in transcripts(annotation):
        assert sum(end - start + 1 for start, end in transcript.parts) % 3 == 0
    (wt1,) = (gene for gene in genes if gene.symbol == "WT1")
    assert wt1.transcripts[0].transl_except == (TranslationException(49565, 49567, "M"),)


def test_native_human_rows(shared):
    annotation = read_annotation(shared / "data" / "human-slice" / "refseq_native_ALMS1_BRCA1.gff")
    alms1, brca1 = annotation.genes
    assert (alms1.gene_id, brca1.gene_id) == ("7840", "672")
    assert alms1.transcripts[0].exception == "annotated by transcript or proteomic data"
    assert brca1.transcripts[0].tags == {"MANE Select"}
    assert brca1.transcripts[0].parts[0][0] > brca1.transcripts[0].parts[-1][0]
    assert (alms1.transcripts[0].name, len(brca1.transcripts[0].parts)) == ("NM_015120.4", 22)


def test_yeast(shared):
    annotation = read_annotation(shared / "data" / "yeast" / "GCF_000146045.2_R64_genomic.gff.gz")
    found = transcripts(annotation)
    assert len(annotation.genes) == len(found) == 6568
    assert sum(len(transcript.parts) > 1 for transcript in found) == 272
    assert sum(bool(transcript.protein_accession) for transcript in found) == 5532
    assert annotation.chromosomes["NC_001133.9"] == "I"


def test_ecoli(shared):
    annotation = read_annotation(shared / "data" / "ecoli" / "GCF_000005845.2_ASM584v2_genomic.gff.gz")
    found = transcripts(annotation)
    assert sum(not gene.pseudo for gene in annotation.genes) == 4419
    assert sum(bool(transcript.protein_accession) for transcript in found) == 4242
    assert sum(not transcript.protein_accession for transcript in found) == 115
    assert {transcript.genetic_code for transcript in found} == {11}
    assert sum(exception.residue == "U" for t in found for exception in t.transl_except) == 3
    assert annotation.orphans == ()
