"""Weights by Hub id: from the cache without a network, or one line that says what is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import constants
from small_checkpoints import CHECKPOINTS

from genoprot_datasets.errors import GenoProtError
from genoprot_evaluate.encoders import load_encoder
from genoprot_evaluate.encoders.hub_weights import fetch_weights, locate_weights
from genoprot_evaluate.encoders.registry import REGISTRY

PROTEINS = ["MKTAYIAKQR", "MW"]


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def keep(cache: Path, name: str, folder: Path, revision: str = "main", commit: str = "a" * 40) -> Path:
    """Lay a folder into the cache as the Hub's client does: blobs, links to them, and the revision's name."""
    repository = cache / f"models--{name.replace('/', '--')}"
    snapshot = repository / "snapshots" / commit
    for part in (snapshot, repository / "blobs", repository / "refs"):
        part.mkdir(parents=True, exist_ok=True)
    for file in folder.iterdir():
        blob = repository / "blobs" / f"{commit[:4]}-{file.name}"
        blob.write_bytes(file.read_bytes())
        (snapshot / file.name).symlink_to(os.path.relpath(blob, snapshot))
    (repository / "refs" / revision).write_text(commit, encoding="utf-8")
    return snapshot


@pytest.fixture
def weights(tmp_path):
    (tmp_path / "made").mkdir()
    return CHECKPOINTS[REGISTRY["esmc-300m"][0]]("esmc-300m", tmp_path / "made")


def test_weights_of_a_hub_id(cache, weights, capsys):
    snapshot = keep(cache, "someone/small-esmc", weights)
    pinned = keep(cache, "someone/small-esmc", weights, "v1.0_fix", "b" * 40)
    assert locate_weights("someone/small-esmc") == snapshot
    assert locate_weights("someone/small-esmc@v1.0_fix") == pinned
    assert locate_weights("someone/small-esmc@" + "b" * 40) == pinned
    encoder = load_encoder("esmc-300m", weights="someone/small-esmc@v1.0_fix", device="cpu")
    local = load_encoder("esmc-300m", weights=weights, device="cpu")
    assert encoder.weights_digest == local.weights_digest
    assert (encoder.embed(PROTEINS) == local.embed(PROTEINS)).all()
    told = capsys.readouterr().err.splitlines()
    assert told[-1] == "weights: huggingface.co/someone/small-esmc, revision v1.0_fix"


def test_without_weights_those_of_the_encoders_repository_are_fetched(cache, weights, capsys):
    with pytest.raises(
        GenoProtError, match="weights 'biohub/ESMC-300M': .* the Hub did not give it"
    ) as caught:
        load_encoder("esmc-300m", device="cpu")
    assert "\n" not in str(caught.value)
    assert capsys.readouterr().err == "weights: huggingface.co/biohub/ESMC-300M, revision main\n"
    keep(cache, "biohub/ESMC-300M", weights)
    assert load_encoder("esmc-300m", device="cpu").embed(PROTEINS).shape[0] == len(PROTEINS)


def test_a_local_path_wins(cache, weights, tmp_path, monkeypatch):
    keep(cache, "someone/small-esmc", weights)
    monkeypatch.chdir(tmp_path)
    Path("someone/small-esmc").mkdir(parents=True)
    assert locate_weights("someone/small-esmc") == Path("someone/small-esmc")
    for absent in ("someone/net.safetensors", "./someone/other", "/someone/other", "a/b/c", "alone"):
        assert locate_weights(absent) == Path(absent)
    with pytest.raises(GenoProtError, match="absent/folder: no such file or folder of weights"):
        load_encoder("esmc-300m", weights=Path("absent/folder"), device="cpu")


def test_what_the_hub_does_not_give_is_one_line(cache, weights, tmp_path):
    keep(cache, "someone/small-esmc", weights)
    for absent in ("nobody/nothing", "someone/small-esmc@v2"):
        with pytest.raises(GenoProtError, match="no such file or folder here, and the Hub did not") as caught:
            locate_weights(absent)
        assert absent in str(caught.value)
        assert "\n" not in str(caught.value)
    (tmp_path / "pickled").mkdir()
    (tmp_path / "pickled" / "config.json").write_text("{}", encoding="utf-8")
    keep(cache, "someone/pickled", tmp_path / "pickled")
    with pytest.raises(
        GenoProtError, match="no safetensors file in huggingface.co/someone/pickled.*convert-"
    ):
        locate_weights("someone/pickled")
    with pytest.raises(GenoProtError, match="'alone': no Hub id of the form"):
        fetch_weights("alone")


def test_the_command_says_what_it_would_fetch(tmp_path):
    code = (
        "from genoprot_evaluate.conformance.command import *; import argparse; p = argparse.ArgumentParser();"
    )
    code += "add_arguments(p); run(p.parse_args(['hyena-160k']))"
    environment = os.environ | {"HF_HUB_CACHE": str(tmp_path), "HF_HUB_OFFLINE": "1"}
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert "weights: huggingface.co/LongSafari/hyenadna-medium-160k-seqlen-hf, revision main" in ended.stderr


def test_repositories_are_hub_ids():
    specs = [getattr(__import__(module, fromlist=["x"]), name).spec for module, name in REGISTRY.values()]
    with_repository = [spec for spec in specs if spec.repository]
    assert len(with_repository) > 10
    for spec in with_repository:
        assert spec.weights_needed
        assert spec.repository.partition("@")[0] in spec.source
