"""Matching of genes with proteins: the rules that decide the fate of every gene."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from genoprot_datasets.errors import SourceError
from genoprot_datasets.records import KEPT, Fate, Record, RecordSet
from genoprot_datasets.sources.fasta import iter_fasta
from genoprot_datasets.sources.genes import Annotation, Gene, Transcript
from genoprot_datasets.sources.uniprot import UniProtEntry
from genoprot_datasets.translation import reverse_complement, splice, translate

__all__ = ["build_records"]

_ALTERNATE = re.compile(r"ALT_REF_LOCI|alternate locus|\bpatch\b|\bPATCHES\b", re.IGNORECASE)
_TAGS = ("MANE Select", "RefSeq Select")


@dataclass(frozen=True)
class _Inputs:
    """What the fate of a single gene depends on."""

    proteins: Mapping[str, str]
    refseq_to_uniprot: Mapping[str, Collection[str]]
    entries: Mapping[str, UniProtEntry]
    go_terms: Mapping[str, Iterable[str]] | None
    no_terms: str
    with_vector: Collection[str] | None
    keep_differing: bool
    genetic_code: int


@dataclass(frozen=True)
class _Translated:
    """A transcript that translates to its protein."""

    transcript: Transcript
    coding: bytes
    notes: frozenset[str]


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
    by_sequence: dict[str, list[Gene]] = defaultdict(list)
    fates: list[Fate] = []
    for gene in annotation.genes:
        if gene.transcripts:
            by_sequence[gene.seqid].append(gene)
        else:
            fates.append(_fate(gene, annotation, "no_coding_region"))
    nuclear = _Inputs(
        proteins=proteins,
        refseq_to_uniprot=refseq_to_uniprot,
        entries=entries,
        go_terms=go_terms,
        no_terms="no_experimental_go" if experimental else "no_go",
        with_vector=with_vector,
        keep_differing=keep_differing,
        genetic_code=genetic_code,
    )
    mitochondrial = replace(nuclear, genetic_code=mitochondrial_code or genetic_code)
    candidates: list[tuple[Fate, Record]] = []
    for seqid, description, chromosome in iter_fasta(genome):
        if seqid not in annotation.regions:
            raise SourceError(genome, "sequence that the annotation does not name", record=seqid)
        local = by_sequence.pop(seqid, [])
        if _ALTERNATE.search(description):
            fates += [_preferred(gene, annotation, nuclear, "not_primary_assembly") for gene in local]
            continue
        region = annotation.regions[seqid]
        inputs = mitochondrial if region.genome == "mitochondrion" else nuclear
        for gene in local:
            beyond = max(t.span[1] for t in gene.transcripts) - len(chromosome)
            if beyond > 0 and not region.circular:
                message = f"{len(chromosome)} bases, but the annotation of {gene.symbol} goes {beyond} beyond"
                raise SourceError(genome, message, record=seqid)
            # A gene may run over the origin of a circular sequence.
            bases = chromosome + chromosome[:beyond] if beyond > 0 else chromosome
            fate, record = _match(gene, bases, annotation, inputs)
            if record is None:
                fates.append(fate)
            else:
                candidates.append((fate, record))
    if by_sequence:
        missing = sorted(by_sequence)
        raise SourceError(
            genome, f"lacks {len(missing)} sequences that the annotation names, first {missing[0]}"
        )
    records, decided = _one_per_accession(candidates, entries)
    fates += decided
    fates += _entries_without_gene(fates, entries)
    return RecordSet(records, tuple(sorted(fates, key=_order)))


def _match(gene: Gene, bases: bytes, annotation: Annotation, inputs: _Inputs) -> tuple[Fate, Record | None]:
    """Fate of a gene as if it were the only one of its accession, and its record where it would be kept."""
    found = _translated(gene, bases, inputs)
    if isinstance(found, Fate):
        return _preferred(gene, annotation, inputs, found.outcome, found.detail), None
    transcript = found.transcript
    protein = inputs.proteins[transcript.protein_accession]
    mapped = _mapped(transcript, inputs)
    accession, outcome = _accession(protein, mapped, inputs.entries)
    notes, terms = set(found.notes), ()
    if accession is not None:
        sequence = inputs.entries[accession].sequence
        differs = sequence not in ("", protein)
        notes |= ({"sequence_differs"} if differs else set()) | (
            set() if sequence else {"sequence_not_compared"}
        )
        if inputs.go_terms is not None:
            terms = tuple(sorted(set(inputs.go_terms.get(accession, ()))))
        if differs and not inputs.keep_differing:
            outcome = "sequence_differs"
        elif not terms and inputs.go_terms is not None:
            outcome = inputs.no_terms
        elif inputs.with_vector is not None and accession not in inputs.with_vector:
            outcome = "no_protein_vector"
    fate = replace(
        _fate(gene, annotation, outcome),
        accession=accession,
        transcript=transcript.name or None,
        choice=_choice(transcript),
        protein_accession=transcript.protein_accession,
        candidates=mapped,
        notes=tuple(sorted(notes)),
    )
    if outcome != KEPT:
        return fate, None
    start, end = transcript.span
    dna = bases[start - 1 : end]
    if gene.strand == "-":
        dna = reverse_complement(dna)
    record = Record(
        accession=accession,
        gene=gene.symbol,
        gene_id=gene.gene_id,
        transcript=transcript.name,
        protein_accession=transcript.protein_accession,
        chromosome=fate.chromosome,
        seqid=gene.seqid,
        start=start,
        end=end,
        strand=gene.strand,
        dna=dna.decode("ascii"),
        protein=protein,
        coding_length=len(found.coding),
        go_terms=terms,
        notes=frozenset(notes),
    )
    return fate, record


def _preference(transcript: Transcript) -> tuple[bool, bool, int, str, str]:
    """Sort key of a gene's transcripts: MANE Select, RefSeq Select, then the longest coding region."""
    length = sum(end - start + 1 for start, end in transcript.parts)
    return (*(tag not in transcript.tags for tag in _TAGS), -length, transcript.name, transcript.id)


