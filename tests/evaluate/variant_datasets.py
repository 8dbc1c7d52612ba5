"""The small published dataset with identity-matched pairs, and with two species."""

from __future__ import annotations

import itertools
import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genoprot_datasets.files import write_parquet
from genoprot_datasets.published import MANIFEST_NAME, split_path
from genoprot_datasets.schema import FOLDS, SEQUENCES, SEQUENCES_CONFIG, task_schema
from genoprot_datasets.tasks import TASKS, matched_config

__all__ = ["HUMAN", "YEAST", "matched_dataset", "two_species"]

HUMAN, YEAST = 9606, 559292


@pytest.fixture(scope="session")
def matched_dataset(tiny_dataset, tmp_path_factory):
    """The small dataset, in which the matched variant of one task has every other eval pair, turned round."""
    folder = tmp_path_factory.mktemp("matched") / "dataset"
    shutil.copytree(tiny_dataset, folder)
    table = pq.read_table(folder / split_path("ppi", "eval"))
    chosen = table.take(np.arange(0, len(table), 2)[::-1])
    labels = pa.array(1 - chosen["label"].to_numpy(), pa.int8())
    turned = chosen.set_column(chosen.column_names.index("label"), "label", labels)
    write_parquet(turned, folder / split_path(matched_config("ppi"), "eval"))
    manifest = json.loads((folder / MANIFEST_NAME).read_text())
    manifest["tasks"]["ppi"]["matched"] = {"train": {}, "eval": {}}
    (folder / MANIFEST_NAME).write_text(json.dumps(manifest))
    return folder


def _pairs(fold, by_species):
    """Pairs of one species, as many of each species, class and sample, as merging leaves them."""
    rng = np.random.default_rng(len(fold))
    rows = []
    samples = range(10) if fold == "eval" else [None]
    for sample, label, members in itertools.product(samples, (0, 1), by_species):
        for _ in range(20 if sample is None else 4):
            a, b = rng.choice(members, size=2, replace=False)
            row = {"accession_a": a, "accession_b": b, "label": label, "identity": 0.3, "challenge": False}
            rows.append(row if sample is None else row | {"sample": sample})
    return pa.Table.from_pylist(rows, schema=task_schema(TASKS["ppi"], fold))


@pytest.fixture(scope="session")
def two_species(tiny_dataset, tmp_path_factory):
    """The small dataset with every third record of yeast, and its pairs within one species."""
    folder = tmp_path_factory.mktemp("two") / "geno-prot"
    shutil.copytree(tiny_dataset, folder)
    yeast = set()
    for fold in FOLDS:
        path = folder / split_path(SEQUENCES_CONFIG, fold)
        table = pq.read_table(path)
        names = table["accession"].to_pylist()
        taxa = [YEAST if int(name[1:]) % 3 == 0 else HUMAN for name in names]
        column = table.column_names.index("species")
        write_parquet(table.set_column(column, SEQUENCES.field("species"), pa.array(taxa)), path)
        by_species = [[n for n, taxon in zip(names, taxa) if taxon == one] for one in (HUMAN, YEAST)]
        yeast |= set(by_species[1])
        write_parquet(_pairs(fold, by_species), folder / split_path("ppi", fold))
    return folder, yeast
