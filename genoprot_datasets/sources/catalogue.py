"""The sources of each species: which files, from where, in which version, under which licence."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.tasks import TASKS

__all__ = ["RECORDS", "SPECIES", "SourceSpec", "Species", "detect_species", "locate", "sources_of"]

RECORDS = "records"
"""What a source is required for when nothing can be built without it."""

_ZIPPED = ".gz"


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
        File names, as glob patterns; the same with ``.gz`` will do as well.
    version, licence, url, citation : str
        Of the release that the benchmark names; empty where they do not apply.
    required_for : tuple of str
        Tasks that need it, or ``("records",)``.
    """

    key: str
    title: str
    patterns: tuple[str, ...]
    version: str
    licence: str
    url: str
    citation: str
    required_for: tuple[str, ...]


@dataclass(frozen=True)
class Species:
    """A species that the benchmark can be built for.

    Parameters
    ----------
    name : str
        Name on the command line.
    taxon : int
        NCBI taxon id.
    title : str
        Scientific name, as Reactome writes it.
    genetic_code : int
        NCBI translation table of the nuclear genome.
    organism : str
        Part of the names of UniProt's and GOA's files.
    mnemonic : str
        Part of the name of UniProt's id mapping.
    """

    name: str
    taxon: int
    title: str
    genetic_code: int
    organism: str
    mnemonic: str


SPECIES: Mapping[str, Species] = MappingProxyType(
    {
        "human": Species("human", 9606, "Homo sapiens", 1, "human", "HUMAN_9606"),
        "synthetic": Species("synthetic", 32630, "synthetic construct", 1, "synthetic", "SYNTH_32630"),
    }
)
"""Species by name; the first one is the default."""

_REFSEQ = "https://ftp.ncbi.nlm.nih.gov/genomes/all/GCF/000/001/405/GCF_000001405.39_GRCh38.p13/"
_UNIPROT = "https://ftp.uniprot.org/pub/databases/uniprot/current_release/knowledgebase/"
_STRING = "https://stringdb-downloads.org/download/"

_CITE_REFSEQ = "O'Leary et al., Nucleic Acids Research 2016, doi:10.1093/nar/gkv1189"
_CITE_UNIPROT = "The UniProt Consortium, Nucleic Acids Research 2025, doi:10.1093/nar/gkae1010"
_CITE_GO = "Gene Ontology Consortium, Genetics 2023, doi:10.1093/genetics/iyad031"
_CITE_STRING = "Szklarczyk et al., Nucleic Acids Research 2023, doi:10.1093/nar/gkac1000"
_CITE_CHEMBL = "Zdrazil et al., Nucleic Acids Research 2024, doi:10.1093/nar/gkad1004"
_CITE_DEPMAP = "Tsherniak et al., Cell 2017, doi:10.1016/j.cell.2017.06.010"

_SPECS = (
    SourceSpec(
        "genome",
        "RefSeq genome",
        ("GCF_*_genomic.fna",),
        "GCF_000001405.39 (GRCh38.p13)",
        "public domain",
        _REFSEQ + "GCF_000001405.39_GRCh38.p13_genomic.fna.gz",
        _CITE_REFSEQ,
        (RECORDS,),
    ),
    SourceSpec(
        "annotation",
        "RefSeq annotation (GFF3)",
        ("GCF_*_genomic.gff",),
        "GCF_000001405.39 (GRCh38.p13)",
        "public domain",
        _REFSEQ + "GCF_000001405.39_GRCh38.p13_genomic.gff.gz",
        _CITE_REFSEQ,
        (RECORDS,),
    ),
    SourceSpec(
        "proteins",
        "RefSeq proteins",
        ("GCF_*_protein.faa",),
        "GCF_000001405.39 (GRCh38.p13)",
        "public domain",
        _REFSEQ + "GCF_000001405.39_GRCh38.p13_protein.faa.gz",
        _CITE_REFSEQ,
        (RECORDS,),
    ),
    SourceSpec(
        "uniprot",
        "UniProtKB/Swiss-Prot entries",
        ("uniprot_sprot_{organism}.dat",),
        "current release",
        "CC BY 4.0",
        _UNIPROT + "taxonomic_divisions/uniprot_sprot_human.dat.gz",
        _CITE_UNIPROT,
        (RECORDS,),
    ),
    SourceSpec(
        "idmapping",
        "UniProt id mapping",
        ("{mnemonic}_idmapping.dat",),
        "current release",
        "CC BY 4.0",
        _UNIPROT + "idmapping/by_organism/HUMAN_9606_idmapping.dat.gz",
        _CITE_UNIPROT,
        (RECORDS,),
    ),
    SourceSpec(
        "goa",
        "Gene Ontology annotations",
        ("goa_{organism}.gaf",),
        "current release",
        "CC BY 4.0",
        "https://ftp.ebi.ac.uk/pub/databases/GO/goa/HUMAN/goa_human.gaf.gz",
        _CITE_GO,
        (RECORDS,),
    ),
    SourceSpec(
        "vectors",
        "UniProt per-protein ProtT5 embeddings",
        ("per-protein.h5",),
        "current release",
        "CC BY 4.0",
        _UNIPROT.replace("knowledgebase", "embeddings") + "UP000005640_9606/per-protein.h5",
        "Elnaggar et al., IEEE TPAMI 2022, doi:10.1109/TPAMI.2021.3095381",
        (RECORDS,),
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
    ),
    SourceSpec(
        "links",
        "STRING interactions",
        ("{taxon}.protein.links.v*.txt",),
        "12.0",
        "CC BY 4.0",
        _STRING + "protein.links.v12.0/9606.protein.links.v12.0.txt.gz",
        _CITE_STRING,
        ("ppi",),
    ),
    SourceSpec(
        "aliases",
        "STRING aliases",
        ("{taxon}.protein.aliases.v*.txt",),
        "12.0",
        "CC BY 4.0",
        _STRING + "protein.aliases.v12.0/9606.protein.aliases.v12.0.txt.gz",
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
        "Milacic et al., Nucleic Acids Research 2024, doi:10.1093/nar/gkad1025",
        ("pathway",),
    ),
    SourceSpec(
        "ligands",
        "ChEMBL compound-target pairs (save the full data set under the name compound_target_pairs.csv)",
        ("compound_target_pairs.csv",),
        "ChEMBL 32",
        "CC BY-SA 3.0",
        "https://doi.org/10.5281/zenodo.10721939",
        "Heinzke et al., Scientific Data 2024, doi:10.1038/s41597-024-03582-9",
        ("drug",),
    ),
    SourceSpec(
        "ligand_targets",
        "ChEMBL targets and their UniProt accessions",
        ("chembl_uniprot_mapping.txt",),
        "ChEMBL 32",
        "CC BY-SA 3.0",
        "https://ftp.ebi.ac.uk/pub/databases/chembl/ChEMBLdb/releases/chembl_32/chembl_uniprot_mapping.txt",
        _CITE_CHEMBL,
        ("drug",),
    ),
    SourceSpec(
        "gene_effects",
        "DepMap CRISPR gene effects",
        ("CRISPRGeneEffect.csv",),
        "DepMap Public 25Q2",
        "CC BY 4.0",
        "https://depmap.org/portal/data_page/?tab=allData",
        _CITE_DEPMAP,
        ("melanoma",),
    ),
    SourceSpec(
        "models",
        "DepMap cell lines",
        ("Model.csv",),
        "DepMap Public 25Q2",
        "CC BY 4.0",
        "https://depmap.org/portal/data_page/?tab=allData",
        _CITE_DEPMAP,
        ("melanoma",),
    ),
)


