"""Options of the command line by which a readout is chosen: layer, pooling, strands."""

from __future__ import annotations

import argparse
from typing import Any

__all__ = ["READOUT_OPTIONS", "add_readout_arguments", "chosen_readout"]

READOUT_OPTIONS = ("layer", "pooling", "strands")
"""What the method `load` of an encoder may leave to the user, by the names of its parameters."""


def add_readout_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments by which a readout is chosen; without them an encoder has its official one."""
    parser.add_argument(
        "--layer",
        metavar="LAYER",
        help="states to read: a number, 0 for the embeddings, or a layer's name; default: the encoder's",
    )
    parser.add_argument(
        "--pooling",
        metavar="POOLING",
        help="mean, max, cls or last, where the encoder has it; default: the encoder's",
    )
    parser.add_argument(
        "--strands",
        metavar="STRANDS",
        help="forward, both or average, of the encoders of DNA that read strands; default: the encoder's",
    )


def chosen_readout(args: argparse.Namespace) -> dict[str, Any]:
    """Options that are asked for by the command line, a layer's number as an integer.

    Examples
    --------
    >>> chosen_readout(argparse.Namespace(layer="7", pooling=None, strands=None))
    {'layer': 7}
    """
    chosen = {name: getattr(args, name) for name in READOUT_OPTIONS}
    layer = chosen["layer"]
    if layer is not None and layer.isdecimal():
        chosen["layer"] = int(layer)
    return {name: value for name, value in chosen.items() if value is not None}
