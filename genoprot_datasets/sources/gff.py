"""Annotations in GFF3, as NCBI RefSeq writes it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

from genoprot_datasets.errors import SourceError
from genoprot_datasets.sources.attributes import dbxref, values
from genoprot_datasets.sources.features import Region, iter_features
from genoprot_datasets.sources.garbage import uncollected
from genoprot_datasets.sources.genes import Annotation, Gene, Transcript, TranslationException
from genoprot_datasets.sources.rows import Rows, Wanted

__all__ = ["read_annotation"]


_SEGMENTS = ("V_gene_segment", "D_gene_segment", "J_gene_segment", "C_gene_segment")
_GENES = Wanted(
    ("gene", "pseudogene"), ("ID", "gene", "Name", "locus_tag", "Dbxref", "gene_biotype", "pseudo")
)
_TRANSCRIPTS = Wanted(
    ("mRNA", "transcript", "primary_transcript", *_SEGMENTS),
    ("ID", "Parent", "transcript_id", "Name", "tag"),
)
_CODING = Wanted(
    ("CDS",),
    ("ID", "Parent", "protein_id", "tag", "transl_table", "transl_except")
    + ("exception", "Note", "pseudo", "partial", "part"),
)

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


@dataclass(slots=True)
class _Coding:
    """Rows of one coding region, in the order of the file."""

    line: int
    identifier: str
    attributes: tuple[str, ...]
    places: set[tuple[str, str]]
    parts: tuple[tuple[int, int], ...]
    phases: str


class _Collector:
    """Features of a file by identifier, until all are there and can be put together."""

    def __init__(self, path: str | Path) -> None:
        self.path = path
        self.genes: dict[str, Gene] = {}
        self.transcripts: dict[str, tuple[str, str, str]] = {}
        self.coding: dict[tuple[str, str], _Coding] = {}
        self._tags: dict[tuple[str, str], frozenset[str]] = {}

    def add(self, rows: Rows) -> None:
        if rows.wanted is _CODING:
            self._add_coding(rows)
            return
        if "" in rows.attributes[0]:
            k = rows.attributes[0].index("")
            raise SourceError(self.path, f"{rows.kinds[k]} without an ID", line=rows.lines[k])
        if rows.wanted is _GENES:
            self._add_genes(rows)
        else:
            for identifier, parent, accession, name, tag in zip(*rows.attributes):
                self.transcripts.setdefault(identifier, (parent, accession or name, tag))

    def _add_genes(self, rows: Rows) -> None:
        identifiers, symbols, names, locus_tags, references, biotypes, pseudo = rows.attributes
        for others in (names, locus_tags, identifiers):
            if "" in symbols:
                symbols = [own or other for own, other in zip(symbols, others)]
        genes = map(
            Gene,
            identifiers,
            symbols,
            [dbxref(own, "GeneID") for own in references],
            repeat(rows.seqid),
            rows.starts,
            rows.ends,
            rows.strands,
            biotypes,
            [kind == "pseudogene" or own == "true" for kind, own in zip(rows.kinds, pseudo)],
        )
        for gene in genes:
            first = self.genes.setdefault(gene.id, gene)
            if first is not gene and first.seqid == gene.seqid:
                self.genes[gene.id] = first._replace(
                    start=min(first.start, gene.start),
                    end=max(first.end, gene.end),
                    strand=first.strand if first.strand == gene.strand else "?",
                )

    def _add_coding(self, rows: Rows) -> None:
        columns = zip(rows.lines, rows.strands, zip(*rows.attributes), rows.parts, rows.phases)
        for line, strand, attributes, parts, phases in columns:
            place = rows.seqid, strand
            identifier = attributes[0] or f"CDS of line {line}"
            for parent in values(attributes[1]) or [""]:
                coding = self.coding.get((parent, identifier))
                if coding is None:
                    coding = _Coding(line, identifier, attributes, {place}, parts, phases)
                    self.coding[parent, identifier] = coding
                else:
                    coding.places.add(place)
                    coding.parts += parts
                    coding.phases += phases

    def assemble(self, regions: Mapping[str, Region]) -> Annotation:
        if not self.coding:
            raise SourceError(self.path, "no CDS row in it, so no gene has a coding region")
        by_parent: dict[str, list[_Coding]] = {}
        for (parent, _), coding in self.coding.items():
            by_parent.setdefault(parent, []).append(coding)
        found: dict[str, list[Transcript]] = {}
        for identifier, (parent, name, tag) in self.transcripts.items():
            parents = [gene for gene in values(parent) if gene in self.genes]
            if parents and identifier in by_parent:
                for coding in by_parent.pop(identifier):
                    for parent in parents:
                        transcript = self._transcript(parent, identifier, name, tag, coding)
                        found.setdefault(parent, []).append(transcript)
        for gene in self.genes:
            for coding in by_parent.pop(gene, ()):
                transcript = self._transcript(gene, coding.identifier, "", "", coding)
                found.setdefault(gene, []).append(transcript)
        if not found:
            raise SourceError(self.path, "no CDS row names a gene or a transcript of one as its Parent")
        for gene, transcripts in found.items():
            self.genes[gene] = Gene(*self.genes[gene][:-1], tuple(transcripts))
        orphans = [coding for rest in by_parent.values() for coding in rest]
        return Annotation(
            tuple(self.genes.values()),
            regions,
            tuple(coding.attributes[2] or coding.identifier for coding in orphans),
        )

    def _transcript(self, gene: str, identifier: str, name: str, tag: str, coding: _Coding) -> Transcript:
        _, _, protein, own_tag, table, transl_except, exception, note, pseudo, partial, part = (
            coding.attributes
        )
        if table and not (table.isascii() and table.isdigit() and len(table) < 4):
            raise SourceError(self.path, f"transl_table is {table!r}, expected a number", line=coding.line)
        own_gene = self.genes[gene]
        parts, phase = _in_order_of_transcription(coding, exception == "trans-splicing" or bool(part))
        return Transcript(
            identifier,
            name,
            protein,
            parts,
            int(phase.replace(".", "0")),
            self._tags_of(tag, own_tag),
            self._exceptions(coding, transl_except) if transl_except else (),
            int(table) if table else None,
            exception,
            note,
            pseudo == "true",
            partial == "true",
            coding.places != {(own_gene.seqid, own_gene.strand)},
        )

    def _tags_of(self, *fields: str) -> frozenset[str]:
        # Few combinations stand on many transcripts.
        if fields not in self._tags:
            self._tags[fields] = frozenset(tag for item in fields for tag in values(item))
        return self._tags[fields]

    def _exceptions(self, coding: _Coding, text: str) -> tuple[TranslationException, ...]:
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
    with uncollected():
        for rows in iter_features(path, (_GENES, _TRANSCRIPTS, _CODING), regions):
            collector.add(rows)
        return collector.assemble(regions)


def _in_order_of_transcription(
    coding: _Coding, trans_spliced: bool
) -> tuple[tuple[tuple[int, int], ...], str]:
    """Parts from the 5' end to the 3' end, whatever their order in the file, and the phase of the first.

    Those of a trans-spliced gene stand as they are, or backwards where they run against their strand.
    """
    parts, phases = coding.parts, coding.phases
    if len(parts) == 1:
        return parts, phases
    strands = {strand for _, strand in coding.places}
    if len(coding.places) == 1 and not trans_spliced:
        backwards = strands == {"-"}
        if parts[0] != parts[1] and parts == tuple(sorted(parts, reverse=backwards)):
            return parts, phases[0]
        rows = sorted(zip(parts, phases), reverse=backwards)
        return tuple([part for part, _ in rows]), rows[0][1]
    starts = [start for start, _ in parts]
    backwards = (
        strands == {"-"} and starts == sorted(starts) or strands == {"+"} and starts[::-1] == sorted(starts)
    )
    return (parts[::-1], phases[-1]) if backwards else (parts, phases[0])
