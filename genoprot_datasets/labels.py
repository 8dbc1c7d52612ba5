"""What makes the examples of each task positive, read from the sources."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from scipy import sparse

from genoprot_datasets.anatomy import Recogniser
from genoprot_datasets.errors import SourceError
from genoprot_datasets.records import Record
from genoprot_datasets.relations import (
    STRONG_EFFECT,
    Dependency,
    FunctionSimilarity,
    Go2VecConfig,
    Interactions,
    PairRelation,
    SharedAttribute,
    strong_dependency,
    train_term_vectors,
)
from genoprot_datasets.sources.depmap import read_gene_effects
from genoprot_datasets.sources.go import read_ontology
from genoprot_datasets.sources.ligands import DTI_CLASSES, read_ligands
from genoprot_datasets.sources.reactome import read_pathways
from genoprot_datasets.sources.species import Species
from genoprot_datasets.sources.stringdb import ACCESSION_SOURCES, read_aliases, read_links
from genoprot_datasets.sources.uniprot import UniProtEntry
from genoprot_datasets.taxa import string_taxon_of

__all__ = ["LABELLERS", "LabelInputs", "LabelOptions", "TaskLabels"]

_GRAPH_RELATIONS = ("is_a", "part_of")


@dataclass(frozen=True)
class LabelOptions:
    """Choices that the sources leave open; the manifest records them.

    Attributes
    ----------
    min_string_score : int
        Lowest combined STRING score of an interaction; 0 counts every reported one.
    dti_classes : tuple of str
        Classes of compound-target pairs that count as ligands of a protein.
    melanoma_lineage, melanoma_disease : str
        DepMap lines over which the gene effect is averaged.
    go2vec : Go2VecConfig
    """

    min_string_score: int = 0
    dti_classes: tuple[str, ...] = tuple(name for name in DTI_CLASSES if name != "NDT")
    melanoma_lineage: str = "Skin"
    melanoma_disease: str = "Melanoma"
    go2vec: Go2VecConfig = field(default_factory=Go2VecConfig)

    def as_dict(self) -> dict[str, Any]:
        """The options as JSON types."""
        return asdict(self) | {"dti_classes": list(self.dti_classes)}


@dataclass(frozen=True)
class LabelInputs:
    """What every labeller may read."""

    records: Sequence[Record]
    entries: Mapping[str, UniProtEntry]
    string_ids: Mapping[str, Collection[str]]
    paths: Mapping[str, Path]
    recogniser: Recogniser
    species: Species
    options: LabelOptions
    seed: int


@dataclass(frozen=True)
class TaskLabels:
    """Labels of one task.

    Attributes
    ----------
    relation : PairRelation or Dependency
    facts : dict
        Counts for the manifest.
    """

    relation: PairRelation | Dependency
    facts: Mapping[str, Any]


def _shared(memberships: Sequence[Collection[str]], what: str) -> TaskLabels:
    facts = {
        f"distinct_{what}": len(set().union(*memberships)),
        "records_annotated": sum(bool(labels) for labels in memberships),
    }
    return TaskLabels(SharedAttribute(memberships), facts)


def _pfam(inputs: LabelInputs) -> TaskLabels:
    return _shared([inputs.entries[record.accession].pfam for record in inputs.records], "families")


def _subcellular(inputs: LabelInputs) -> TaskLabels:
    return _shared([inputs.entries[record.accession].locations for record in inputs.records], "locations")


def _anatomical(inputs: LabelInputs) -> TaskLabels:
    texts = [inputs.entries[record.accession].tissue for record in inputs.records]
    labels = _shared(inputs.recogniser.recognise(texts), "sites")
    without = sum(bool(text) for text in texts) - labels.facts["records_annotated"]
    return TaskLabels(labels.relation, {**labels.facts, "texts_without_a_site": without})


def _disease(inputs: LabelInputs) -> TaskLabels:
    return _shared([inputs.entries[record.accession].diseases for record in inputs.records], "phenotypes")


def _pathway(inputs: LabelInputs) -> TaskLabels:
    pathways = read_pathways(inputs.paths["pathways"], inputs.species.title)
    return _shared([pathways.get(record.accession, frozenset()) for record in inputs.records], "pathways")


def _drug(inputs: LabelInputs) -> TaskLabels:
    ligands = read_ligands(
        inputs.paths["ligands"], inputs.paths["ligand_targets"], inputs.options.dti_classes
    )
    return _shared([ligands.get(record.accession, frozenset()) for record in inputs.records], "ligands")


def _melanoma(inputs: LabelInputs) -> TaskLabels:
    options = inputs.options
    effects = read_gene_effects(
        inputs.paths["gene_effects"],
        inputs.paths["models"],
        lineage=options.melanoma_lineage,
        disease=options.melanoma_disease,
    )
    values = np.array([effects.get(record.gene_id, np.nan) for record in inputs.records])
    labels = strong_dependency(values)
    facts = {"records_annotated": int(labels.annotated.sum()), "effect_threshold": STRONG_EFFECT}
    return TaskLabels(labels, facts)


def _incidence(cells: np.ndarray, shape: tuple[int, int]) -> sparse.csr_array:
    return sparse.csr_array((np.ones(len(cells), bool), (cells[:, 0], cells[:, 1])), shape=shape)


def _ppi(inputs: LabelInputs) -> TaskLabels:
    links = read_links(inputs.paths["links"], inputs.options.min_string_score)
    taxon = string_taxon_of(inputs.paths["links"], links.ids, inputs.species)
    alias_sources = inputs.species.string_strains.get(taxon, ACCESSION_SOURCES)
    aliases = read_aliases(inputs.paths["aliases"], alias_sources)
    string_taxon_of(inputs.paths["aliases"], aliases, inputs.species)
    by_alias: dict[str, set[str]] = {}
    for identifier, accessions in aliases.items():
        for accession in accessions:
            by_alias.setdefault(accession, set()).add(identifier)
    position = {identifier: index for index, identifier in enumerate(links.ids)}
    owned: list[tuple[int, int]] = []
    annotated = np.zeros(len(inputs.records), bool)
    through_aliases = 0
    for index, record in enumerate(inputs.records):
        identifiers = set(inputs.string_ids.get(record.accession, ())) & position.keys()
        if not identifiers:
            identifiers = by_alias.get(record.accession, set()) & position.keys()
            through_aliases += bool(identifiers)
        annotated[index] = bool(identifiers)
        owned += [(position[identifier], index) for identifier in identifiers]
    # A record may have several STRING proteins, and a STRING protein several records.
    links_of = _incidence(links.pairs, (len(links.ids), len(links.ids)))
    owner_of = _incidence(np.array(owned, np.int64).reshape(-1, 2), (len(links.ids), len(inputs.records)))
    i, j = (owner_of.T @ links_of @ owner_of).nonzero()
    facts = {
        "string_taxon": taxon,
        "alias_sources": sorted(alias_sources),
        "reported_pairs_in_source": len(links.pairs),
        "records_annotated": int(annotated.sum()),
        "records_found_by_alias_only": through_aliases,
    }
    return TaskLabels(Interactions(i, j, annotated), facts)


def _function(inputs: LabelInputs) -> TaskLabels:
    ontology = read_ontology(inputs.paths["ontology"])
    annotations = {record.accession: record.go_terms for record in inputs.records}
    resolved = {
        accession: sorted({ontology.resolve(term) or term for term in terms})
        for accession, terms in annotations.items()
    }
    edges = [(child, parent) for child, parent, relation in ontology.edges if relation in _GRAPH_RELATIONS]
    if not edges:
        raise SourceError(inputs.paths["ontology"], "no is_a or part_of edge in it")
    terms, vectors = train_term_vectors(edges, resolved, inputs.options.go2vec, inputs.seed)
    position = {term: index for index, term in enumerate(terms)}
    relation = FunctionSimilarity(
        vectors, [[position[term] for term in resolved[record.accession]] for record in inputs.records]
    )
    used = set().union(*resolved.values())
    facts = {
        "distinct_terms": len(used),
        "terms_not_in_ontology": len(used - ontology.terms.keys()),
        "records_annotated": int(relation.annotated.sum()),
    }
    return TaskLabels(relation, facts)


LABELLERS: Mapping[str, Callable[[LabelInputs], TaskLabels]] = MappingProxyType(
    {
        "pfam": _pfam,
        "subcellular": _subcellular,
        "anatomical": _anatomical,
        "function": _function,
        "ppi": _ppi,
        "pathway": _pathway,
        "drug": _drug,
        "melanoma": _melanoma,
        "disease": _disease,
    }
)
"""How the labels of each task are read."""
