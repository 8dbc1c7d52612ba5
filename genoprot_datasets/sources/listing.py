"""What every source of the benchmark is, and where the official one lies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["ALTERNATIVES", "EXCEPTIONS", "LISTING", "RECORDS", "SourceSpec"]

RECORDS = "records"
"""What a source is required for when nothing can be built without it."""


@dataclass(frozen=True)
class SourceSpec:
    """One file that the benchmark is built from.

    Parameters
    ----------
    key : str
        Name of the source in the code and in the manifest.
    title : str
        What it is.
    patterns : tuple of str
        File names, as glob patterns; that of a text file with ``.gz`` will do as well.
    version, licence, url, citation : str
        Of the release that the benchmark names; empty where they do not apply.
    required_for : tuple of str
        Tasks that need it, or ``("records",)``.
    save_as : str
        Name to save it under, where that is not the last part of the address.
    checksums : str
        Address of the publisher's list of checksums; empty where there is none.
    by_hand : bool
        The address is a page on which a person picks the file, not the file itself.
    version_tag : str
        What begins the line of the file that names its version; empty where no line does.
    megabytes : float
        About the size of the official file; 0 where it is not known.
    instead_of : str
        Key of the source that this one stands in for when an option asks for it.

    Notes
    -----
    In `LISTING` the texts have the parts of a species' file names in braces.
    """

    key: str
    title: str
    patterns: tuple[str, ...]
    version: str
    licence: str
    url: str
    citation: str
    required_for: tuple[str, ...]
    save_as: str = ""
    checksums: str = ""
    by_hand: bool = False
    version_tag: str = ""
    megabytes: float = 0
    instead_of: str = ""

    @property
    def globs(self) -> tuple[str, ...]:
        """The patterns, and those of gzipped files; HDF5 is not read through gzip.

        Examples
        --------
        >>> SourceSpec("a", "A", ("a.txt", "a.h5"), "", "", "", "", ()).globs
        ('a.txt', 'a.txt.gz', 'a.h5')
        """
        endings = {pattern: ("",) if pattern.endswith(".h5") else ("", ".gz") for pattern in self.patterns}
        return tuple(pattern + ending for pattern in self.patterns for ending in endings[pattern])

    @property
    def file_name(self) -> str:
        """Name under which a download is saved; empty where the source has no address.

        Examples
        --------
        >>> spec = SourceSpec("a", "A", ("a.txt",), "", "", "https://x.org/v1/a.txt.gz", "", ())
        >>> spec.file_name
        'a.txt.gz'
        """
        return self.save_as or self.url.rpartition("/")[2]


_REFSEQ = "https://ftp.ncbi.nlm.nih.gov/genomes/all/{assembly_folder}/{assembly}_{assembly_name}/"
_REFSEQ_FILE = _REFSEQ + "{assembly}_{assembly_name}_"
_UNIPROT = "https://ftp.uniprot.org/pub/databases/uniprot/current_release/knowledgebase/"
_STRING = "https://stringdb-downloads.org/download/"
_CHEMBL = "https://ftp.ebi.ac.uk/pub/databases/chembl/ChEMBLdb/releases/chembl_32/"
_DEPMAP = "https://depmap.org/portal/data_page/?tab=allData"

_CITE_REFSEQ = "O'Leary et al., Nucleic Acids Research 2016, doi:10.1093/nar/gkv1189"
_CITE_UNIPROT = "The UniProt Consortium, Nucleic Acids Research 2025, doi:10.1093/nar/gkae1010"
_CITE_GO = "Gene Ontology Consortium, Genetics 2023, doi:10.1093/genetics/iyad031"
_CITE_STRING = "Szklarczyk et al., Nucleic Acids Research 2023, doi:10.1093/nar/gkac1000"
_CITE_REACTOME = "Milacic et al., Nucleic Acids Research 2024, doi:10.1093/nar/gkad1025"
_CITE_DEPMAP = "Tsherniak et al., Cell 2017, doi:10.1016/j.cell.2017.06.010"


def _refseq(key: str, title: str, ending: str) -> SourceSpec:
    return SourceSpec(
        key,
        title,
        (f"GCF_*_{ending}",),
        "{assembly} ({assembly_name})",
        "public domain",
        _REFSEQ_FILE + f"{ending}.gz",
        _CITE_REFSEQ,
        (RECORDS,),
        checksums=_REFSEQ + "md5checksums.txt",
    )


LISTING = (
    _refseq("genome", "RefSeq genome", "genomic.fna"),
    _refseq("annotation", "RefSeq annotation (GFF3)", "genomic.gff"),
    _refseq("proteins", "RefSeq proteins", "protein.faa"),
    SourceSpec(
        "uniprot",
        "UniProtKB/Swiss-Prot entries",
        ("uniprot_sprot_{organism}.dat",),
        "current release",
        "CC BY 4.0",
        "https://rest.uniprot.org/uniprotkb/stream"
        "?format=txt&compressed=true&query=(organism_id:{taxon})%20AND%20(reviewed:true)",
        _CITE_UNIPROT,
        (RECORDS, "pfam", "subcellular", "anatomical", "disease"),
        save_as="uniprot_sprot_{organism}.dat.gz",
    ),
    SourceSpec(
        "idmapping",
        "UniProt id mapping",
        ("{mnemonic}_idmapping.dat",),
        "current release",
        "CC BY 4.0",
        _UNIPROT + "idmapping/by_organism/{mnemonic}_idmapping.dat.gz",
        _CITE_UNIPROT,
        (RECORDS,),
        checksums=_UNIPROT + "idmapping/by_organism/RELEASE.metalink",
    ),
    SourceSpec(
        "goa",
        "Gene Ontology annotations",
        ("goa_{organism}.gaf",),
        "current release",
        "CC BY 4.0",
        "https://ftp.ebi.ac.uk/pub/databases/GO/goa/{ORGANISM}/goa_{organism}.gaf.gz",
        _CITE_GO,
        (RECORDS,),
        version_tag="!date-generated:",
    ),
    SourceSpec(
        "vectors",
        "Per-protein embeddings",
        ("per-protein.h5",),
        "current release",
        "CC BY 4.0",
        _UNIPROT + "embeddings/{embeddings}/per-protein.h5",
        "Elnaggar et al., IEEE TPAMI 2022, doi:10.1109/TPAMI.2021.3095381",
        (RECORDS,),
        checksums=_UNIPROT + "embeddings/{embeddings}/RELEASE.metalink",
    ),
    SourceSpec(
        "ontology",
        "Gene Ontology",
        ("go-basic.obo",),
        "current release",
        "CC BY 4.0",
        "https://purl.obolibrary.org/obo/go/go-basic.obo",
        _CITE_GO,
        ("function",),
        version_tag="data-version:",
        megabytes=32,
    ),
    SourceSpec(
        "links",
        "STRING interactions",
        ("{string_taxon}.protein.links.v*.txt",),
        "12.0",
        "CC BY 4.0",
        _STRING + "protein.links.v12.0/{string_taxon}.protein.links.v12.0.txt.gz",
        _CITE_STRING,
        ("ppi",),
    ),
    SourceSpec(
        "aliases",
        "STRING aliases",
        ("{string_taxon}.protein.aliases.v*.txt",),
        "12.0",
        "CC BY 4.0",
        _STRING + "protein.aliases.v12.0/{string_taxon}.protein.aliases.v12.0.txt.gz",
        _CITE_STRING,
        ("ppi",),
    ),
    SourceSpec(
        "pathways",
        "Reactome pathways",
        ("UniProt2Reactome.txt",),
        "current release",
        "CC0 1.0",
        "https://reactome.org/download/current/UniProt2Reactome.txt",
        _CITE_REACTOME,
        ("pathway",),
    ),
    SourceSpec(
        "ligands",
        "ChEMBL compound-target pairs (the full dataset)",
        ("compound_target_pairs.csv",),
        "ChEMBL 32",
        "CC BY-SA 3.0",
        "https://doi.org/10.5281/zenodo.10721939",
        "Heinzke et al., Scientific Data 2024, doi:10.1038/s41597-024-03582-9",
        ("drug",),
        save_as="compound_target_pairs.csv",
        by_hand=True,
    ),
    SourceSpec(
        "ligand_targets",
        "ChEMBL targets and their UniProt accessions",
        ("chembl_uniprot_mapping.txt",),
        "ChEMBL 32",
        "CC BY-SA 3.0",
        _CHEMBL + "chembl_uniprot_mapping.txt",
        "Zdrazil et al., Nucleic Acids Research 2024, doi:10.1093/nar/gkad1004",
        ("drug",),
        checksums=_CHEMBL + "checksums.txt",
    ),
    SourceSpec(
        "gene_effects",
        "DepMap CRISPR gene effects",
        ("CRISPRGeneEffect.csv",),
        "DepMap Public 25Q2",
        "CC BY 4.0",
        _DEPMAP,
        _CITE_DEPMAP,
        ("melanoma",),
        save_as="CRISPRGeneEffect.csv",
        by_hand=True,
    ),
    SourceSpec(
        "models",
        "DepMap cell lines",
        ("Model.csv",),
        "DepMap Public 25Q2",
        "CC BY 4.0",
        _DEPMAP,
        _CITE_DEPMAP,
        ("melanoma",),
        save_as="Model.csv",
        by_hand=True,
    ),
)
"""Sources of the benchmark, in the order in which they are shown."""

ALTERNATIVES = (
    SourceSpec(
        "links_detailed",
        "STRING interactions with the scores of each channel",
        ("{string_taxon}.protein.links.detailed.v*.txt",),
        "12.0",
        "CC BY 4.0",
        _STRING + "protein.links.detailed.v12.0/{string_taxon}.protein.links.detailed.v12.0.txt.gz",
        _CITE_STRING,
        (),
        instead_of="links",
    ),
    SourceSpec(
        "pathways_all_levels",
        "Reactome pathways of all levels",
        ("UniProt2Reactome_All_Levels.txt",),
        "current release",
        "CC0 1.0",
        "https://reactome.org/download/current/UniProt2Reactome_All_Levels.txt",
        _CITE_REACTOME,
        (),
        instead_of="pathways",
    ),
)
"""Sources that options of the build ask for in the place of those of `LISTING`."""

EXCEPTIONS: Mapping[tuple[str, str], Mapping[str, str | float]] = MappingProxyType(
    {
        # UniProt has a file of its own for human entries; other species come out of a query.
        ("human", "uniprot"): {
            "url": _UNIPROT + "taxonomic_divisions/uniprot_sprot_human.dat.gz",
            "checksums": _UNIPROT + "taxonomic_divisions/RELEASE.metalink",
        },
        ("human", "vectors"): {"megabytes": 47},
        ("human", "links"): {"megabytes": 79},
        ("yeast", "vectors"): {"megabytes": 1_300},
        **{
            (name, "vectors"): {"megabytes": 1_300}
            for name in ("mouse", "rat", "zebrafish", "fly", "worm", "arabidopsis")
        },
        ("yeast", "goa"): {"megabytes": 2},
        ("ecoli", "vectors"): {"megabytes": 10},
    }
)
"""Fields that differ from `LISTING`, by species and source."""
