"""What makes the examples of each task positive, read from the sources."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from scipy import sparse

from genoprot_datasets.anatomy import Recogniser
from genoprot_datasets.errors import SourceError
from genoprot_datasets.files import sha256_of
from genoprot_datasets.options import LabelOptions
from genoprot_datasets.records import Record
from genoprot_datasets.relations import (
    Dependency,
    FunctionSimilarity,
    Interactions,
    PairRelation,
    SharedAttribute,
    strong_dependency,
    train_term_vectors,
)
from genoprot_datasets.sources.depmap import read_gene_effects
from genoprot_datasets.sources.go import Ontology, read_ontology
from genoprot_datasets.sources.ligands import read_ligands
from genoprot_datasets.sources.reactome import read_pathways
from genoprot_datasets.sources.species import Species
from genoprot_datasets.sources.stringdb import ACCESSION_SOURCES, read_aliases, read_links
from genoprot_datasets.sources.uniprot import UniProtEntry
from genoprot_datasets.sources.vectors import read_term_vectors
from genoprot_datasets.taxa import string_taxon_of

__all__ = ["LABELLERS", "LabelInputs", "TaskLabels"]

_GRAPH_RELATIONS = ("is_a", "part_of")


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
    attributes : sequence, length n, or None
        What each record has that its labels follow from, as a column of `schema.ATTRIBUTES` takes it; None
        where that is not published.
    terms : mapping of str to (str, ndarray or None), or None
        Of `function`: for each term of a record the term that stands for it in the ontology, and the vector
        of that, float32; None for one without, and for all where the vectors are read from a file, whose
        licence is its maker's.
    """

    relation: PairRelation | Dependency
    facts: Mapping[str, Any]
    attributes: Sequence[Any] | None = None
    terms: Mapping[str, tuple[str, np.ndarray | None]] | None = None


def _shared(memberships: Sequence[Collection[str]], what: str) -> TaskLabels:
    facts = {
        f"distinct_{what}": len(set().union(*memberships)),
        "records_annotated": sum(bool(labels) for labels in memberships),
    }
    return TaskLabels(SharedAttribute(memberships), facts, [sorted(labels) for labels in memberships])


def _pfam(inputs: LabelInputs) -> TaskLabels:
    return _shared([inputs.entries[record.accession].pfam for record in inputs.records], "families")


def _subcellular(inputs: LabelInputs) -> TaskLabels:
    options = inputs.options
    left_out = {name.casefold() for name in options.locations_left_out}
    locations = []
    for record in inputs.records:
        entry = inputs.entries[record.accession]
        names = set(entry.locations)
        if options.location_level == "compartment":
            names = {name.partition(",")[0] for name in names}
        if options.location_topology:
            names |= entry.topologies
        locations.append({name for name in names if name.casefold() not in left_out})
    return _shared(locations, "locations")


def _anatomical(inputs: LabelInputs) -> TaskLabels:
    texts = [inputs.entries[record.accession].tissue for record in inputs.records]
    labels = _shared(inputs.recogniser.recognise(texts), "sites")
    without = sum(bool(text) for text in texts) - labels.facts["records_annotated"]
    return replace(labels, facts={**labels.facts, "texts_without_a_site": without})


def _disease(inputs: LabelInputs) -> TaskLabels:
    kinds = inputs.options.mim_types
    diseases = [
        {number for number, kind in inputs.entries[record.accession].mim if kind in kinds}
        for record in inputs.records
    ]
    return _shared(diseases, "phenotypes")


def _pathway(inputs: LabelInputs) -> TaskLabels:
    pathways = read_pathways(_path(inputs, "pathways"), inputs.species.title)
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
        subtype=options.melanoma_subtype,
    )
    values = np.array([effects.means.get(record.gene_id, np.nan) for record in inputs.records])
    labels = strong_dependency(values, options.melanoma_threshold)
    facts = {
        "records_annotated": int(labels.annotated.sum()),
        "effect": "mean over the cell lines that have a value",
        "effect_threshold": options.melanoma_threshold,
        "cell_lines": effects.lines,
    }
    return TaskLabels(labels, facts, [None if np.isnan(value) else float(value) for value in values])


def _path(inputs: LabelInputs, key: str) -> Path:
    """File of a source, or of the one that the options ask for instead."""
    return inputs.paths[inputs.options.alternatives.get(key, key)]


def _incidence(cells: np.ndarray, shape: tuple[int, int]) -> sparse.csr_array:
    return sparse.csr_array((np.ones(len(cells), bool), (cells[:, 0], cells[:, 1])), shape=shape)


def _ppi(inputs: LabelInputs) -> TaskLabels:
    options = inputs.options
    path = _path(inputs, "links")
    links = read_links(path, options.min_string_score, options.string_channel)
    taxon = string_taxon_of(path, links.ids, inputs.species)
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
    relation = Interactions(i, j, annotated)
    partners = [int(degree) if known else None for degree, known in zip(relation.degree, annotated)]
    return TaskLabels(relation, facts, partners)


def _function(inputs: LabelInputs) -> TaskLabels:
    ontology = read_ontology(inputs.paths["ontology"])
    annotations = {record.accession: record.go_terms for record in inputs.records}
    primary = {term: ontology.resolve(term) or term for term in sorted(set().union(*annotations.values()))}
    resolved = {
        accession: sorted({primary[term] for term in terms}) for accession, terms in annotations.items()
    }
    terms, vectors, origin = _term_vectors(inputs, ontology, resolved)
    position = {term: index for index, term in enumerate(terms)}
    relation = FunctionSimilarity(
        vectors,
        [
            [position[term] for term in resolved[record.accession] if term in position]
            for record in inputs.records
        ],
    )
    used = set().union(*resolved.values())
    facts = {
        "distinct_terms": len(used),
        "terms_not_in_ontology": len(used - ontology.terms.keys()),
        "terms_without_vector": len(used - position.keys()),
        "vectors": origin,
        "records_annotated": int(relation.annotated.sum()),
    }
    published = position if inputs.options.go_vectors is None else {}
    described = {
        term: (own, vectors[published[own]] if own in published else None) for term, own in primary.items()
    }
    return TaskLabels(relation, facts, terms=described)


def _term_vectors(
    inputs: LabelInputs, ontology: Ontology, annotations: Mapping[str, Collection[str]]
) -> tuple[list[str], np.ndarray, dict[str, Any]]:
    """Terms, their vectors, and where these are from."""
    path = inputs.options.go_vectors
    if path is not None:
        terms, vectors = read_term_vectors(path)
        if set(terms).isdisjoint(set().union(*annotations.values())):
            raise SourceError(path, "no vector of any term that annotates a record")
        return terms, vectors, {"file": path.name, "sha256": sha256_of(path), "dimension": vectors.shape[1]}
    edges = [(child, parent) for child, parent, relation in ontology.edges if relation in _GRAPH_RELATIONS]
    if not edges:
        raise SourceError(inputs.paths["ontology"], "no is_a or part_of edge in it")
    terms, vectors = train_term_vectors(edges, annotations, inputs.options.go2vec, inputs.seed)
    return terms, vectors, {"trained_on": list(_GRAPH_RELATIONS), "dimension": vectors.shape[1]}


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
