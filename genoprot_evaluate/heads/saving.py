"""Trained heads on disk: one safetensors file each, whose header says what it was trained on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from genoprot_datasets.errors import GenoProtError, SourceError
from genoprot_datasets.files import atomic_file
from genoprot_datasets.json_text import parse_json
from genoprot_datasets.tasks import get_task
from genoprot_evaluate.heads.config import HeadConfig
from genoprot_evaluate.heads.trained import TrainedHead

__all__ = ["SCHEMA_VERSION", "SavedHead", "head_path", "load_head", "save_head", "vectors_origin"]

SCHEMA_VERSION = 1
"""Version of the layout of a head's file."""

_KEY = "genoprot_head"
_FACTS = ("epochs", "best_epoch", "validation_loss", "validation_accuracy", "fitted_examples")
_MORE_FACTS = ("validation_examples", "validation_note")
_ARRAYS = ("mean", "scale", "held_out", "held_out_probability")
_HEADER_BYTES = 1 << 20


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


def head_path(folder: Path, task: str, encoder: str) -> Path:
    """Where a head lies in a folder of heads.

    Examples
    --------
    >>> head_path(Path("heads"), "ppi", "kmer-4").as_posix()
    'heads/ppi/kmer-4.safetensors'
    """
    return folder / task / f"{encoder}.safetensors"


def vectors_origin(run: Mapping[str, Any]) -> dict[str, Any]:
    """What has to be the same of the vectors that a head is trained on and applied to.

    Parameters
    ----------
    run : mapping
        Record of the run that wrote the vectors; empty when they came from elsewhere.

    Returns
    -------
    dict
        `encoder_name`, `view`, `weights` and `readout`; None for what is not known.
    """
    encoder = run.get("encoder", {})
    return {
        "encoder_name": encoder.get("name"),
        "view": run.get("view"),
        "weights": run.get("weights"),
        "readout": encoder.get("readout"),
    }


def save_head(head: TrainedHead, path: str | Path, origin: Mapping[str, Any]) -> Path:
    """Write a head to a safetensors file.

    Parameters
    ----------
    head : TrainedHead
    path : path
        Ends in ``.safetensors``; its parents are made.
    origin : mapping
        JSON values: `task`, `encoder`, what else is to be known of the head.

    Returns
    -------
    Path
    """
    from safetensors.numpy import save

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
        # `save_file` would tell a full disk as an error of its own kind, this as any other file does.
        staging.write_bytes(save(arrays, metadata={_KEY: json.dumps(facts, sort_keys=True)}))
    return path


def load_head(path: str | Path) -> SavedHead:
    """Read a head that `save_head` wrote; nothing in the file is executed.

    Raises
    ------
    SourceError
        If there is no such file, it is no head, or it is of another version; if its header is larger than a
        megabyte, its layers do not fit together, or a number in it is not finite.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if not path.is_file():
        raise SourceError(path, "not found; `genoprot evaluate --save-heads FOLDER` writes heads")
    try:
        _refuse_long_header(path)
        with safe_open(path, framework="numpy") as handle:
            text = (handle.metadata() or {}).get(_KEY)
            if text is None:
                raise SourceError(path, "a safetensors file, but not of a head of genoprot")
            facts = parse_json(text)
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
            origin = facts["origin"]
            _check_head(head, get_task(origin["task"]).arity)
            if not isinstance(origin["encoder"], str):
                raise GenoProtError(f"its encoder is {origin['encoder']!r:.60}")
    except SourceError:
        raise
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, GenoProtError) as error:
        reason = " ".join(str(error).split())
        raise SourceError(path, f"not the file of a head ({reason})") from None
    return SavedHead(head, origin)


def _refuse_long_header(path: Path) -> None:
    with open(path, "rb") as handle:
        size = int.from_bytes(handle.read(8), "little")
    if size > _HEADER_BYTES:
        raise SourceError(path, f"a header of {size:,} bytes; that of a head has {_HEADER_BYTES:,} at most")


def _check_head(head: TrainedHead, arity: int) -> None:
    """Raise where the arrays of a head are not those that its configuration asks for."""
    width = len(head.mean)
    inputs = [arity * width, *head.config.hidden]
    outputs = [*head.config.hidden, 1]
    expected = {"mean": (head.mean, (width,)), "scale": (head.scale, (width,))}
    for number, (weight, bias) in enumerate(head.layers):
        expected[f"layers.{number}.weight"] = weight, (outputs[number], inputs[number])
        expected[f"layers.{number}.bias"] = bias, (outputs[number],)
    for name, (array, shape) in expected.items():
        if array.shape != shape or array.dtype != np.float32:
            raise GenoProtError(f"{name} is {array.dtype} of shape {array.shape}, not float32 of {shape}")
        if not np.isfinite(array).all():
            raise GenoProtError(f"{name} holds NaN or infinity")
    if not (head.scale > 0).all():
        raise GenoProtError("scale holds numbers that are not above zero")
