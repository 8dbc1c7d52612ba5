"""A small Gene Ontology, and annotations that follow families and locations."""

from __future__ import annotations

from typing import BinaryIO, NamedTuple

import numpy as np

from genoprot_datasets.seeding import generator
from genoprot_datasets.synthetic.attributes import Attributes
from genoprot_datasets.synthetic.composition import CLASSES
from genoprot_datasets.synthetic.names import TAXON, Identifiers
from genoprot_datasets.synthetic.vocabulary import ACTIVITY_WORDS, LOCATION_GROUPS, LOCATIONS

__all__ = ["GoAnnotation", "Ontology", "Term"]

_NAMESPACES = {"P": "biological_process", "F": "molecular_function", "C": "cellular_component"}
_ROOTS = {"P": "GO:0008150", "F": "GO:0003674", "C": "GO:0005575"}
_RELATIONS = {"P": "involved_in", "F": "enables", "C": "located_in"}
_EXPERIMENTAL = ("IDA", "IMP", "IPI", "IGI", "EXP", "HDA")
_OTHER = ("IEA", "ISS", "TAS", "IBA")
_HEADER = (
    "format-version: 1.2\n"
    "data-version: synthetic\n"
    "default-namespace: gene_ontology\n"
    "ontology: go\n"
    "remark: a made-up ontology written by genoprot synthesize\n"
)
_TYPEDEF = (
    "\n[Typedef]\nid: part_of\nname: part of\nnamespace: external\nxref: BFO:0000050\nis_transitive: true\n"
)


class Term(NamedTuple):
    """A term with its parents."""

    id: str
    name: str
    aspect: str
    is_a: tuple[str, ...] = ()
    part_of: tuple[str, ...] = ()
    alt_id: str = ""


class GoAnnotation(NamedTuple):
    """An annotation of a gene with a term."""

    term: Term
    evidence: str
    negated: bool
    reference: str


