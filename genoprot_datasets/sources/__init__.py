"""Raw sources: where each comes from, under which licence, and how it is read."""

from genoprot_datasets.sources.catalogue import (
    alternatives_of,
    detect_species,
    files_of,
    locate,
    sources_of,
    unavailable_tasks,
)
from genoprot_datasets.sources.depmap import read_gene_effects
from genoprot_datasets.sources.fasta import iter_fasta
from genoprot_datasets.sources.gff import read_annotation
from genoprot_datasets.sources.go import read_annotations, read_ontology
from genoprot_datasets.sources.ligands import read_ligands
from genoprot_datasets.sources.listing import RECORDS, SourceSpec
from genoprot_datasets.sources.reactome import read_pathways
from genoprot_datasets.sources.species import SPECIES, Species
from genoprot_datasets.sources.stringdb import read_aliases, read_links
from genoprot_datasets.sources.uniprot import read_entries, read_id_mapping
from genoprot_datasets.sources.vectors import read_protein_vectors, read_term_vectors

__all__ = [
    "RECORDS",
    "SPECIES",
    "SourceSpec",
    "Species",
    "alternatives_of",
    "detect_species",
    "files_of",
    "iter_fasta",
    "locate",
    "read_aliases",
    "read_annotation",
    "read_annotations",
    "read_entries",
    "read_gene_effects",
    "read_id_mapping",
    "read_ligands",
    "read_links",
    "read_ontology",
    "read_pathways",
    "read_protein_vectors",
    "read_term_vectors",
    "sources_of",
    "unavailable_tasks",
]
