"""Embedding runs: what is written, resumed, refused, and left behind."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from counting_encoder import Counter, files_of
from safetensors.torch import save_file
from small_checkpoints import CHECKPOINTS

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.published import PublishedDataset
from genoprot_evaluate import cli
from genoprot_evaluate.embed import embed
from genoprot_evaluate.embed.options import ComputeOptions
from genoprot_evaluate.encoders import load_encoder
from genoprot_evaluate.encoders.registry import REGISTRY
from genoprot_evaluate.store import load_embeddings

# Vectors that no compression makes smaller, under a limit of the size of files.
WIDE_RUN = """
import resource, sys, zlib
import numpy as np
from genoprot_evaluate.embed import embed
from genoprot_evaluate.encoders import EncoderSpec

class Wide:
    spec = EncoderSpec("wide", modality="protein", dimension=400)
    weights_digest = "none"

    def embed(self, sequences):
        print("called")
        rngs = [np.random.default_rng(zlib.crc32(s.encode())) for s in sequences]
        return np.array([rng.standard_normal(400, dtype=np.float32) for rng in rngs])

resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), int(sys.argv[3])))
embed(Wide(), sys.argv[1], sys.argv[2])
"""


def test_every_record_is_embedded_and_sorted(tiny_dataset, tmp_path):
    out = embed("kmer-4", tiny_dataset, tmp_path / "kmer-4")
    table = load_embeddings(out)
    records = PublishedDataset.open(tiny_dataset).sequences(["accession", "dna"])
    assert table.accessions == records["accession"].to_pylist()
    assert np.array_equal(table.vectors, load_encoder("kmer-4").embed(records["dna"].to_pylist()))
    assert table.run["view"] == "dna"
    assert table.run["dataset"]["name"] == "tiny/geno-prot"
    assert table.run["residues"] == sum(map(len, records["dna"].to_pylist()))
    assert "seconds" not in json.dumps(table.run)


def test_the_folder_loads_with_datasets(tiny_dataset, tmp_path):
    import datasets

    out = embed("composition", tiny_dataset, tmp_path / "composition")
    loaded = datasets.load_dataset(str(out), cache_dir=str(tmp_path / "cache"))
    assert loaded["train"].num_rows == 40
    assert np.array_equal(load_embeddings(loaded).vectors, load_embeddings(out).vectors)


def test_the_same_run_twice_gives_the_same_bytes(tiny_dataset, tmp_path):
    for name in ("a", "b"):
        embed("composition", tiny_dataset, tmp_path / name)
    moved = shutil.copytree(tiny_dataset, tmp_path / "elsewhere")
    embed("composition", moved, tmp_path / "c")
    assert files_of(tmp_path / "a") == files_of(tmp_path / "b") == files_of(tmp_path / "c")


def test_a_finished_run_is_not_repeated_and_another_one_is_not_replaced(tiny_dataset, tmp_path, capsys):
    out = tmp_path / "out"
    encoder = Counter()
    embed(encoder, tiny_dataset, out)
    calls, before = encoder.calls, files_of(out)
    assert "40 sequences" in capsys.readouterr().out
    embed(encoder, tiny_dataset, out)
    assert encoder.calls == calls
    assert files_of(out) == before
    assert "nothing to do" in capsys.readouterr().out

    other = Counter()
    other.weights_digest = "other weights"
    with pytest.raises(GenoProtError, match=r"another run of counter \(different weights\).*--overwrite"):
        embed(other, tiny_dataset, out)
    assert files_of(out) == before
    embed(other, tiny_dataset, out, overwrite=True)
    assert load_embeddings(out).run["weights"] == "other weights"


def test_a_finished_run_that_was_damaged_later_is_repeated(tiny_dataset, tmp_path, capsys):
    embed("composition", tiny_dataset, tmp_path)
    before = files_of(tmp_path)
    (path,) = tmp_path.glob("composition/*.parquet")
    path.write_bytes(path.read_bytes()[:-9])
    embed("composition", tiny_dataset, tmp_path)
    assert files_of(tmp_path) == before
    assert "damaged: its checksum" in capsys.readouterr().err
    (kept,) = tmp_path.glob(".composition.damaged/composition/*.parquet")
    assert len(kept.read_bytes()) == path.stat().st_size - 9


def test_other_configurations_in_the_folder_stay(tiny_dataset, tmp_path):
    embed("kmer-4", tiny_dataset, tmp_path)
    before = files_of(tmp_path / "kmer-4")
    embed("composition", tiny_dataset, tmp_path)
    assert files_of(tmp_path / "kmer-4") == before
    card = (tmp_path / "README.md").read_text()
    assert "config_name: kmer-4" in card
    assert "config_name: composition" in card


def test_sequences_beyond_the_context_are_averaged_and_counted(tiny_dataset, tmp_path):
    table = load_embeddings(embed(Counter(), tiny_dataset, tmp_path))
    proteins = PublishedDataset.open(tiny_dataset).sequences(["protein"])["protein"].to_pylist()
    longer = [len(protein) > 50 for protein in proteins]
    assert table.run["chunked"] == sum(longer) > 0
    assert table.run["pieces"] > len(proteins)
    assert table.run["truncated"] == 0
    lengths = table.vectors[:, 0]
    assert all(lengths[row] == len(proteins[row]) for row in range(40) if not longer[row])
    assert lengths.max() <= 50


def test_the_command_embeds_and_says_so(tiny_dataset, tmp_path, capsys):
    out = tmp_path / "composition"
    arguments = ["embed", "--encoder", "composition", "--dataset", str(tiny_dataset), "--out", str(out)]
    assert cli.main(arguments) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("composition: 40 sequences, 3,519 residues, in ")
    assert len(captured.out.splitlines()) == 1
    assert captured.err == ""


def test_progress_shows_rate_and_time_left_when_asked(tiny_dataset, tmp_path, capsys):
    embed("kmer-4", tiny_dataset, tmp_path, progress=True)
    bar = capsys.readouterr().err
    assert "40 of 40 sequences" in bar
    assert "residues/s" in bar


def test_an_attention_kernel_is_part_of_the_run(tiny_dataset, tmp_path):
    weights = CHECKPOINTS[REGISTRY["esm2-8m"][0]]("esm2-8m", tmp_path)
    tables = {}
    for kernel in ("auto", "math"):
        options = ComputeOptions(attention=kernel)
        out = embed("esm2-8m", tiny_dataset, tmp_path / kernel, weights=weights, options=options)
        tables[kernel] = load_embeddings(out)
    np.testing.assert_allclose(tables["auto"].vectors, tables["math"].vectors, atol=2e-5)
    assert tables["auto"].run["key"] != tables["math"].run["key"]
    assert tables["math"].run["attention"] == "math"
    with pytest.raises(GenoProtError, match="attention 'fast' is not one of auto, flash"):
        ComputeOptions(attention="fast")
    with pytest.raises(GenoProtError, match="composition has no model to compile"):
        embed("composition", tiny_dataset, tmp_path / "none", options=ComputeOptions(compile=True))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"encoder": "esm-9"}, "encoder 'esm-9': unknown"),
        ({"encoder": "unirep-64"}, "needs --weights"),
        ({"modality": "dna"}, "composition reads protein, not dna"),
        ({"dataset": "no-such-folder"}, "no such folder"),
        ({"dtype": "float8"}, "dtype 'float8' is not one of auto, float32, bfloat16, float16"),
        ({"dtype": "bfloat16"}, "dtype bfloat16: the encoder computes in float32 only"),
        ({"batch_tokens": 0}, "batch of 0 tokens"),
    ],
)
def test_unusable_arguments_leave_nothing(tiny_dataset, tmp_path, changes, message):
    given = {"encoder": "composition", "dataset": tiny_dataset, "out": tmp_path / "out", **changes}
    with pytest.raises(GenoProtError, match=message):
        embed(**given)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\noid"), "Git LFS pointer"),
        (lambda path: path.write_bytes(path.read_bytes()[:-100]), "not a whole safetensors file"),
        (lambda path: save_file({"a": torch.zeros(2)}, path), "weights of another architecture: missing"),
        (lambda path: path.unlink(), "no safetensors file"),
    ],
)
def test_unusable_weights_are_one_line_and_leave_nothing(tiny_dataset, tmp_path, capsys, damage, message):
    weights = CHECKPOINTS[REGISTRY["esm2-8m"][0]]("esm2-8m", tmp_path)
    damage(weights / "model.safetensors")
    arguments = ["--encoder", "esm2-8m", "--weights", str(weights), "--dataset", str(tiny_dataset)]
    assert cli.main(["embed", *arguments, "--out", str(tmp_path / "out")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert not (tmp_path / "out").exists()


def test_what_stands_in_the_way_is_named(tiny_dataset, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(GenoProtError, match="file: exists and is not a folder"):
        embed("composition", tiny_dataset, tmp_path / "file")
    (tmp_path / "out" / "composition").mkdir(parents=True)
    with pytest.raises(GenoProtError, match="composition: is no embedding run"):
        embed("composition", tiny_dataset, tmp_path / "out")


def test_a_full_disk_is_one_line_and_finished_shards_are_kept(sharded_dataset, tmp_path):
    script = tmp_path / "wide.py"
    script.write_text(WIDE_RUN)

    def start(limit):
        command = [sys.executable, str(script), str(sharded_dataset), str(tmp_path / "out"), str(limit)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    # Shards of 256 x 400 vectors fit, the final file does not.
    refused = start(450_000)
    assert refused.returncode == 1
    assert refused.stderr.splitlines()[-1].endswith("File too large; finished shards are kept")
    assert refused.stdout.count("called") > 0
    assert not (tmp_path / "out" / "wide").exists()
    completed = start(1 << 40)
    assert completed.returncode == 0, completed.stderr
    assert "called" not in completed.stdout
    assert len(load_embeddings(tmp_path / "out")) == 600
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["README.md", "wide"]


def test_a_vector_of_nan_names_its_record(tiny_dataset, tmp_path):
    encoder = Counter()
    encoder.embed = lambda sequences: np.full((len(sequences), 2), np.nan)
    with pytest.raises(GenoProtError, match=r"encoder counter gave NaN or infinity for Q\d{5}"):
        embed(encoder, tiny_dataset, tmp_path / "out")
    assert not (tmp_path / "out" / "counter").exists()
