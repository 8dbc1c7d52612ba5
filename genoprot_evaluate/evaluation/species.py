"""Which species the train and the eval examples are of, where that is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.published import PublishedDataset
from genoprot_datasets.schema import FOLDS

__all__ = ["ALL_SPECIES", "accessions_of_species"]

ALL_SPECIES: Mapping[str, Sequence[int]] = MappingProxyType({fold: () for fold in FOLDS})
"""By fold: no taxon ids, which stands for every species."""


def accessions_of_species(
    published: PublishedDataset, taxa: Mapping[str, Sequence[int]]
) -> dict[str, pa.Array | None]:
    """Accessions that the examples of each split may name.

    Parameters
    ----------
    published : PublishedDataset
    taxa : mapping of str to sequence of int
        NCBI taxon ids by fold; none stands for every species.

    Returns
    -------
    dict of str to pyarrow.StringArray or None
        By fold; None where every accession may occur.

    Raises
    ------
    GenoProtError
        If the dataset has no record of one of the species.
    """
    if not any(taxa[fold] for fold in FOLDS):
        return dict.fromkeys(FOLDS)
    records = published.sequences(["accession", "species"])
    there = sorted(pc.unique(records["species"]).to_pylist())
    for taxon in sorted({taxon for fold in FOLDS for taxon in taxa[fold]}):
        if taxon not in there:
            known = ", ".join(map(str, there))
            raise GenoProtError(
                f"dataset {published.name!r} has no record of species {taxon}; its taxon ids are {known}"
            )
    species = records["species"].to_numpy()
    accessions = records["accession"].combine_chunks()
    return {
        fold: accessions.filter(pa.array(np.isin(species, taxa[fold]))) if taxa[fold] else None
        for fold in FOLDS
    }
