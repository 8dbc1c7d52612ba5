"""Encoders of others: objects of a module, entry points of installed distributions, plain functions."""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import numpy as np

from genoprot_datasets.errors import GenoProtError, meant
from genoprot_evaluate.encoders.base import MODALITIES, PROBES, Encoder, EncoderSpec, as_array, check_encoder

__all__ = [
    "GROUP",
    "FunctionEncoder",
    "accepted_readout",
    "import_encoder",
    "installed_encoders",
    "is_object_name",
    "loaded",
    "made_encoder",
]

GROUP = "geno_prot.encoders"
"""Group of the entry points that name encoders: ``name = module:Class``."""

_OBJECT = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


class FunctionEncoder:
    """A function from sequences to vectors as an encoder.

    Parameters
    ----------
    function : callable
        Called with a list of str; gives an array, shape=(n, dimension).
    modality : {"dna", "protein"}
        What it reads.
    name : str, optional
        The function's own when left out.
    dimension : int, optional
        When left out, the function is called with two short sequences to find out.

    Raises
    ------
    GenoProtError
        If there is no name that a configuration can have, or the function gives no matrix.

    Examples
    --------
    >>> def length(sequences):
    ...     return np.array([[len(sequence)] for sequence in sequences])
    >>> encoder = FunctionEncoder(length, "protein")
    >>> encoder.spec.name, encoder.spec.dimension, encoder.embed(["MKV"]).tolist()
    ('length', 1, [[3.0]])
    """

    spec: EncoderSpec

    def __init__(
        self,
        function: Callable[[Sequence[str]], Any],
        modality: str,
        name: str | None = None,
        dimension: int | None = None,
    ) -> None:
        called = name or getattr(function, "__name__", type(function).__name__)
        if modality not in MODALITIES[:2]:
            raise GenoProtError(f"encoder {called}: say what it reads, --modality dna or --modality protein")
        self._function = function
        if dimension is None:
            shape = self.embed(PROBES[modality]).shape
            if len(shape) != 2 or shape[0] != len(PROBES[modality]):
                raise GenoProtError(
                    f"encoder {called}: for two sequences it gave an array of shape {shape}, not two rows"
                )
            dimension = shape[1]
        self.spec = EncoderSpec(
            called,
            modality=modality,
            dimension=dimension,
            title=f"function {called}",
            readout="what the function gives",
        )

    def embed(self, sequences: Sequence[str]) -> np.ndarray:
        """Map sequences to vectors, shape=(n, dimension), dtype=float32."""
        if not sequences:
            return np.zeros((0, self.spec.dimension), dtype=np.float32)
        return np.asarray(as_array(self._function(list(sequences))), dtype=np.float32)


def is_object_name(name: str | Path) -> bool:
    """Whether a name is of the form ``module:Class`` and no path that exists.

    Examples
    --------
    >>> is_object_name("mine.encoders:Charge"), is_object_name("kmer-4")
    (True, False)
    """
    return _OBJECT.fullmatch(str(name)) is not None and not Path(name).exists()


def installed_encoders() -> dict[str, EntryPoint]:
    """Entry points of `GROUP` by name, in alphabetical order.

    Raises
    ------
    GenoProtError
        If two distributions claim one name.
    """
    found: dict[str, EntryPoint] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value)):
        earlier = found.setdefault(point.name, point)
        if earlier.value != point.value:
            raise GenoProtError(
                f"encoder {point.name!r}: two installed distributions have one of that name, "
                f"{earlier.value} and {point.value}; name one of these instead"
            )
    return found


def loaded(point: EntryPoint) -> Any:
    """Object that an entry point names.

    Raises
    ------
    GenoProtError
        If it cannot be imported.
    """
    try:
        return point.load()
    except (ImportError, AttributeError) as error:
        origin = f" of {point.dist.name}" if point.dist else ""
        raise GenoProtError(f"encoder {point.name!r}{origin}: {error}") from None


