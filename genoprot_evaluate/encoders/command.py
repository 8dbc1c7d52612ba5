"""`genoprot encoders`: what can be embedded with."""

from __future__ import annotations

import argparse
from importlib import import_module

from genoprot_evaluate.encoders.base import EncoderSpec
from genoprot_evaluate.encoders.plugins import installed_encoders
from genoprot_evaluate.encoders.registry import REGISTRY

__all__ = ["add_arguments", "encoder_rows", "run"]

_COLUMNS = ("name", "reads", "dimension", "context", "parameters", "licence", "weights")


def encoder_rows() -> list[tuple[str, ...]]:
    """One row per built-in encoder: name, modality, dimension, context, size, licence and weights."""
    rows = []
    for module, attribute in REGISTRY.values():
        spec: EncoderSpec = getattr(import_module(module), attribute).spec
        rows.append(
            (
                spec.name,
                spec.modality,
                f"{spec.dimension:,}",
                f"{spec.context:,}" if spec.context else "any",
                f"{spec.parameters:,}" if spec.parameters else "-",
                spec.licence or "-",
                spec.source if spec.weights_needed else "none",
            )
        )
    return rows


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`genoprot encoders` takes no arguments."""


def run(args: argparse.Namespace) -> int:
    """Run `genoprot encoders`."""
    rows = [_COLUMNS, *encoder_rows()]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
    others = installed_encoders()
    if others:
        print("\nOf installed distributions:")
        for name, point in others.items():
            origin = f", {point.dist.name} {point.dist.version}" if point.dist else ""
            print(f"{name}  {point.value}{origin}")
    print("\nAny folder with config.json, a tokenizer and safetensors weights is an encoder too,")
    print("and so is any class, object or function of a module:")
    print("genoprot embed --encoder FOLDER --modality protein ...")
    print("genoprot embed --encoder module:Class ...")
    return 0
