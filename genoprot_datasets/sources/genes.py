"""Genes, transcripts and coding regions of an annotation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from genoprot_datasets.sources.features import Region

__all__ = ["Annotation", "Gene", "Transcript", "TranslationException"]


class TranslationException(NamedTuple):
    """A codon that is translated otherwise than its genetic code says.

    Attributes
    ----------
    start, end : int
        First and last base on the forward strand, 1-based and inclusive. They span the intron where the
        codon is split by one, and fewer than three bases where the poly(A) tail completes a stop codon.
    residue : str
        One letter; ``U`` is selenocysteine, ``*`` a stop.
    """

    start: int
    end: int
    residue: str


class Transcript(NamedTuple):
    """One coding region, with the transcript that carries it where the annotation has one.

    Attributes
    ----------
    id : str
        Identifier of the transcript's row, or of the coding region where there is no such row.
    name : str
        Accession of the transcript (``NM_...``); empty where there is none.
    protein_accession : str
        Accession of the protein (``NP_...``); empty where there is none.
    parts : tuple of (int, int)
        Start and end of each part of the coding region, 1-based and inclusive, in the order of
        transcription, whatever the order of their rows unless the gene is trans-spliced. Parts of a
        programmed frameshift may overlap; on a circular sequence a part may end beyond the sequence's length.
    phase : int
        Bases of the first part before its first whole codon.
    tags : frozenset of str
        For example ``MANE Select`` and ``RefSeq Select``.
    transl_except : tuple of TranslationException
    genetic_code : int or None
        NCBI translation table, where the annotation names it.
    exception : str
        Why the coding region does not follow the genome in the plain way; empty where it does.
    note : str
        The annotators' remark.
    pseudo, partial : bool
        Whether the annotation calls the coding region decayed, or incomplete.
    trans_spliced : bool
        Whether the parts lie on more than one sequence or strand, or elsewhere than their gene.
    """

    id: str
    name: str
    protein_accession: str
    parts: tuple[tuple[int, int], ...]
    phase: int = 0
    tags: frozenset[str] = frozenset()
    transl_except: tuple[TranslationException, ...] = ()
    genetic_code: int | None = None
    exception: str = ""
    note: str = ""
    pseudo: bool = False
    partial: bool = False
    trans_spliced: bool = False

    @property
    def span(self) -> tuple[int, int]:
        """First and last base of the coding region on the forward strand, 1-based and inclusive."""
        return min(self.parts)[0], max([end for _, end in self.parts])


class Gene(NamedTuple):
    """A gene or pseudogene.

    Attributes
    ----------
    id : str
        Identifier of its row.
    symbol : str
        Gene symbol, else name, else locus tag.
    gene_id : str
        NCBI gene id; empty where there is none.
    seqid : str
        Sequence that it lies on.
    start, end : int
        1-based and inclusive; from first to last where it has several rows.
    strand : {"+", "-", "?", "."}
        The last two: not known, or more than one.
    biotype : str
        For example ``protein_coding``; empty where the annotation does not say.
    pseudo : bool
    transcripts : tuple of Transcript
        Its coding transcripts, in the order of the file.
    """

    id: str
    symbol: str
    gene_id: str
    seqid: str
    start: int
    end: int
    strand: str
    biotype: str = ""
    pseudo: bool = False
    transcripts: tuple[Transcript, ...] = ()


@dataclass(frozen=True, slots=True)
class Annotation:
    """What a GFF3 file says about genes.

    Attributes
    ----------
    genes : tuple of Gene
        In the order of the file, those without a coding region included.
    regions : dict of str to Region
        Every sequence that the file names.
    orphans : tuple of str
        Coding regions whose parents are neither a gene nor a transcript of one: the protein's accession,
        or the region's identifier where there is none.
    """

    genes: tuple[Gene, ...]
    regions: Mapping[str, Region]
    orphans: tuple[str, ...] = ()

    @property
    def chromosomes(self) -> dict[str, str]:
        """Name of the chromosome by sequence; the sequence's own name where the file gives none."""
        return {seqid: region.chromosome or seqid for seqid, region in self.regions.items()}
