"""GFF3 rows of genes, in NCBI RefSeq's layout."""

from __future__ import annotations

from typing import NamedTuple

from genoprot_datasets.synthetic.genes import CodingTranscript, Gene
from genoprot_datasets.synthetic.names import Identifiers

__all__ = ["Placement", "gene_rows", "noncoding_rows"]


class Placement(NamedTuple):
    """Where a gene lies on a sequence.

    Attributes
    ----------
    sequence : str
    before : int
        Bases of the sequence before the gene.
    length : int
    forward : bool
        Whether it is on the strand that the sequence shows.
    """

    sequence: str
    before: int
    length: int
    forward: bool

    def span(self, start: int, end: int) -> tuple[int, int]:
        """First and last base, 1-based, of an interval of the gene's coding strand.

        Examples
        --------
        >>> Placement("NC_1", 100, 50, True).span(0, 3)
        (101, 103)
        >>> Placement("NC_1", 100, 50, False).span(0, 3)
        (148, 150)
        """
        if self.forward:
            return self.before + start + 1, self.before + end
        return self.before + self.length - end + 1, self.before + self.length - start


def gene_rows(gene: Gene, names: Identifiers, place: Placement, copy: int = 1) -> list[str]:
    """Rows of a gene with its transcripts, exons and coding regions.

    One gene in eight has no tag on any transcript; the others have MANE Select or RefSeq Select on the
    transcript of the whole product. Of every second gene with two transcripts the shorter one comes first.

    Parameters
    ----------
    gene : Gene
    names : Identifiers
    place : Placement
    copy : int
        1 for the gene on the primary assembly; further copies get a suffix on their identifiers.
    """
    suffix = f"-{copy}" if copy > 1 else ""
    number = int(names.gene_id)
    tag = "" if number % 8 == 0 else ";tag=RefSeq Select" if number % 3 == 0 else ";tag=MANE Select"
    gene_name = f"gene-{names.symbol}{suffix}"
    attributes = (
        f"ID={gene_name};Dbxref=GeneID:{names.gene_id},MIM:{names.mim};Name={names.symbol};"
        f"description={names.title};gbkey=Gene;gene={names.symbol};gene_biotype=protein_coding"
    )
    rows = [_row(place, "gene", (0, len(gene.bases)), ".", attributes)]
    numbered = list(enumerate(gene.transcripts))
    for k, transcript in numbered if number % 2 else reversed(numbered):
        rows += _transcript_rows(gene, transcript, names, place, k, gene_name, suffix, "" if k else tag)
    return rows


def noncoding_rows(place: Placement) -> list[str]:
    """Rows of a gene without a coding region, named by its place."""
    symbol = f"SYNC{place.sequence[-4:-2]}{place.before}"
    name = f"XR_{place.sequence[3:9]}{place.before:09d}.1"
    common = f"gene={symbol};product=non-coding {symbol};transcript_id={name}"
    whole = (0, place.length)
    return [
        _row(
            place,
            "gene",
            whole,
            ".",
            f"ID=gene-{symbol};Name={symbol};gbkey=Gene;gene={symbol};gene_biotype=lncRNA",
        ),
        _row(
            place,
            "lnc_RNA",
            whole,
            ".",
            f"ID=rna-{name};Parent=gene-{symbol};Name={name};gbkey=ncRNA;{common}",
        ),
        _row(place, "exon", whole, ".", f"ID=exon-{name}-1;Parent=rna-{name};gbkey=ncRNA;{common}"),
    ]


def _transcript_rows(
    gene: Gene,
    transcript: CodingTranscript,
    names: Identifiers,
    place: Placement,
    variant: int,
    parent: str,
    suffix: str,
    tag: str,
) -> list[str]:
    name, protein = names.transcripts[variant], names.proteins[variant]
    product = names.title.lower() + (
        f"%2C transcript variant {variant + 1}" if len(gene.transcripts) > 1 else ""
    )
    rna, dbxref = f"rna-{name}{suffix}", f"Dbxref=GeneID:{names.gene_id},Genbank:{name},MIM:{names.mim}"
    common = f"gbkey=mRNA;gene={names.symbol};product={product}{tag};transcript_id={name}"
    whole = (transcript.exons[0][0], transcript.exons[-1][1])
    rows = [_row(place, "mRNA", whole, ".", f"ID={rna};Parent={parent};{dbxref};Name={name};{common}")]
    for k, exon in enumerate(transcript.exons, 1):
        rows.append(
            _row(place, "exon", exon, ".", f"ID=exon-{name}{suffix}-{k};Parent={rna};{dbxref};{common}")
        )
    coding = (
        f"ID=cds-{protein}{suffix};Parent={rna};Dbxref=GeneID:{names.gene_id},Genbank:{protein},MIM:{names.mim};"
        f"Name={protein};gbkey=CDS;gene={names.symbol};product={names.title.lower()};protein_id={protein}{tag}"
        f"{_translation_exception(gene, place)}"
    )
    consumed = 0
    for start, end in transcript.exons:
        start, end = max(start, gene.start), min(end, gene.end)
        if start < end:
            rows.append(_row(place, "CDS", (start, end), str(-consumed % 3), coding))
            consumed += end - start
    return rows


def _translation_exception(gene: Gene, place: Placement) -> str:
    if gene.selenocysteine < 0:
        return ""
    first, last = place.span(gene.selenocysteine, gene.selenocysteine + 3)
    position = f"{first}..{last}" if place.forward else f"complement({first}..{last})"
    return f";transl_except=(pos:{position}%2Caa:Sec)"


def _row(place: Placement, kind: str, interval: tuple[int, int], phase: str, attributes: str) -> str:
    first, last = place.span(*interval)
    strand = "+" if place.forward else "-"
    return f"{place.sequence}\tBestRefSeq\t{kind}\t{first}\t{last}\t.\t{strand}\t{phase}\t{attributes}"
