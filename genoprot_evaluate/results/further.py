"""Predictions beside those of the eval examples, from which more of a record can be computed again."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from genoprot_evaluate.results.columns import VERSION_KEY, read_columns

__all__ = ["FURTHER", "FURTHER_NAME", "FURTHER_VERSION", "PARTS", "read_further"]

FURTHER_NAME = "further-predictions.parquet"

FURTHER_VERSION = 1
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
        pa.field("probability", pa.float64(), nullable=False),
    ],
    metadata={VERSION_KEY: str(FURTHER_VERSION).encode()},
)
"""One row per task, model and example of a part.

`seed` counts the heads of a cell from 0; `row` counts the rows of the split that the part is of, from 0;
`label` is the true class, `probability` that of class 1.
"""


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
    return read_columns(path, FURTHER)
