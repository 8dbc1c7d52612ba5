"""A small published dataset that every test of the evaluation package can read."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hub_fixtures import built_dataset, hub, online, small_sources  # noqa: F401
from llm_fixtures import llm, server  # noqa: F401
from variant_datasets import matched_dataset, two_species  # noqa: F401

from genoprot_datasets.files import sha256_of, write_parquet
from genoprot_datasets.published import MANIFEST_NAME, split_path
from genoprot_datasets.schema import FOLDS, SEQUENCES, SEQUENCES_CONFIG, task_schema
from genoprot_datasets.seeding import generator
from genoprot_datasets.tasks import EVAL_SAMPLES, TASKS, TaskSpec

# Only in the process that `test_device_apart.py` starts is there the device that these need.
collect_ignore = [] if "GENOPROT_DEVICE_APART" in os.environ else ["apart_checks.py"]

GENES = 40
EVAL_SHARE = 0.35
PER_CLASS = {(1, "train"): 12, (1, "eval"): 5, (2, "train"): 60, (2, "eval"): 10}

RESIDUES = "ACDEFGHIKLMNPQRSTVWY"
CODONS = "GCCTGCGACGAGTTCGGCCACATCAAGCTGATGAACCCCCAGCGGAGCACCGTGTGGTAC"
CODON_OF = {residue: CODONS[3 * i : 3 * i + 3] for i, residue in enumerate(RESIDUES)}


def _records(genes: int, seed: int) -> pa.Table:
    rng = generator(seed, "tiny", "records")
    eval_rows = set(rng.permutation(genes)[: round(genes * EVAL_SHARE)].tolist())
    rows = []
    for number in range(genes):
        residues = int(rng.integers(20, 160))
        protein = "M" + "".join(rng.choice(list(RESIDUES), size=residues - 1))
        coding = "".join(CODON_OF[residue] for residue in protein) + "TAA"
        cut = int(rng.integers(3, len(coding) - 3))
        intron = "GT" + "".join(rng.choice(list("ACGT"), size=int(rng.integers(50, 900)))) + "AG"
        dna = coding[:cut] + intron + coding[cut:]
        start = 1000 + 5000 * number
        rows.append(
            {
                "accession": f"Q{number:05d}",
                "gene": f"TINY{number}",
                "gene_id": str(100 + number),
                "transcript": f"NM_{number:06d}.1",
                "protein_accession": f"NP_{number:06d}.1",
                "chromosome": str(1 + number % 3),
                "start": start,
                "end": start + len(dna) - 1,
                "strand": "+-"[number % 2],
                "dna": dna,
                "protein": protein,
                "dna_length": len(dna),
                "protein_length": len(protein),
                "coding_fraction": len(coding) / len(dna),
                "go_terms": [f"GO:{int(term):07d}" for term in sorted(rng.choice(50, size=3, replace=False))],
                "fold": "eval" if number in eval_rows else "train",
                "species": 9606,
            }
        )
    return pa.Table.from_pylist(rows, schema=SEQUENCES)


def _examples(task: TaskSpec, split: str, accessions: list[str], seed: int) -> pa.Table:
    """Balanced examples whose labels are drawn independently of the sequences."""
    rng = generator(seed, "tiny", task.name, split)
    universe = list(itertools.combinations(accessions, task.arity))
    labels = rng.permutation(np.arange(len(universe)) % 2)
    identities = rng.uniform(0.05, 0.95, size=len(universe))
    size = PER_CLASS[task.arity, split]
    rows = []
    for sample in range(EVAL_SAMPLES if split == "eval" else 1):
        for label in (0, 1):
            for choice in rng.choice(np.flatnonzero(labels == label), size=size, replace=False):
                row = dict(zip(task.members, universe[choice])) | {"label": label}
                if split == "eval":
                    row["sample"] = sample
                if task.arity == 2:
                    row["identity"] = identities[choice]
                    row["challenge"] = bool((identities[choice] < 0.3) == (label == 1))
                rows.append(row)
    return pa.Table.from_pylist(rows, schema=task_schema(task, split))


def write_tiny_dataset(folder: Path, genes: int = GENES, seed: int = 0) -> Path:
    """Write a published folder of made-up genes with every configuration; one seed, one set of bytes."""
    records = _records(genes, seed)
    sizes = {fold: pc.sum(pc.equal(records["fold"], fold)).as_py() for fold in FOLDS}
    tables = {}
    for fold in FOLDS:
        chosen = records.filter(pc.equal(records["fold"], fold))
        tables[split_path(SEQUENCES_CONFIG, fold)] = chosen
        for task in TASKS.values():
            accessions = chosen["accession"].to_pylist()
            tables[split_path(task.name, fold)] = _examples(task, fold, accessions, seed)
    files = {}
    for path in sorted(tables):
        write_parquet(tables[path], folder / path)
        size = (folder / path).stat().st_size
        files[path] = {"sha256": sha256_of(folder / path), "rows": tables[path].num_rows, "bytes": size}
    lines = "\n".join(f"{path} {entry['sha256']}" for path, entry in files.items())
    manifest = {
        "schema_version": 1,
        "name": "tiny/geno-prot",
        "code_version": "0",
        "species": {"name": "human", "taxon": 9606},
        "seed": seed,
        "options": {},
        "sources": [],
        "records": {"genes": genes, "kept": genes, "dropped": {}, "notes": {}},
        "folds": sizes,
        "recogniser": "none",
        "tasks": {
            task.name: {
                "annotated": sizes,
                "train": {"per_class": PER_CLASS[task.arity, "train"]},
                "eval": {"per_class": PER_CLASS[task.arity, "eval"], "samples": EVAL_SAMPLES},
                "challenge": {"identity_threshold": 0.3},
            }
            for task in TASKS.values()
        },
        "left_out": {},
        "files": files,
        "fingerprint": hashlib.sha256(lines.encode()).hexdigest(),
    }
    (folder / MANIFEST_NAME).write_text(
        json.dumps(manifest, indent=2, sort_keys=True) + "\n", encoding="utf-8"
    )
    return folder


@pytest.fixture(scope="session")
def tiny_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Published folder of 40 made-up genes with all ten configurations, labels drawn at random.

    Shared by the whole session: read it, never write to it.
    """
    return write_tiny_dataset(tmp_path_factory.mktemp("tiny") / "llnl" / "geno-prot")


@pytest.fixture(scope="session")
def sharded_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The like of `tiny_dataset` with 600 genes, which an embedding run divides into three shards."""
    return write_tiny_dataset(tmp_path_factory.mktemp("sharded") / "llnl" / "geno-prot", genes=600)
