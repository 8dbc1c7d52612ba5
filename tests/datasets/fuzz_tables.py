"""Readers of tables, vectors and lists: small valid files, and plain scans of what such files hold."""

from __future__ import annotations

import csv
import io
import json
import math
from collections import defaultdict
from pathlib import Path

import h5py
import numpy as np
from fuzzing import Target, lines_of, rows_of

from genoprot_datasets.ner import read_iob
from genoprot_datasets.sources import (
    read_gene_effects,
    read_ligands,
    read_pathways,
    read_protein_vectors,
)
from genoprot_datasets.sources.checksums import read_checksums
from genoprot_datasets.sources.lock import LOCK_NAME, SourceLock

__all__ = ["TABLE_TARGETS"]


# Reactome, ligands

REACTOME = (
    "P00519\tR-HSA-1\thttps://reactome.org/PathwayBrowser/#/R-HSA-1\tA & B, C\tTAS\tHomo sapiens\n"
    "P00519-2\tR-HSA-2\thttps://reactome.org/PathwayBrowser/#/R-HSA-2\tβ-chain\tIEA\tHomo sapiens\n"
    "P34111\tR-SCE-1\thttps://reactome.org/PathwayBrowser/#/R-SCE-1\tA\tIEA\tSaccharomyces cerevisiae\n"
).encode()


def scan_pathways(content: bytes) -> dict[str, set[str]]:
    found = defaultdict(set)
    for row in rows_of(content, "\t"):
        if row[5] == "Homo sapiens":
            found[row[0].split("-")[0]].add(row[1])
    return found


PAIRS = b'''parent_chemblid;parent_pref_name;target_chembl_id;target_type;DTI
CHEMBL25;"ASPIRIN; buffered ""x""";CHEMBL221;SINGLE PROTEIN;D_DT
CHEMBL25;ASPIRIN;CHEMBL230;SINGLE PROTEIN;C0_DT
CHEMBL26;;CHEMBL221;PROTEIN FAMILY;DT
;NO ID;CHEMBL221;SINGLE PROTEIN;NDT
CHEMBL27;X;;SINGLE PROTEIN;NDT
'''
LIGAND_TARGETS = b"""# ChEMBL version: chembl_32
P23219\tCHEMBL221\tCyclooxygenase-1\tSINGLE PROTEIN
P35354\tCHEMBL230\tCyclooxygenase-2\tSINGLE PROTEIN
P00519\tCHEMBL230\tFusion\tPROTEIN COMPLEX
"""


def _targets(content: bytes) -> dict[str, set[str]]:
    found = defaultdict(set)
    for accession, target, _, kind in rows_of(content, "\t", "#"):
        if kind == "SINGLE PROTEIN":
            found[target].add(accession)
    return found


def _ligands(pairs: bytes, targets: bytes) -> dict[str, set[str]]:
    accessions = _targets(targets)
    found = defaultdict(set)
    header, *rows = _table(pairs, ";")
    for row in (dict(zip(reversed(header), reversed(fields))) for fields in rows):
        if row["target_type"] == "SINGLE PROTEIN" and row["parent_chemblid"]:
            for accession in accessions.get(row["target_chembl_id"], ()):
                found[accession].add(row["parent_chemblid"])
    return found


def _beside(path: Path, name: str, content: bytes) -> Path:
    other = path.with_name(name)
    other.write_bytes(content)
    return other


def read_pairs(path: Path) -> dict:
    return read_ligands(path, _beside(path, "targets.txt", LIGAND_TARGETS))


def read_targets(path: Path) -> dict:
    return read_ligands(_beside(path, "pairs.csv", PAIRS), path)


# DepMap

EFFECTS = b""",A1BG (1),"HLA-A (3105)",KRAS (3845),X (nan)
ACH-000001,-0.5,1e-3,,0
ACH-000002,-1.5,,,2
"ACH-000003",9,9,9,9
"""
MODELS = b"""ModelID,CellLineName,OncotreeLineage,OncotreePrimaryDisease
ACH-000001,"A, B",Skin,Melanoma
ACH-000002,B,Skin,Melanoma
ACH-000003,"two
lines",Lung,Melanoma
ACH-000004,D,Skin,Melanoma
"""


def _table(content: bytes, separator: str = ",") -> list[list[str]]:
    text = content.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    return [row for row in csv.reader(io.StringIO(text), delimiter=separator) if row]


def _effects(effects: bytes, models: bytes) -> dict[str, float]:
    header, *rows = _table(models)
    name, lineage, disease = (
        header.index(column) for column in ("ModelID", "OncotreeLineage", "OncotreePrimaryDisease")
    )
    wanted = {row[name] for row in rows if (row[lineage], row[disease]) == ("Skin", "Melanoma")}
    header, *rows = _table(effects)
    found = {}
    for column, title in list(enumerate(header))[1:]:
        gene = title[title.rindex("(") + 1 : -1]
        values = [float(row[column]) for row in rows if row[0] in wanted and row[column]]
        if gene.isdecimal() and values:
            found[gene] = round(math.fsum(values) / len(values), 9)
    return found


