"""Embedding of every sequence of a dataset with one encoder, in one process or several.

Started by ``genoprot embed`` or ``accelerate launch -m genoprot_evaluate.embed``, with the same arguments.
"""

from __future__ import annotations

from genoprot_evaluate.embed.command import add_arguments, run
from genoprot_evaluate.embed.pipeline import embed

__all__ = ["add_arguments", "embed", "run"]
