"""Check that special tokens do not count, by a look into an encoder's torch module."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from genoprot_evaluate.conformance.outcome import Failed, Skipped
from genoprot_evaluate.conformance.subject import Subject, deviation

__all__ = ["special_tokens_do_not_count"]

_LENGTH = 24
_SHIFT = 1_000.0
_STATED = ("included", "first token")


def special_tokens_do_not_count(subject: Subject) -> str:
    """Shift the states of special tokens, which must not show unless the readout says that they count.

    Special tokens are those at either end that two sequences without a letter in common have in common.
    """
    module = _module(subject.encoder)
    one = subject.sequence(_LENGTH)
    other = "".join("C" if letter == "A" else "A" for letter in one)
    rows = [_tokens(module, subject, text) for text in (one, other)]
    before, behind = _shared(*rows), _shared(*(row[::-1] for row in rows))
    if before + behind == 0:
        return "none are read"
    plain = subject.embed([one])
    with _hooked(module, lambda arguments, output: _shifted(output, len(rows[0]), before, behind)):
        shifted = subject.embed([one])
    places = f"{before} before and {behind} behind the sequence"
    if deviation(shifted, plain) <= subject.tolerance:
        return f"{places} do not count"
    if any(words in subject.spec.readout for words in _STATED):
        return f"{places} count, as the readout says"
    raise Failed(f"{places} count, but the readout does not say so: {subject.spec.readout!r}")


def _module(encoder: object) -> Any:
    torch = sys.modules.get("torch")
    found = [
        value
        for value in getattr(encoder, "__dict__", {}).values()
        if torch and isinstance(value, torch.nn.Module)
    ]
    if len(found) != 1:
        raise Skipped("no torch module to look into")
    return found[0]


def _tokens(module: Any, subject: Subject, text: str) -> np.ndarray:
    """Token ids that the module is given for a sequence."""
    seen: list[np.ndarray] = []

    def record(arguments: list[Any], output: Any) -> None:
        for value in arguments:
            if getattr(value, "ndim", 0) == 2 and "int" in str(value.dtype):
                seen.append(value[0].cpu().numpy())
                return

    with _hooked(module, record):
        subject.embed([text])
    if len(seen) != 1:
        raise Skipped("its module is not called with one row of tokens")
    return seen[0]


def _shared(one: np.ndarray, other: np.ndarray) -> int:
    """Tokens at the start that two rows have in common."""
    same = one[: len(other)] == other[: len(one)]
    return len(same) if same.all() else int(same.argmin())


def _shifted(output: Any, length: int, before: int, behind: int) -> Any:
    states = getattr(output, "last_hidden_state", output)
    if getattr(states, "ndim", 0) != 3 or states.shape[1] != length:
        raise Skipped("its module gives no state for each token")
    moved = states.clone()
    moved[:, :before] += _SHIFT
    moved[:, length - behind :] += _SHIFT
    if states is output:
        return moved
    output.last_hidden_state = moved
    return output


@contextmanager
def _hooked(module: Any, act: Callable[[list[Any], Any], Any]) -> Iterator[None]:
    handle = module.register_forward_hook(
        lambda _, positional, named, output: act([*positional, *named.values()], output), with_kwargs=True
    )
    try:
        yield
    finally:
        handle.remove()
