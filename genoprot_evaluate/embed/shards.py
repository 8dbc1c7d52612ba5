"""Computing the shards that fall to one process, and what each of them took."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from genoprot_evaluate.embed.energy import EnergyMeter, accelerator_meter, processor_meter
from genoprot_evaluate.embed.processes import Processes
from genoprot_evaluate.embed.sequences import SequenceIndex, SpooledSequences
from genoprot_evaluate.encoders.apply import Applied, MemoryLimit, embed_sequences
from genoprot_evaluate.encoders.base import Encoder
from genoprot_evaluate.store import Staging

__all__ = ["compute_shards", "device_of"]

_KIBIBYTES = 1 if sys.platform == "darwin" else 1024


def compute_shards(
    encoder: Encoder,
    index: SequenceIndex,
    sequences: SpooledSequences,
    shards: Mapping[int, np.ndarray],
    staging: Staging,
    budget: int,
    processes: Processes,
    progress: bool | None,
) -> None:
    """Compute and store shards.

    Parameters
    ----------
    encoder : Encoder
    index : SequenceIndex
    sequences : SpooledSequences
    shards : mapping of int to ndarray
        Positions of the records of each shard by its number.
    staging : Staging
    budget : int
        Tokens of a batch.
    processes : Processes
    progress : bool, optional
        Show a bar; when left out, on a terminal only.
    """
    from tqdm import tqdm

    shown = sys.stderr.isatty() if progress is None else progress
    residues = sum(int(index.lengths[positions].sum()) for positions in shards.values())
    count, done = sum(len(positions) for positions in shards.values()), 0
    device = device_of(encoder)
    meter = _meter(device, processes)
    limit = MemoryLimit()
    with tqdm(
        total=residues, unit=" residues", unit_scale=True, disable=not shown or not shards, file=sys.stderr
    ) as bar:

        def advance(residues: int, sequences: int) -> None:
            nonlocal done
            done += sequences
            bar.set_description(f"{encoder.spec.name}: {done:,} of {count:,} sequences", refresh=False)
            bar.update(residues)

        for number, positions in shards.items():
            others = staging.limit()
            if others is not None and (limit.tokens is None or others < limit.tokens):
                limit.tokens = others
            started, failures, known = time.perf_counter(), limit.failures, limit.tokens
            texts = sequences.take(positions)
            applied = embed_sequences(encoder, texts, index.names(positions), budget, advance, limit)
            if limit.tokens != known:
                staging.note_limit(limit.tokens)
            measured = {
                "seconds": time.perf_counter() - started,
                "read": applied.read,
                "computed": applied.computed,
                "batches": applied.batches,
                "memory_failures": limit.failures - failures,
                "device": str(device),
                "host_peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KIBIBYTES,
                "device_peak_bytes": _device_peak(device),
                "energy_joules": meter.lap() if meter else None,
                "energy_source": meter.source if meter else None,
            }
            staging.write(number, applied.vectors, _counts(applied), measured)


def device_of(encoder: Encoder) -> Any:
    """Device that an encoder computes on; ``cpu`` when it does not say."""
    return getattr(encoder, "device", None) or "cpu"


def _counts(applied: Applied) -> dict[str, int]:
    return {
        "chunked": int((applied.pieces > 1).sum()),
        "pieces": int(applied.pieces.sum()),
        "reduced": int(applied.reduced.sum()),
        "contributed": int(applied.contributed.sum()),
    }


def _meter(device: Any, processes: Processes) -> EnergyMeter | None:
    if getattr(device, "type", "cpu") == "cuda":
        return accelerator_meter(device)
    # The counters are those of the whole machine: one process of a node reads them.
    return processor_meter() if processes.local_rank == 0 else None


def _device_peak(device: Any) -> int | None:
    if getattr(device, "type", "cpu") != "cuda":
        return None
    import torch

    return torch.cuda.max_memory_allocated(device)
