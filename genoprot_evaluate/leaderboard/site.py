"""`genoprot leaderboard`: writes the static site."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterable
from pathlib import Path

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.files import atomic_folder
from genoprot_evaluate.leaderboard.boards import make_boards
from genoprot_evaluate.leaderboard.page import render_leaderboard
from genoprot_evaluate.leaderboard.rows import boards_csv, boards_json
from genoprot_evaluate.leaderboard.submissions import read_submissions

__all__ = ["FILES", "add_arguments", "run", "write_site"]

FILES = ("index.html", "leaderboard.csv", "leaderboard.json", "records")
"""What a site consists of."""


def write_site(records: Iterable[str | Path], out: str | Path) -> Path:
    """Write the leaderboard of result records as a folder of static files.

    Parameters
    ----------
    records : iterable of str or Path
        Folders written by `genoprot evaluate`, or JSON files of records. Predictions that lie beside a
        record are read too: without them its models cannot be compared with those of other records.
    out : str or Path
        Folder for `FILES`; one that holds an older site is replaced as a whole. The same records give the
        same bytes.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    GenoProtError
        If there are no records, one cannot be read, or `out` holds anything else.
    """
    out = Path(out)
    if out.exists() and not out.is_dir():
        raise GenoProtError(f"{out}: exists and is not a folder")
    strangers = sorted({entry.name for entry in out.iterdir()} - set(FILES)) if out.exists() else []
    if strangers:
        raise GenoProtError(
            f"{out}: holds {strangers[0]!r}, which is no part of a leaderboard; name another folder"
        )
    submissions = read_submissions(records)
    boards = make_boards(submissions)
    texts = {
        "index.html": render_leaderboard(boards),
        "leaderboard.csv": boards_csv(boards),
        "leaderboard.json": boards_json(boards),
    }
    with atomic_folder(out) as folder:
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8", errors="replace", newline="")
        (folder / "records").mkdir()
        for submission in submissions:
            shutil.copyfile(submission.path, folder / "records" / f"{submission.label}.json")
    return out


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `genoprot leaderboard`."""
    parser.add_argument(
        "records", nargs="+", metavar="RESULTS", help="folders of results, or JSON files of records"
    )
    parser.add_argument("--out", required=True, metavar="FOLDER", help="folder for the site")


def run(args: argparse.Namespace) -> int:
    """Run `genoprot leaderboard`."""
    folder = write_site(args.records, args.out)
    print(f"leaderboard in {folder}: open {folder / 'index.html'}")
    return 0