def _rounded(found: dict[str, float]) -> dict[str, float]:
    return {gene: round(effect, 9) for gene, effect in found.items()}


def read_effects(path: Path) -> dict:
    return _rounded(read_gene_effects(path, _beside(path, "Model.csv", MODELS)).means)


def read_models(path: Path) -> dict:
    return _rounded(read_gene_effects(_beside(path, "effects.csv", EFFECTS), path).means)


# The lock, checksums, the corpus

LOCK = json.dumps(
    {
        "schema_version": 1,
        "files": [
            {"file": "a.gz", "url": "https://x.org/a.gz", "sha256": "0" * 64, "bytes": 12, "etag": '"x"'},
            {"file": "b", "url": "https://x.org/b", "sha256": "1" * 64, "bytes": 0, "version": "2025_01"},
        ],
    },
    indent=2,
).encode()


def scan_lock(content: bytes) -> dict[str, tuple]:
    rows = json.loads(content.decode("utf-8"))["files"]
    return {row["file"]: (row["url"], row["sha256"], row["bytes"]) for row in rows}


def read_lock(path: Path) -> dict[str, tuple]:
    lock = SourceLock(path.parent)
    entries = [lock.get(row["file"]) for row in json.loads(path.read_text("utf-8"))["files"]]
    return {entry.file: (entry.url, entry.sha256, entry.bytes) for entry in entries}


MD5 = b"""0cc175b9c0f1b6a831c399e269772661  ./a.gff.gz
92EB5FFEE6AE2FEC3AD71C777531578F *folder/b b.fna.gz

e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\tc.faa.gz
"""


def scan_checksums(content: bytes) -> dict[str, str]:
    found = {}
    for line in content.decode("utf-8", "replace").splitlines():
        if line.split():
            digest, path = line.split(maxsplit=1)
            path = path.strip().lstrip("*").removeprefix("./")
            found.setdefault(path.split("/")[-1], set()).add((path.count("/"), digest.lower()))
    least = {name: {d for depth, d in all_ if depth == min(all_)[0]} for name, all_ in found.items()}
    return {name: min(digests) for name, digests in least.items() if len(digests) == 1}


def checksums_of(path: Path) -> dict[str, str]:
    text = path.read_text(encoding="utf-8", errors="replace")
    return {name: found.digest for name, found in read_checksums(text, path.name).files.items()}


METALINK = b"""<?xml version="1.0" encoding="UTF-8"?>
<metalink version="3.0" xmlns="http://www.metalinker.org/">
  <version>2025_01</version>
  <files>
    <file name="human.dat.gz"><size>12</size><verification>
      <hash type="md5">0cc175b9c0f1b6a831c399e269772661</hash></verification></file>
    <file name="README &amp; more"><verification>
      <hash type="sha-256">e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855</hash>
    </verification></file>
  </files>
</metalink>
"""

IOB = (
    'BRCA1\tB-Gene_or_gene_product\nin\tO\nbreast\tB-Organ\ntissue\tI-Organ\n.\tO\n\n\nβ\tO\n"\tO\n'.encode()
)


def scan_iob(content: bytes) -> list[tuple]:
    return [tuple(line.split("\t")) for line in lines_of(content)]


def tokens_of(path: Path) -> list[tuple]:
    return [pair for sentence in read_iob(path) for pair in zip(sentence.tokens, sentence.tags)]


# Vectors


def hdf5(kind: str) -> bytes:
    """A small file of vectors of one precision."""
    vectors = np.random.default_rng(0).normal(size=(6, 8)).astype(kind)
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        for name, vector in zip(("P00519", "A0A024R161", "P1", "P2", "P3", "β"), vectors):
            file.create_dataset(name, data=vector)
    return stream.getvalue()


def scan_vectors(content: bytes) -> tuple:
    with h5py.File(io.BytesIO(content), "r") as file:
        names = sorted(file)
        return names, [np.array(file[name], dtype=np.float32).tolist() for name in names]


def vectors_of(path: Path) -> tuple:
    names, vectors = read_protein_vectors(path)
    return names, vectors.tolist()


TABLE_TARGETS = (
    Target("reactome", (REACTOME,), read_pathways, scan_pathways),
    Target("ligands", (PAIRS,), read_pairs, lambda content: _ligands(content, LIGAND_TARGETS)),
    Target("ligand_targets", (LIGAND_TARGETS,), read_targets, lambda content: _ligands(PAIRS, content)),
    Target("gene_effects", (EFFECTS,), read_effects, lambda content: _effects(content, MODELS)),
    Target("models", (MODELS,), read_models, lambda content: _effects(EFFECTS, content)),
    Target("lock", (LOCK,), read_lock, scan_lock, LOCK_NAME, gzipped=False),
    Target("checksums", (MD5,), checksums_of, scan_checksums, gzipped=False),
    Target("metalink", (METALINK,), checksums_of, None, gzipped=False),
    Target("corpus", (IOB,), tokens_of, scan_iob),
    Target("vectors", (hdf5("f2"), hdf5("f4")), vectors_of, scan_vectors, "per-protein.h5", gzipped=False),
)
