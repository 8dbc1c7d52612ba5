"""Rules of the records on a genome small enough to work out by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from genoprot_datasets.errors import SourceError
from genoprot_datasets.gene_matching import build_records
from genoprot_datasets.sources.features import Region
from genoprot_datasets.sources.genes import Annotation, Gene, Transcript, TranslationException
from genoprot_datasets.sources.uniprot import UniProtEntry
from genoprot_datasets.translation import reverse_complement

#            1..3  4..6  7..12 intron  13..15 16..18
FORWARD = b"ATGGCTGTAAAGAAATAA"  # ATG GCT | gtaaag | AAA TAA  -> MAK
REVERSE = reverse_complement(FORWARD)


def transcript(name, parts, protein, **more):
    return Transcript(id=f"rna-{name}", name=name, protein_accession=protein, parts=tuple(parts), **more)


def gene(symbol, strand, *transcripts, seqid="NC_1"):
    return Gene(
        id=f"gene-{symbol}",
        symbol=symbol,
        gene_id=symbol[-1],
        seqid=seqid,
        start=1,
        end=2,
        strand=strand,
        transcripts=transcripts,
    )


def entry(accession, sequence):
    return UniProtEntry(accession, f"{accession}_HUMAN", accession, 9606, sequence)


class World:
    """One consistent set of inputs; each test spoils one thing."""

    def __init__(self, tmp_path):
        self.path = tmp_path / "genome.fna"
        self.headers = {"NC_1": "Homo sapiens chromosome 7, GRCh38.p13 Primary Assembly"}
        self.bases = {"NC_1": b"NN" + FORWARD + b"NN" + REVERSE + b"NN"}
        plus = [(3, 8), (15, 20)]
        minus = [(35, 40), (23, 28)]
        self.genes = [
            gene("PLUS1", "+", transcript("NM_1.1", plus, "NP_1.1", tags=frozenset({"RefSeq Select"}))),
            gene("MINUS2", "-", transcript("NM_2.1", minus, "NP_2.1")),
        ]
        self.regions = {"NC_1": Region("NC_1", chromosome="7")}
        self.proteins = {"NP_1.1": "MAK", "NP_2.1": "MAK"}
        self.mapping = {"NP_1.1": {"P00001"}, "NP_2.1": {"P00002"}}
        self.entries = {"P00001": entry("P00001", "MAK"), "P00002": entry("P00002", "MAK")}
        self.terms = {"P00001": {"GO:2", "GO:1"}, "P00002": {"GO:1"}}
        self.vectors = {"P00001", "P00002"}
        self.options = {}

    def build(self):
        text = "".join(f">{n} {self.headers[n]}\n{s.decode()}\n" for n, s in self.bases.items())
        self.path.write_text(text)
        return build_records(
            Annotation(tuple(self.genes), self.regions),
            self.path,
            self.proteins,
            self.mapping,
            self.entries,
            self.terms,
            self.vectors,
            **self.options,
        )


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def test_both_strands_with_introns(world):
    plus, minus = world.build().records
    assert (plus.accession, plus.dna, plus.start, plus.end) == ("P00001", FORWARD.decode(), 3, 20)
    assert (minus.accession, minus.dna, minus.start, minus.end) == ("P00002", FORWARD.decode(), 23, 40)
    assert plus.chromosome == minus.chromosome == "7"
    assert plus.coding_length == 12
    assert plus.protein == "MAK"
    assert plus.go_terms == ("GO:1", "GO:2")


def test_nothing_is_lost(world):
    found = world.build()
    assert found.genes == 2
    assert found.dropped == {}


def dropped(found):
    assert len(found.records) + sum(map(len, found.dropped.values())) == found.genes
    return {reason: list(genes) for reason, genes in found.dropped.items()}


def test_order_of_genes_does_not_matter(world):
    before = world.build()
    world.genes.reverse()
    assert world.build() == before


def test_translation_must_equal_the_protein(world):
    world.proteins["NP_2.1"] = "MAR"
    assert dropped(world.build()) == {"translation_mismatch": ["MINUS2"]}


def test_preferred_transcript_wins_and_another_one_steps_in(world):
    short = transcript("NM_9.1", [(3, 5), (18, 20)], "NP_9.1", tags=frozenset({"MANE Select"}))
    world.genes[0] = gene("PLUS1", "+", *world.genes[0].transcripts, short)
    world.proteins["NP_9.1"] = "M"
    world.mapping["NP_9.1"] = {"P00001"}
    found = world.build()
    assert found.records[0].transcript == "NM_9.1"
    assert found.notes["sequence_differs"] == ("P00001",)
    world.proteins["NP_9.1"] = "MW"
    found = world.build()
    assert found.records[0].transcript == "NM_1.1"
    assert found.notes["other_transcript"] == ("P00001",)


def test_longest_coding_region_without_a_tag(world):
    short = transcript("NM_9.1", [(35, 40)], "NP_9.1")
    world.genes[1] = gene("MINUS2", "-", short, *world.genes[1].transcripts)
    world.proteins["NP_9.1"] = "MA"
    world.mapping["NP_9.1"] = {"P00002"}
    assert world.build().records[1].transcript == "NM_2.1"


def test_annotated_exceptions_are_followed_and_noted(world):
    world.bases["NC_1"] = world.bases["NC_1"].replace(b"GCTGTAAAG", b"TGAGTAAAG", 1)
    world.genes[0] = gene(
        "PLUS1",
        "+",
        transcript("NM_1.1", [(3, 8), (15, 20)], "NP_1.1", transl_except=(TranslationException(6, 8, "U"),)),
    )
    world.proteins["NP_1.1"] = "MUK"
    world.entries["P00001"] = entry("P00001", "MUK")
    found = world.build()
    assert found.records[0].protein == "MUK"
    assert found.notes == {"selenocysteine": ("P00001",)}


def test_exception_on_the_reverse_strand(world):
    world.bases["NC_1"] = b"NN" + FORWARD + b"NN" + reverse_complement(b"CTG" + FORWARD[3:]) + b"NN"
    coding = world.genes[1].transcripts[0]
    world.genes[1] = gene(
        "MINUS2",
        "-",
        transcript("NM_2.1", coding.parts, "NP_2.1", transl_except=(TranslationException(38, 40, "M"),)),
    )
    found = world.build()
    assert [record.protein for record in found.records] == ["MAK", "MAK"]
    assert found.notes == {"translation_exception": ("P00002",), "alternative_start": ("P00002",)}


@pytest.mark.parametrize(
    "header",
    [
        "Homo sapiens chromosome 7 genomic scaffold, GRCh38.p13 alternate locus group ALT_REF_LOCI_1",
        "Homo sapiens chromosome 7 genomic patch of type FIX, GRCh38.p13 PATCHES HG1",
    ],
)
def test_alternate_loci_and_patches_are_left_out(world, header):
    world.headers["NC_1"] = header
    assert dropped(world.build()) == {"not_primary_assembly": ["MINUS2", "PLUS1"]}


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda w: w.proteins.pop("NP_2.1"), "no_protein"),
        (lambda w: w.mapping.pop("NP_2.1"), "no_uniprot_accession"),
        (lambda w: w.entries.pop("P00002"), "no_uniprot_entry"),
        (lambda w: w.terms.pop("P00002"), "no_experimental_go"),
        (lambda w: w.vectors.remove("P00002"), "no_protein_vector"),
    ],
)
def test_every_drop_has_its_reason(world, spoil, reason):
    spoil(world)
    assert dropped(world.build()) == {reason: ["MINUS2"]}


def test_terms_are_not_needed_where_there_are_none(world):
    world.terms = None
    found = world.build()
    assert found.dropped == {}
    assert [record.go_terms for record in found.records] == [(), ()]


def test_reason_names_the_evidence_that_was_asked_for(world):
    world.terms.pop("P00002")
    world.options = {"experimental": False}
    assert dropped(world.build()) == {"no_go": ["MINUS2"]}


def test_vectors_are_not_needed_where_there_are_none(world):
    world.vectors = None
    assert world.build().dropped == {}


def test_entry_without_a_sequence_is_not_compared_and_that_is_noted(world):
    world.entries["P00002"] = entry("P00002", "")
    world.options = {"keep_differing": False}
    found = world.build()
    assert found.dropped == {}
    assert found.notes == {"sequence_not_compared": ("P00002",)}
    world.entries["P00003"] = entry("P00003", "")
    world.mapping["NP_2.1"] = {"P00002", "P00003"}
    assert dropped(world.build()) == {"ambiguous_uniprot_accession": ["MINUS2"]}


def test_mitochondrion_has_its_own_genetic_code(world):
    # CTA is leucine in the nucleus and threonine in a yeast's mitochondrion.
    world.bases["NC_1"] = world.bases["NC_1"].replace(b"ATGGCT", b"ATGCTA", 1)
    world.genes = world.genes[:1]
    world.entries["P00001"] = entry("P00001", "MTK")
    world.options = {"mitochondrial_code": 3}
    world.proteins["NP_1.1"] = "MLK"
    assert world.build().dropped == {}
    world.proteins["NP_1.1"] = "MTK"
    assert dropped(world.build()) == {"translation_mismatch": ["PLUS1"]}
    world.regions["NC_1"] = Region("NC_1", chromosome="MT", genome="mitochondrion")
    assert world.build().records[0].protein == "MTK"
    # What the coding region says of itself comes first.
    parts = world.genes[0].transcripts[0].parts
    world.genes[0] = gene("PLUS1", "+", transcript("NM_1.1", parts, "NP_1.1", genetic_code=1))
    assert dropped(world.build()) == {"translation_mismatch": ["PLUS1"]}


def test_sequence_decides_between_several_entries(world):
    world.entries["P00003"] = entry("P00003", "MAKK")
    world.mapping["NP_2.1"] = {"P00002", "P00003"}
    assert world.build().records[1].accession == "P00002"
    world.entries["P00003"] = entry("P00003", "MAK")
    assert dropped(world.build()) == {"ambiguous_uniprot_accession": ["MINUS2"]}


def test_a_gene_on_two_sequences_is_kept_once(world):
    world.bases["NC_2"] = world.bases["NC_1"]
    world.headers["NC_2"] = "Homo sapiens chromosome Y, GRCh38.p13 Primary Assembly"
    world.regions["NC_2"] = Region("NC_2", chromosome="Y")
    world.genes.insert(0, gene("PLUS1", "+", *world.genes[0].transcripts, seqid="NC_2"))
    found = world.build()
    assert dropped(found) == {"duplicate_accession": ["PLUS1"]}
    assert found.records[0].chromosome == "7"


def test_differing_sequence_is_kept_or_dropped_but_counted(world):
    world.entries["P00002"] = entry("P00002", "MAKK")
    assert world.build().notes == {"sequence_differs": ("P00002",)}
    world.options = {"keep_differing": False}
    assert dropped(world.build()) == {"sequence_differs": ["MINUS2"]}


def test_genome_and_annotation_must_belong_together(world):
    world.regions["NC_3"] = Region("NC_3")
    world.genes.append(gene("FAR3", "+", *world.genes[0].transcripts, seqid="NC_3"))
    with pytest.raises(SourceError, match="NC_3"):
        world.build()
    world.genes.pop()
    world.bases["NC_4"] = b"ACGT"
    world.headers["NC_4"] = ""
    with pytest.raises(SourceError, match="record NC_4: sequence that the annotation does not name"):
        world.build()


def test_gene_beyond_the_end_of_a_sequence(world):
    world.bases["NC_1"] = world.bases["NC_1"][:30]
    with pytest.raises(SourceError, match="MINUS2 goes 10 beyond"):
        world.build()


def test_gene_over_the_origin_of_a_circular_sequence(world):
    bases = world.bases["NC_1"]
    world.genes = world.genes[1:]
    world.bases["NC_1"] = bases[30:] + bases[:30]
    shift = len(bases) - 30
    world.regions["NC_1"] = Region("NC_1", circular=True)
    world.genes[0] = gene(
        "MINUS2", "-", transcript("NM_2.1", [(35 + shift, 40 + shift), (23 + shift, 28 + shift)], "NP_2.1")
    )
    assert world.build().records[0].dna == FORWARD.decode()


def test_every_row_of_the_annotation_and_every_entry_has_one_fate(world):
    world.genes.append(gene("RNA3", "+")._replace(biotype="lncRNA"))
    world.entries["P00009"] = replace(entry("P00009", "MKK"), gene="LOST9")
    world.proteins["NP_2.1"] = "MAR"
    found = world.build()
    assert [(fate.gene, fate.outcome, fate.accession) for fate in found.fates] == [
        ("LOST9", "no_gene", "P00009"),
        ("MINUS2", "translation_mismatch", None),
        ("PLUS1", "kept", "P00001"),
        ("RNA3", "no_coding_region", None),
    ]
    assert found.genes == 2
    assert found.not_counted == {"no_coding_region": 1, "no_gene": 1}
    lost, minus, plus, rna = found.fates
    assert (plus.transcript, plus.choice, plus.protein_accession) == ("NM_1.1", "RefSeq Select", "NP_1.1")
    assert (plus.chromosome, plus.seqid, plus.start, plus.end, plus.strand) == ("7", "NC_1", 1, 2, "+")
    assert (minus.transcript, minus.choice, minus.candidates) == ("NM_2.1", "longest CDS", ("P00002",))
    assert minus.detail == "NM_2.1: residue 3 is K, the protein has R"
    assert (rna.gene_id, rna.transcript, lost.seqid) == ("3", None, None)


def test_fate_tells_how_a_translation_fails(world):
    coding = world.genes[1].transcripts[0]
    world.genes[1] = gene(
        "MINUS2",
        "-",
        coding._replace(id="a", name="NM_A", parts=coding.parts[:1], partial=True),
        coding._replace(id="b", name="NM_B", exception="RNA editing", protein_accession="NP_3.1"),
        coding._replace(id="c", name="NM_C", trans_spliced=True),
    )
    world.proteins["NP_3.1"] = "MAKK"
    found = world.build()
    assert dropped(found) == {"translation_mismatch": ["MINUS2"]}
    assert found.fates[0].transcript == "NM_B"
    assert found.fates[0].detail == (
        "NM_B: 3 residues, the protein has 4 (annotated as RNA editing); "
        "NM_C: its parts lie on several sequences or strands; "
        "NM_A: no reading frame from a start codon to the first stop codon (annotated as partial)"
    )


def test_stated_exception_that_translates_is_kept_and_noted(world):
    world.genes[0] = gene(
        "PLUS1", "+", world.genes[0].transcripts[0]._replace(exception="ribosomal slippage")
    )
    found = world.build()
    assert found.notes == {"stated_exception": ("P00001",)}
    assert found.fates[1].notes == ("stated_exception",)


def test_the_gene_whose_protein_is_the_entrys_has_its_accession(world):
    world.bases["NC_1"] = world.bases["NC_1"].replace(b"GCT", b"AAA", 1)
    world.proteins["NP_1.1"] = "MKK"
    world.mapping["NP_1.1"] = {"P00002"}
    found = world.build()
    assert [record.gene for record in found.records] == ["MINUS2"]
    assert dropped(found) == {"duplicate_accession": ["PLUS1"]}
    (fate,) = (fate for fate in found.fates if fate.gene == "PLUS1")
    assert fate.notes == ("sequence_differs",)
    assert fate.detail == "MINUS2 (2) has it"


def test_equally_good_transcripts_are_told_apart_by_name_whatever_their_order(world):
    first = world.genes[1].transcripts[0]
    twin = first._replace(id="rna-NM_0.1", name="NM_0.1")
    for order in ((first, twin), (twin, first)):
        world.genes[1] = gene("MINUS2", "-", *order)
        assert world.build().records[1].transcript == "NM_0.1"


def test_mane_select_comes_before_refseq_select(world):
    select = world.genes[0].transcripts[0]
    mane = select._replace(id="m", name="NM_8.1", tags=frozenset({"MANE Select"}))
    world.genes[0] = gene("PLUS1", "+", select, mane)
    found = world.build()
    assert found.records[0].transcript == "NM_8.1"
    assert found.fates[1].choice == "MANE Select"


def test_pseudoautosomal_gene_is_kept_once_on_x(world):
    for name, seqid in (("Y", "NC_000024.10"), ("X", "NC_000023.11")):
        world.bases[seqid] = world.bases["NC_1"]
        world.headers[seqid] = f"Homo sapiens chromosome {name}, GRCh38.p13 Primary Assembly"
        world.regions[seqid] = Region(seqid, chromosome=name)
    own = world.genes[0]
    world.genes = [own._replace(seqid=seqid) for seqid in ("NC_000024.10", "NC_000023.11")]
    found = world.build()
    assert [record.chromosome for record in found.records] == ["X"]
    assert [(fate.chromosome, fate.outcome) for fate in found.fates if fate.gene == "PLUS1"] == [
        ("X", "kept"),
        ("Y", "duplicate_accession"),
    ]
