"""Checkpoints: weights in safetensors files, their configuration, and a strict fit to a model."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from genoprot_datasets.errors import SourceError
from genoprot_datasets.files import sha256_of
from genoprot_evaluate.encoders.weights import check_keys, check_safetensors, find_weights

__all__ = ["Checkpoint", "Origin", "open_checkpoint", "same_names"]

CONFIG = "config.json"
META = "meta.json"
WEIGHTS = "model.safetensors"
NOTHING = re.compile(r"(?!)")


@dataclass(frozen=True)
class Origin:
    """What a tensor of a file becomes in a model.

    Parameters
    ----------
    targets : tuple of str
        Parameters of the model; several share the tensor's first axis in equal parts.
    reverse : bool
        Whether the order of the axes is reversed, as between TensorFlow or Haiku and torch.
    """

    targets: tuple[str, ...]
    reverse: bool = False


@dataclass(frozen=True)
class Checkpoint:
    """An opened checkpoint; its tensors are read when they are fitted to a model.

    Parameters
    ----------
    path : Path
        What messages name.
    config : mapping
        Content of ``config.json``; empty when there is none.
    shapes : mapping of str to tuple of int
        Shape of every tensor.
    files : mapping of str to Path
        File that holds each tensor.
    digest : str
        SHA-256 over the names and digests of the weights and the configuration.
    """

    path: Path
    config: Mapping[str, Any]
    shapes: Mapping[str, tuple[int, ...]]
    files: Mapping[str, Path]
    digest: str

    def prefix(self, *candidates: str) -> str:
        """The first candidate with which a key begins, or an empty string."""
        return next((text for text in candidates if any(key.startswith(text) for key in self.shapes)), "")

    def shape(self, key: str) -> tuple[int, ...]:
        """Shape of a tensor that has to be there.

        Raises
        ------
        SourceError
            If it is not.
        """
        if key not in self.shapes:
            check_keys(self.path, missing=[key])
        return self.shapes[key]

    def count(self, pattern: str) -> int:
        """Layers: one more than the largest number that the pattern's group catches at a key's start."""
        found = (re.match(pattern, key) for key in self.shapes)
        return 1 + max((int(match[1]) for match in found if match), default=-1)

    def option(self, names: Iterable[str], default: Any = None) -> Any:
        """Value of the first name that the configuration holds; null counts as absent."""
        return next((self.config[name] for name in names if self.config.get(name) is not None), default)

    def integer(self, names: Iterable[str], default: int | None = None, least: int = 1) -> int:
        """An integer of the configuration.

        Raises
        ------
        SourceError
            If the value is something else or below `least`, or is neither stated nor has a default.
        """
        names = tuple(names)
        value = self.option(names, default)
        if value is None:
            raise SourceError(
                self.path, f"the weights do not tell {names[0]}; state it in {CONFIG} beside them"
            )
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise SourceError(
                self.path, f"{CONFIG}: {names[0]} is {value!r}, not an integer of at least {least}"
            )
        return value

    def number(self, names: Iterable[str], default: float) -> float:
        """A positive number of the configuration.

        Raises
        ------
        SourceError
            If the value is something else.
        """
        names = tuple(names)
        value = self.option(names, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0:
            raise SourceError(self.path, f"{CONFIG}: {names[0]} is {value!r}, not a positive number")
        return float(value)

    def flag(self, name: str, default: bool) -> bool:
        """An option of the configuration that is on or off.

        Raises
        ------
        SourceError
            If the value is something else.
        """
        value = self.option([name], default)
        if not isinstance(value, bool):
            raise SourceError(self.path, f"{CONFIG}: {name} is {value!r}, not true or false")
        return value

    def only(self, values: Mapping[str, Any]) -> None:
        """Options of the configuration of which just one value is computed; an absent one has it.

        Raises
        ------
        SourceError
            If an option has another value.
        """
        for name, value in values.items():
            stated = self.option([name], value)
            if stated != value:
                raise SourceError(
                    self.path, f"{CONFIG}: {name} is {stated!r}, which is not read; only {value!r} is"
                )

    def heads(self, names: Iterable[str], width: int, default: int | None = None) -> int:
        """Number of attention heads of the configuration.

        Raises
        ------
        SourceError
            If it is no positive integer or does not divide the width, or is neither stated nor has a default.
        """
        names = tuple(names)
        heads = self.integer(names, default)
        if width % heads:
            raise SourceError(self.path, f"{CONFIG}: {names[0]} {heads} does not divide the width {width}")
        return heads

    def fit(
        self,
        model: torch.nn.Module,
        origins: Mapping[str, Origin],
        unused: re.Pattern[str] = NOTHING,
        computed: Iterable[str] = (),
    ) -> torch.nn.Module:
        """Give a model its parameters, for inference.

        Each tensor is converted as it is read, so that no second copy of the weights is in memory.

        Parameters
        ----------
        model : torch.nn.Module
            May lie on torch's meta device; its parameters have the data types that are wanted.
        origins : mapping of str to Origin
            Every key of the files that the model needs.
        unused : re.Pattern
            Further keys that may be there, matched whole.
        computed : iterable of str
            Buffers that the model has computed itself.

        Raises
        ------
        SourceError
            If a key is missing or unexpected, or a shape differs; the message lists them.
        """
        wanted = model.state_dict()
        expected = {key: _file_shape(origin, wanted) for key, origin in origins.items()}
        check_keys(
            self.path,
            missing=sorted(expected.keys() - self.shapes.keys()),
            unexpected=sorted(k for k in self.shapes.keys() - expected.keys() if not unused.fullmatch(k)),
            misshapen=[
                f"{key} {list(self.shapes[key])} instead of {list(shape)}"
                for key, shape in sorted(expected.items())
                if key in self.shapes and self.shapes[key] != shape
            ],
        )
        kept = {key: wanted[key] for key in computed if key in wanted}
        model.load_state_dict(kept | self._state(origins, wanted), assign=True)
        return model.requires_grad_(False).eval()

    def _state(
        self, origins: Mapping[str, Origin], wanted: Mapping[str, torch.Tensor]
    ) -> dict[str, torch.Tensor]:
        from safetensors import safe_open

        state: dict[str, torch.Tensor] = {}
        for file in sorted(set(self.files.values())):
            with safe_open(file, framework="pt") as tensors:
                for key, origin in origins.items():
                    if self.files[key] == file:
                        tensor = tensors.get_tensor(key)
                        if origin.reverse:
                            tensor = tensor.permute(*range(tensor.ndim)[::-1]).contiguous()
                        parts = tensor.chunk(len(origin.targets))
                        state |= {
                            target: part.to(wanted[target].dtype)
                            for target, part in zip(origin.targets, parts)
                        }
        return state


def same_names(model: torch.nn.Module, prefix: str = "") -> dict[str, Origin]:
    """Origins of a file that calls the parameters what the model does, behind a prefix."""
    return {prefix + key: Origin((key,)) for key in model.state_dict()}


def open_checkpoint(weights: str | Path, beside: Iterable[str] = ()) -> Checkpoint:
    """Open the weights and configuration of an encoder without reading the tensors.

    Parameters
    ----------
    weights : str or Path
        A safetensors file, or a folder with ``model.safetensors``, with shards and their index, or with one
        safetensors file of any name, or one of several named ``NAME.weights.safetensors``; ``config.json`` is
        read from the same folder where it is there. Where it is not, the configuration is what ``meta.json``
        says of NAME, as sets of reference vectors have it.
    beside : iterable of str
        Further files of that folder, a tokenizer say, on which the vectors depend; part of the digest where
        they are there.

    Raises
    ------
    GenoProtError
        If a file is missing or damaged.
    """
    path = Path(weights)
    files = _weight_files(path)
    shapes = {file: check_safetensors(file) for file in files}
    folder = files[0].parent
    about = next((name for name in (CONFIG, META) if (folder / name).is_file()), CONFIG)
    others = [folder / name for name in (about, *beside) if (folder / name).is_file()]
    lines = "\n".join(f"{file.name} {sha256_of(file)}" for file in [*files, *others])
    return Checkpoint(
        path,
        _read_config(folder / about, files[0]) if folder / about in others else {},
        {key: shape for found in shapes.values() for key, shape in found.items()},
        {key: file for file, found in shapes.items() for key in found},
        hashlib.sha256(lines.encode()).hexdigest(),
    )


def _weight_files(path: Path) -> list[Path]:
    indexes = sorted(path.glob("*.safetensors.index.json")) if path.is_dir() else []
    if not indexes or (path / WEIGHTS).is_file():
        return [find_weights(path, preferred=WEIGHTS)]
    try:
        names = sorted(set(json.loads(indexes[0].read_text(encoding="utf-8"))["weight_map"].values()))
    except (ValueError, KeyError, AttributeError, TypeError):
        raise SourceError(indexes[0], "not an index of safetensors files") from None
    absent = [name for name in names if not (path / name).is_file()]
    if absent or not names:
        raise SourceError(
            path, f"{indexes[0].name} names files that are not here: {', '.join(absent) or 'none'}"
        )
    return [path / name for name in names]


def _read_config(path: Path, weights: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SourceError(path, f"not JSON ({' '.join(str(error).split())})") from None
    if not isinstance(config, dict):
        raise SourceError(path, "not a JSON object")
    if path.name == CONFIG:
        return config
    entry = config.get(weights.name.partition(".")[0], config)
    found = entry.get("config", entry.get("hparams", entry if entry is not config else {}))
    if not isinstance(found, dict):
        raise SourceError(path, f"says of {weights.name} no JSON object")
    return found


def _file_shape(origin: Origin, wanted: Mapping[str, torch.Tensor]) -> tuple[int, ...]:
    first = wanted[origin.targets[0]].shape
    shape = (len(origin.targets) * first[0], *first[1:])
    return shape[::-1] if origin.reverse else shape
