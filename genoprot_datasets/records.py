"""Gene-protein records: one row per gene, and the fate of every gene."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from genoprot_datasets.errors import SourceError
from genoprot_datasets.sources.fasta import iter_fasta
from genoprot_datasets.sources.gff import Annotation, Gene, Transcript
from genoprot_datasets.sources.uniprot import UniProtEntry
from genoprot_datasets.translation import reverse_complement, splice, translate

__all__ = ["DROP_REASONS", "NOTES", "Record", "RecordSet", "build_records"]

DROP_REASONS: Mapping[str, str] = MappingProxyType(
    {
        "not_primary_assembly": "the gene lies on an alternate locus or a patch",
        "no_protein": "no transcript names a protein that the protein FASTA holds",
        "translation_mismatch": "no transcript's coding region translates to its protein",
        "no_uniprot_accession": "the id mapping names no UniProt accession for the protein",
        "no_uniprot_entry": "the accessions that the id mapping names have no UniProt entry",
        "ambiguous_uniprot_accession": "the id mapping names several entries, the sequence does not decide",
        "sequence_differs": "the protein differs from the UniProt sequence",
        "duplicate_accession": "another gene has the same UniProt accession",
        "no_experimental_go": "no Gene Ontology annotation with experimental evidence",
        "no_go": "no Gene Ontology annotation of any evidence",
        "no_protein_vector": "no vector in the per-protein embeddings, which the partition needs",
    }
)
"""Why a protein-coding gene is not a record."""

NOTES: Mapping[str, str] = MappingProxyType(
    {
        "genes_without_coding_region": "gene rows without a coding region (not counted as genes)",
        "other_transcript": "the preferred transcript failed the translation check, another one passed",
        "selenocysteine": "kept records whose translation has annotated selenocysteines",
        "translation_exception": "kept records with another annotated translation exception",
        "alternative_start": "kept records whose start codon is not ATG",
        "sequence_differs": "kept records whose protein differs from the UniProt sequence",
        "sequence_not_compared": "kept records without a UniProt sequence to compare the protein with",
    }
)
"""What was noticed about records that were kept."""

_ALTERNATE = re.compile(r"ALT_REF_LOCI|alternate locus|\bpatch\b|\bPATCHES\b", re.IGNORECASE)


@dataclass(frozen=True)
class Record:
    """One gene with its protein; the fields are those of `schema.SEQUENCES` without the fold."""

    accession: str
    gene: str
    gene_id: str
    transcript: str
    protein_accession: str
    chromosome: str
    seqid: str
    start: int
    end: int
    strand: str
    dna: str
    protein: str
    coding_length: int
    go_terms: tuple[str, ...]
    notes: frozenset[str]


@dataclass(frozen=True)
class RecordSet:
    """Records that were kept, and what became of the other genes.

    Attributes
    ----------
    records : tuple of Record
        Sorted by accession.
    dropped : dict of str to tuple of str
        Genes per reason of `DROP_REASONS`, sorted.
    notes : dict of str to tuple of str
        Accessions (genes for `genes_without_coding_region`) per note of `NOTES`, sorted.
    genes : int
        Protein-coding genes of the annotation.
    """

    records: tuple[Record, ...]
    dropped: Mapping[str, tuple[str, ...]]
    notes: Mapping[str, tuple[str, ...]]
    genes: int


@dataclass
class _Ledger:
    """What became of each gene, as the builder goes along."""

    dropped: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    notes: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))


@dataclass(frozen=True)
class _Inputs:
    """What the fate of a single gene depends on."""

    proteins: Mapping[str, str]
    refseq_to_uniprot: Mapping[str, Collection[str]]
    entries: Mapping[str, UniProtEntry]
    genetic_code: int


def _preference(transcript: Transcript) -> tuple[bool, bool, int]:
    """Sort key of a gene's transcripts: MANE Select, RefSeq Select, then the longest coding region."""
    length = sum(end - start + 1 for start, end in transcript.parts)
    return ("MANE Select" not in transcript.tags, "RefSeq Select" not in transcript.tags, -length)