class Ontology:
    """Terms for the families, clans and locations of a proteome.

    Activities (F) of families lie under those of their clans, and these in groups of two; components (C) are
    the locations, in groups of two, and parts of them; processes (P) stand for a clan at a location.

    Parameters
    ----------
    attributes : Attributes
    seed : int
    """

    def __init__(self, attributes: Attributes, seed: int) -> None:
        self.attributes = attributes
        self.seed = seed
        self.terms: list[Term] = [
            Term(identifier, _NAMESPACES[aspect], aspect) for aspect, identifier in _ROOTS.items()
        ]
        self._components()
        self._activities()
        self._processes()

    def annotations(self, gene: int) -> list[GoAnnotation]:
        """Annotations of a gene, each term once.

        Its first location is known by experiment, except for a gene whose fault is to have no experiment.
        """
        attributes = self.attributes
        rng = generator(self.seed, "synthetic", "annotations", str(gene))
        main, second = attributes.locations[gene].tolist()
        family = int(attributes.family[gene])
        terms = [self.locations[main]]
        if second >= 0:
            terms.append(self.locations[second])
        if attributes.sublocated[gene]:
            terms.append(self.parts[main])
        if family >= 0:
            terms.append(self.families[family])
            terms.append(self.processes[int(attributes.clan_of_family[family]), main])
        else:
            terms.append(self.location_processes[main])
        evidence = [
            _experimental(rng) if k == 0 or rng.random() < 0.7 else _other(rng) for k in range(len(terms))
        ]
        if rng.random() < 0.15:
            terms.append(
                self.processes[int(rng.integers(CLASSES["clan"])), int(rng.integers(len(LOCATIONS)))]
            )
            evidence.append("IEA")
        if attributes.fault[gene] == "no_experimental_go":
            evidence = ["IEA"] * len(terms)
        annotations = {
            term.id: GoAnnotation(term, code, False, _reference(code, rng))
            for term, code in reversed(list(zip(terms, evidence)))
        }
        denied = self.families[int(rng.integers(len(self.families)))]
        if rng.random() < 0.05 and denied.id not in annotations:
            code = _experimental(rng)
            annotations[denied.id] = GoAnnotation(denied, code, True, _reference(code, rng))
        return sorted(annotations.values(), key=lambda annotation: annotation.term.id)

    def write_obo(self, out: BinaryIO) -> None:
        """Write the ontology, with an obsolete term beside the others."""
        names = {term.id: term.name for term in self.terms}
        out.write(_HEADER.encode())
        for term in self.terms:
            lines = [
                "\n[Term]",
                f"id: {term.id}",
                f"name: {term.name}",
                f"namespace: {_NAMESPACES[term.aspect]}",
            ]
            lines += [f"alt_id: {term.alt_id}"] if term.alt_id else []
            lines += [f'def: "Made-up term: {term.name}." [GENOPROT:synthetic]']
            lines += [f"is_a: {parent} ! {names[parent]}" for parent in term.is_a]
            lines += [f"relationship: part_of {whole} ! {names[whole]}" for whole in term.part_of]
            out.write(("\n".join(lines) + "\n").encode())
        out.write(
            b"\n[Term]\nid: GO:9999999\nname: obsolete activity\nnamespace: molecular_function\n"
            b"is_obsolete: true\n"
        )
        out.write(_TYPEDEF.encode())

    @staticmethod
    def write_gaf_header(out: BinaryIO) -> None:
        """Write the first lines of an annotation file."""
        out.write(b"!gaf-version: 2.2\n!\n!generated-by: genoprot synthesize\n!\n")

    @staticmethod
    def write_gaf(out: BinaryIO, names: Identifiers, annotations: list[GoAnnotation]) -> None:
        """Write the rows of one gene.

        Where a term has an alternative identifier, annotations that rest on no experiment name it by that.
        """
        for annotation in annotations:
            term = annotation.term
            older = bool(term.alt_id) and annotation.evidence in _OTHER
            relation = _RELATIONS[term.aspect]
            fields = (
                "UniProtKB",
                names.accession,
                names.symbol,
                f"NOT|{relation}" if annotation.negated else relation,
                term.alt_id if older else term.id,
                annotation.reference,
                annotation.evidence,
                f"UniProtKB:{names.accession}" if annotation.evidence == "IPI" else "",
                term.aspect,
                names.title,
                names.symbol,
                "protein",
                f"taxon:{TAXON}",
                "20240101",
                "UniProt",
                "",
                "",
            )
            out.write(("\t".join(fields) + "\n").encode())

    def _add(self, name: str, aspect: str, is_a: Term | None = None, **more: object) -> Term:
        parent = is_a.id if is_a else _ROOTS[aspect]
        term = Term(f"GO:{9_000_000 + len(self.terms)}", name, aspect, (parent,), **more)
        self.terms.append(term)
        return term

    def _components(self) -> None:
        groups = [self._add(name, "C") for name in LOCATION_GROUPS]
        self.locations = [
            self._add(place.term, "C", groups[k // 2], alt_id="GO:9900000" if k == 2 else "")
            for k, place in enumerate(LOCATIONS)
        ]
        self.parts = [
            self._add(place.part_term, "C", part_of=(whole.id,))
            for place, whole in zip(LOCATIONS, self.locations)
        ]

    def _activities(self) -> None:
        groups = [self._add(f"activity of kind {k + 1}", "F") for k in range(CLASSES["clan"] // 2)]
        clans = [self._add(f"{word} activity", "F", groups[k // 2]) for k, word in enumerate(ACTIVITY_WORDS)]
        self.families = [
            self._add(f"{ACTIVITY_WORDS[clan]} activity of family {k + 1}", "F", clans[clan])
            for k, clan in enumerate(self.attributes.clan_of_family.tolist())
        ]

    def _processes(self) -> None:
        self.location_processes = [self._add(f"upkeep of the {place.term}", "P") for place in LOCATIONS]
        clans = [self._add(f"process by {word}", "P") for word in ACTIVITY_WORDS]
        self.processes = {
            (clan, k): self._add(
                f"process by {word} in the {place.term}",
                "P",
                clans[clan],
                part_of=(self.location_processes[k].id,),
            )
            for clan, word in enumerate(ACTIVITY_WORDS)
            for k, place in enumerate(LOCATIONS)
        }


def _experimental(rng: np.random.Generator) -> str:
    return _EXPERIMENTAL[int(rng.integers(len(_EXPERIMENTAL)))]


def _other(rng: np.random.Generator) -> str:
    return _OTHER[int(rng.integers(len(_OTHER)))]


def _reference(evidence: str, rng: np.random.Generator) -> str:
    if evidence in _EXPERIMENTAL or evidence == "TAS":
        return f"PMID:{int(rng.integers(10_000_000, 39_000_000))}"
    return "GO_REF:0000044" if evidence == "IEA" else "GO_REF:0000024"
