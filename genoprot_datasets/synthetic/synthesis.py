"""A whole synthetic proteome in the native formats of the real sources."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.files import atomic_folder
from genoprot_datasets.synthetic.attributes import Attributes, draw_attributes
from genoprot_datasets.synthetic.dependency import write_effects, write_models
from genoprot_datasets.synthetic.genes import GENE_LENGTHS, Genes
from genoprot_datasets.synthetic.genome import GenomeWriter, assembly
from genoprot_datasets.synthetic.interactions import draw_links, write_aliases, write_links
from genoprot_datasets.synthetic.ligands import write_pairs, write_targets
from genoprot_datasets.synthetic.names import Names
from genoprot_datasets.synthetic.ontology import Ontology
from genoprot_datasets.synthetic.pathways import write_pathways
from genoprot_datasets.synthetic.proteome import Proteome
from genoprot_datasets.synthetic.streams import open_output
from genoprot_datasets.synthetic.truth import TRUTH_NAME, write_truth
from genoprot_datasets.synthetic.uniprot import UniProtWriter
from genoprot_datasets.synthetic.vectors import VectorWriter

__all__ = ["FEWEST_GENES", "MOST_GENES", "synthesize"]

FEWEST_GENES, MOST_GENES = 100, 100_000

_REFSEQ = "GCF_000000000.1_SYNTH1"


def synthesize(out: str | Path, *, genes: int = 600, seed: int = 0, gene_length: str = "compact") -> Path:
    """Write a made-up proteome whose labels follow from its sequences with known strength.

    The files have the names and layouts of the real sources, so that `genoprot build` reads them. The labels
    of one task, the control that ``TRUTH.json`` names, are independent of everything else. The same arguments
    give the same bytes; time grows linearly with the genes.

    Parameters
    ----------
    out : str or Path
        Folder to write; one that an earlier call wrote is replaced.
    genes : int
        From 100 to 100,000.
    seed : int
        Not negative.
    gene_length : {"compact", "dense", "human"}
        Scale of gene lengths: a median of 3 kb, or of 25 kb with a tail to 2 Mb. Genes of the last two are
        as long, but lie 16 kb and 181 kb apart on average.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    GenoProtError
        If an argument is out of range, or the folder holds something else.
    """
    out = Path(out)
    if not FEWEST_GENES <= genes <= MOST_GENES:
        raise GenoProtError(f"genes: expected a number from {FEWEST_GENES} to {MOST_GENES}, found {genes}")
    if seed < 0:
        raise GenoProtError(f"seed: expected a number from 0 up, found {seed}")
    if gene_length not in GENE_LENGTHS:
        raise GenoProtError(f"gene length: expected {' or '.join(GENE_LENGTHS)}, found {gene_length!r}")
    if out.is_dir() and any(out.iterdir()) and not (out / TRUTH_NAME).is_file():
        raise GenoProtError(
            f"{out}: holds files that `genoprot synthesize` did not write; name another folder"
        )
    attributes = draw_attributes(genes, seed)
    names = Names(attributes, seed)
    ontology = Ontology(attributes, seed)
    with atomic_folder(out) as folder:
        _write_genes(folder, attributes, names, ontology, Genes(GENE_LENGTHS[gene_length], seed), seed)
        _write_relations(folder, attributes, names, ontology, seed)
        write_truth(folder / TRUTH_NAME, attributes, names, seed=seed, gene_length=gene_length)
    return out


def _write_genes(
    folder: Path, attributes: Attributes, names: Names, ontology: Ontology, genes: Genes, seed: int
) -> None:
    """Write the files to which each gene adds its part, one gene at a time."""
    from tqdm import tqdm

    proteome = Proteome(attributes, seed)
    with ExitStack() as stack:

        def output(name: str) -> BinaryIO:
            return stack.enter_context(open_output(folder / name))

        genome = GenomeWriter(
            output(f"{_REFSEQ}_genomic.fna.gz"),
            output(f"{_REFSEQ}_genomic.gff.gz"),
            output(f"{_REFSEQ}_protein.faa.gz"),
            attributes,
            genes,
            seed,
        )
        uniprot = UniProtWriter(
            output("uniprot_sprot_synthetic.dat.gz"), output("SYNTH_32630_idmapping.dat.gz"), attributes, seed
        )
        gaf = output("goa_synthetic.gaf.gz")
        ontology.write_gaf_header(gaf)
        vectors = stack.enter_context(VectorWriter(folder / "per-protein.h5"))
        progress = stack.enter_context(tqdm(total=attributes.size, unit="gene", disable=None))
        for sequence in assembly(attributes):
            genome.begin(sequence)
            for gene in sequence.genes:
                own, residues = names.of(gene), proteome.protein(gene)
                products = genome.add(gene, own, residues)
                if sequence.alternate:
                    continue
                annotations = ontology.annotations(gene)
                uniprot.add(gene, own, residues, products, annotations)
                ontology.write_gaf(gaf, own, annotations)
                if attributes.fault[gene] != "no_vector":
                    vectors.add(own.accession, residues)
                progress.update()
            genome.end()
        genome.close()


def _write_relations(
    folder: Path, attributes: Attributes, names: Names, ontology: Ontology, seed: int
) -> None:
    """Write the ontology and the tables that relate genes to each other and to other things."""
    with open_output(folder / "go-basic.obo") as out:
        ontology.write_obo(out)
    pairs, scores = draw_links(attributes, seed)
    with open_output(folder / "32630.protein.links.v12.0.txt.gz") as out:
        write_links(out, pairs, scores, names)
    with open_output(folder / "32630.protein.aliases.v12.0.txt.gz") as out:
        write_aliases(out, attributes, names)
    with open_output(folder / "UniProt2Reactome.txt") as out:
        write_pathways(out, attributes, names)
    with open_output(folder / "compound_target_pairs.csv") as out:
        write_pairs(out, attributes, names, seed)
    with open_output(folder / "chembl_uniprot_mapping.txt") as out:
        write_targets(out, attributes, names)
    with open_output(folder / "CRISPRGeneEffect.csv.gz") as out:
        write_effects(out, attributes, names, seed)
    with open_output(folder / "Model.csv") as out:
        write_models(out)
