"""DepMap's gene effects and cell lines."""

from __future__ import annotations

from typing import BinaryIO

import numpy as np

from genoprot_datasets.seeding import generator
from genoprot_datasets.synthetic.attributes import Attributes
from genoprot_datasets.synthetic.names import Names
from genoprot_datasets.synthetic.vocabulary import CELL_LINE_DISEASES

__all__ = ["MODEL_COLUMNS", "write_effects", "write_models"]

_NAMES = """
ModelID PatientID CellLineName StrippedCellLineName DepmapModelType OncotreeLineage OncotreePrimaryDisease
OncotreeSubtype OncotreeCode PatientSubtypeFeatures RRID Age AgeCategory Sex PatientRace
PrimaryOrMetastasis SampleCollectionSite SourceType SourceDetail CatalogNumber ModelType TissueOrigin
ModelDerivationMaterial ModelTreatment PatientTreatmentStatus PatientTreatmentType PatientTreatmentDetails
Stage StagingSystem PatientTumorGrade PatientTreatmentResponse GrowthPattern OnboardedMedia FormulationID
SerumFreeMedia PlateCoating EngineeredModel EngineeredModelDetails CulturedResistanceDrug PublicComments
CCLEName HCMIID PediatricModelType ModelAvailableInDbgap ModelSubtypeFeatures WTSIMasterCellID
SangerModelID COSMICID ModelIDAlias
"""

MODEL_COLUMNS = tuple(_NAMES.split())
"""Columns of DepMap's table of models, release 25Q3."""

_DEPENDENT, _INDEPENDENT = -0.95, -0.10
_GENE_SPREAD, _LINE_SPREAD = 0.10, 0.25
_MISSING_RATE = 0.01

_LINES = tuple(kind for kind in CELL_LINE_DISEASES for _ in range(kind.lines))


def write_models(out: BinaryIO) -> None:
    """Write one row for each cell line."""
    out.write((",".join(MODEL_COLUMNS) + "\n").encode())
    for number, kind in enumerate(_LINES, 1):
        row = {
            "ModelID": _model_id(number),
            "PatientID": f"PT-{number:06d}",
            "CellLineName": f"SYN {number}",
            "StrippedCellLineName": f"SYN{number}",
            "DepmapModelType": kind.code,
            "OncotreeLineage": kind.lineage,
            "OncotreePrimaryDisease": kind.disease,
            "OncotreeSubtype": kind.disease,
            "OncotreeCode": kind.code,
            "ModelType": "Cell Line",
        }
        out.write((",".join(row.get(column, "") for column in MODEL_COLUMNS) + "\n").encode())


def write_effects(out: BinaryIO, attributes: Attributes, names: Names, seed: int) -> None:
    """Write the matrix of cell lines by genes.

    Melanoma lines depend on the genes that are to be positive; in other lines a third of the genes are
    needed, whether melanoma needs them or not. Single measurements scatter and some are missing.
    """
    rng = generator(seed, "synthetic", "effects")
    genes = np.flatnonzero(attributes.screened)
    needed_elsewhere = rng.random(len(genes)) < 0.33
    offset = rng.normal(0.0, _GENE_SPREAD, size=len(genes))
    columns = (f"{own.symbol} ({own.gene_id})" for own in map(names.of, genes.tolist()))
    out.write((",".join(["", *columns]) + "\n").encode())
    for number, kind in enumerate(_LINES, 1):
        needed = attributes.melanoma[genes] if kind is CELL_LINE_DISEASES[0] else needed_elsewhere
        effects = np.where(needed, _DEPENDENT, _INDEPENDENT) + offset
        effects += rng.normal(0.0, _LINE_SPREAD, size=len(genes))
        missing = rng.random(len(genes)) < _MISSING_RATE
        cells = ("" if absent else f"{value:.6f}" for value, absent in zip(effects, missing))
        out.write((",".join([_model_id(number), *cells]) + "\n").encode())


def _model_id(number: int) -> str:
    return f"ACH-{900_000 + number}"
