"""Races the reading of genes and coding regions from FASTA and GFF3 against the usual Biopython script."""

from __future__ import annotations

import argparse
import gzip
import importlib.util
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from racing import in_child, timed

from genoprot_datasets.sources import iter_fasta, read_annotation
from genoprot_datasets.synthetic import synthesize
from genoprot_datasets.translation import reverse_complement, splice

Sequences = dict[str, tuple[str, str]]
"""Per transcript identifier the bases from the start to the stop codon, and those of the coding region."""


def genoprot(genome: Path, annotation: Path) -> Sequences:
    """All transcripts, by this project."""
    located = defaultdict(list)
    for gene in read_annotation(annotation).genes:
        located[gene.seqid].append(gene)
    found: Sequences = {}
    for name, _, bases in iter_fasta(genome):
        for gene in located[name]:
            for transcript in gene.transcripts:
                start = min(part[0] for part in transcript.parts)
                end = max(part[1] for part in transcript.parts)
                span = bases[start - 1 : end]
                if gene.strand == "-":
                    span = reverse_complement(span)
                coding = splice(bases, transcript.parts, gene.strand)
                found[transcript.id] = (span.decode("ascii"), coding.decode("ascii"))
    return found


def coding_rows(annotation: Path) -> dict[str, dict[str, tuple[str, list[tuple[int, int]]]]]:
    """Strand and parts of each transcript's coding region, per sequence, as a script would collect them."""
    located: dict[str, dict[str, tuple[str, list[tuple[int, int]]]]] = defaultdict(dict)
    with gzip.open(annotation, "rt") as lines:
        for line in lines:
            columns = line.rstrip("\n").split("\t")
            if len(columns) == 9 and columns[2] == "CDS":
                attributes = dict(item.split("=", 1) for item in columns[8].split(";"))
                own = located[columns[0]].setdefault(attributes["Parent"], (columns[6], []))
                own[1].append((int(columns[3]), int(columns[4])))
    return located


def biopython(genome: Path, annotation: Path) -> Sequences:
    """All transcripts, by Bio.SeqIO."""
    from Bio import SeqIO
    from Bio.Seq import Seq

    located = coding_rows(annotation)
    found: Sequences = {}
    with gzip.open(genome, "rt") as handle:
        for record in SeqIO.parse(handle, "fasta"):
            for transcript, (strand, parts) in located[record.id].items():
                parts = sorted(parts)
                span = record.seq[parts[0][0] - 1 : parts[-1][1]]
                coding = Seq("").join([record.seq[start - 1 : end] for start, end in parts])
                if strand == "-":
                    span, coding = span.reverse_complement(), coding.reverse_complement()
                found[transcript] = (str(span).upper(), str(coding).upper())
    return found


def pyfaidx(genome: Path, annotation: Path) -> Sequences:
    """All transcripts, by pyfaidx, which needs the genome decompressed and indexes it first."""
    import shutil

    from pyfaidx import Fasta

    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "genome.fna"
        with gzip.open(genome, "rb") as packed, open(plain, "wb") as unpacked:
            shutil.copyfileobj(packed, unpacked)
        bases = Fasta(str(plain), as_raw=False)
        found: Sequences = {}
        for name, transcripts in coding_rows(annotation).items():
            for transcript, (strand, parts) in transcripts.items():
                parts = sorted(parts)
                span = bases[name][parts[0][0] - 1 : parts[-1][1]]
                coding = [bases[name][start - 1 : end] for start, end in parts]
                if strand == "-":
                    span, coding = -span, [-part for part in reversed(coding)]
                found[transcript] = (span.seq.upper(), "".join(part.seq for part in coding).upper())
    return found


CONTENDERS = {"genoprot": genoprot, "biopython": biopython, "pyfaidx": pyfaidx}


def contest(name: str, genome: Path, annotation: Path) -> tuple[float, float, Sequences]:
    """Seconds on the wall and of all processors that a contender took, and what it found."""
    used = time.process_time()
    seconds, found = timed(CONTENDERS[name], genome, annotation)
    return seconds, time.process_time() - used, found


def main() -> None:
    """Run the race and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--genes", type=int, default=2_000)
    parser.add_argument("--gene-length", choices=("compact", "human"), default="compact")
    parser.add_argument("--sources", type=Path, help="folder of `genoprot synthesize`; default: a new one")
    args = parser.parse_args()

    with tempfile.TemporaryDirectory() as scratch:
        folder = args.sources or synthesize(
            Path(scratch) / "sources", genes=args.genes, gene_length=args.gene_length
        )
        (genome,) = folder.glob("GCF_*_genomic.fna.gz")
        (annotation,) = folder.glob("GCF_*_genomic.gff.gz")
        seconds, used, found = {}, {}, {}
        for name in CONTENDERS:
            if name == "pyfaidx" and importlib.util.find_spec(name) is None:
                print("  pyfaidx is not installed")
                continue
            (seconds[name], used[name], found[name]), peak = in_child(contest, name, genome, annotation)
            times = f"{seconds[name]:8.2f} s, {used[name]:.2f} s of processors"
            print(f"  {name:<10}{times}, peak {peak / 1e9:.2f} GB")
    bases = sum(len(span) for span, _ in found["genoprot"].values())
    for name in list(seconds)[1:]:
        assert found[name] == found["genoprot"], f"{name} found other sequences"
        print(f"  {name}: the same {len(found[name]):,} transcripts, {bases / 1e6:.1f} Mb")
        ratios = seconds[name] / seconds["genoprot"], used[name] / used["genoprot"]
        print("  ratio {:.1f}, of processor time {:.1f}".format(*ratios))


if __name__ == "__main__":
    main()
