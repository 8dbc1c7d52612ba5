"""How the arguments of a command are read: what was mistyped is named, with what was probably meant."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, NoReturn

from genoprot_datasets.errors import meant

__all__ = ["Parser", "ShowVersion"]


class Parser(argparse.ArgumentParser):
    """A parser, also of subcommands, whose complaint is one line that is not drowned by the usage.

    Examples
    --------
    >>> parser = Parser(prog="genoprot embed")
    >>> _ = parser.add_argument("--dataset")
    >>> parser.parse_args(["--datset", "llnl/geno-prot"])  # doctest: +SKIP
    genoprot embed: error: no option --datset (did you mean '--dataset'?); see genoprot embed --help
    """

    def parse_known_args(
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Read the arguments; what this parser does not know is refused here, by the subcommand itself."""
        words = list(sys.argv[1:] if args is None else args)
        if self._subparsers is None:
            for word in words:
                self._refuse_mistyped(word.partition("=")[0])
        parsed, unknown = super().parse_known_args(words, namespace)
        if unknown:
            self.error(f"{unknown[0]!r} is one argument too many")
        return parsed, []

    def _refuse_mistyped(self, word: str) -> None:
        # Before argparse looks: it would complain of the option that is missing for being mistyped.
        known = [name for action in self._actions for name in action.option_strings]
        if word.startswith("--") and not any(name.startswith(word) for name in known):
            self.error(f"no option {word}{meant(word, known)}")

    def error(self, message: str) -> NoReturn:
        """Leave with status 2 and one line that says where the options are told."""
        self.exit(2, f"{self.prog}: error: {message}; see {self.prog} --help\n")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            names = [str(choice) for choice in action.choices]
            known = meant(str(value), names) or f"; expected one of {', '.join(names)}"
            raise argparse.ArgumentError(action, f"{value!r} is unknown{known}")


class ShowVersion(argparse.Action):
    """Prints the version of the installed distribution."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str | None = None) -> None:
        super().__init__(option_strings, dest, nargs=0, default=argparse.SUPPRESS, help=help)

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> NoReturn:
        """Print it and leave."""
        print(f"geno-prot {version('geno-prot')}")
        parser.exit()
