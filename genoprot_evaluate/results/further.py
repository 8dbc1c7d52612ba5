"""Predictions beside those of the eval examples, from which more of a record can be computed again."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from genoprot_datasets.errors import SourceError
from genoprot_evaluate.results.columns import VERSION_KEY, read_columns

__all__ = ["FURTHER", "FURTHER_NAME", "FURTHER_VERSION", "PARTS", "read_further"]

FURTHER_NAME = "further-predictions.parquet"

FURTHER_VERSION = 2
"""Version of the layout, in the metadata of the file."""

PARTS = ("exchanged", "matched", "seed", "validation")
"""What is asked beside the eval examples.

The eval pairs with their members exchanged, where pairs are scored in both orders; the identity-matched eval
pairs; the eval examples by the heads of further seeds; the train examples on which the heads of encoders were
stopped.
"""

FURTHER = pa.schema(
    [
        pa.field("task", pa.string(), nullable=False),
        pa.field("part", pa.string(), nullable=False),
        pa.field("seed", pa.int16(), nullable=False),
        pa.field("row", pa.int32(), nullable=False),
        pa.field("model", pa.string(), nullable=False),
        pa.field("label", pa.int8(), nullable=False),
        pa.field("predicted", pa.int8(), nullable=False),
        pa.field("probability", pa.float64()),
    ],
    metadata={VERSION_KEY: str(FURTHER_VERSION).encode()},
)
"""One row per task, model and example of a part.

`seed` counts the heads of a cell from 0; `row` counts the rows of the split that the part is of, from 0;
`label` is the true class, `predicted` the model's, -1 for an answer of a language model that cannot be read;
`probability` is that of class 1, null for a model that gives answers only.
"""

_PREDICTED = FURTHER.names.index("predicted")
_AS_STORED = FURTHER.set(_PREDICTED, pa.field("predicted", pa.int8()))
# Every model of the first version had a probability for every row.
_OLDER = {"1": ("predicted",)}


def read_further(path: str | Path) -> pa.Table | None:
    """Read the further predictions beside a result record; None where there are none.

    Parameters
    ----------
    path : str or Path
        The folder, or its `further-predictions.parquet`.

    Returns
    -------
    pyarrow.Table or None
        With the columns of `FURTHER`.

    Raises
    ------
    SourceError
        If they cannot be read, or are of another version.
    """
    path = Path(path)
    if path.is_dir():
        path = path / FURTHER_NAME
    if not path.is_file():
        return None
    table = read_columns(path, _AS_STORED, _OLDER)
    given = pc.cast(pc.greater(table["probability"], 0.5), pa.int8())
    predicted = pc.coalesce(table["predicted"], given)
    if predicted.null_count:
        raise SourceError(path, f"{predicted.null_count} rows have neither a class nor a probability")
    return table.set_column(_PREDICTED, FURTHER.field(_PREDICTED), predicted)
