"""Gene-protein records: one per gene, and the fate of every gene and of every UniProt entry."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

__all__ = ["DROP_REASONS", "KEPT", "NOTES", "NOT_COUNTED", "Fate", "Record", "RecordSet"]

KEPT = "kept"
"""Outcome of a gene that is a record."""

DROP_REASONS: Mapping[str, str] = MappingProxyType(
    {
        "not_primary_assembly": "the gene lies on an alternate locus or a patch",
        "no_protein": "no transcript names a protein that the protein FASTA holds",
        "translation_mismatch": "no transcript's coding region translates to its protein",
        "no_uniprot_accession": "the id mapping names no UniProt accession for the protein",
        "no_uniprot_entry": "the accessions that the id mapping names have no UniProt entry",
        "ambiguous_uniprot_accession": "the id mapping names several entries, the sequence does not decide",
        "sequence_differs": "the protein differs from the UniProt sequence",
        "no_experimental_go": "no Gene Ontology annotation with experimental evidence",
        "no_go": "no Gene Ontology annotation of any evidence",
        "no_protein_vector": "no vector in the per-protein embeddings, which the partition needs",
        "duplicate_accession": "another gene has the same UniProt accession",
    }
)
"""Why a protein-coding gene is not a record; the first one that holds, in this order."""

NOT_COUNTED: Mapping[str, str] = MappingProxyType(
    {
        "no_coding_region": "gene row without a coding region",
        "no_gene": "UniProt entry to which no gene leads",
    }
)
"""Outcomes of what is not a protein-coding gene of the annotation."""

NOTES: Mapping[str, str] = MappingProxyType(
    {
        "other_transcript": "the preferred transcript failed the translation check, another one passed",
        "selenocysteine": "kept records whose translation has annotated selenocysteines",
        "translation_exception": "kept records with another annotated translation exception",
        "stated_exception": "kept records whose coding region the annotation calls exceptional "
        "(ribosomal slippage and the like)",
        "alternative_start": "kept records whose start codon is not ATG",
        "sequence_differs": "kept records whose protein differs from the UniProt sequence",
        "sequence_not_compared": "kept records without a UniProt sequence to compare the protein with",
    }
)
"""What was noticed about records that were kept."""


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


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a gene row of the annotation, or of a UniProt entry that no gene leads to.

    Attributes
    ----------
    gene : str
        Symbol.
    outcome : str
        `KEPT`, a key of `DROP_REASONS` or a key of `NOT_COUNTED`.
    accession : str or None
        UniProt accession, where the gene leads to one.
    gene_id, chromosome, seqid, strand : str or None
        As the annotation has them.
    start, end : int or None
        Of the gene's row, 1-based and inclusive.
    transcript, protein_accession : str or None
        The chosen transcript and its protein; the preferred one where none could be chosen.
    choice : str or None
        Why this transcript: ``MANE Select``, ``RefSeq Select`` or ``longest CDS``.
    candidates : tuple of str
        UniProt accessions that the id mapping gives for the protein, sorted.
    notes : tuple of str
        Keys of `NOTES`, sorted.
    detail : str or None
        What exactly was found, where the outcome alone does not tell.
    """

    gene: str
    outcome: str
    accession: str | None = None
    gene_id: str | None = None
    chromosome: str | None = None
    seqid: str | None = None
    start: int | None = None
    end: int | None = None
    strand: str | None = None
    transcript: str | None = None
    choice: str | None = None
    protein_accession: str | None = None
    candidates: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    detail: str | None = None


@dataclass(frozen=True)
class RecordSet:
    """Records that were kept, and what became of everything else.

    Attributes
    ----------
    records : tuple of Record
        Sorted by accession.
    fates : tuple of Fate
        One for each gene row and each UniProt entry that no gene leads to, sorted by gene and place.
    """

    records: tuple[Record, ...]
    fates: tuple[Fate, ...]

    @cached_property
    def genes(self) -> int:
        """Protein-coding genes of the annotation."""
        return sum(fate.outcome not in NOT_COUNTED for fate in self.fates)

    @cached_property
    def dropped(self) -> dict[str, tuple[str, ...]]:
        """Genes per reason of `DROP_REASONS`, sorted."""
        found: dict[str, list[str]] = defaultdict(list)
        for fate in self.fates:
            found[fate.outcome].append(fate.gene)
        return {reason: tuple(sorted(found[reason])) for reason in DROP_REASONS if reason in found}

    @cached_property
    def not_counted(self) -> dict[str, int]:
        """Rows per outcome of `NOT_COUNTED`."""
        counts = Counter(fate.outcome for fate in self.fates)
        return {outcome: counts[outcome] for outcome in NOT_COUNTED if counts[outcome]}

    @cached_property
    def notes(self) -> dict[str, tuple[str, ...]]:
        """Accessions of kept records per note of `NOTES`, sorted."""
        noted: dict[str, list[str]] = defaultdict(list)
        for record in self.records:
            for note in record.notes:
                noted[note].append(record.accession)
        return {note: tuple(sorted(noted[note])) for note in NOTES if note in noted}
