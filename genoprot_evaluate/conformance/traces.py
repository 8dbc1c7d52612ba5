"""Checks of what an encoder leaves behind: its arguments, random generators, and files of the engine."""

from __future__ import annotations

import contextlib
import io
import json
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from genoprot_datasets.files import write_parquet
from genoprot_datasets.published import MANIFEST_NAME, split_path
from genoprot_datasets.schema import SEQUENCES_CONFIG
from genoprot_evaluate.conformance.outcome import Failed
from genoprot_evaluate.conformance.subject import Subject, deviation
from genoprot_evaluate.embed import embed
from genoprot_evaluate.encoders.apply import embed_sequences
from genoprot_evaluate.encoders.base import VIEW_BREAK
from genoprot_evaluate.store import load_embeddings

__all__ = ["arguments_stay", "engine_agrees", "random_state_stays"]

_SEED = 20_260_101


def arguments_stay(subject: Subject) -> str:
    """The list that was given holds the same sequences afterwards."""
    sequences = [subject.sequence(9), subject.sequence(24).lower(), subject.sequence(17)]
    given = list(sequences)
    subject.encoder.embed(given)
    if given != sequences:
        raise Failed("the list was changed; work on a copy")
    return "unchanged"


def random_state_stays(subject: Subject) -> str:
    """The generators of Python, numpy and torch are where they were."""
    with _seeded() as states:
        before = states()
        subject.embed(subject.mixed())
        after = states()
    moved = [name for name in before if before[name] != after[name]]
    if moved:
        raise Failed(
            f"the random generator of {', '.join(moved)} was drawn from or seeded; use one of its own"
        )
    return ", ".join(before)


def engine_agrees(subject: Subject) -> str:
    """A dataset of a few records through `genoprot embed` and back."""
    sequences = subject.mixed()
    accessions = [f"P{row:05d}" for row in range(len(sequences))]
    budget = 2 * len(sequences[0])
    expected = embed_sequences(subject.encoder, sequences, accessions, budget).vectors
    with tempfile.TemporaryDirectory(prefix="genoprot-check-") as name:
        folder = Path(name)
        _write_dataset(folder / "dataset", accessions, sequences, subject.views)
        with contextlib.redirect_stdout(io.StringIO()):
            out = embed(
                subject.encoder,
                folder / "dataset",
                folder / "embeddings",
                modality=subject.view,
                batch_tokens=budget,
                progress=False,
            )
        table = load_embeddings(out)
    if table.accessions != accessions:
        raise Failed(f"{len(table)} records came back instead of {len(accessions)}")
    worst = deviation(table.vectors, expected)
    if not worst <= subject.tolerance:
        raise Failed(f"what comes back differs by {worst:.1e}; {subject.tolerance:.0e} is tolerated")
    return f"{len(accessions)} records: {worst:.1e}"


@contextlib.contextmanager
def _seeded() -> Iterator:
    """Put the process's generators into a state that nobody else would choose, and back afterwards."""
    torch = sys.modules.get("torch")
    python, legacy = random.getstate(), np.random.get_state()
    tensor = torch.get_rng_state() if torch else None
    random.seed(_SEED)
    np.random.seed(_SEED)
    if torch:
        torch.set_rng_state(torch.Generator().manual_seed(_SEED).get_state())

    def states() -> dict[str, object]:
        found: dict[str, object] = {
            "Python": random.getstate(),
            "numpy": tuple(map(str, np.random.get_state()[:1])) + (np.random.get_state()[1].tobytes(),),
        }
        if torch:
            found["torch"] = torch.get_rng_state().numpy().tobytes()
        return found

    try:
        yield states
    finally:
        random.setstate(python)
        np.random.set_state(legacy)
        if torch:
            torch.set_rng_state(tensor)


def _write_dataset(folder: Path, accessions: list[str], sequences: list[str], views: tuple[str, ...]) -> None:
    """The least that `PublishedDataset` reads."""
    columns = dict(zip(views, zip(*(sequence.split(VIEW_BREAK) for sequence in sequences)), strict=True))
    for fold, rows in (("train", slice(None, None, 2)), ("eval", slice(1, None, 2))):
        table = pa.table(
            {"accession": accessions[rows]} | {view: texts[rows] for view, texts in columns.items()}
        )
        write_parquet(table, folder / split_path(SEQUENCES_CONFIG, fold))
    manifest = {"name": "conformance", "fingerprint": "none"}
    (folder / MANIFEST_NAME).write_text(json.dumps(manifest), encoding="utf-8")