def sources_of(species: Species) -> tuple[SourceSpec, ...]:
    """Sources of a species, with the file names filled in.

    Parameters
    ----------
    species : Species

    Returns
    -------
    tuple of SourceSpec
        Where they come from is stated for human only; `genoprot synthesize` writes those of the
        synthetic species.

    Examples
    --------
    >>> [spec.patterns for spec in sources_of(SPECIES["human"]) if spec.key == "links"]
    [('9606.protein.links.v*.txt',)]
    """
    return tuple(_filled(spec, species) for spec in _SPECS)


def _filled(spec: SourceSpec, species: Species) -> SourceSpec:
    patterns = tuple(
        pattern.format(taxon=species.taxon, organism=species.organism, mnemonic=species.mnemonic)
        for pattern in spec.patterns
    )
    if species.name == "human":
        return replace(spec, patterns=patterns)
    return replace(spec, patterns=patterns, version="", licence="", url="", citation="")


def locate(folder: str | Path, species: Species, tasks: Collection[str] | None = None) -> dict[str, Path]:
    """Find the source files of a species in a folder.

    Parameters
    ----------
    folder : str or Path
    species : Species
    tasks : collection of str, optional
        Tasks whose sources must be there; all tasks when left out. Other sources are found too where
        they are there.

    Returns
    -------
    dict of str to Path
        By `SourceSpec.key`, in the order of `sources_of`.

    Raises
    ------
    GenoProtError
        One line that names every file that is missing, or found more than once, or is a folder.

    Notes
    -----
    The sources of the records themselves are always required.
    """
    folder = Path(folder)
    if not folder.is_dir():
        reason = "is not a folder" if folder.exists() else "no such folder"
        raise GenoProtError(f"{folder}: {reason}; expected the folder of the source files")
    required = {RECORDS, *(TASKS if tasks is None else tasks)}
    found: dict[str, Path] = {}
    faults: list[str] = []
    for spec in sources_of(species):
        matches = _matches(folder, spec)
        if len(matches) == 1 and matches[0].is_file():
            found[spec.key] = matches[0]
        elif len(matches) > 1:
            names = ", ".join(path.name for path in matches)
            faults.append(f"{spec.title}: expected one file, found {names}")
        elif matches:
            faults.append(f"{spec.title}: {matches[0].name} is not a file")
        elif required.intersection(spec.required_for):
            origin = spec.url or f"`genoprot synthesize` writes it with the others of {species.title}"
            faults.append(f"{spec.title}: no {' or '.join(spec.patterns)}[{_ZIPPED}] ({origin})")
    if faults:
        raise GenoProtError(f"{folder}: {len(faults)} source files at fault: " + "; ".join(faults))
    return found


def _matches(folder: Path, spec: SourceSpec) -> list[Path]:
    names = (pattern + ending for pattern in spec.patterns for ending in ("", _ZIPPED))
    return sorted({path for name in names for path in folder.glob(name)})


def detect_species(folder: str | Path) -> Species:
    """The species whose files are in a folder; human where there are none of any.

    Parameters
    ----------
    folder : str or Path

    Returns
    -------
    Species

    Raises
    ------
    GenoProtError
        If there are files of several species.
    """
    folder = Path(folder)
    shared = {pattern for spec in _SPECS for pattern in spec.patterns}
    present = [
        species
        for species in SPECIES.values()
        if any(_matches(folder, spec) for spec in sources_of(species) if shared.isdisjoint(spec.patterns))
    ]
    if len(present) > 1:
        names = ", ".join(species.name for species in present)
        raise GenoProtError(f"{folder}: files of several species ({names}); name one with --species")
    return present[0] if present else next(iter(SPECIES.values()))
