"""Genes, transcripts and coding regions of a GFF3 annotation, as NCBI RefSeq writes it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from genoprot_datasets.errors import SourceError
from genoprot_datasets.sources.features import (
    Feature,
    Region,
    attribute,
    dbxref,
    iter_features,
    parse_attributes,
    values,
)

__all__ = ["Annotation", "Gene", "Transcript", "TranslationException", "read_annotation"]

_GENES = frozenset({"gene", "pseudogene"})
_SEGMENTS = frozenset({"V_gene_segment", "D_gene_segment", "J_gene_segment", "C_gene_segment"})
_TRANSCRIPTS = frozenset({"mRNA", "transcript", "primary_transcript"}) | _SEGMENTS

_EXCEPTION = re.compile(r"\(pos:([^:]*),\s*aa:([A-Za-z]+)\)")
_SPAN = re.compile(r"<?(\d{1,15})(?:\.\.>?(\d{1,15}))?")
_LOCATION_WORDS = re.compile(r"complement|join|order|[\s(),]")

_THREE_LETTERS = "Ala Arg Asn Asp Cys Gln Glu Gly His Ile Leu Lys Met Phe Pro Ser Thr Trp Tyr Val"
_RESIDUES: Mapping[str, str] = {
    **dict(zip(_THREE_LETTERS.split(), "ARNDCQEGHILKMFPSTWYV", strict=True)),
    "Asx": "B",
    "Glx": "Z",
    "Xle": "J",
    "Sec": "U",
    "Pyl": "O",
    "Xaa": "X",
    "OTHER": "X",
    "TERM": "*",
}


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


@dataclass(frozen=True, slots=True)
class Transcript:
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


@dataclass(frozen=True, slots=True)
class Gene:
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


@dataclass(slots=True)
class _Coding:
    """Rows of one coding region."""

    line: int
    identifier: str
    attributes: dict[str, str]
    rows: list[tuple[int, int, str]] = field(default_factory=list)
    places: set[tuple[str, str]] = field(default_factory=set)


class _Collector:
    """Features of a file by identifier, until all are there and can be put together."""

    def __init__(self, path: str | Path) -> None:
        self.path = path
        self.genes: dict[str, Gene] = {}
        self.transcripts: dict[str, dict[str, str]] = {}
        self.coding: dict[tuple[str, str], _Coding] = {}
        self._latest: tuple[str, str, str, list[_Coding]] = ("", "", "", [])

    def add(self, feature: Feature) -> None:
        if feature.kind == "CDS":
            self._add_coding(feature)
            return
        attributes = parse_attributes(self.path, feature)
        identifier = attribute(attributes, "ID")
        if not identifier:
            raise SourceError(self.path, f"{feature.kind} without an ID", line=feature.line)
        if feature.kind in _TRANSCRIPTS:
            self.transcripts.setdefault(identifier, attributes)
        elif identifier not in self.genes:
            self.genes[identifier] = _gene(identifier, feature, attributes)
        elif (gene := self.genes[identifier]).seqid == feature.seqid:
            self.genes[identifier] = replace(
                gene,
                start=min(gene.start, feature.start),
                end=max(gene.end, feature.end),
                strand=gene.strand if gene.strand == feature.strand else "?",
            )

    def _add_coding(self, feature: Feature) -> None:
        line, seqid, _, start, end, strand, phase, text = feature
        # NCBI repeats the attributes on every row of a coding region, and parsing them costs most.
        if (text, seqid, strand) != self._latest[:3]:
            attributes = parse_attributes(self.path, feature)
            identifier = attribute(attributes, "ID") or f"CDS of line {line}"
            parts = [
                self.coding.setdefault((parent, identifier), _Coding(line, identifier, attributes))
                for parent in values(attributes, "Parent") or [""]
            ]
            self._latest = (text, seqid, strand, parts)
            for coding in parts:
                coding.places.add((seqid, strand))
        for coding in self._latest[3]:
            coding.rows.append((start, end, phase))

    def assemble(self, regions: Mapping[str, Region]) -> Annotation:
        if not self.coding:
            raise SourceError(self.path, "no CDS row in it, so no gene has a coding region")
        by_parent: dict[str, list[_Coding]] = {}
        for (parent, _), coding in self.coding.items():
            by_parent.setdefault(parent, []).append(coding)
        found: dict[str, list[Transcript]] = {}
        for identifier, attributes in self.transcripts.items():
            parents = [parent for parent in values(attributes, "Parent") if parent in self.genes]
            if parents and identifier in by_parent:
                for coding in by_parent.pop(identifier):
                    for parent in parents:
                        transcript = self._transcript(self.genes[parent], identifier, attributes, coding)
                        found.setdefault(parent, []).append(transcript)
        for identifier, gene in self.genes.items():
            for coding in by_parent.pop(identifier, ()):
                transcript = self._transcript(gene, coding.identifier, {}, coding)
                found.setdefault(identifier, []).append(transcript)
        if not found:
            raise SourceError(self.path, "no CDS row names a gene or a transcript of one as its Parent")
        return Annotation(
            tuple(
                replace(gene, transcripts=tuple(found.get(identifier, ())))
                for identifier, gene in self.genes.items()
            ),
            regions,
            tuple(
                attribute(coding.attributes, "protein_id") or coding.identifier
                for orphans in by_parent.values()
                for coding in orphans
            ),
        )

    def _transcript(
        self, gene: Gene, identifier: str, attributes: Mapping[str, str], coding: _Coding
    ) -> Transcript:
        rows = _in_order_of_transcription(coding)
        table = attribute(coding.attributes, "transl_table")
        if table and not (table.isascii() and table.isdigit() and len(table) < 4):
            raise SourceError(self.path, f"transl_table is {table!r}, expected a number", line=coding.line)
        return Transcript(
            id=identifier,
            name=attribute(attributes, "transcript_id") or attribute(attributes, "Name"),
            protein_accession=attribute(coding.attributes, "protein_id"),
            parts=tuple((start, end) for start, end, _ in rows),
            phase=int(rows[0][2].replace(".", "0")),
            tags=frozenset(values(attributes, "tag") + values(coding.attributes, "tag")),
            transl_except=self._exceptions(coding),
            genetic_code=int(table) if table else None,
            exception=attribute(coding.attributes, "exception"),
            note=attribute(coding.attributes, "Note"),
            pseudo=attribute(coding.attributes, "pseudo") == "true",
            partial=attribute(coding.attributes, "partial") == "true",
            trans_spliced=coding.places != {(gene.seqid, gene.strand)},
        )

    def _exceptions(self, coding: _Coding) -> tuple[TranslationException, ...]:
        text = attribute(coding.attributes, "transl_except")
        if not text:
            return ()
        found = []
        for location, residue in _EXCEPTION.findall(text):
            spans = [(int(first), int(last or first)) for first, last in _SPAN.findall(location)]
            rest = _LOCATION_WORDS.sub("", _SPAN.sub("", location))
            if not spans or rest or residue not in _RESIDUES:
                found.clear()
                break
            start, end = min(first for first, _ in spans), max(last for _, last in spans)
            found.append(TranslationException(start, end, _RESIDUES[residue]))
        if not found or _EXCEPTION.sub("", text).strip(", "):
            message = f"transl_except is {text!r}, expected (pos:START..END,aa:Abc)"
            raise SourceError(self.path, message, line=coding.line, record=coding.identifier)
        return tuple(found)


def read_annotation(path: str | Path) -> Annotation:
    """Read the genes of a GFF3 file.

    Parameters
    ----------
    path : str or Path
        Plain or gzipped. Features may come in any order; the transcript between gene and coding region
        may be missing, as in bacteria.

    Returns
    -------
    Annotation

    Raises
    ------
    SourceError
        If a row is malformed or lies outside its sequence, or no coding region belongs to a gene.

    References
    ----------
    Sequence Ontology Consortium, "Generic Feature Format Version 3 (GFF3)", version 1.26.

    INSDC, "The DDBJ/ENA/GenBank Feature Table Definition", qualifier ``transl_except``.
    """
    collector = _Collector(path)
    regions: dict[str, Region] = {}
    for feature in iter_features(path, _GENES | _TRANSCRIPTS | {"CDS"}, regions):
        collector.add(feature)
    return collector.assemble(regions)


def _gene(identifier: str, feature: Feature, attributes: Mapping[str, str]) -> Gene:
    names: Iterable[str] = (attribute(attributes, name) for name in ("gene", "Name", "locus_tag"))
    return Gene(
        id=identifier,
        symbol=next(filter(None, names), identifier),
        gene_id=dbxref(attributes, "GeneID"),
        seqid=feature.seqid,
        start=feature.start,
        end=feature.end,
        strand=feature.strand,
        biotype=attribute(attributes, "gene_biotype"),
        pseudo=feature.kind == "pseudogene" or attribute(attributes, "pseudo") == "true",
    )


def _in_order_of_transcription(coding: _Coding) -> list[tuple[int, int, str]]:
    """Rows from the 5' end to the 3' end, whatever their order in the file.

    Those of a trans-spliced gene stand as they are, or backwards where they run against their strand.
    """
    strands = {strand for _, strand in coding.places}
    spliced = attribute(coding.attributes, "exception") == "trans-splicing" or "part" in coding.attributes
    if len(coding.places) == 1 and not spliced:
        return sorted(coding.rows, reverse=strands == {"-"})
    starts = [start for start, _, _ in coding.rows]
    backwards = (
        strands == {"-"} and starts == sorted(starts) or strands == {"+"} and starts[::-1] == sorted(starts)
    )
    return coding.rows[::-1] if backwards else coding.rows
