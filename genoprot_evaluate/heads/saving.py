"""Trained heads on disk: one safetensors file each, whose header says what it was trained on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from genoprot_datasets.errors import GenoProtError, SourceError
from genoprot_datasets.files import atomic_file
from genoprot_evaluate.heads.config import HeadConfig
from genoprot_evaluate.heads.trained import TrainedHead

__all__ = ["SCHEMA_VERSION", "SavedHead", "load_head", "save_head"]

SCHEMA_VERSION = 1
"""Version of the layout of a head's file."""

_KEY = "genoprot_head"
_FACTS = ("epochs", "best_epoch", "validation_loss", "validation_accuracy", "fitted_examples")
_MORE_FACTS = ("validation_examples", "validation_note")
_ARRAYS = ("mean", "scale", "held_out", "held_out_probability")


class SavedHead(NamedTuple):
    """A head that was read, and what it was trained on.

    Parameters
    ----------
    head : TrainedHead
    origin : dict
        As it was given to `save_head`.
    """

    head: TrainedHead
    origin: dict[str, Any]


def save_head(head: TrainedHead, path: str | Path, origin: Mapping[str, Any]) -> Path:
    """Write a head to a safetensors file.

    Parameters
    ----------
    head : TrainedHead
    path : path
        Ends in ``.safetensors``; its parents are made.
    origin : mapping
        JSON values: task, encoder, dataset, what else is to be known of the head.

    Returns
    -------
    Path
    """
    from safetensors.numpy import save_file

    arrays = {name: np.ascontiguousarray(getattr(head, name)) for name in _ARRAYS}
    for number, (weight, bias) in enumerate(head.layers):
        arrays[f"layers.{number}.weight"] = np.ascontiguousarray(weight)
        arrays[f"layers.{number}.bias"] = np.ascontiguousarray(bias)
    facts = {
        "schema_version": SCHEMA_VERSION,
        "config": head.config.to_dict(),
        "origin": dict(origin),
        "training": {name: getattr(head, name) for name in (*_FACTS, *_MORE_FACTS)},
    }
    path = Path(path)
    with atomic_file(path) as staging:
        save_file(arrays, staging, metadata={_KEY: json.dumps(facts, sort_keys=True)})
        staging.chmod(0o644)
    return path


def load_head(path: str | Path) -> SavedHead:
    """Read a head that `save_head` wrote; nothing in the file is executed.

    Raises
    ------
    SourceError
        If there is no such file, it is no head, or it is of another version.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if not path.is_file():
        raise SourceError(path, "not found; `genoprot evaluate --save-heads FOLDER` writes heads")
    try:
        with safe_open(path, framework="numpy") as handle:
            text = (handle.metadata() or {}).get(_KEY)
            if text is None:
                raise SourceError(path, "a safetensors file, but not of a head of genoprot")
            facts = json.loads(text)
            version = facts["schema_version"]
            if version != SCHEMA_VERSION:
                raise SourceError(path, f"schema version {version!r}; this version reads {SCHEMA_VERSION}")
            config = HeadConfig.from_dict(facts["config"])
            layers = tuple(
                tuple(handle.get_tensor(f"layers.{number}.{part}") for part in ("weight", "bias"))
                for number in range(len(config.hidden) + 1)
            )
            arrays = {name: handle.get_tensor(name) for name in _ARRAYS}
            head = TrainedHead(config=config, layers=layers, **arrays, **facts["training"])
    except SourceError:
        raise
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, GenoProtError) as error:
        reason = " ".join(str(error).split())
        raise SourceError(path, f"not the file of a head ({reason})") from None
    return SavedHead(head, facts["origin"])
