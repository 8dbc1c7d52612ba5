"""The leaderboard's Space: a repository's records on the static page, and a desk that checks new ones."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from genoprot_datasets.errors import GenoProtError
from genoprot_evaluate.hub.records import fetch_record, list_records
from genoprot_evaluate.leaderboard.site import write_site
from genoprot_evaluate.leaderboard.submissions import LARGEST_PREDICTIONS, LARGEST_RECORD
from genoprot_evaluate.leaderboard.validation import validate_record
from genoprot_evaluate.results import FURTHER_NAME, PREDICTIONS_NAME, RECORD_NAME

if TYPE_CHECKING:
    import fastapi
    import gradio

__all__ = ["build_app", "build_interface", "check_upload", "collect_site", "serve"]

_MOST = {
    RECORD_NAME: LARGEST_RECORD,
    PREDICTIONS_NAME: LARGEST_PREDICTIONS,
    FURTHER_NAME: LARGEST_PREDICTIONS,
}


def collect_site(repository: str, out: str | Path, *, revision: str = "main") -> tuple[int, dict[str, str]]:
    """Write the site of every record of a repository that holds.

    Parameters
    ----------
    repository : str
        Dataset repository that `genoprot push records` writes to.
    out : str or Path
        Folder of the site.
    revision : str
        Branch, tag or commit; pull requests are ``refs/pr/N``.

    Returns
    -------
    tuple of (int, dict of str to str)
        How many records are shown, and by label why others are not.

    Raises
    ------
    GenoProtError
        If the repository cannot be read, or no record of it holds.
    """
    shown: list[Path] = []
    refused: dict[str, str] = {}
    for stored in list_records(repository, revision=revision):
        try:
            folder = fetch_record(stored)
            faults = validate_record(folder)
        except GenoProtError as error:
            faults = [str(error)]
        if faults:
            refused[stored.label] = faults[0] + (f" and {len(faults) - 1} more" if len(faults) > 1 else "")
        else:
            shown.append(folder)
    if not shown:
        reasons = "; ".join(f"{label}: {reason}" for label, reason in refused.items())
        raise GenoProtError(f"{repository}: no record to show" + (f" ({reasons})" if reasons else ""))
    write_site(shown, out)
    return len(shown), refused


def check_upload(paths: Sequence[str | Path], dataset: str | None = None) -> str:
    """What `validate-record` says of an uploaded record and its predictions, as Markdown.

    Parameters
    ----------
    paths : sequence of path
        `results.json`, `predictions.parquet` and, where there is one, `further-predictions.parquet`.
    dataset : str, optional
        Folder or Hub id to compare the examples with.
    """
    found = {Path(path).name: Path(path) for path in paths}
    if not {RECORD_NAME, PREDICTIONS_NAME} <= set(found) <= set(_MOST):
        return f"Upload these files: {', '.join(f'`{name}`' for name in _MOST)}."
    for name, path in found.items():
        if path.stat().st_size > _MOST[name]:
            return f"`{name}` has {path.stat().st_size:,} bytes; expected {_MOST[name]:,} at most."
    with tempfile.TemporaryDirectory() as folder:
        for name, path in found.items():
            shutil.copyfile(path, Path(folder, name))
        try:
            faults = validate_record(folder, dataset)
        except GenoProtError as error:
            faults = [str(error).replace(f"{folder}/", "")]
    if not faults:
        return "The record holds: its scores follow from its predictions."
    return "\n".join(["The record does not hold:", "", *(f"    {fault}" for fault in faults[:50])])


def build_interface(repository: str, dataset: str | None = None) -> gradio.Blocks:
    """The page of the Space around the site, which is served at ``/site/``.

    Raises
    ------
    GenoProtError
        If `gradio` is not installed.
    """
    try:
        import gradio
    except ImportError:
        raise GenoProtError("the app needs gradio; pip install 'geno-prot[space]'") from None

    command = f"genoprot push records results/ --repo {repository} --create-pr"
    with gradio.Blocks(title="GENO-PROT leaderboard", fill_width=True) as page:
        with gradio.Tab("Leaderboard"):
            gradio.HTML(
                '<iframe src="/site/index.html" title="Leaderboard" '
                'style="width: 100%; height: 85vh; border: 0"></iframe>'
            )
        with gradio.Tab("Hand in a record"):
            gradio.Markdown(
                "Records enter by pull request, with the predictions that they were computed from:\n\n"
                f"    {command}\n\nCheck yours first:"
            )
            upload = gradio.File(
                label=", ".join(_MOST),
                file_count="multiple",
                file_types=[".json", ".parquet"],
            )
            button = gradio.Button("Check", variant="primary")
            verdict = gradio.Markdown()
            button.click(
                lambda paths: check_upload(paths or [], dataset),
                upload,
                verdict,
                api_name="check",
                concurrency_limit=1,
            )
    return page


def build_app(repository: str, site: str | Path, dataset: str | None = None) -> fastapi.FastAPI:
    """The Space as a web application: the static site below ``/site/``, the page around it at ``/``.

    Parameters
    ----------
    repository : str
        Of records.
    site : str or Path
        Folder that `collect_site` wrote.
    dataset : str, optional
        Dataset that handed-in records are compared with.

    Raises
    ------
    GenoProtError
        If `gradio` is not installed.
    """
    page = build_interface(repository, dataset)
    import gradio
    from fastapi import FastAPI
    from fastapi.staticfiles import StaticFiles

    app = FastAPI()
    app.mount("/site", StaticFiles(directory=site, html=True))
    return gradio.mount_gradio_app(app, page, path="/", max_file_size="1gb")


def serve(variables: str | Path) -> None:
    """Run the Space: collect the records, then answer requests until stopped.

    Parameters
    ----------
    variables : str or Path
        File with the lines ``GENOPROT_RECORDS=USER/NAME`` and ``GENOPROT_DATASET=USER/NAME``; variables of
        the process come before.

    Raises
    ------
    GenoProtError
        If a line is missing, or there is no record to show.
    """
    lines = Path(variables).read_text(encoding="utf-8").splitlines()
    known = dict(line.split("=", 1) for line in lines if "=" in line) | dict(os.environ)
    for name in ("GENOPROT_RECORDS", "GENOPROT_DATASET"):
        if not known.get(name):
            raise GenoProtError(f"{variables}: expected a line {name}=USER/NAME")
    repository = known["GENOPROT_RECORDS"]
    shown, refused = collect_site(repository, "site")
    print(f"{shown} records of {repository}", flush=True)
    for label, reason in refused.items():
        print(f"not shown: {label}: {reason}", file=sys.stderr, flush=True)
    app = build_app(repository, "site", known["GENOPROT_DATASET"])
    import uvicorn

    uvicorn.run(app, host="0.0.0.0", port=int(os.environ.get("GRADIO_SERVER_PORT", "7860")))
