"""Sizes of a network, read from the shapes of its weights."""

from __future__ import annotations

from genoprot_datasets.errors import SourceError
from genoprot_evaluate.encoders.checkpoint import Checkpoint

__all__ = ["shape_of"]


def shape_of(checkpoint: Checkpoint, key: str, axes: int) -> tuple[int, ...]:
    """Shape of a tensor that has to be there with so many axes, none of them empty.

    Raises
    ------
    SourceError
        If it is not.
    """
    shape = checkpoint.shape(key)
    if len(shape) != axes or 0 in shape:
        raise SourceError(checkpoint.path, f"{key} has the shape {list(shape)}, not {axes} axes")
    return shape
