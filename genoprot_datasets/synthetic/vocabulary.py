"""Words of the synthetic annotations: places in the cell and in the body, processes, cell lines."""

from __future__ import annotations

from typing import NamedTuple

__all__ = [
    "ACTIVITY_WORDS",
    "CELL_LINE_DISEASES",
    "LOCATIONS",
    "LOCATION_GROUPS",
    "ORGANS",
    "PATHWAY_WORDS",
    "CellLineDisease",
    "Location",
]


class Location(NamedTuple):
    """A subcellular location and a part of it, in UniProt's words and in the ontology's."""

    name: str
    part: str
    topology: str
    term: str
    part_term: str


LOCATIONS = (
    Location("Nucleus", "Nucleus, nucleolus", "", "nucleus", "nucleolus"),
    Location("Cytoplasm", "Cytoplasm, cytoskeleton", "", "cytoplasm", "cytoskeleton"),
    Location(
        "Mitochondrion", "Mitochondrion inner membrane", "", "mitochondrion", "mitochondrial inner membrane"
    ),
    Location(
        "Endoplasmic reticulum",
        "Endoplasmic reticulum membrane",
        "Single-pass type I membrane protein",
        "endoplasmic reticulum",
        "endoplasmic reticulum membrane",
    ),
    Location("Secreted", "Secreted, extracellular space", "", "extracellular region", "extracellular space"),
    Location(
        "Cell membrane", "Cell junction", "Multi-pass membrane protein", "plasma membrane", "cell junction"
    ),
)
"""One entry for each latent location class."""

LOCATION_GROUPS = ("cell body", "closed organelle", "cell surface")
"""Terms above each two of the locations."""

ORGANS = ("brain", "heart", "kidney", "liver", "lung", "placenta", "spleen", "testis")
"""One organ for each set of DNA habits."""

ACTIVITY_WORDS = ("binding", "transfer", "hydrolysis", "ligation", "transport", "scaffold")
"""One word for each clan."""

PATHWAY_WORDS = (
    ("Assembly", "Turnover", "Export", "Repair", "Recycling", "Priming", "Folding", "Quenching"),
    ("amber", "cobalt", "linden", "marble", "onyx", "saffron", "tidal", "umber", "willow"),
    ("complexes", "granules", "intermediates", "ribbons", "signals"),
)
"""Words from which names of pathways are put together."""


class CellLineDisease(NamedTuple):
    """A disease of cell lines in DepMap's columns, and how many lines have it."""

    lineage: str
    disease: str
    code: str
    lines: int


CELL_LINE_DISEASES = (
    CellLineDisease("Skin", "Melanoma", "MEL", 12),
    CellLineDisease("Skin", "Cutaneous Squamous Cell Carcinoma", "CSCC", 2),
    CellLineDisease("Eye", "Ocular Melanoma", "OM", 2),
    CellLineDisease("Lung", "Non-Small Cell Lung Cancer", "NSCLC", 5),
    CellLineDisease("Bowel", "Colorectal Adenocarcinoma", "COAD", 4),
    CellLineDisease("Myeloid", "Acute Myeloid Leukemia", "AML", 4),
    CellLineDisease("Ovary/Fallopian Tube", "Ovarian Epithelial Tumor", "OVT", 3),
)
"""Diseases of the cell lines; only the first one is the melanoma that the benchmark asks about."""
