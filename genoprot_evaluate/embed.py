"""Embedding of every sequence of a dataset with one encoder, in one process or several.

Started by ``genoprot embed`` or ``accelerate launch -m genoprot_evaluate.embed``, with the same arguments.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.published import PublishedDataset
from genoprot_evaluate.encoders.apply import content_digest, embed_sequences
from genoprot_evaluate.encoders.base import MODALITIES, VIEW_BREAK, Encoder, check_encoder, resolve_view
from genoprot_evaluate.encoders.choices import add_readout_arguments, chosen_readout
from genoprot_evaluate.encoders.joined import JoinedViews
from genoprot_evaluate.encoders.registry import encoder_names, load_encoder
from genoprot_evaluate.store import (
    SCHEMA_VERSION,
    Staging,
    commit_run,
    damaged_file,
    finished_run,
    plan_shards,
    run_key,
    write_card,
)

__all__ = ["add_arguments", "embed", "main", "run"]

BATCH_TOKENS = 1 << 16
DTYPES = ("auto", "float32")
LIBRARIES = ("geno-prot", "numpy")


@dataclass(frozen=True)
class _Processes:
    """This process among those that were launched together."""

    rank: int = 0
    count: int = 1
    wait: Callable[[], None] = lambda: None

    @classmethod
    def here(cls, device: str | None) -> _Processes:
        count = int(os.environ.get("WORLD_SIZE", "1"))
        if count == 1:
            return cls()
        import torch
        from accelerate import PartialState

        accelerator = torch.accelerator.current_accelerator()
        processors = device == "cpu" or accelerator is None or accelerator.type == "mps"
        # Processes wait for the slowest one at the end, which may be hours away.
        state = PartialState(cpu=processors, timeout=timedelta(days=7))
        if state.num_processes != count:
            raise GenoProtError(f"{count} processes were launched, but they do not find one another")
        return cls(state.process_index, count, state.wait_for_everyone)


@dataclass(frozen=True)
class _Records:
    """What is embedded: records sorted by accession."""

    accessions: list[str]
    sequences: pa.ChunkedArray
    lengths: np.ndarray
    digest: str

    def take(self, positions: np.ndarray) -> list[str]:
        return self.sequences.take(pa.array(positions)).to_pylist()


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
        Residues, bases or tokens per batch, padding included; the encoder's own choice when left out.
    device : str, optional
        Device in torch's notation; the best of this process when left out.
    dtype : {"auto", "float32"}
        Precision of the computation; ``auto`` is float32.
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
        If the encoder, the dataset or a sequence cannot be used, or `out` holds another run of that name.
    """
    started = time.perf_counter()
    if dtype not in DTYPES:
        raise GenoProtError(f"dtype {dtype!r} is not one of {', '.join(DTYPES)}")
    if batch_tokens is not None and batch_tokens < 1:
        raise GenoProtError(f"batch of {batch_tokens} tokens: give a positive number")
    out = Path(out)
    if out.exists() and not out.is_dir():
        raise GenoProtError(f"{out}: exists and is not a folder")
    published = dataset if isinstance(dataset, PublishedDataset) else PublishedDataset.open(dataset)
    processes = _Processes.here(device)
    if isinstance(encoder, str | Path):
        encoder = load_encoder(
            encoder,
            weights=weights,
            modality=modality,
            device=device,
            batch_tokens=batch_tokens,
            trust_remote_code=trust_remote_code,
            readout=readout,
        )
    spec = check_encoder(encoder).spec
    view = resolve_view(spec, modality)
    if view == "both" and not isinstance(encoder, JoinedViews):
        encoder = JoinedViews(encoder, encoder, f"{spec.name}-both")
        spec = encoder.spec
    records = _read_records(published, view)
    material = _material(encoder, view, published, records)
    key = run_key(material)
    if _already_there(out, spec.name, key, material, overwrite=overwrite):
        if processes.rank == 0:
            write_card(out)
            print(f"{spec.name}: this run is already in {out}; nothing to do")
        processes.wait()
        return out

    staging = Staging(out / f".{spec.name}.{key[:16]}.partial")
    shards = plan_shards(records.lengths)
    with _writing(out):
        ready = _ready_shards(spec.name, len(shards), staging, processes)
        processes.wait()
        todo = [index for index in range(processes.rank, len(shards), processes.count) if index not in ready]
        budget = batch_tokens or getattr(encoder, "batch_tokens", BATCH_TOKENS)
        _compute(encoder, records, {index: shards[index] for index in todo}, staging, budget, progress)
        processes.wait()
        if processes.rank == 0:
            record = {**material, "name": spec.name, "key": key, **_counts(records, staging, len(shards))}
            commit_run(out, spec.name, record, records.accessions, shards, staging)
            resumed = sum(int(records.lengths[shards[index]].sum()) for index in ready)
            print(_summary(record, len(records.accessions), resumed, time.perf_counter() - started, out))
    processes.wait()
    return out


