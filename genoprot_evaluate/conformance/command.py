"""`genoprot check-encoder`: the checks on the terminal."""

from __future__ import annotations

import argparse
import importlib
import re
import sys
from pathlib import Path

from genoprot_datasets.errors import GenoProtError
from genoprot_evaluate.conformance.checks import CHECKS, check_conformance
from genoprot_evaluate.conformance.outcome import STATUSES, Outcome
from genoprot_evaluate.conformance.subject import LONGEST, TOLERANCE
from genoprot_evaluate.encoders.base import Encoder, check_encoder, resolve_view
from genoprot_evaluate.encoders.registry import load_encoder

__all__ = ["add_arguments", "import_encoder", "run"]

_OBJECT = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
_NAME_WIDTH = max(len(check.name) for check in CHECKS)
_DEMAND_WIDTH = max(len(check.demand) for check in CHECKS)


def import_encoder(
    name: str,
    weights: str | Path | None = None,
    device: str | None = None,
    modality: str | None = None,
) -> Encoder:
    """Encoder at ``module:Class``; modules of the working directory are found as well.

    Parameters
    ----------
    name : str
        What follows the colon is an encoder, or a class or function that makes one without arguments; a
        class with a method ``load(weights, device)`` is asked for it when weights are given, as those of the
        registry are.
    weights : str or Path, optional
    device : str, optional
        Passed on with the weights.
    modality : {"dna", "protein"}, optional
        Passed on with the weights to a class whose spec has the modality "both".

    Raises
    ------
    GenoProtError
        If there is no such module or object, it takes no weights, or what it makes is no encoder.

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
        raise GenoProtError(f"encoder {name!r}: {error}; is it installed or in this folder?") from None
    except AttributeError as error:
        raise GenoProtError(f"encoder {name!r}: {error}") from None
    finally:
        sys.path.remove("")
    if weights is not None:
        if not hasattr(found, "load"):
            raise GenoProtError(
                f"encoder {name!r} has no method `load(weights, device)`; leave out --weights"
            )
        both = getattr(getattr(found, "spec", None), "modality", None) == "both"
        return check_encoder(found.load(weights, device, **({"modality": modality} if both else {})))
    if isinstance(found, type) or not hasattr(found, "embed"):
        try:
            found = found()
        except TypeError as error:
            raise GenoProtError(f"encoder {name!r} cannot be made without arguments: {error}") from None
    return check_encoder(found)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `genoprot check-encoder`."""
    parser.add_argument(
        "encoder", metavar="ENCODER", help="built-in name, transformers checkpoint folder, or module:Class"
    )
    parser.add_argument("--weights", metavar="PATH", help="folder or safetensors file with the weights")
    parser.add_argument("--modality", choices=("dna", "protein"), help="what to give the encoder")
    parser.add_argument("--device", metavar="DEVICE", help="cpu, cuda:0, ...; default: the best there is")
    parser.add_argument(
        "--tolerance",
        type=float,
        default=TOLERANCE,
        metavar="SHARE",
        help=f"what batches may change, as a share of the largest value; default: {TOLERANCE:.0e}",
    )
    parser.add_argument(
        "--longest",
        type=int,
        default=LONGEST,
        metavar="N",
        help=f"letters of the longest sequence that is tried; default: {LONGEST:,}",
    )
    parser.add_argument(
        "--trust-remote-code", action="store_true", help="let Python code in the checkpoint folder run"
    )


def run(args: argparse.Namespace) -> int:
    """Run `genoprot check-encoder`; 0 when no check fails, else 1."""
    if _OBJECT.fullmatch(args.encoder) and not Path(args.encoder).exists():
        encoder = import_encoder(args.encoder, args.weights, args.device, args.modality)
    else:
        encoder = load_encoder(
            args.encoder,
            weights=args.weights,
            modality=args.modality,
            device=args.device,
            trust_remote_code=args.trust_remote_code,
        )
    spec = encoder.spec
    view = resolve_view(spec, args.modality)
    print(f"{spec.name}: {view}, {spec.dimension:,} numbers a sequence, tolerance {args.tolerance:.0e}\n")
    outcomes = check_conformance(
        encoder, modality=view, tolerance=args.tolerance, longest=args.longest, progress=_show
    )
    counts = {status: sum(outcome.status == status for outcome in outcomes) for status in STATUSES}
    print(f"\n{counts['pass']} passed, {counts['fail']} failed, {counts['skip']} skipped")
    return 1 if counts["fail"] else 0


def _show(outcome: Outcome) -> None:
    print(
        f"{outcome.status}  {outcome.name:{_NAME_WIDTH}}  {outcome.demand:{_DEMAND_WIDTH}}  {outcome.reason}",
        flush=True,
    )
