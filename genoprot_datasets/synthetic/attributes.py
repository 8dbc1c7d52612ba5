"""What is true of every synthetic gene: its latent classes and the annotations that follow from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genoprot_datasets.seeding import generator
from genoprot_datasets.synthetic.composition import CLASSES
from genoprot_datasets.synthetic.vocabulary import ORGANS

__all__ = ["FAULTS", "TISSUE_TOLD", "Attributes", "draw_attributes"]

FAULTS = (
    "no_id_mapping",
    "no_experimental_go",
    "no_vector",
    "translation_mismatch",
    "uniprot_mismatch",
)
"""Ways in which a gene is faulty on purpose, each in about 1 % of the genes.

Its protein is in no row of the id mapping; its only GO annotations are electronic; it has no vector; its
coding region does not translate to its protein; the sequence of its UniProt entry differs from its protein.
"""

TISSUE_TOLD = ("nothing", "everywhere", "organs")
"""What UniProt's tissue specificity says: it is missing, it names no organ, it names the gene's organs."""

_FAULT_RATE = 0.01
_MELANOMA_RATE = 0.45
_GENES_PER_FAMILY = 25
_GENES_PER_ACCESSORY = 60
_GENES_PER_MODULE = 30
_GENES_PER_PATHWAY = 30
_GENES_PER_DISEASE = 25


@dataclass(frozen=True)
class Attributes:
    """Latent classes and annotations of n genes, in the order of the genes.

    Attributes
    ----------
    family : ndarray, shape=(n,)
        Family of each gene, which shares a domain; -1 for an orphan.
    accessory : ndarray, shape=(n,)
        Accessory domain, which genes of any family may carry; -1 for none.
    clan_of_family : ndarray, shape=(families,)
        Clan of each family; families of a clan have similar residue frequencies.
    locations : ndarray, shape=(n, 2)
        First and second subcellular location; -1 for none.
    sublocated : ndarray, shape=(n,), dtype=bool
        Whether the first location is told with a part of it as well.
    organs : ndarray, shape=(n, 2)
        Organ whose DNA habits the gene has, and a second one; -1 for none.
    module : ndarray, shape=(n,)
        Interaction module.
    melanoma : ndarray, shape=(n,), dtype=bool
        Whether melanoma lines depend on the gene.
    diseases : tuple of tuple of int
    disease_class : ndarray, shape=(n,)
        Class that all diseases of a gene belong to, drawn for genes without disease too.
    pathways : tuple of tuple of int
        Drawn independently of everything else: the control.
    ligands : tuple of tuple of int
    located, in_string, screened : ndarray, shape=(n,), dtype=bool
        Whether UniProt tells a location, STRING knows the protein and DepMap has the gene.
    tissue_told : ndarray, shape=(n,)
        Entry of `TISSUE_TOLD`.
    selenoprotein : ndarray, shape=(n,), dtype=bool
    unplaced, duplicated : tuple of int
        Genes on an unplaced scaffold only, and genes that an alternate scaffold repeats.
    fault : tuple of str
        Entry of `FAULTS`, or an empty string.
    """

    family: np.ndarray
    accessory: np.ndarray
    clan_of_family: np.ndarray
    locations: np.ndarray
    sublocated: np.ndarray
    organs: np.ndarray
    module: np.ndarray
    melanoma: np.ndarray
    diseases: tuple[tuple[int, ...], ...]
    disease_class: np.ndarray
    pathways: tuple[tuple[int, ...], ...]
    ligands: tuple[tuple[int, ...], ...]
    located: np.ndarray
    in_string: np.ndarray
    screened: np.ndarray
    tissue_told: np.ndarray
    selenoprotein: np.ndarray
    unplaced: tuple[int, ...]
    duplicated: tuple[int, ...]
    fault: tuple[str, ...]

    @property
    def size(self) -> int:
        """Number of genes."""
        return len(self.family)

    @property
    def clan(self) -> np.ndarray:
        """Clan of every gene, -1 for an orphan; shape (n,)."""
        return np.where(self.family >= 0, self.clan_of_family[self.family], -1)

    @property
    def memberships(self) -> dict[str, np.ndarray]:
        """Weight of every latent class that residue frequencies show, kind -> (n, classes)."""
        location = _one_hot(self.locations[:, 0], CLASSES["location"])
        second = _one_hot(self.locations[:, 1], CLASSES["location"])
        both = (self.locations[:, 1] >= 0)[:, None]
        return {
            "location": np.where(both, 0.6 * location + 0.4 * second, location),
            "clan": _one_hot(self.clan, CLASSES["clan"]),
            "module": _one_hot(self.module % CLASSES["module"], CLASSES["module"]),
            "melanoma": _one_hot(self.melanoma.astype(int), CLASSES["melanoma"]),
            "disease": _one_hot(self.disease_class, CLASSES["disease"]),
        }


def draw_attributes(genes: int, seed: int) -> Attributes:
    """Draw the latent classes and annotations of a proteome.

    Families, modules, pathways, ligands and diseases grow in number with the genes, so that their sizes, and
    with them the cost of a gene, stay the same.

    Parameters
    ----------
    genes : int
    seed : int

    Returns
    -------
    Attributes
    """
    rng = generator(seed, "synthetic", "attributes")
    families = max(6, genes // _GENES_PER_FAMILY)
    sizes = rng.gamma(6.0, size=families)
    family = rng.choice(families, genes, p=sizes / sizes.sum())
    family[rng.random(genes) < 0.1] = -1
    accessory = rng.integers(max(4, genes // _GENES_PER_ACCESSORY), size=genes)
    accessory[rng.random(genes) < 0.75] = -1
    modules = max(4, genes // _GENES_PER_MODULE)
    module = rng.integers(modules, size=genes)
    faithful = (family >= 0) & (rng.random(genes) < 0.3)
    module[faithful] = family[faithful] % modules
    special = rng.permutation(genes)
    few = max(2, genes // 200)
    return Attributes(
        family=family,
        accessory=accessory,
        clan_of_family=np.arange(families) % CLASSES["clan"],
        locations=_two_of(CLASSES["location"], genes, 0.2, rng),
        sublocated=rng.random(genes) < 0.25,
        organs=_two_of(len(ORGANS), genes, 0.2, rng),
        module=module,
        melanoma=rng.random(genes) < _MELANOMA_RATE,
        **_draw_diseases(genes, rng),
        pathways=_draw_pathways(genes, generator(seed, "synthetic", "pathways")),
        ligands=_draw_ligands(family, families, rng),
        located=rng.random(genes) < 0.94,
        in_string=rng.random(genes) < 0.95,
        screened=rng.random(genes) < 0.96,
        tissue_told=rng.choice(len(TISSUE_TOLD), genes, p=[0.15, 0.05, 0.8]),
        selenoprotein=_chosen(special[:few], genes),
        unplaced=tuple(sorted(special[few : 2 * few].tolist())),
        duplicated=tuple(sorted(special[2 * few : 3 * few].tolist())),
        fault=_draw_faults(special[3 * few :], genes),
    )


def _one_hot(classes: np.ndarray, number: int) -> np.ndarray:
    """Rows with a one at the class, and rows of zeros where it is -1."""
    return np.vstack([np.eye(number), np.zeros(number)])[classes]


def _chosen(members: np.ndarray, size: int) -> np.ndarray:
    mask = np.zeros(size, dtype=bool)
    mask[members] = True
    return mask


def _two_of(classes: int, size: int, second_rate: float, rng: np.random.Generator) -> np.ndarray:
    """A class, and for some genes another one, shape (size, 2)."""
    first = rng.integers(classes, size=size)
    second = (first + rng.integers(1, classes, size=size)) % classes
    second[rng.random(size) >= second_rate] = -1
    return np.column_stack([first, second])


def _draw_diseases(size: int, rng: np.random.Generator) -> dict[str, object]:
    kinds = CLASSES["disease"]
    per_class = max(2, size // (_GENES_PER_DISEASE * kinds))
    disease_class = rng.integers(kinds, size=size)
    numbers = rng.choice(3, size, p=[0.45, 0.4, 0.15])
    picks = rng.integers(per_class, size=(size, 2)) * kinds + disease_class[:, None]
    diseases = (tuple(sorted(set(row[:number]))) for row, number in zip(picks.tolist(), numbers.tolist()))
    return {"diseases": tuple(diseases), "disease_class": disease_class}


def _draw_pathways(size: int, rng: np.random.Generator) -> tuple[tuple[int, ...], ...]:
    numbers = rng.choice(4, size, p=[0.2, 0.4, 0.3, 0.1])
    picks = rng.integers(max(8, size // _GENES_PER_PATHWAY), size=(size, 3))
    return tuple(tuple(sorted(set(row[:k]))) for row, k in zip(picks.tolist(), numbers.tolist()))


def _draw_ligands(family: np.ndarray, families: int, rng: np.random.Generator) -> tuple[tuple[int, ...], ...]:
    """Three ligands bind the members of four families in five; one gene in twelve binds some other ligand.

    Ligand 3f + k belongs to family f.
    """
    druggable = rng.permutation(families) < round(0.8 * families)
    binds = rng.random((len(family), 3)) < 0.65
    stray = rng.integers(3 * families, size=len(family))
    strays = rng.random(len(family)) < 0.08
    ligands = []
    for gene, own in enumerate(family.tolist()):
        found = (
            {3 * own + int(k) for k in np.flatnonzero(binds[gene])} if own >= 0 and druggable[own] else set()
        )
        ligands.append(tuple(sorted(found | {int(stray[gene])} if strays[gene] else found)))
    return tuple(ligands)


def _draw_faults(candidates: np.ndarray, size: int) -> tuple[str, ...]:
    each = max(1, round(_FAULT_RATE * size))
    fault = [""] * size
    for position, name in enumerate(FAULTS):
        for gene in candidates[position * each : (position + 1) * each].tolist():
            fault[gene] = name
    return tuple(fault)
