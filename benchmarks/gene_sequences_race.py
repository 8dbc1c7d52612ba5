"""Races the reading of genes and coding regions from FASTA and GFF3 against Biopython and pyfaidx.

Every contender starts from the two gzipped files as NCBI publishes them and gives the same rows: of each
coding transcript its gene, accessions, tags and place, its bases from the start to the stop codon, and those
of its coding region. Modules are imported before the clock starts.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import importlib
import importlib.util
import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from racing import in_child, timed

from genoprot_datasets.sources import iter_fasta, read_annotation
from genoprot_datasets.synthetic import synthesize
from genoprot_datasets.translation import reverse_complement, splice

GENES = {"gene", "pseudogene"}
TRANSCRIPTS = {"mRNA", "transcript", "primary_transcript"} | {f"{x}_gene_segment" for x in "VDJC"}


class Row(NamedTuple):
    """A coding transcript with its bases."""

    symbol: str
    gene_id: str
    accession: str
    protein: str
    tags: frozenset[str]
    seqid: str
    strand: str
    start: int
    end: int
    span: str
    coding: str


Rows = dict[str, Row]
"""By identifier of the transcript, or of the coding region where it has no transcript."""


def genoprot(genome: Path, annotation: Path) -> Rows:
    """All transcripts, by this project."""
    located = defaultdict(list)
    for gene in read_annotation(annotation).genes:
        located[gene.seqid].append(gene)
    found: Rows = {}
    for name, _, bases in iter_fasta(genome):
        for gene in located[name]:
            for transcript in gene.transcripts:
                start, end = transcript.span
                span = bases[start - 1 : end]
                if gene.strand == "-":
                    span = reverse_complement(span)
                coding = splice(bases, transcript.parts, gene.strand)
                found[transcript.id] = Row(
                    gene.symbol,
                    gene.gene_id,
                    transcript.name,
                    transcript.protein_accession,
                    transcript.tags,
                    name,
                    gene.strand,
                    start,
                    end,
                    span.decode("ascii"),
                    coding.decode("ascii"),
                )
    return found


@dataclass
class CodingRegion:
    """What a script collects of a coding region."""

    seqid: str
    strand: str
    attributes: dict[str, str]
    parts: list[tuple[int, int]] = field(default_factory=list)


class Located(NamedTuple):
    """A coding transcript before its bases are known."""

    identifier: str
    symbol: str
    gene_id: str
    accession: str
    protein: str
    tags: frozenset[str]
    strand: str
    parts: list[tuple[int, int]]

    def row(self, seqid: str, span: str, coding: str) -> Row:
        start, end = self.parts[0][0], self.parts[-1][1]
        return Row(*self[1:6], seqid, self.strand, start, end, span, coding)


def located_transcripts(annotation: Path) -> dict[str, list[Located]]:
    """Coding transcripts by sequence, as a script collects them: attributes of each row as a dictionary."""
    genes: dict[str, dict[str, str]] = {}
    transcripts: dict[str, dict[str, str]] = {}
    coding: dict[tuple[str, str], CodingRegion] = {}
    with gzip.open(annotation, "rt") as lines:
        for line in lines:
            if line.startswith("#"):
                continue
            columns = line.rstrip("\n").split("\t")
            kind = columns[2]
            if kind != "CDS" and kind not in GENES and kind not in TRANSCRIPTS:
                continue
            attributes = dict(item.split("=", 1) for item in columns[8].split(";"))
            if kind == "CDS":
                key = attributes["Parent"], attributes["ID"]
                if key not in coding:
                    coding[key] = CodingRegion(columns[0], columns[6], attributes)
                coding[key].parts.append((int(columns[3]), int(columns[4])))
            elif kind in GENES:
                genes.setdefault(attributes["ID"], attributes)
            else:
                transcripts.setdefault(attributes["ID"], attributes)
    located = defaultdict(list)
    for (parent, identifier), region in coding.items():
        transcript = transcripts.get(parent, {})
        gene = genes[transcript.get("Parent", parent)]
        symbol = gene.get("gene") or gene.get("Name") or gene["locus_tag"]
        references = gene.get("Dbxref", "").split(",")
        tags = [attributes["tag"] for attributes in (transcript, region.attributes) if "tag" in attributes]
        located[region.seqid].append(
            Located(
                unquote(parent if transcript else identifier),
                unquote(symbol),
                next((item[7:] for item in references if item.startswith("GeneID:")), ""),
                transcript.get("transcript_id") or transcript.get("Name", ""),
                region.attributes.get("protein_id", ""),
                frozenset(unquote(tag) for item in tags for tag in item.split(",")),
                region.strand,
                sorted(region.parts),
            )
        )
    return located


def biopython(genome: Path, annotation: Path) -> Rows:
    """All transcripts, by Bio.SeqIO."""
    from Bio import SeqIO
    from Bio.Seq import Seq

    located = located_transcripts(annotation)
    found: Rows = {}
    with gzip.open(genome, "rt") as handle:
        for record in SeqIO.parse(handle, "fasta"):
            for transcript in located[record.id]:
                parts = transcript.parts
                span = record.seq[parts[0][0] - 1 : parts[-1][1]]
                coding = Seq("").join([record.seq[start - 1 : end] for start, end in parts])
                if transcript.strand == "-":
                    span, coding = span.reverse_complement(), coding.reverse_complement()
                found[transcript.identifier] = transcript.row(
                    record.id, str(span).upper(), str(coding).upper()
                )
    return found


def decompressed(genome: Path, folder: str) -> Path:
    """A copy of the genome that is not compressed, as pyfaidx needs it."""
    plain = Path(folder) / "genome.fna"
    with gzip.open(genome, "rb") as packed, open(plain, "wb") as unpacked:
        shutil.copyfileobj(packed, unpacked)
    return plain


def pyfaidx(genome: Path, annotation: Path) -> Rows:
    """All transcripts, by pyfaidx, which needs the genome decompressed and indexes it first."""
    with tempfile.TemporaryDirectory() as folder:
        return dict(fetched(decompressed(genome, folder), annotation))


def fetched(plain: Path, annotation: Path) -> Iterator[tuple[str, Row]]:
    """All transcripts, from a genome that is not compressed."""
    from pyfaidx import Fasta, Sequence

    with Fasta(str(plain), sequence_always_upper=True) as bases:
        for name, transcripts in located_transcripts(annotation).items():
            for transcript in transcripts:
                parts = transcript.parts
                first = parts[0][0]
                span = bases[name][first - 1 : parts[-1][1]]
                joined = "".join([span.seq[start - first : end - first + 1] for start, end in parts])
                coding = Sequence(seq=joined)
                if transcript.strand == "-":
                    span, coding = -span, -coding
                yield transcript.identifier, transcript.row(name, span.seq, coding.seq)


CONTENDERS = {"genoprot": genoprot, "biopython": biopython, "pyfaidx": pyfaidx}
IMPORTED = {"biopython": ("Bio.SeqIO", "Bio.Seq"), "pyfaidx": ("pyfaidx",)}


def contest(name: str, genome: Path, annotation: Path) -> tuple[float, float, tuple[int, int, str]]:
    """Seconds on the wall and of all processors that a contender took, and what it found.

    The last is told by the number of rows and of their bases, and a digest of them.
    """
    for module in IMPORTED.get(name, ()):
        importlib.import_module(module)
    used = time.process_time()
    seconds, found = timed(CONTENDERS[name], genome, annotation)
    used = time.process_time() - used
    digest = hashlib.sha256()
    for identifier, row in sorted(found.items()):
        digest.update(repr((identifier, row._replace(tags=sorted(row.tags)))).encode())
    return seconds, used, (len(found), sum(len(row.span) for row in found.values()), digest.hexdigest())


def indexed_contest(genome: Path, annotation: Path) -> float:
    """Seconds that pyfaidx takes where the decompressed genome and its index are there already."""
    from pyfaidx import Fasta

    with tempfile.TemporaryDirectory() as folder:
        plain = decompressed(genome, folder)
        Fasta(str(plain)).close()
        return timed(dict, fetched(plain, annotation))[0]


def main() -> None:
    """Run the race and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--genes", type=int, default=2_000)
    parser.add_argument("--gene-length", choices=("compact", "dense", "human"), default="compact")
    parser.add_argument("--sources", type=Path, help="folder with native files; default: synthetic ones")
    parser.add_argument("--runs", type=int, default=1)
    args = parser.parse_args()

    contenders = [name for name in CONTENDERS if importlib.util.find_spec(name) or name != "pyfaidx"]
    if "pyfaidx" not in contenders:
        print("  pyfaidx is not installed")
    with tempfile.TemporaryDirectory() as scratch:
        folder = args.sources or synthesize(
            Path(scratch) / "sources", genes=args.genes, gene_length=args.gene_length
        )
        (genome,) = folder.glob("GCF_*_genomic.fna.gz")
        (annotation,) = folder.glob("GCF_*_genomic.gff.gz")
        for _ in range(args.runs):
            run(contenders, genome, annotation)


def run(contenders: list[str], genome: Path, annotation: Path) -> None:
    """Let the contenders race once, and compare what they found."""
    seconds, used, found = {}, {}, {}
    for name in contenders:
        (seconds[name], used[name], found[name]), peak = in_child(contest, name, genome, annotation)
        ratios = seconds[name] / seconds["genoprot"], used[name] / used["genoprot"]
        times = f"{seconds[name]:8.3f} s, {used[name]:.3f} s of processors, peak {peak / 1e9:.2f} GB"
        print(f"  {name:<10}{times}; ratio {ratios[0]:.2f}, of processor time {ratios[1]:.2f}")
        assert found[name] == found["genoprot"], f"{name} found other sequences"
    rows, bases, _ = found["genoprot"]
    print(f"  all: the same {rows:,} transcripts, {bases / 1e6:.1f} Mb")
    if "pyfaidx" in contenders:
        ready = in_child(indexed_contest, genome, annotation)[0]
        print(f"  pyfaidx with the genome decompressed and indexed before: {ready:.3f} s")


if __name__ == "__main__":
    main()
