"""Reads JSON values into frozen dataclasses by their annotations."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

__all__ = ["Misfit", "decode"]


_DEEPEST = 20
_LARGEST = 2**63 - 1


class Misfit(ValueError):
    """A value that is not what its annotation says; the message names its place."""


def decode(raw: Any, hint: Any, where: str, *, defaults: bool = False) -> Any:
    """The value of an annotated type that a JSON value stands for.

    Parameters
    ----------
    raw : object
        As `json.loads` gives it.
    hint : type
        A dataclass, ``Mapping[str, X]``, ``tuple[X, ...]``, one of these or None, `str`, `int`, `float` or
        `Any`.
    where : str
        Place of the value, for messages.
    defaults : bool
        Whether keys that are missing take the defaults of their dataclass, where they have one.

    Raises
    ------
    Misfit
        If the value does not fit, a key is missing or unknown, a number is not finite, or an
        integer takes more than 64 bits.

    Examples
    --------
    >>> decode([0.5, None], tuple[float | None, ...], "samples")
    (0.5, None)
    >>> decode(["high"], tuple[float, ...], "samples")
    Traceback (most recent call last):
    ...
    genoprot_evaluate.results.decoding.Misfit: samples.0: expected float, found 'high'
    """
    kinds = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    if raw is None and NoneType in kinds:
        return None
    kind = kinds[0]
    if is_dataclass(kind):
        return _decode_dataclass(raw, kind, where, defaults)
    if get_origin(kind) is Mapping:
        entries = _of_type(raw, dict, "an object", where)
        inner = get_args(kind)[1]
        return {
            name: decode(entry, inner, f"{where}.{name}", defaults=defaults)
            for name, entry in entries.items()
        }
    if get_origin(kind) is tuple:
        entries = _of_type(raw, list, "a list", where)
        inner = get_args(kind)[0]
        return tuple(
            decode(entry, inner, f"{where}.{number}", defaults=defaults)
            for number, entry in enumerate(entries)
        )
    if kind is Any:
        _refuse_unwritable(raw, where)
    elif not _fits(raw, kind):
        raise Misfit(f"{where}: expected {kind.__name__}, found {raw!r:.60}")
    return raw


def _decode_dataclass(raw: Any, kind: type, where: str, defaults: bool) -> Any:
    entries = _of_type(raw, dict, "an object", where)
    hints = get_type_hints(kind)
    expected = {field.name for field in fields(kind)}
    optional = {
        field.name
        for field in fields(kind)
        if defaults and (field.default is not MISSING or field.default_factory is not MISSING)
    }
    for name in sorted(expected - optional - set(entries)):
        raise Misfit(f"{where}: key {name!r} is missing")
    for name in sorted(set(entries) - expected):
        raise Misfit(f"{where}: unknown key {name!r}")
    return kind(
        **{
            name: decode(entries[name], hints[name], f"{where}.{name}", defaults=defaults)
            for name in sorted(entries)
        }
    )


def _of_type(raw: Any, kind: type, title: str, where: str) -> Any:
    if not isinstance(raw, kind):
        raise Misfit(f"{where}: expected {title}, found {type(raw).__name__}")
    return raw


def _refuse_unwritable(raw: Any, where: str, depth: int = 0) -> None:
    """Refuse a value of no stated type that could not be written again."""
    if depth > _DEEPEST:
        raise Misfit(f"{where}: nested more than {_DEEPEST} deep")
    if isinstance(raw, (dict, list)):
        for entry in raw.values() if isinstance(raw, dict) else raw:
            _refuse_unwritable(entry, where, depth + 1)
    elif isinstance(raw, (int, float)) and not isinstance(raw, bool) and not _fits(raw, float):
        raise Misfit(f"{where}: expected a finite number, found {raw!r:.60}")


def _fits(raw: Any, kind: Any) -> bool:
    if kind in (int, float):
        known = (int, float) if kind is float else int
        # Beyond that neither arrays nor other readers of JSON hold them.
        small = not isinstance(raw, int) or -_LARGEST <= raw <= _LARGEST
        return isinstance(raw, known) and not isinstance(raw, bool) and small and math.isfinite(raw)
    return isinstance(raw, kind)
