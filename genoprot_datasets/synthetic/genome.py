"""Genome FASTA, GFF3 annotation and protein FASTA in NCBI RefSeq's layout."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import numpy as np

from genoprot_datasets.seeding import generator
from genoprot_datasets.synthetic.alphabet import (
    AMINO_ACIDS,
    CODON_BASES,
    SYNONYMS,
    decode_residues,
    reverse_complement,
)
from genoprot_datasets.synthetic.annotation import Placement, gene_rows, noncoding_rows
from genoprot_datasets.synthetic.attributes import Attributes
from genoprot_datasets.synthetic.genes import Gene, Genes
from genoprot_datasets.synthetic.names import SPECIES, TAXON, Identifiers
from genoprot_datasets.synthetic.streams import FastaWriter

__all__ = ["GenomeWriter", "Sequence", "assembly"]

ASSEMBLY = "SYNTH1"
_GENES_PER_CHROMOSOME = 100
_MOST_CHROMOSOMES = 23
_TELOMERE = np.full(200, ord("N"), dtype=np.uint8)
_NONCODING_RATE = 0.03
_CODON_AT_FAULT = 4


class Sequence(NamedTuple):
    """A sequence of the assembly and the genes on it, in order."""

    accession: str
    title: str
    region: str
    genes: tuple[int, ...]
    alternate: bool = False


def assembly(attributes: Attributes) -> Iterator[Sequence]:
    """Sequences of the assembly: chromosomes, an unplaced scaffold, and an alternate of chromosome 1.

    The genes of the alternate scaffold are also on a chromosome.

    Parameters
    ----------
    attributes : Attributes

    Yields
    ------
    Sequence
    """
    unplaced = set(attributes.unplaced)
    placed = np.array([gene for gene in range(attributes.size) if gene not in unplaced])
    number = int(np.clip(attributes.size // _GENES_PER_CHROMOSOME, 3, _MOST_CHROMOSOMES))
    for k, genes in enumerate(np.array_split(placed, number), 1):
        name = "X" if k == number else str(k)
        yield Sequence(
            f"NC_{990000 + k}.1",
            f"chromosome {name}, {ASSEMBLY} Primary Assembly",
            f"Name={name};chromosome={name};gbkey=Src;genome=chromosome",
            tuple(genes.tolist()),
        )
    yield Sequence(
        "NT_990101.1",
        f"unplaced genomic scaffold, {ASSEMBLY} Primary Assembly",
        "Name=Unknown;chromosome=Unknown;gbkey=Src;genome=genomic",
        attributes.unplaced,
    )
    yield Sequence(
        "NT_990201.1",
        f"chromosome 1 genomic scaffold, {ASSEMBLY} alternate locus group ALT_REF_LOCI_1",
        "Name=1;chromosome=1;gbkey=Src;genome=genomic",
        attributes.duplicated,
        alternate=True,
    )


class GenomeWriter:
    """Writes the genome, its annotation and its proteins, gene by gene.

    Only the annotation of one sequence is held in memory, because its length stands before its genes.

    Parameters
    ----------
    genome, annotation, proteins : binary file
    attributes : Attributes
    genes : Genes
    seed : int
    """

    def __init__(
        self,
        genome: BinaryIO,
        annotation: BinaryIO,
        proteins: BinaryIO,
        attributes: Attributes,
        genes: Genes,
        seed: int,
    ) -> None:
        self._genome = FastaWriter(genome)
        self._annotation = annotation
        self._proteins = FastaWriter(proteins)
        self._attributes = attributes
        self._genes = genes
        self._seed = seed
        annotation.write(b"##gff-version 3\n#!gff-spec-version 1.21\n#!processor genoprot synthesize\n")
        annotation.write(f"#!genome-build {ASSEMBLY}\n".encode())

    def begin(self, sequence: Sequence) -> None:
        """Start a sequence of the assembly."""
        self._sequence = sequence
        self._rng = generator(self._seed, "synthetic", "sequence", sequence.accession)
        self._rows: list[str] = []
        self._length = 0
        self._genome.begin(f"{sequence.accession} {SPECIES} {sequence.title}")
        self._add(_TELOMERE)

    def add(self, number: int, names: Identifiers, residues: np.ndarray) -> int:
        """Append a gene after a stretch without genes; return the number of its transcripts.

        Parameters
        ----------
        number : int
        names : Identifiers
        residues : ndarray, dtype=uint8
            Its protein.
        """
        self._between()
        gene = self._genes.gene(number, residues, self._attributes.organs[number])
        if self._attributes.fault[number] == "translation_mismatch":
            _mutate(gene, residues)
        forward = bool(generator(self._seed, "synthetic", "strand", str(number)).integers(2))
        place = Placement(self._sequence.accession, self._length, len(gene.bases), forward)
        self._rows += gene_rows(gene, names, place, copy=2 if self._sequence.alternate else 1)
        self._add(gene.bases if forward else reverse_complement(gene.bases))
        if not self._sequence.alternate:
            for protein, transcript in zip(names.proteins, gene.transcripts):
                self._write_protein(protein, names, transcript.residues)
        return len(gene.transcripts)

    def end(self) -> None:
        """Finish the sequence and write its annotation."""
        self._between()
        self._add(_TELOMERE)
        self._genome.end()
        accession, length = self._sequence.accession, self._length
        taxonomy = f"https://www.ncbi.nlm.nih.gov/Taxonomy/Browser/wwwtax.cgi?id={TAXON}"
        attributes = (
            f"ID={accession}:1..{length};Dbxref=taxon:{TAXON};{self._sequence.region};mol_type=genomic DNA"
        )
        head = (
            f"##sequence-region {accession} 1 {length}\n"
            f"##species {taxonomy}\n"
            f"{accession}\tRefSeq\tregion\t1\t{length}\t.\t+\t.\t{attributes}\n"
        )
        self._annotation.write((head + "".join(f"{row}\n" for row in self._rows)).encode())

    def close(self) -> None:
        """Write the last line of the annotation."""
        self._annotation.write(b"###\n")

    def _add(self, bases: np.ndarray) -> None:
        self._genome.add(bases)
        self._length += len(bases)

    def _between(self) -> None:
        """Append bases without a coding gene, half of them masked; some hold a non-coding gene."""
        smallest, largest = self._genes.lengths.between
        bases = self._genes.words(int(self._rng.integers(smallest, largest)), self._rng)
        bases[: len(bases) // 2] |= 0x20
        if self._rng.random() < _NONCODING_RATE:
            place = Placement(self._sequence.accession, self._length + 50, len(bases) - 100, True)
            self._rows += noncoding_rows(place)
        self._add(bases)

    def _write_protein(self, accession: str, names: Identifiers, residues: np.ndarray) -> None:
        self._proteins.begin(f"{accession} {names.title.lower()} [{SPECIES}]")
        self._proteins.add(np.frombuffer(decode_residues(residues).encode(), dtype=np.uint8))
        self._proteins.end()


def _mutate(gene: Gene, residues: np.ndarray) -> None:
    """Give a codon near the start of every transcript the meaning of another residue."""
    other = (int(residues[_CODON_AT_FAULT]) + 1) % (len(AMINO_ACIDS) - 1)
    first = gene.start + 3 * _CODON_AT_FAULT
    gene.bases[first : first + 3] = CODON_BASES[SYNONYMS[other][0]]
