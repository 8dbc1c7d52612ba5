"""A run from the dataset to the finished folder: who does what, in which order, and what is left behind."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from genoprot_datasets.errors import GenoProtError, os_failure
from genoprot_datasets.files import sha256_of
from genoprot_datasets.published import PublishedDataset
from genoprot_evaluate.embed.budget import Budget, calibrate, keep_budget, kept_budget, set_budget
from genoprot_evaluate.embed.options import ComputeOptions, applied
from genoprot_evaluate.embed.precision import DTYPES, MatrixRates, choose_dtype, measure_matrix_rates
from genoprot_evaluate.embed.processes import Processes, await_file
from genoprot_evaluate.embed.record import collect_shards, counts_of, material_of, measured_of, summary_of
from genoprot_evaluate.embed.sequences import SequenceIndex, SpooledSequences
from genoprot_evaluate.embed.shards import compute_shards
from genoprot_evaluate.encoders.base import Encoder, check_encoder, resolve_view
from genoprot_evaluate.encoders.joined import JoinedViews
from genoprot_evaluate.encoders.registry import load_encoder
from genoprot_evaluate.store import (
    Staging,
    commit_run,
    damaged_file,
    finished_run,
    move_aside,
    plan_shards,
    run_key,
    write_card,
)

__all__ = ["embed"]

BUDGET, SPOOL, SPOOL_DIGEST = "budget.json", "sequences.bin", "sequences.sha256"


def embed(
    encoder: str | Path | Encoder,
    dataset: str | Path | PublishedDataset,
    out: str | Path,
    *,
    weights: str | Path | None = None,
    modality: str | None = None,
    batch_tokens: int | None = None,
    device: str | None = None,
    dtype: str = "auto",
    options: ComputeOptions | None = None,
    trust_remote_code: bool = False,
    overwrite: bool = False,
    progress: bool | None = None,
    readout: Mapping[str, Any] | None = None,
) -> Path:
    """Embed every record of a dataset and write a loadable folder of embeddings.

    A run that was stopped goes on where it stopped; one that is finished is not repeated. Files depend on
    what is embedded, the encoder and the versions alone, not on the number of processes or of stops.

    Parameters
    ----------
    encoder : str, Path or Encoder
        What `load_encoder` takes by name, or any object that satisfies `Encoder`.
    dataset : str, Path or PublishedDataset
        Folder or Hub id.
    out : str or Path
        Folder of embeddings; the encoder becomes a configuration of it, others in it stay.
    weights : str or Path, optional
        Folder, safetensors file or Hub id with the weights of a built-in encoder, as of `load_encoder`.
    modality : {"dna", "protein", "both"}, optional
        What to embed, where the encoder leaves a choice; "both" joins the vectors of DNA and protein.
    batch_tokens : int, optional
        Residues, bases or tokens per batch, padding and special tokens included; when left out it is
        measured, or the encoder's own choice. A run that was stopped keeps the one it began with.
    device : str, optional
        Device in torch's notation; the best of this process when left out.
    dtype : {"auto", "float32", "bfloat16", "float16"}
        Precision of the computation; ``auto`` is bfloat16 where an encoder that is given by name has it and
        a measurement shows that the accelerator is built for it, else float32.
    options : ComputeOptions, optional
        Compilation, attention kernel, pinned transfers.
    trust_remote_code : bool
        Whether Python code in a checkpoint folder may run.
    overwrite : bool
        Replace a finished run of the same name that differs.
    progress : bool, optional
        Show a bar on the standard error stream; when left out, on a terminal only.
    readout : mapping, optional
        Layer, pooling and strands of an encoder that is given by name, as of `load_encoder`; part of the run.

    Returns
    -------
    Path
        `out`; its sub-folder named like the encoder holds the vectors.

    Raises
    ------
    GenoProtError
        If the encoder, the dataset or a sequence cannot be used, `out` holds another run of that name, the
        disk is full or the device fails. Finished shards are kept.
    """
    started = time.perf_counter()
    options = options or ComputeOptions()
    if dtype not in DTYPES:
        raise GenoProtError(f"dtype {dtype!r} is not one of {', '.join(DTYPES)}")
    if batch_tokens is not None and batch_tokens < 1:
        raise GenoProtError(f"batch of {batch_tokens} tokens: give a positive number")
    out = Path(out)
    if out.exists() and not out.is_dir():
        raise GenoProtError(f"{out}: exists and is not a folder")
    published = dataset if isinstance(dataset, PublishedDataset) else PublishedDataset.open(dataset)
    processes = Processes.here(device)
    named = isinstance(encoder, str | Path)
    if named:
        encoder = load_encoder(
            encoder,
            weights=weights,
            modality=modality,
            device=device,
            batch_tokens=batch_tokens,
            trust_remote_code=trust_remote_code,
            readout=readout,
            dtype=None if dtype == "auto" else dtype,
        )
    spec = check_encoder(encoder).spec
    view = resolve_view(spec, modality)
    if view == "both" and not isinstance(encoder, JoinedViews):
        encoder = JoinedViews(encoder, encoder, f"{spec.name}-both")
        spec = encoder.spec
    precision, rates = _set_precision(encoder, dtype, device, named=named)
    index = SequenceIndex.scan(published, view)
    material = material_of(encoder, view, index, precision, options)
    key = run_key(material)
    staging = Staging(out / f".{spec.name}.{key[:16]}.partial")
    aside = out / f".{spec.name}.damaged"
    finished = _already_there(out, spec.name, key, material, overwrite=overwrite)
    processes.wait()
    if finished:
        if processes.first:
            write_card(out, staging)
            staging.remove()
            print(f"{spec.name}: this run is already in {out}; nothing to do")
        processes.wait()
        return out

    shards = plan_shards(index.lengths)
    with _writing(out), applied(options, encoder):
        if processes.first:
            _set_finished_aside(out / spec.name, key, aside)
            _set_shards_aside(spec.name, len(shards), staging, aside)
            _spool(index, staging)
        processes.wait()
        await_file(staging.folder / SPOOL_DIGEST)
        ready = {number for number in range(len(shards)) if staging.find(number) is not None}
        with SpooledSequences(index, staging.folder / SPOOL) as sequences:
            budget = _budget(encoder, batch_tokens, index, sequences, staging, processes)
            mine = [n for n in range(processes.rank, len(shards), processes.count) if n not in ready]
            todo = {number: shards[number] for number in mine}
            compute_shards(encoder, index, sequences, todo, staging, budget.tokens, processes, progress)
        processes.wait()
        if processes.first:
            found = collect_shards(staging, len(shards))
            record = {**material, "name": spec.name, "key": key, **counts_of(index, found)}
            measured = measured_of(key, encoder, found, index, budget, rates, processes, staging, options)
            commit_run(out, spec.name, record, measured, index.accessions, shards, staging)
            write_card(out, staging)
            staging.remove()
            resumed = sum(int(index.lengths[shards[number]].sum()) for number in ready)
            print(summary_of(record, len(index), resumed, time.perf_counter() - started, out))
    processes.wait()
    return out


def _set_precision(
    encoder: Encoder, wanted: str, device: str | None, *, named: bool
) -> tuple[str, MatrixRates | None]:
    """Turn the encoder to the precision of the run."""
    supported = getattr(encoder, "dtypes", ("float32",))
    own = getattr(encoder, "dtype", None)
    if wanted == "auto" and (own is not None or not named):
        return own or "float32", None
    measure = wanted == "auto" and "bfloat16" in supported
    rates = measure_matrix_rates(device) if measure else None
    chosen = choose_dtype(wanted, supported, rates)
    if chosen != (own or "float32"):
        encoder.cast(chosen)
    return chosen, rates


def _already_there(out: Path, name: str, key: str, material: dict[str, Any], *, overwrite: bool) -> bool:
    earlier = finished_run(out / name)
    if earlier is not None and earlier["key"] == key:
        return damaged_file(out / name, earlier) is None
    if overwrite or not (out / name).exists():
        return False
    if earlier is None:
        raise GenoProtError(
            f"{out / name}: is no embedding run; choose another --out, or --overwrite replaces it"
        )
    differs = [part for part, value in material.items() if earlier.get(part) != value]
    raise GenoProtError(
        f"{out / name}: holds another run of {name} (different {', '.join(differs)}); "
        "choose another --out, or --overwrite replaces it"
    )


def _set_finished_aside(folder: Path, key: str, aside: Path) -> None:
    """Keep a finished run that was damaged later under another name."""
    earlier = finished_run(folder)
    if earlier is not None and earlier["key"] == key:
        fault = damaged_file(folder, earlier)
        kept = move_aside(folder, aside)
        print(f"{fault} again: the old files are kept in {kept}", file=sys.stderr)


def _set_shards_aside(name: str, count: int, staging: Staging, aside: Path) -> None:
    """Name the shards that an interrupted run left damaged, and keep what there is of them."""
    for number in range(count):
        fault = staging.fault(number)
        if fault is not None:
            staging.set_aside(number, aside)
            print(
                f"{name}: shard {number} is damaged and is computed again ({fault}); it is kept in {aside}",
                file=sys.stderr,
            )


def _spool(index: SequenceIndex, staging: Staging) -> None:
    """Write the sequences where every process reads them, unless an interrupted run has done so."""
    path, digest = staging.folder / SPOOL, staging.folder / SPOOL_DIGEST
    try:
        whole = sha256_of(path) == digest.read_text(encoding="ascii")
    except OSError:
        whole = False
    if not whole:
        staging.folder.mkdir(parents=True, exist_ok=True)
        digest.unlink(missing_ok=True)
        written = index.spool(path)
        staging.write_text(SPOOL_DIGEST, written)


def _budget(
    encoder: Encoder,
    asked: int | None,
    index: SequenceIndex,
    sequences: SpooledSequences,
    staging: Staging,
    processes: Processes,
) -> Budget:
    """Budget that the run began with; the first process decides it when the run begins."""
    path = staging.folder / BUDGET
    if processes.first:
        kept = kept_budget(path)
        if kept is None:
            begun = Budget(asked, "asked") if asked else calibrate(encoder, index.lengths, sequences.take)
            keep_budget(begun, path)
        elif asked and asked != kept.tokens:
            print(
                f"{encoder.spec.name}: the run goes on with the {kept.tokens:,} tokens per batch that it "
                f"began with, not {asked:,}",
                file=sys.stderr,
            )
    processes.wait()
    await_file(path)
    budget = kept_budget(path)
    if budget is None:
        raise GenoProtError(f"{path}: not there, though the first process has written it")
    set_budget(encoder, budget.tokens)
    return budget


@contextmanager
def _writing(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = os_failure(error) or " ".join(str(error).split())
        where = "" if error.filename is not None else f"{out}: "
        raise GenoProtError(f"{where}{reason}; finished shards are kept") from None
