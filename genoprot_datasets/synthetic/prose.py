"""Comments in UniProt's manner: locations with their evidence, sentences about tissues, wrapped lines."""

from __future__ import annotations

import textwrap

import numpy as np

from genoprot_datasets.synthetic.attributes import TISSUE_TOLD, Attributes
from genoprot_datasets.synthetic.vocabulary import LOCATIONS, ORGANS

__all__ = ["evidence", "location_comments", "tissue_comment", "wrapped"]

_EVERYWHERE = ("Widely expressed.", "Ubiquitous.", "Expressed at similar levels in all samples tested.")
_ONE_ORGAN = (
    "Expressed in {0}.",
    "Highly expressed in adult {0}.",
    "Detected in {0} (at protein level).",
    "Found almost exclusively in {0}.",
)
_TWO_ORGANS = (
    "Expressed in {0} and {1}.",
    "Highly expressed in {0}, with lower levels in {1}.",
    "Strongest in {0} (at protein level). Also present in {1}.",
    "Predominantly found in {0}; weaker in {1}.",
)
_DENIALS = (" Not detected in {0}.", " Absent from {0}.", " Not expressed in {0} (at protein level).")
_NOTES = (
    "Note=Moves to the nucleus in starved cells.",
    "Note=Travels through the Golgi apparatus on its way.",
    "Note=Enriched at sites of contact with mitochondria. Dispersed during mitosis.",
)


def wrapped(topic: str, text: str) -> list[str]:
    """Lines of one comment, at most 80 characters wide.

    Examples
    --------
    >>> wrapped("SUBCELLULAR LOCATION", "Nucleus.")
    ['CC   -!- SUBCELLULAR LOCATION: Nucleus.']
    """
    return textwrap.wrap(
        f"{topic}: {text}",
        width=80,
        initial_indent="CC   -!- ",
        subsequent_indent="CC       ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def evidence(rng: np.random.Generator) -> str:
    """Evidence of a statement: one or two publications, or a curator's inference."""
    if rng.random() < 0.2:
        return "{ECO:0000305}"
    numbers = rng.integers(10_000_000, 39_000_000, size=1 + int(rng.random() < 0.3))
    return "{" + ", ".join(f"ECO:0000269|PubMed:{number}" for number in np.sort(numbers)) + "}"


def location_comments(attributes: Attributes, gene: int, rng: np.random.Generator) -> list[str]:
    """Lines of the SUBCELLULAR LOCATION comments of a gene, of which an isoform may have its own."""
    if not attributes.located[gene]:
        return []
    main, second = attributes.locations[gene].tolist()
    statements = [_statement(LOCATIONS[main].name, LOCATIONS[main].topology, rng)]
    if attributes.sublocated[gene]:
        statements.append(_statement(LOCATIONS[main].part, "", rng))
    if second >= 0:
        statements.append(_statement(LOCATIONS[second].name, "", rng))
    if rng.random() < 0.15:
        statements.append(f"{_NOTES[int(rng.integers(len(_NOTES)))]} {evidence(rng)}.")
    if rng.random() >= 0.05:
        return wrapped("SUBCELLULAR LOCATION", " ".join(statements))
    isoform = _statement(LOCATIONS[main].name, "", rng)
    return [
        *wrapped("SUBCELLULAR LOCATION", f"[Isoform 1]: {' '.join(statements)}"),
        *wrapped("SUBCELLULAR LOCATION", f"[Isoform 2]: {isoform}"),
    ]


def tissue_comment(attributes: Attributes, gene: int, rng: np.random.Generator) -> list[str]:
    """Lines of the TISSUE SPECIFICITY comment of a gene.

    Some sentences deny an organ that the gene has nothing to do with.
    """
    told = TISSUE_TOLD[int(attributes.tissue_told[gene])]
    if told == "nothing":
        return []
    if told == "everywhere":
        text = _EVERYWHERE[int(rng.integers(len(_EVERYWHERE)))]
    else:
        text = _organ_sentences([k for k in attributes.organs[gene].tolist() if k >= 0], rng)
    return wrapped("TISSUE SPECIFICITY", f"{text} {evidence(rng)}.")


def _statement(name: str, topology: str, rng: np.random.Generator) -> str:
    source = evidence(rng)
    return f"{name} {source}; {topology} {source}." if topology else f"{name} {source}."


def _organ_sentences(organs: list[int], rng: np.random.Generator) -> str:
    templates = _ONE_ORGAN if len(organs) == 1 else _TWO_ORGANS
    text = templates[int(rng.integers(len(templates)))].format(*(ORGANS[k] for k in organs))
    if rng.random() < 0.12:
        denied = next(k for k in rng.permutation(len(ORGANS)).tolist() if k not in organs)
        text += _DENIALS[int(rng.integers(len(_DENIALS)))].format(ORGANS[denied])
    return text