def _exceptions(transcript: Transcript, strand: str) -> dict[int, str]:
    """Residues of annotated exceptions by codon index."""
    codons = {}
    for start, end, residue in transcript.transl_except:
        first = start if strand == "+" else end
        offset = 0
        for part_start, part_end in transcript.parts:
            if part_start <= first <= part_end:
                offset += first - part_start if strand == "+" else part_end - first
                codons[offset // 3] = residue
                break
            offset += part_end - part_start + 1
    return codons


def _translated(
    gene: Gene, chromosome: bytes, proteins: Mapping[str, str], genetic_code: int
) -> tuple[Transcript, bytes, frozenset[str]] | str:
    """The first transcript, in order of preference, that translates to its protein.

    Returns the transcript, its coding region and notes about it, or the reason why there is none.
    """
    candidates = sorted(gene.transcripts, key=_preference)
    named = [t for t in candidates if t.protein_accession in proteins]
    if not named:
        return "no_protein"
    for transcript in named:
        if transcript.trans_spliced or gene.strand not in "+-":
            continue
        exceptions = _exceptions(transcript, gene.strand)
        coding = splice(chromosome, transcript.parts, gene.strand)
        code = transcript.genetic_code or genetic_code
        if translate(coding, code, exceptions) != proteins[transcript.protein_accession]:
            continue
        notes = set()
        if "U" in exceptions.values():
            notes.add("selenocysteine")
        if set(exceptions.values()) - {"U"}:
            notes.add("translation_exception")
        if coding[:3] != b"ATG":
            notes.add("alternative_start")
        if transcript is not candidates[0]:
            notes.add("other_transcript")
        return transcript, coding, frozenset(notes)
    return "translation_mismatch"


def _accession(
    protein: str, candidates: Collection[str], entries: Mapping[str, UniProtEntry]
) -> tuple[str | None, str]:
    """The UniProt entry of a protein, or None and the reason."""
    if not candidates:
        return None, "no_uniprot_accession"
    known = sorted({accession.partition("-")[0] for accession in candidates} & entries.keys())
    if not known:
        return None, "no_uniprot_entry"
    if len(known) > 1:
        known = [accession for accession in known if entries[accession].sequence == protein]
    if len(known) != 1:
        return None, "ambiguous_uniprot_accession"
    return known[0], ""


def build_records(
    annotation: Annotation,
    genome: str | Path,
    proteins: Mapping[str, str],
    refseq_to_uniprot: Mapping[str, Collection[str]],
    entries: Mapping[str, UniProtEntry],
    go_terms: Mapping[str, Iterable[str]] | None,
    with_vector: Collection[str] | None,
    *,
    genetic_code: int = 1,
    mitochondrial_code: int | None = None,
    experimental: bool = True,
    keep_differing: bool = True,
) -> RecordSet:
    """Match genes with proteins.

    Parameters
    ----------
    annotation : Annotation
        Genes and their transcripts.
    genome : path
        FASTA of the genome; one sequence is in memory at a time.
    proteins : mapping of str to str
        RefSeq protein accession to sequence.
    refseq_to_uniprot : mapping of str to collection of str
        RefSeq protein accession to UniProt accessions.
    entries : mapping of str to UniProtEntry
        UniProt entries by primary accession; one with an empty sequence is not compared.
    go_terms : mapping of str to iterable of str, or None
        Accession to the Gene Ontology terms that count; None where the species has no annotations, and
        records need none then.
    with_vector : collection of str or None
        Accessions that have a per-protein vector; None where records need none.
    genetic_code, mitochondrial_code : int
        NCBI translation tables, where a coding region does not name its own; that of the mitochondrion is
        the other one when it is left out.
    experimental : bool
        Whether the terms are those with experimental evidence, for the reason of a drop.
    keep_differing : bool
        Keep genes whose RefSeq protein differs from the UniProt sequence (another isoform or a variant);
        they are counted either way.

    Returns
    -------
    RecordSet

    Raises
    ------
    SourceError
        If the genome holds a sequence that the annotation does not know, or lacks one that it needs.
    """
    mitochondrial_code = mitochondrial_code or genetic_code
    by_sequence: dict[str, list[Gene]] = defaultdict(list)
    ledger = _Ledger()
    genes = 0
    for gene in annotation.genes:
        if gene.transcripts:
            by_sequence[gene.seqid].append(gene)
            genes += 1
        else:
            ledger.notes["genes_without_coding_region"].append(gene.symbol)
    nuclear = _Inputs(proteins, refseq_to_uniprot, entries, genetic_code)
    mitochondrial = replace(nuclear, genetic_code=mitochondrial_code)
    found: list[Record] = []
    for seqid, description, chromosome in iter_fasta(genome):
        if seqid not in annotation.regions:
            raise SourceError(genome, "sequence that the annotation does not name", record=seqid)
        local = by_sequence.pop(seqid, [])
        if _ALTERNATE.search(description):
            ledger.dropped["not_primary_assembly"] += [gene.symbol for gene in local]
            continue
        region = annotation.regions[seqid]
        inputs = mitochondrial if region.genome == "mitochondrion" else nuclear
        for gene in local:
            beyond = max(part[1] for t in gene.transcripts for part in t.parts) - len(chromosome)
            if beyond > 0 and not region.circular:
                message = f"{len(chromosome)} bases, but the annotation of {gene.symbol} goes {beyond} beyond"
                raise SourceError(genome, message, record=seqid)
            # A gene may run over the origin of a circular sequence.
            bases = chromosome + chromosome[:beyond] if beyond > 0 else chromosome
            record = _record(gene, region.chromosome or seqid, bases, inputs, ledger)
            if record is not None:
                found.append(record)
    if by_sequence:
        missing = sorted(by_sequence)
        raise SourceError(
            genome, f"lacks {len(missing)} sequences that the annotation names, first {missing[0]}"
        )
    no_terms = "no_experimental_go" if experimental else "no_go"
    return _filtered(found, entries, go_terms, no_terms, with_vector, keep_differing, ledger, genes)


def _record(gene: Gene, chromosome: str, bases: bytes, inputs: _Inputs, ledger: _Ledger) -> Record | None:
    outcome = _translated(gene, bases, inputs.proteins, inputs.genetic_code)
    if isinstance(outcome, str):
        ledger.dropped[outcome].append(gene.symbol)
        return None
    transcript, coding, notes = outcome
    protein = inputs.proteins[transcript.protein_accession]
    candidates = inputs.refseq_to_uniprot.get(transcript.protein_accession, ())
    accession, reason = _accession(protein, candidates, inputs.entries)
    if accession is None:
        ledger.dropped[reason].append(gene.symbol)
        return None
    start = min(part[0] for part in transcript.parts)
    end = max(part[1] for part in transcript.parts)
    dna = bases[start - 1 : end]
    if gene.strand == "-":
        dna = reverse_complement(dna)
    return Record(
        accession=accession,
        gene=gene.symbol,
        gene_id=gene.gene_id,
        transcript=transcript.name,
        protein_accession=transcript.protein_accession,
        chromosome=chromosome,
        seqid=gene.seqid,
        start=start,
        end=end,
        strand=gene.strand,
        dna=dna.decode("ascii"),
        protein=protein,
        coding_length=len(coding),
        go_terms=(),
        notes=notes,
    )


def _filtered(
    found: list[Record],
    entries: Mapping[str, UniProtEntry],
    go_terms: Mapping[str, Iterable[str]] | None,
    no_terms: str,
    with_vector: Collection[str] | None,
    keep_differing: bool,
    ledger: _Ledger,
    genes: int,
) -> RecordSet:
    """Apply the rules that need no sequence, in a fixed order of the genes."""
    kept: dict[str, Record] = {}
    for record in sorted(found, key=lambda record: (record.accession, record.seqid, record.start)):
        sequence = entries[record.accession].sequence
        differs = sequence not in ("", record.protein)
        terms = () if go_terms is None else tuple(sorted(set(go_terms.get(record.accession, ()))))
        if record.accession in kept:
            reason = "duplicate_accession"
        elif differs and not keep_differing:
            reason = "sequence_differs"
        elif not terms and go_terms is not None:
            reason = no_terms
        elif with_vector is not None and record.accession not in with_vector:
            reason = "no_protein_vector"
        else:
            notes = record.notes | ({"sequence_differs"} if differs else set())
            notes |= set() if sequence else {"sequence_not_compared"}
            kept[record.accession] = replace(record, go_terms=terms, notes=notes)
            continue
        ledger.dropped[reason].append(record.gene)
    for record in kept.values():
        for note in record.notes:
            ledger.notes[note].append(record.accession)
    return RecordSet(
        records=tuple(kept.values()),
        dropped={
            reason: tuple(sorted(ledger.dropped[reason]))
            for reason in DROP_REASONS
            if reason in ledger.dropped
        },
        notes={note: tuple(sorted(ledger.notes[note])) for note in NOTES if note in ledger.notes},
        genes=genes,
    )
