"""Predictions of the eval examples, from which scores and comparisons can be computed again."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from genoprot_datasets.errors import SourceError
from genoprot_evaluate.results.columns import UNVERSIONED, VERSION_KEY, read_columns

__all__ = ["PREDICTIONS", "PREDICTIONS_NAME", "PREDICTIONS_VERSION", "read_predictions"]

PREDICTIONS_NAME = "predictions.parquet"

PREDICTIONS_VERSION = 2
"""Version of the layout, in the metadata of the file; a file of the first version says none."""

_OLDER = {UNVERSIONED: ("identity", "challenge")}

PREDICTIONS = pa.schema(
    [
        pa.field("task", pa.string(), nullable=False),
        pa.field("sample", pa.int8(), nullable=False),
        pa.field("row", pa.int32(), nullable=False),
        pa.field("accession_a", pa.string(), nullable=False),
        pa.field("accession_b", pa.string()),
        pa.field("identity", pa.float32()),
        pa.field("challenge", pa.bool_()),
        pa.field("model", pa.string(), nullable=False),
        pa.field("label", pa.int8(), nullable=False),
        pa.field("predicted", pa.int8(), nullable=False),
        pa.field("probability", pa.float64()),
    ],
    metadata={VERSION_KEY: str(PREDICTIONS_VERSION).encode()},
)
"""One row per task, model and eval example.

`row` counts the rows of the task's eval split from 0; `accession_b` is null for a single record; `identity`
and `challenge` are those of the pair, null where the dataset has none and in files of the first version;
`label` is the true class, `predicted` the model's, -1 for an answer of a language model that cannot be read;
`probability` is that of class 1, for an ensemble its score, null for a model that gives answers only.
"""


def read_predictions(path: str | Path) -> pa.Table:
    """Read the predictions that lie beside a result record.

    Parameters
    ----------
    path : str or Path
        The folder, or its `predictions.parquet`.

    Returns
    -------
    pyarrow.Table
        With the columns of `PREDICTIONS`.

    Raises
    ------
    SourceError
        If there are no predictions, or they cannot be read.
    """
    path = Path(path)
    if path.is_dir():
        path = path / PREDICTIONS_NAME
    if not path.exists():
        raise SourceError(path, "not found; `genoprot evaluate --out FOLDER` writes it")
    return read_columns(path, PREDICTIONS, _OLDER)