def _choice(transcript: Transcript) -> str:
    return next((tag for tag in _TAGS if tag in transcript.tags), "longest CDS")


def _translated(gene: Gene, bases: bytes, inputs: _Inputs) -> _Translated | Fate:
    """The first transcript, in order of preference, that translates to its protein."""
    candidates = sorted(gene.transcripts, key=_preference)
    named = [t for t in candidates if t.protein_accession in inputs.proteins]
    if not named:
        return Fate(gene.symbol, "no_protein")
    faults = []
    for transcript in named:
        if transcript.trans_spliced or gene.strand not in "+-":
            faults.append((transcript, "its parts lie on several sequences or strands"))
            continue
        exceptions = _exceptions(transcript, gene.strand)
        coding = splice(bases, transcript.parts, gene.strand)
        translation = translate(coding, transcript.genetic_code or inputs.genetic_code, exceptions)
        protein = inputs.proteins[transcript.protein_accession]
        if translation != protein:
            faults.append((transcript, _difference(translation, protein)))
            continue
        notes = set()
        if "U" in exceptions.values():
            notes.add("selenocysteine")
        if set(exceptions.values()) - {"U"}:
            notes.add("translation_exception")
        if transcript.exception:
            notes.add("stated_exception")
        if coding[:3] != b"ATG":
            notes.add("alternative_start")
        if transcript is not candidates[0]:
            notes.add("other_transcript")
        return _Translated(transcript, coding, frozenset(notes))
    return Fate(gene.symbol, "translation_mismatch", detail=_faults(faults))


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


def _difference(translation: str | None, protein: str) -> str:
    if translation is None:
        return "no reading frame from a start codon to the first stop codon"
    if len(translation) != len(protein):
        return f"{len(translation)} residues, the protein has {len(protein)}"
    place = next(k for k, pair in enumerate(zip(translation, protein)) if pair[0] != pair[1])
    return f"residue {place + 1} is {translation[place]}, the protein has {protein[place]}"


def _faults(faults: list[tuple[Transcript, str]]) -> str:
    texts = []
    for transcript, fault in faults:
        words = [transcript.exception] if transcript.exception else []
        words += ["partial"] if transcript.partial else []
        stated = f" (annotated as {', '.join(words)})" if words else ""
        texts.append(f"{transcript.name or transcript.id}: {fault}{stated}")
    return "; ".join(texts)


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
    return known[0], KEPT


def _one_per_accession(
    candidates: list[tuple[Fate, Record]], entries: Mapping[str, UniProtEntry]
) -> tuple[tuple[Record, ...], list[Fate]]:
    """Keep the first gene of each accession, one whose protein is the entry's before one that differs."""

    def rank(candidate: tuple[Fate, Record]) -> tuple:
        fate, record = candidate
        return (
            record.accession,
            "sequence_differs" in record.notes,
            record.seqid,
            record.start,
            *_order(fate),
        )

    kept: dict[str, tuple[Fate, Record]] = {}
    decided: list[Fate] = []
    for fate, record in sorted(candidates, key=rank):
        first = kept.setdefault(record.accession, (fate, record))[0]
        if first is not fate:
            detail = f"{first.gene} ({first.gene_id or first.seqid}) has it"
            fate = replace(fate, outcome="duplicate_accession", detail=detail)
        decided.append(fate)
    return tuple(record for _, record in kept.values()), decided


def _entries_without_gene(fates: list[Fate], entries: Mapping[str, UniProtEntry]) -> Iterator[Fate]:
    reached = {accession.partition("-")[0] for fate in fates for accession in fate.candidates}
    for accession in sorted(entries.keys() - reached):
        yield Fate(entries[accession].gene, "no_gene", accession=accession)


def _mapped(transcript: Transcript, inputs: _Inputs) -> tuple[str, ...]:
    return tuple(sorted(inputs.refseq_to_uniprot.get(transcript.protein_accession, ())))


def _preferred(
    gene: Gene, annotation: Annotation, inputs: _Inputs, outcome: str, detail: str | None = None
) -> Fate:
    """Fate of a gene none of whose transcripts could be chosen."""
    transcript = min(gene.transcripts, key=_preference)
    return replace(
        _fate(gene, annotation, outcome),
        transcript=transcript.name or None,
        choice=_choice(transcript),
        protein_accession=transcript.protein_accession or None,
        candidates=_mapped(transcript, inputs),
        detail=detail,
    )


def _fate(gene: Gene, annotation: Annotation, outcome: str) -> Fate:
    return Fate(
        gene=gene.symbol,
        outcome=outcome,
        gene_id=gene.gene_id or None,
        chromosome=annotation.regions[gene.seqid].chromosome or gene.seqid,
        seqid=gene.seqid,
        start=gene.start,
        end=gene.end,
        strand=gene.strand,
    )


def _order(fate: Fate) -> tuple:
    place = (fate.seqid or "", fate.start or 0, fate.end or 0, fate.strand or "")
    return (fate.gene, fate.gene_id or "", *place, fate.accession or "", fate.transcript or "")
