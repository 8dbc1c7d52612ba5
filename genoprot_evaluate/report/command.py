"""`genoprot report`: draws everything from a result record and publishes the folder."""

from __future__ import annotations

import argparse
from pathlib import Path

from genoprot_datasets.errors import GenoProtError, SourceError
from genoprot_datasets.files import atomic_folder
from genoprot_evaluate.report.exports import scores_csv, scores_markdown
from genoprot_evaluate.report.figures import accuracy_figure, inline_svg, save_figure
from genoprot_evaluate.report.page import render_page
from genoprot_evaluate.results import read_record

__all__ = ["FILES", "add_arguments", "run", "write_report"]

FILES = ("accuracy.png", "accuracy.svg", "index.html", "scores.csv", "scores.md")
"""What a report consists of."""

_LABEL = (
    "Bar chart of the mean accuracy of every model on every task; the table of scores has the same numbers."
)


def write_report(results: str | Path, out: str | Path) -> Path:
    """Write figure, tables and page of a result record.

    Parameters
    ----------
    results : str or Path
        Folder written by `genoprot evaluate`, or its `results.json`.
    out : str or Path
        Folder for `FILES`. One that holds an older report is replaced as a whole. The same record gives
        the same bytes.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    GenoProtError
        If there is no record, it cannot be read or holds nothing to show, `out` is a file or a folder
        with anything else in it, or matplotlib is not installed.
    """
    record = read_record(results)
    if not record.tasks or not record.models:
        raise SourceError(results, "the record holds no scores")
    _refuse_strangers(Path(out))
    figure = accuracy_figure(record)
    csv_text = scores_csv(record)
    page = render_page(record, inline_svg(figure, _LABEL), csv_text)
    texts = {"scores.csv": csv_text, "scores.md": scores_markdown(record), "index.html": page}
    with atomic_folder(out) as folder:
        save_figure(figure, folder)
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8", errors="replace", newline="")
    return Path(out)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `genoprot report`."""
    parser.add_argument("results", metavar="RESULTS", help="folder written by `genoprot evaluate`")
    parser.add_argument("--out", required=True, metavar="FOLDER", help="folder for the report")


def run(args: argparse.Namespace) -> int:
    """Run `genoprot report` with parsed arguments; returns the exit status."""
    folder = write_report(args.results, args.out)
    print(f"report in {folder}: open {folder / 'index.html'}")
    return 0


def _refuse_strangers(out: Path) -> None:
    """The folder is replaced as a whole, so it must hold nothing but a report."""
    if out.exists() and not out.is_dir():
        raise GenoProtError(f"{out}: exists and is not a folder")
    strangers = sorted({entry.name for entry in out.iterdir()} - set(FILES)) if out.exists() else []
    if strangers:
        raise GenoProtError(
            f"{out}: holds {strangers[0]!r}, which is no part of a report; name another folder"
        )
