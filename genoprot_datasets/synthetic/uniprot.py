"""UniProt entries in the flat-file format, and the rows of UniProt's id mapping."""

from __future__ import annotations

from typing import BinaryIO

import numpy as np

from genoprot_datasets.seeding import generator
from genoprot_datasets.synthetic.alphabet import decode_residues
from genoprot_datasets.synthetic.attributes import Attributes
from genoprot_datasets.synthetic.names import SPECIES, TAXON, Identifiers
from genoprot_datasets.synthetic.ontology import GoAnnotation
from genoprot_datasets.synthetic.pathways import pathway_id, pathway_name
from genoprot_datasets.synthetic.prose import evidence, location_comments, tissue_comment, wrapped

__all__ = ["ACCESSORY_PFAM", "FAMILY_PFAM", "UniProtWriter", "pfam_ids"]

FAMILY_PFAM = 80_001
"""Number of the Pfam family of the first family's domain."""

ACCESSORY_PFAM = 90_001
"""Number of the Pfam family of the first accessory domain."""

_FIRST_PHENOTYPE = 800_001


def pfam_ids(attributes: Attributes, gene: int) -> list[str]:
    """Pfam families of a gene's protein."""
    numbers = (
        (FAMILY_PFAM, int(attributes.family[gene])),
        (ACCESSORY_PFAM, int(attributes.accessory[gene])),
    )
    return [f"PF{first + k}" for first, k in numbers if k >= 0]


class UniProtWriter:
    """Writes entries and id-mapping rows, gene by gene.

    Parameters
    ----------
    entries, mapping : binary file
    attributes : Attributes
    seed : int
    """

    def __init__(self, entries: BinaryIO, mapping: BinaryIO, attributes: Attributes, seed: int) -> None:
        self._entries = entries
        self._mapping = mapping
        self._attributes = attributes
        self._seed = seed

    def add(
        self,
        gene: int,
        names: Identifiers,
        residues: np.ndarray,
        products: int,
        annotations: list[GoAnnotation],
    ) -> None:
        """Write the entry of a gene and its rows of the id mapping.

        Parameters
        ----------
        gene : int
        names : Identifiers
        residues : ndarray, dtype=uint8
            RefSeq's protein; an entry that is to differ from it gets another residue in the middle.
        products : int
            RefSeq transcripts of the gene, 1 or 2.
        annotations : list of GoAnnotation
        """
        rng = generator(self._seed, "synthetic", "uniprot", str(gene))
        if self._attributes.fault[gene] == "uniprot_mismatch":
            residues = residues.copy()
            residues[len(residues) // 2] = (residues[len(residues) // 2] + 1) % 20
        lines = [
            f"ID   {names.entry:<24}Reviewed;{len(residues):>12} AA.",
            f"AC   {names.accession};",
            "DT   24-JAN-2024, integrated into UniProtKB/Swiss-Prot.",
            "DT   24-JAN-2024, sequence version 1.",
            "DT   24-JAN-2024, entry version 1.",
            f"DE   RecName: Full={names.title} {evidence(rng)};",
            f"GN   Name={names.symbol};",
            f"OS   {SPECIES}.",
            "OC   other entries; other sequences; artificial sequences.",
            f"OX   NCBI_TaxID={TAXON};",
            *location_comments(self._attributes, gene, rng),
            *tissue_comment(self._attributes, gene, rng),
            *self._disease_comments(gene, rng),
            *self._references(gene, names, products, annotations),
            "PE   1: Evidence at protein level;",
            f"KW   Reference proteome{'; Selenocysteine' if self._attributes.selenoprotein[gene] else ''}.",
            *self._sequence(residues),
            "//",
        ]
        self._entries.write(("\n".join(lines) + "\n").encode())
        self._write_mapping(gene, names, products)

    def _disease_comments(self, gene: int, rng: np.random.Generator) -> list[str]:
        lines = []
        for disease in self._attributes.diseases[gene]:
            text = f"Synthetic disorder {disease + 1} (SYD{disease + 1}) [MIM:{_FIRST_PHENOTYPE + disease}]: "
            text += (
                f"A made-up disorder. {evidence(rng)}. Note=The disease is caused by variants affecting the "
            )
            lines += wrapped("DISEASE", f"{text}gene represented in this entry.")
        return lines

    def _references(
        self, gene: int, names: Identifiers, products: int, annotations: list[GoAnnotation]
    ) -> list[str]:
        attributes = self._attributes
        rows = [
            f"RefSeq; {protein}; {transcript}."
            for protein, transcript in list(zip(names.proteins, names.transcripts))[:products]
        ]
        rows += [f"STRING; {names.string}; -."] if attributes.in_string[gene] else []
        rows += [f"ChEMBL; {names.target}; -."] if attributes.ligands[gene] else []
        rows += [f"GeneID; {names.gene_id}; -.", f"MIM; {names.mim}; gene."]
        rows += [f"MIM; {_FIRST_PHENOTYPE + disease}; phenotype." for disease in attributes.diseases[gene]]
        rows += [f"Reactome; {pathway_id(k)}; {pathway_name(k)}." for k in attributes.pathways[gene]]
        rows += [
            f"GO; {known.term.id}; {known.term.aspect}:{known.term.name}; {known.evidence}:UniProtKB."
            for known in annotations
            if not known.negated
        ]
        rows += [f"Pfam; {family}; Synthetic_{family[2:]}; 1." for family in pfam_ids(attributes, gene)]
        return [f"DR   {row}" for row in rows]

    @staticmethod
    def _sequence(residues: np.ndarray) -> list[str]:
        from Bio.SeqUtils import molecular_weight
        from Bio.SeqUtils.CheckSum import crc64

        sequence = decode_residues(residues)
        weight = round(molecular_weight(sequence, "protein"))
        checksum = crc64(sequence).removeprefix("CRC-")
        tens = [sequence[k : k + 10] for k in range(0, len(sequence), 10)]
        head = f"SQ   SEQUENCE{len(sequence):>6} AA;{weight:>7} MW;  {checksum} CRC64;"
        return [head, *(f"     {' '.join(tens[k : k + 6])}" for k in range(0, len(tens), 6))]

    def _write_mapping(self, gene: int, names: Identifiers, products: int) -> None:
        rows = [("UniProtKB-ID", names.entry), ("Gene_Name", names.symbol), ("GeneID", names.gene_id)]
        if self._attributes.fault[gene] != "no_id_mapping":
            rows += [("RefSeq", protein) for protein in names.proteins[:products]]
            rows += [("RefSeq_NT", transcript) for transcript in names.transcripts[:products]]
        rows += [("STRING", names.string)] if self._attributes.in_string[gene] else []
        rows += [("ChEMBL", names.target)] if self._attributes.ligands[gene] else []
        rows += [("MIM", names.mim)]
        rows += [("MIM", str(_FIRST_PHENOTYPE + disease)) for disease in self._attributes.diseases[gene]]
        text = "".join(f"{names.accession}\t{kind}\t{identifier}\n" for kind, identifier in rows)
        self._mapping.write(text.encode())
