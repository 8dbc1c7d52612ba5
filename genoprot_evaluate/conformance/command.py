"""`genoprot check-encoder`: the checks on the terminal."""

from __future__ import annotations

import argparse

from genoprot_evaluate.conformance.checks import CHECKS, check_conformance
from genoprot_evaluate.conformance.outcome import STATUSES, Outcome
from genoprot_evaluate.conformance.subject import LONGEST, TOLERANCE
from genoprot_evaluate.encoders.base import MODALITIES, resolve_view
from genoprot_evaluate.encoders.choices import add_readout_arguments, chosen_readout
from genoprot_evaluate.encoders.registry import load_encoder

__all__ = ["add_arguments", "run"]

_NAME_WIDTH = max(len(check.name) for check in CHECKS)
_DEMAND_WIDTH = max(len(check.demand) for check in CHECKS)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `genoprot check-encoder`."""
    parser.add_argument(
        "encoder", metavar="ENCODER", help="built-in name, transformers checkpoint folder, or module:Class"
    )
    parser.add_argument("--weights", metavar="PATH", help="folder or safetensors file with the weights")
    parser.add_argument("--modality", choices=MODALITIES, help="what to give the encoder")
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
    add_readout_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Run `genoprot check-encoder`; 0 when no check fails, else 1."""
    encoder = load_encoder(
        args.encoder,
        weights=args.weights,
        modality=args.modality,
        device=args.device,
        trust_remote_code=args.trust_remote_code,
        readout=chosen_readout(args),
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