def import_encoder(
    name: str,
    weights: str | Path | None = None,
    device: str | None = None,
    modality: str | None = None,
    readout: Mapping[str, Any] | None = None,
) -> Encoder:
    """Encoder at ``module:Class``; modules of the working directory are found as well.

    Parameters
    ----------
    name : str
        What follows the colon is an encoder, or a class or function that makes one, as of `made_encoder`.
    weights, device, modality, readout
        As of `made_encoder`.

    Raises
    ------
    GenoProtError
        If there is no such module or object, or as of `made_encoder`.

    Examples
    --------
    >>> import_encoder("genoprot_evaluate.encoders.kmer:Composition").spec.name
    'composition'
    """
    module_name, _, attribute = name.partition(":")
    sys.path.insert(0, "")
    try:
        found = importlib.import_module(module_name)
        for part in attribute.split("."):
            found = getattr(found, part)
    except ImportError as error:
        stem = module_name.removesuffix(".py")
        advice = "is it installed or in this folder?"
        if stem != module_name:
            advice = f"name the module, not its file: {stem}:{attribute}"
        raise GenoProtError(f"encoder {name!r}: {error}; {advice}") from None
    except AttributeError as error:
        close = meant(str(error.name), dir(error.obj)) if error.name else ""
        raise GenoProtError(f"encoder {name!r}: {error}{close}") from None
    finally:
        sys.path.remove("")
    return made_encoder(name, found, weights, device, modality, readout)


def made_encoder(
    name: str,
    found: Any,
    weights: str | Path | None = None,
    device: str | None = None,
    modality: str | None = None,
    readout: Mapping[str, Any] | None = None,
) -> Encoder:
    """Encoder that an object is or makes.

    Parameters
    ----------
    name : str
        What messages call it.
    found : object
        An encoder; a class or a function without parameters that makes one; a function of a list of
        sequences, which becomes a `FunctionEncoder`; or, when weights are given, a class with a method
        ``load(weights, device)``, as those of the registry are.
    weights : str or Path, optional
    device : str, optional
        Passed on with the weights.
    modality : {"dna", "protein"}, optional
        Passed on with the weights to a class whose spec has the modality "both", and to `FunctionEncoder`.
    readout : mapping, optional
        Options of the readout, passed on to ``load``.

    Raises
    ------
    GenoProtError
        If it takes no weights or no such readout, cannot be made, or is no encoder.
    """
    if weights is not None:
        if not hasattr(found, "load"):
            raise GenoProtError(
                f"encoder {name!r} has no method `load(weights, device)`; leave out --weights"
            )
        both = getattr(getattr(found, "spec", None), "modality", None) == "both"
        options = accepted_readout(name, found.load, readout) | ({"modality": modality} if both else {})
        return check_encoder(found.load(weights, device, **options))
    accepted_readout(name, None, readout)
    if isinstance(found, type) or not hasattr(found, "embed"):
        if inspect.isfunction(found) and _takes_sequences(found):
            return FunctionEncoder(found, modality or "")
        try:
            found = found()
        except TypeError as error:
            raise GenoProtError(f"encoder {name!r} cannot be made without arguments: {error}") from None
    return check_encoder(found)


def accepted_readout(
    name: str, load: Callable[..., Any] | None, readout: Mapping[str, Any] | None, stated: str = ""
) -> dict[str, Any]:
    """Options of a readout that are asked for, when ``load`` has them all.

    Parameters
    ----------
    name : str
        What messages call the encoder.
    load : callable, optional
        Method that loads the encoder; None for one that is not loaded.
    readout : mapping, optional
        Values by option; those that are None are not asked for.
    stated : str
        The encoder's only readout, for the message.

    Raises
    ------
    GenoProtError
        If ``load`` has no such parameter.
    """
    chosen = {option: value for option, value in (readout or {}).items() if value is not None}
    known = inspect.signature(load).parameters if load is not None else {}
    unknown = [option for option in chosen if option not in known]
    if unknown:
        fixed = f" ({stated})" if stated else ""
        raise GenoProtError(
            f"encoder {name}: its readout{fixed} leaves no choice of {unknown[0]}; leave out --{unknown[0]}"
        )
    return chosen


def _takes_sequences(function: Callable[..., Any]) -> bool:
    """Whether a function cannot be called without one argument, and needs no more."""
    needed = [
        parameter
        for parameter in inspect.signature(function).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    return len(needed) == 1
