"""What is written about a run: what determines it, what came out, and, apart from these, what it took."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from genoprot_datasets.errors import GenoProtError
from genoprot_evaluate.embed.budget import Budget
from genoprot_evaluate.embed.options import ComputeOptions
from genoprot_evaluate.embed.precision import MatrixRates
from genoprot_evaluate.embed.processes import Processes, await_file
from genoprot_evaluate.embed.sequences import SequenceIndex
from genoprot_evaluate.embed.shards import device_of
from genoprot_evaluate.encoders.apply import content_digest
from genoprot_evaluate.encoders.base import Encoder
from genoprot_evaluate.store import SCHEMA_VERSION, Shard, Staging

__all__ = ["collect_shards", "counts_of", "material_of", "measured_of", "summary_of"]

LIBRARIES = ("geno-prot", "numpy")
UNITS = {"dna": "bases", "protein": "residues", "both": "letters"}


def material_of(
    encoder: Encoder, view: str, index: SequenceIndex, dtype: str, options: ComputeOptions
) -> dict[str, Any]:
    """What determines the vectors of a run, on one kind of device."""
    published = index.published
    return {
        "schema_version": SCHEMA_VERSION,
        "encoder": asdict(encoder.spec),
        "weights": content_digest(encoder, view),
        "dataset": {"name": published.manifest["name"], "fingerprint": published.fingerprint},
        "view": view,
        "sequences": index.digest,
        "dtype": dtype,
        "compile": options.compile,
        "attention": options.attention,
        "versions": {name: _version(name) for name in (*LIBRARIES, *getattr(encoder, "libraries", ()))},
    }


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "not installed"


def collect_shards(staging: Staging, count: int) -> list[Shard]:
    """Records of all shards, those that other processes wrote among them.

    Raises
    ------
    GenoProtError
        If some are missing or damaged.
    """
    for number in range(count):
        await_file(staging.record_path(number), seconds=60.0)
    found = [staging.find(number) for number in range(count)]
    absent = [str(number) for number, shard in enumerate(found) if shard is None]
    if absent:
        raise GenoProtError(f"shards {', '.join(absent)} are missing; run the same command again")
    return found


def counts_of(index: SequenceIndex, shards: Sequence[Shard]) -> dict[str, Any]:
    """Counts of the sequences and of the pieces in which they were read."""
    residues = int(index.lengths.sum())
    totals = {
        key: sum(shard.counts[key] for shard in shards)
        for key in ("chunked", "pieces", "reduced", "contributed")
    }
    return {
        "residues": residues,
        "chunked": totals["chunked"],
        "pieces": totals["pieces"],
        "reduced": totals["reduced"],
        "coverage": totals["contributed"] / residues,
        "truncated": residues - totals["contributed"],
    }


def measured_of(
    key: str,
    encoder: Encoder,
    shards: Sequence[Shard],
    index: SequenceIndex,
    budget: Budget,
    rates: MatrixRates | None,
    processes: Processes,
    staging: Staging,
    options: ComputeOptions,
) -> dict[str, Any]:
    """What the run took: it differs when the run is repeated."""
    facts = [shard.measured for shard in shards]
    read, computed = (sum(fact[name] for fact in facts) for name in ("read", "computed"))
    seconds = sum(fact["seconds"] for fact in facts)
    energies = [fact["energy_joules"] for fact in facts if fact["energy_joules"] is not None]
    device = device_of(encoder)
    return {
        "key": key,
        "sequences": len(index),
        "residues": int(index.lengths.sum()),
        "tokens": read,
        "padding_share": 1.0 - read / computed,
        "batches": sum(fact["batches"] for fact in facts),
        "batch_tokens": {"tokens": budget.tokens, "origin": budget.origin, "rates": budget.rates},
        "memory_failures": sum(fact["memory_failures"] for fact in facts),
        "does_not_fit": staging.limit(),
        "process_seconds": seconds,
        "tokens_per_process_second": read / max(seconds, 1e-9),
        "processes": processes.count,
        "device": _device_name(device),
        "devices": sorted({fact["device"] for fact in facts}),
        "matrix_rates": None if rates is None else asdict(rates),
        "pin_memory": options.pin_memory,
        "host_peak_bytes": max(fact["host_peak_bytes"] for fact in facts),
        "device_peak_bytes": max((fact["device_peak_bytes"] or 0 for fact in facts), default=0) or None,
        "energy_joules": sum(energies) if energies else None,
        "energy_source": next((fact["energy_source"] for fact in facts if fact["energy_source"]), None),
        "threads": _threads(encoder),
        "platform": platform.platform(),
        "python": platform.python_version(),
    }


def _device_name(device: Any) -> str:
    if getattr(device, "type", "cpu") == "cuda":
        import torch

        return torch.cuda.get_device_name(device)
    if getattr(device, "type", "cpu") != "cpu":
        return str(device)
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _threads(encoder: Encoder) -> int | None:
    if getattr(encoder, "device", None) is None:
        return None
    import torch

    return torch.get_num_threads()


def summary_of(record: dict[str, Any], sequences: int, resumed: int, seconds: float, out: Path) -> str:
    """One line about a run that is done."""
    unit = UNITS[record["view"]]
    rate = (record["residues"] - resumed) / max(seconds, 1e-9)
    kept = f", {resumed:,} of them by an interrupted run" if resumed else ""
    reduced = (
        f"; memory sufficed for {record['reduced']:,} in smaller pieces only" if record["reduced"] else ""
    )
    return (
        f"{record['name']}: {sequences:,} sequences, {record['residues']:,} {unit}{kept}, in {seconds:.1f} s "
        f"({rate:,.0f} {unit}/s), {record['chunked']:,} read in several pieces{reduced} -> {out}"
    )