def _read_records(published: PublishedDataset, view: str) -> _Records:
    columns = ["dna", "protein"] if view == "both" else [view]
    table = published.sequences(["accession", *columns])
    texts = pc.binary_join_element_wise(*(table[column] for column in columns), VIEW_BREAK)
    accessions = table["accession"].to_pylist()
    digest = hashlib.sha256()
    lengths = np.empty(len(accessions), dtype=np.int64)
    for row, sequence in enumerate(texts):
        content = sequence.as_buffer()
        lengths[row] = content.size
        digest.update(f"{accessions[row]}\t{content.size}\n".encode())
        digest.update(content)
    if not accessions:
        raise GenoProtError(f"dataset {published.name!r} has no records")
    if lengths.min() == 0:
        raise GenoProtError(
            f"dataset {published.name!r}, record {accessions[int(lengths.argmin())]}: no {view} sequence"
        )
    return _Records(accessions, texts, lengths, digest.hexdigest())


def _material(encoder: Encoder, view: str, published: PublishedDataset, records: _Records) -> dict[str, Any]:
    """What determines the vectors of a run."""
    return {
        "schema_version": SCHEMA_VERSION,
        "encoder": asdict(encoder.spec),
        "weights": content_digest(encoder, view),
        "dataset": {"name": published.manifest["name"], "fingerprint": published.fingerprint},
        "view": view,
        "sequences": records.digest,
        "dtype": "float32",
        "versions": {name: _version(name) for name in (*LIBRARIES, *getattr(encoder, "libraries", ()))},
    }


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "not installed"


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


def _ready_shards(name: str, count: int, staging: Staging, processes: _Processes) -> set[int]:
    """Shards that an interrupted run left whole."""
    ready = {index for index in range(count) if staging.find(index) is not None}
    if processes.rank == 0:
        for index in range(count):
            if index not in ready and staging.exists(index):
                print(f"{name}: shard {index} is damaged and is computed again", file=sys.stderr)
    return ready


def _compute(
    encoder: Encoder,
    records: _Records,
    shards: dict[int, np.ndarray],
    staging: Staging,
    budget: int,
    progress: bool | None,
) -> None:
    """Compute and store shards."""
    from tqdm import tqdm

    shown = sys.stderr.isatty() if progress is None else progress
    residues = sum(int(records.lengths[positions].sum()) for positions in shards.values())
    count, done = sum(len(positions) for positions in shards.values()), 0
    with tqdm(
        total=residues, unit=" residues", unit_scale=True, disable=not shown or not shards, file=sys.stderr
    ) as bar:

        def advance(residues: int, sequences: int) -> None:
            nonlocal done
            done += sequences
            bar.set_description(f"{encoder.spec.name}: {done:,} of {count:,} sequences", refresh=False)
            bar.update(residues)

        for index, positions in shards.items():
            names = [records.accessions[position] for position in positions]
            applied = embed_sequences(encoder, records.take(positions), names, budget, advance)
            pieces = applied.pieces
            staging.write(index, applied.vectors, chunked=int((pieces > 1).sum()), pieces=int(pieces.sum()))


def _counts(records: _Records, staging: Staging, count: int) -> dict[str, int]:
    found = [staging.find(index) for index in range(count)]
    absent = [str(index) for index, shard in enumerate(found) if shard is None]
    if absent:
        raise GenoProtError(f"shards {', '.join(absent)} are missing; run the same command again")
    return {
        "residues": int(records.lengths.sum()),
        "chunked": sum(shard.chunked for shard in found),
        "pieces": sum(shard.pieces for shard in found),
        "truncated": 0,
    }


def _summary(record: dict[str, Any], sequences: int, resumed: int, seconds: float, out: Path) -> str:
    unit = {"dna": "bases", "protein": "residues", "both": "letters"}[record["view"]]
    rate = (record["residues"] - resumed) / max(seconds, 1e-9)
    kept = f", {resumed:,} of them by an interrupted run" if resumed else ""
    return (
        f"{record['name']}: {sequences:,} sequences, {record['residues']:,} {unit}{kept}, in {seconds:.1f} s "
        f"({rate:,.0f} {unit}/s), {record['chunked']:,} read in several pieces -> {out}"
    )


@contextmanager
def _writing(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise GenoProtError(f"{out}: {error.strerror or error}; finished shards are kept") from None


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
        "--batch-tokens", type=int, metavar="N", help="residues per batch; default: the encoder's choice"
    )
    parser.add_argument("--device", metavar="DEVICE", help="cpu, cuda:0, ...; default: the best there is")
    parser.add_argument("--dtype", choices=DTYPES, default="auto", help="default: auto, which is float32")
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
        trust_remote_code=args.trust_remote_code,
        overwrite=args.overwrite,
        readout=chosen_readout(args),
    )
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run as ``python -m genoprot_evaluate.embed``; returns the exit status."""
    parser = argparse.ArgumentParser(prog="genoprot_evaluate.embed", description="Embed every sequence.")
    add_arguments(parser)
    args = parser.parse_args(argv)
    try:
        return run(args)
    except GenoProtError as error:
        print(f"genoprot: error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
