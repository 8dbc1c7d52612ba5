"""The species that the benchmark can be built for, and what their files are called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

__all__ = ["SPECIES", "Species"]


@dataclass(frozen=True)
class Species:
    """A species that the benchmark can be built for.

    Parameters
    ----------
    name : str
        Name on the command line.
    taxon : int
        NCBI taxon id in UniProt and in the records.
    title : str
        Scientific name, as Reactome writes it.
    genetic_code : int
        NCBI translation table of the nuclear genome (of the chromosome, for bacteria).
    organism : str
        Part of the names of UniProt's and GOA's files.
    mnemonic : str
        Part of the name of UniProt's id mapping.
    mitochondrial_code : int or None
        NCBI translation table of the mitochondrion; None where there is none.
    assembly, assembly_name : str
        Accession and name of the RefSeq assembly; empty for made-up genomes.
    assembly_taxon, string_taxon : int
        NCBI taxon id in the assembly's annotation and in STRING's files; 0 means `taxon`.
    string_strains : mapping of int to frozenset of str
        Other strains whose STRING files will do, by their taxon id: the sources in their aliases that map
        a strain's proteins to accessions of this species. Nothing else maps them.
    embeddings : str
        Folder of UniProt's per-protein embeddings that holds this species.
    absent : mapping of str to str
        Sources (`SourceSpec.key`) that do not exist for the species, and why.
    optional : mapping of str to str
        Sources that exist but can be done without, and what the build does instead.

    Notes
    -----
    One species often has a different taxon id in each source, since some file it under the species and some
    under the strain that was sequenced.
    """

    name: str
    taxon: int
    title: str
    genetic_code: int
    organism: str
    mnemonic: str
    mitochondrial_code: int | None = None
    assembly: str = ""
    assembly_name: str = ""
    assembly_taxon: int = 0
    string_taxon: int = 0
    string_strains: Mapping[int, frozenset[str]] = field(default_factory=dict)
    embeddings: str = ""
    absent: Mapping[str, str] = field(default_factory=dict)
    optional: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "assembly_taxon", self.assembly_taxon or self.taxon)
        object.__setattr__(self, "string_taxon", self.string_taxon or self.taxon)


_COMPOSITION = "frequencies of amino acids and dipeptides stand in for the protein vectors"
_HUMAN_ONLY = MappingProxyType(
    {
        "ligands": "the compound-target pairs are used for human proteins only",
        "ligand_targets": "the compound-target pairs are used for human proteins only",
        "gene_effects": "DepMap screens human cell lines",
        "models": "DepMap screens human cell lines",
    }
)


def _model_organism(
    name: str,
    taxon: int,
    title: str,
    mnemonic: str,
    assembly: str,
    assembly_name: str,
    mitochondrial_code: int,
    no_pathways: str = "Reactome infers the pathways of {title} from human ones",
) -> Species:
    """A species that every source files under one taxon id."""
    return Species(
        name,
        taxon,
        title,
        1,
        name,
        f"{mnemonic}_{taxon}",
        mitochondrial_code=mitochondrial_code,
        assembly=assembly,
        assembly_name=assembly_name,
        embeddings="uniprot_sprot",
        absent=MappingProxyType({**_HUMAN_ONLY, "pathways": no_pathways.format(title=title)}),
        optional=MappingProxyType({"vectors": _COMPOSITION}),
    )


_ALL = (
    Species(
        "human",
        9606,
        "Homo sapiens",
        1,
        "human",
        "HUMAN_9606",
        mitochondrial_code=2,
        assembly="GCF_000001405.39",
        assembly_name="GRCh38.p13",
        embeddings="UP000005640_9606",
    ),
    Species("synthetic", 32630, "synthetic construct", 1, "synthetic", "SYNTH_32630"),
    Species(
        "yeast",
        559292,
        "Saccharomyces cerevisiae",
        1,
        "yeast",
        "YEAST_559292",
        mitochondrial_code=3,
        assembly="GCF_000146045.2",
        assembly_name="R64",
        string_taxon=4932,
        embeddings="uniprot_sprot",
        absent=MappingProxyType(
            {**_HUMAN_ONLY, "pathways": "Reactome infers the pathways of yeast from human ones"}
        ),
        optional=MappingProxyType({"vectors": _COMPOSITION}),
    ),
    Species(
        "ecoli",
        83333,
        "Escherichia coli",
        11,
        "ecoli",
        "ECOLI_83333",
        assembly="GCF_000005845.2",
        assembly_name="ASM584v2",
        assembly_taxon=511145,
        string_taxon=511145,
        # Strain 536; the source is computed, from identical and unique protein sequences.
        string_strains=MappingProxyType({362663: frozenset({"identical_sequence_in_K12_MG1655"})}),
        embeddings="UP000000625_83333",
        absent=MappingProxyType(
            {
                **_HUMAN_ONLY,
                "goa": "GOA has no file of its own for E. coli K-12",
                "ontology": "without GO annotations there are no terms to compare",
                "pathways": "Reactome has no E. coli pathways",
            }
        ),
        optional=MappingProxyType(
            {
                "vectors": _COMPOSITION,
                "uniprot": "accessions come from the id mapping and are not compared by sequence",
            }
        ),
    ),
    _model_organism("mouse", 10090, "Mus musculus", "MOUSE", "GCF_000001635.27", "GRCm39", 2),
    _model_organism("rat", 10116, "Rattus norvegicus", "RAT", "GCF_015227675.2", "mRatBN7.2", 2),
    _model_organism("zebrafish", 7955, "Danio rerio", "DANRE", "GCF_000002035.6", "GRCz11", 2),
    _model_organism(
        "fly", 7227, "Drosophila melanogaster", "DROME", "GCF_000001215.4", "Release_6_plus_ISO1_MT", 5
    ),
    _model_organism("worm", 6239, "Caenorhabditis elegans", "CAEEL", "GCF_000002985.6", "WBcel235", 5),
    _model_organism(
        "arabidopsis",
        3702,
        "Arabidopsis thaliana",
        "ARATH",
        "GCF_000001735.4",
        "TAIR10.1",
        1,
        "Reactome has no pathways of {title}",
    ),
)

SPECIES: Mapping[str, Species] = MappingProxyType({species.name: species for species in _ALL})
"""Species by name; the first one is the default."""
