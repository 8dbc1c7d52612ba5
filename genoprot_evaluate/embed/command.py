"""The command line of `genoprot embed` and of ``python -m genoprot_evaluate.embed``."""

from __future__ import annotations

import argparse

from genoprot_evaluate.embed.options import ATTENTION_KERNELS, ComputeOptions
from genoprot_evaluate.embed.pipeline import embed
from genoprot_evaluate.embed.precision import DTYPES
from genoprot_evaluate.encoders.base import MODALITIES
from genoprot_evaluate.encoders.choices import add_readout_arguments, chosen_readout
from genoprot_evaluate.encoders.registry import encoder_names

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `genoprot embed`."""
    parser.add_argument(
        "--encoder",
        required=True,
        metavar="NAME",
        help=f"{', '.join(encoder_names())}, a transformers checkpoint folder, or module:Class",
    )
    parser.add_argument(
        "--dataset", default="llnl/geno-prot", metavar="DIR", help="folder or Hub id; default: llnl/geno-prot"
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="folder of embeddings to write")
    parser.add_argument(
        "--weights",
        metavar="PATH",
        help="folder, safetensors file or Hub id (owner/name@revision) with the encoder's weights",
    )
    parser.add_argument(
        "--modality",
        choices=MODALITIES,
        help="what a checkpoint folder reads, or an encoder of both, say lucaone; both joins the two vectors",
    )
    parser.add_argument(
        "--batch-tokens",
        type=int,
        metavar="N",
        help="residues, special tokens and padding per batch; default: measured, or the encoder's choice",
    )
    parser.add_argument("--device", metavar="DEVICE", help="cpu, cuda:0, ...; default: the best there is")
    parser.add_argument(
        "--dtype",
        choices=DTYPES,
        default="auto",
        help="default: auto, bfloat16 where a GPU is built for it and the encoder has it, else float32",
    )
    parser.add_argument("--compile", action="store_true", help="compile the encoder's model by torch.compile")
    parser.add_argument(
        "--attention",
        choices=ATTENTION_KERNELS,
        default="auto",
        help="torch's attention kernel; default: auto, torch's choice",
    )
    parser.add_argument(
        "--pin-memory", action="store_true", help="move batches to a GPU from pinned memory, asynchronously"
    )
    parser.add_argument(
        "--trust-remote-code", action="store_true", help="let Python code in the checkpoint folder run"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace a different run of the same name")
    add_readout_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Run `genoprot embed`."""
    embed(
        args.encoder,
        args.dataset,
        args.out,
        weights=args.weights,
        modality=args.modality,
        batch_tokens=args.batch_tokens,
        device=args.device,
        dtype=args.dtype,
        options=ComputeOptions(args.compile, args.attention, args.pin_memory),
        trust_remote_code=args.trust_remote_code,
        overwrite=args.overwrite,
        readout=chosen_readout(args),
    )
    return 0
