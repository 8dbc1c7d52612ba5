"""What every encoder with weights refuses, in one line: other weights, damaged ones, unknown readouts."""

from __future__ import annotations

import shutil
from importlib import import_module

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from small_checkpoints import CHECKPOINTS

from genoprot_datasets.errors import GenoProtError, SourceError
from genoprot_evaluate.encoders import load_encoder
from genoprot_evaluate.encoders.choices import READOUT_OPTIONS
from genoprot_evaluate.encoders.registry import REGISTRY

FAMILIES = {module: name for name, (module, _) in REGISTRY.items() if module in CHECKPOINTS}
"""One encoder of each family."""

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 10\n"


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    """Folder of a small checkpoint by family; never changed."""
    folder = tmp_path_factory.mktemp("checkpoints")
    return {
        module: make(FAMILIES[module], folder / module.rpartition(".")[2])
        for module, make in CHECKPOINTS.items()
        if not (folder / module.rpartition(".")[2]).mkdir()
    }


def load(module, path):
    name = FAMILIES[module]
    family = getattr(import_module(module), REGISTRY[name][1])
    view = "protein" if family.spec.modality == "both" else None
    return load_encoder(name, weights=path, modality=view, device="cpu")


def refused(module, path, message):
    with pytest.raises(SourceError, match=message) as error:
        load(module, path)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_every_registered_encoder_has_a_small_checkpoint():
    needed = {
        module
        for module, attribute in REGISTRY.values()
        if getattr(import_module(module), attribute).spec.weights_needed
    }
    assert needed == set(CHECKPOINTS)


@pytest.mark.parametrize("module", FAMILIES)
def test_unknown_and_missing_keys_are_listed(module, checkpoints, tmp_path):
    path = shutil.copytree(checkpoints[module], tmp_path / "copy")
    (file,) = path.glob("*.safetensors")
    weights = load_file(file)
    save_file(weights | {"some.strange.weight": torch.ones(2)}, file)
    refused(module, path, "weights of another architecture: unexpected some.strange.weight$")
    needed = 0
    for key in sorted(weights):
        save_file({name: tensor for name, tensor in weights.items() if name != key}, file)
        try:
            load(module, path)
        except SourceError as error:
            # A key without which nothing else is known may be missed by another name or as a size.
            needed += key in str(error)
        if needed == 3:
            break
    assert needed == 3


@pytest.mark.parametrize("module", FAMILIES)
def test_a_checkpoint_of_another_architecture_is_refused(module, checkpoints):
    for other in ("genoprot_evaluate.encoders.esm2", "genoprot_evaluate.encoders.hyenadna"):
        if other != module:
            refused(module, checkpoints[other], "weights of another architecture|config.json|tokenizer|shape")


@pytest.mark.parametrize("module", FAMILIES)
def test_damaged_files_are_named(module, checkpoints, tmp_path):
    path = shutil.copytree(checkpoints[module], tmp_path / "copy")
    (file,) = path.glob("*.safetensors")
    whole = file.read_bytes()
    for content, message in (
        (POINTER, "is a Git LFS pointer"),
        (whole[: len(whole) // 2], "not a whole safetensors file"),
        (b"", "not a whole safetensors file"),
        (b"<html>not found</html>" * 9, "not a whole safetensors file"),
    ):
        file.write_bytes(content)
        assert file.name in refused(module, path, message)
    file.unlink()
    (path / "pytorch_model.bin").write_bytes(b"\x80\x02")
    refused(module, path, "is a pickle, which can run code")


@pytest.mark.parametrize("module", FAMILIES)
def test_every_readout_is_recorded_or_refused(module, checkpoints):
    name = FAMILIES[module]
    family = getattr(import_module(module), REGISTRY[name][1])
    view = "protein" if family.spec.modality == "both" else None
    text = {"dna": "ACGTACGTACGTACGTAA", "protein": "MKTAYIAKQRQISFVKS"}[view or family.spec.modality]
    plain = load(module, checkpoints[module])
    tried = {"layer": (0, 1, "blocks.0"), "pooling": ("mean", "max", "cls", "last"), "strands": ("both",)}
    accepted = 0
    for option in READOUT_OPTIONS:
        for value in tried[option]:
            try:
                encoder = load_encoder(
                    name, weights=checkpoints[module], modality=view, device="cpu", readout={option: value}
                )
            except GenoProtError:
                continue
            accepted += 1
            vectors, official = encoder.embed([text]), plain.embed([text])
            assert vectors.shape == (1, encoder.spec.dimension)
            assert (encoder.spec.readout == plain.spec.readout) == np.array_equal(vectors, official)
    fixed = module.rpartition(".")[2] in ("proteinfer", "spliceai")
    assert (accepted == 0) == fixed
