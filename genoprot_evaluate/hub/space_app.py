"""The app of the metric's Space: scores uploaded embeddings on one task and draws the bars."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.tasks import TASKS
from genoprot_evaluate.evaluation import evaluate
from genoprot_evaluate.report.figures import accuracy_figure
from genoprot_evaluate.store import MEASURED_NAME, RUN_NAME, EmbeddingTable, load_embeddings
from genoprot_evaluate.tables import percent, score_rows

if TYPE_CHECKING:
    import gradio
    from matplotlib.figure import Figure

__all__ = ["HEADER", "MOST_BYTES", "build_interface", "read_upload", "score_upload"]

MOST_BYTES = 2_000_000_000
"""Bytes of an upload that are read at most."""

HEADER = ("model", "kind", "accuracy in %", "95% interval", "status")
"""Columns of the table of scores."""


def read_upload(paths: Sequence[str | Path]) -> EmbeddingTable:
    """Read uploaded Parquet or safetensors files as one table of embeddings.

    Raises
    ------
    GenoProtError
        If there are none, one is something else, they are too large, or they hold no embeddings.
    """
    files = [Path(path) for path in paths]
    files = [path for path in files if path.name not in ("README.md", RUN_NAME, MEASURED_NAME)]
    if not files:
        raise GenoProtError("upload the Parquet or safetensors files of your embeddings")
    for path in files:
        if path.suffix not in (".parquet", ".safetensors"):
            raise GenoProtError(f"{path.name!r:.80}: only Parquet and safetensors files are read")
    size = sum(path.stat().st_size for path in files)
    if size > MOST_BYTES:
        raise GenoProtError(f"{size:,} bytes; expected {MOST_BYTES:,} at most")
    with tempfile.TemporaryDirectory() as folder:
        for number, path in enumerate(files):
            shutil.copyfile(path, Path(folder, f"{number:05d}{path.suffix}"))
        return load_embeddings(folder, name="uploaded")


def score_upload(
    paths: Sequence[str | Path], task: str, dataset: str = "llnl/geno-prot"
) -> tuple[list[list[str]], Figure]:
    """Train and score a head on uploaded embeddings, beside the baselines.

    Parameters
    ----------
    paths : sequence of path
        Parquet files with the columns `accession` and `embedding`, or safetensors files with a tensor per
        accession.
    task : str
    dataset : str
        Folder or Hub id.

    Returns
    -------
    tuple of (list of list of str, matplotlib.figure.Figure)
        Rows of the table of scores, with the columns of `HEADER`, and the bars.

    Raises
    ------
    GenoProtError
        If the upload or the dataset cannot be used.
    """
    record = evaluate({"uploaded": read_upload(paths)}, dataset, tasks=[task])
    rows = []
    for row in score_rows(record):
        if row["kind"] not in ("encoder", "baseline"):
            continue
        low, high = row["accuracy_low"], row["accuracy_high"]
        interval = "" if low is None else f"{100 * low:.1f} to {100 * high:.1f}"
        accuracy = percent(record.scores[task][row["model"]])
        rows.append([row["model"], row["kind"], accuracy, interval, row["reason"] or row["status"]])
    return rows, accuracy_figure(record)


def build_interface(dataset: str = "llnl/geno-prot") -> gradio.Blocks:
    """The page of the Space; its `launch` starts it.

    Raises
    ------
    GenoProtError
        If `gradio` is not installed.
    """
    try:
        import gradio
    except ImportError:
        raise GenoProtError("the app needs gradio; pip install 'geno-prot[space]'") from None

    def score(paths: list[str] | None, task: str) -> tuple[Any, Any]:
        try:
            return score_upload(paths or [], task, dataset)
        except GenoProtError as error:
            raise gradio.Error(str(error)) from None

    choices = [(spec.question, name) for name, spec in TASKS.items()]
    with gradio.Blocks(title="GENO-PROT") as page:
        gradio.Markdown(
            "# GENO-PROT\nUpload the Parquet files that `genoprot embed` wrote (columns `accession` and "
            "`embedding`), or safetensors files with a tensor per accession; "
            "choose a question, and read how a small head on your vectors answers it."
        )
        with gradio.Row():
            upload = gradio.File(
                label="Files", file_count="multiple", file_types=[".parquet", ".safetensors"]
            )
            task = gradio.Dropdown(choices, value=next(iter(TASKS)), label="Question")
        button = gradio.Button("Score", variant="primary")
        table = gradio.Dataframe(headers=list(HEADER), label="Scores", interactive=False)
        bars = gradio.Plot(label="Accuracy")
        button.click(score, [upload, task], [table, bars], api_name="score", concurrency_limit=1)
    return page
