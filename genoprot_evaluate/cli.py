"""The command `genoprot`."""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import NoReturn

from genoprot_datasets.errors import GenoProtError, os_failure
from genoprot_evaluate.parsing import Parser, ShowVersion

__all__ = ["COMMANDS", "main"]

COMMANDS: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "demo": (
            "genoprot_evaluate.demo",
            "the whole benchmark on a synthetic proteome",
            "genoprot demo --out demo/",
        ),
        "sources": (
            "genoprot_datasets.sources.command",
            "list the sources, their licences and addresses",
            "genoprot sources --species human",
        ),
        "download": (
            "genoprot_datasets.download",
            "download the sources, resumed and verified",
            "genoprot download --out sources/",
        ),
        "synthesize": (
            "genoprot_datasets.synthetic.command",
            "write a synthetic proteome in the sources' native formats",
            "genoprot synthesize --genes 600 --seed 0 --out sources/",
        ),
        "train-ner": (
            "genoprot_datasets.ner",
            "train a recogniser of anatomical sites",
            "genoprot train-ner --corpus bionlp13cg/ --out models/anatomy-ner",
        ),
        "build": (
            "genoprot_datasets.build_command",
            "build the dataset folder from sources",
            "genoprot build --sources sources/ --out llnl/geno-prot",
        ),
        "merge": (
            "genoprot_datasets.merging",
            "join the dataset folders of several species",
            "genoprot merge llnl/yeast llnl/ecoli --out llnl/geno-prot",
        ),
        "audit": (
            "genoprot_datasets.audit.command",
            "look for leakage, imbalance and shortcuts in a dataset",
            "genoprot audit llnl/geno-prot",
        ),
        "encoders": (
            "genoprot_evaluate.encoders.command",
            "list the encoders",
            "genoprot encoders",
        ),
        "check-encoder": (
            "genoprot_evaluate.conformance.command",
            "try what every encoder has to do",
            "genoprot check-encoder kmer-4",
        ),
        "convert-weights": (
            "genoprot_evaluate.encoders.conversion",
            "turn a checkpoint into safetensors",
            "genoprot convert-weights pytorch_model.bin weights/",
        ),
        "cards": (
            "genoprot_evaluate.model_cards",
            "write a model card for every encoder",
            "genoprot cards --check",
        ),
        "embed": (
            "genoprot_evaluate.embed",
            "embed every sequence with one encoder",
            "genoprot embed --encoder kmer-4 --dataset llnl/geno-prot --out embeddings/kmer-4",
        ),
        "evaluate": (
            "genoprot_evaluate.evaluation",
            "train heads, combine ensembles, score all tasks",
            "genoprot evaluate --dataset llnl/geno-prot --embeddings embeddings/ --out results/",
        ),
        "llm": (
            "genoprot_evaluate.llm",
            "ask a language model the questions in words",
            "genoprot llm --model openai/gpt-4.1 --dataset llnl/geno-prot --form accession --out results/",
        ),
        "combine": (
            "genoprot_evaluate.combine",
            "make one record of several, with other ensembles, training nothing",
            "genoprot combine results/ other-results/ --members kmer-4 composition --out results-combined/",
        ),
        "predict": (
            "genoprot_evaluate.predict",
            "apply a trained head to new pairs",
            "genoprot predict --head heads/ppi/kmer-4.safetensors --embeddings embeddings/kmer-4 "
            "--pairs pairs.tsv --out answers.tsv",
        ),
        "report": (
            "genoprot_evaluate.report.command",
            "draw tables, figures and a page from results",
            "genoprot report results/ --out report/",
        ),
        "leaderboard": (
            "genoprot_evaluate.leaderboard.site",
            "put many result records on one page",
            "genoprot leaderboard results/ --out site/",
        ),
        "validate-record": (
            "genoprot_evaluate.leaderboard.validation",
            "check that a record says what its predictions say",
            "genoprot validate-record results/ --dataset llnl/geno-prot",
        ),
        "push": (
            "genoprot_evaluate.hub.command",
            "push a dataset, embeddings, heads or results to the Hub",
            "genoprot push dataset llnl/geno-prot --repo llnl/geno-prot",
        ),
        "metric": (
            "genoprot_evaluate.metric",
            "install the module for evaluate.load('genoprot')",
            "genoprot metric install",
        ),
    }
)
"""Subcommands: the module with `add_arguments(parser)` and `run(args)`, a summary, an example."""


def _parser(requested: str | None) -> argparse.ArgumentParser:
    """Parser of all subcommands; only the requested one's module is imported."""
    listing = "\n".join(f"  {name:<16}{summary}" for name, (_, summary, _) in COMMANDS.items())
    parser = Parser(
        prog="genoprot",
        usage=argparse.SUPPRESS,
        add_help=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Asks encoders of DNA and proteins nine questions; genoprot COMMAND --help tells about "
        f"one command:\n{listing}",
    )
    parser.add_argument("-h", "--help", action="help", help=argparse.SUPPRESS)
    parser.add_argument("--version", action=ShowVersion, help=argparse.SUPPRESS)
    subparsers = parser.add_subparsers(
        dest="command", metavar="COMMAND", required=True, help=argparse.SUPPRESS
    )
    for name, (module, summary, example) in COMMANDS.items():
        subparser = subparsers.add_parser(
            name,
            prog=f"genoprot {name}",
            description=summary[0].upper() + summary[1:] + ".",
            epilog=f"example: {example}",
        )
        if name == requested:
            importlib.import_module(module).add_arguments(subparser)
    return parser


class _Terminated(KeyboardInterrupt):
    """The process was told to end, by a scheduler for instance."""


@contextmanager
def _termination_interrupts() -> Iterator[None]:
    """Let SIGTERM end a command as an interrupt does, so that it clears away what is not finished."""
    # The processes of a launcher wait for each other where no handler runs; it ends them one by one.
    launched = "RANK" in os.environ
    here = threading.current_thread() is threading.main_thread()
    if launched or not here or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return

    def end(number: int, frame: object) -> NoReturn:
        raise _Terminated

    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments after the program's name; those of the process when left out.

    Returns
    -------
    int
        0 when the command did its work, 2 for input that cannot be used or a place that cannot be read or
        written, 130 when interrupted, 143 when terminated.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        requested = next((argument for argument in arguments if not argument.startswith("-")), None)
        parser = _parser(requested)
        if not arguments:
            parser.print_help(sys.stderr)
            return 2
        args = parser.parse_args(arguments)
        with _termination_interrupts():
            return importlib.import_module(COMMANDS[args.command][0]).run(args)
    except GenoProtError as error:
        return _refused(str(error))
    except _Terminated:
        print("genoprot: terminated", file=sys.stderr)
        return 128 + signal.SIGTERM
    except KeyboardInterrupt:
        print("genoprot: interrupted", file=sys.stderr)
        return 128 + signal.SIGINT
    except BrokenPipeError:
        # The reader of our output went away; a second complaint at interpreter exit helps nobody.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        if (words := os_failure(error)) is None:
            raise
        return _refused(words)


def _refused(words: str) -> int:
    print(f"genoprot: error: {words}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
