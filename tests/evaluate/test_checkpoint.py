"""Checkpoints: what is found, what is refused, and how tensors become parameters."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
import torch
from golden_sets import write_checkpoint, write_shards

from genoprot_datasets.errors import SourceError
from genoprot_evaluate.encoders.checkpoint import Origin, open_checkpoint, same_names

WEIGHTS = {"net.0.weight": torch.arange(6.0).reshape(2, 3), "net.0.bias": torch.tensor([7.0, 8.0])}


@pytest.fixture
def folder(tmp_path):
    return write_checkpoint(tmp_path / "net", WEIGHTS, {"heads": 2, "absent": None})


def linear():
    with torch.device("meta"):
        return torch.nn.Linear(3, 2)


def test_one_file_shards_and_folder_are_the_same(folder, tmp_path):
    shards = write_shards(tmp_path / "shards", WEIGHTS)
    for place in (folder, folder / "model.safetensors", shards):
        checkpoint = open_checkpoint(place)
        model = checkpoint.fit(linear(), same_names(linear(), "net.0."))
        assert torch.equal(model.weight, WEIGHTS["net.0.weight"])
        assert torch.equal(model.bias, WEIGHTS["net.0.bias"])
        assert not model.training
        assert not model.weight.requires_grad
        assert checkpoint.prefix("other.", "net.") == "net."
        assert checkpoint.count(r"net\.(\d+)\.") == 1


def test_several_parameters_of_one_tensor_and_reversed_axes(tmp_path):
    stacked = {"both": torch.arange(12.0).reshape(4, 3), "turned": torch.arange(6.0).reshape(3, 2)}
    checkpoint = open_checkpoint(write_checkpoint(tmp_path, stacked))
    with torch.device("meta"):
        model = torch.nn.ModuleList(torch.nn.Linear(3, 2, bias=False) for _ in range(3))
    origins = {"both": Origin(("0.weight", "1.weight")), "turned": Origin(("2.weight",), reverse=True)}
    checkpoint.fit(model, origins)
    assert torch.equal(torch.cat([model[0].weight, model[1].weight]), stacked["both"])
    assert torch.equal(model[2].weight, stacked["turned"].T)


def test_parameters_have_the_data_types_of_the_model(folder):
    with torch.device("meta"):
        model = linear()
        model.weight.data = model.weight.data.to(torch.bfloat16)
    fitted = open_checkpoint(folder).fit(model, same_names(model, "net.0."))
    assert (fitted.weight.dtype, fitted.bias.dtype) == (torch.bfloat16, torch.float32)
    assert torch.equal(fitted.weight.float(), WEIGHTS["net.0.weight"])


PEAK = """
import sys, torch
from genoprot_evaluate.encoders.checkpoint import open_checkpoint, same_names

def status(field):
    line = next(line for line in open("/proc/self/status") if line.startswith(field))
    return 1024 * int(line.split()[1])

with torch.device("meta"):
    model = torch.nn.Sequential(*(torch.nn.Linear(1024, 1024, bias=False) for _ in range(32))).bfloat16()
checkpoint, before = open_checkpoint(sys.argv[1]), status("VmRSS")
checkpoint.fit(model, same_names(model))
total = sum(parameter.abs().max().item() for parameter in model.parameters())
size = sum(parameter.nbytes for parameter in model.parameters())
print(total, (status("VmHWM") - before) / size)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_no_second_copy_of_the_weights_is_in_memory(tmp_path):
    halves = {f"{n}.weight": torch.full((1024, 1024), 2.0, dtype=torch.bfloat16) for n in range(32)}
    folder = write_checkpoint(tmp_path, halves)
    output = subprocess.run(
        [sys.executable, "-c", PEAK, str(folder)], check=True, capture_output=True, text=True
    )
    total, share = map(float, output.stdout.split())
    assert total == 64.0
    assert share < 1.3


def test_the_digest_covers_weights_configuration_and_what_lies_beside(folder):
    def digest():
        return open_checkpoint(folder, beside=["tokenizer.json"]).digest

    seen = [digest()]
    assert digest() == seen[0]
    (folder / "tokenizer.json").write_text("{}", encoding="utf-8")
    seen.append(digest())
    (folder / "config.json").write_text('{"heads": 3}', encoding="utf-8")
    seen.append(digest())
    write_checkpoint(folder, WEIGHTS | {"net.0.bias": torch.zeros(2)})
    seen.append(digest())
    assert len(set(seen)) == 4


def test_keys_at_fault_are_all_listed(folder):
    checkpoint = open_checkpoint(folder)
    origins = {"net.0.weight": Origin(("bias",)), "net.1.bias": Origin(("weight",))}
    message = re.escape(
        "missing net.1.bias; unexpected net.0.bias; of another shape net.0.weight [2, 3] instead of [2]"
    )
    with pytest.raises(SourceError, match=message):
        checkpoint.fit(linear(), origins)
    allowed = {"net.0.weight": Origin(("weight",)), "net.0.bias": Origin(("bias",))}
    with pytest.raises(SourceError, match=r"unexpected net\.0\.bias"):
        checkpoint.fit(linear(), {"net.0.weight": allowed["net.0.weight"]}, re.compile(r"net\.0\.b"))
    checkpoint.fit(linear(), allowed, re.compile(r"net\.9\..*"))


def test_values_of_the_configuration(folder):
    checkpoint = open_checkpoint(folder)
    assert checkpoint.integer(["num_heads", "heads"]) == 2
    assert checkpoint.integer(["absent"], 5) == 5
    assert checkpoint.heads(["heads"], 8) == 2
    assert checkpoint.number(["heads"], 1.0) == 2.0
    with pytest.raises(SourceError, match="do not tell absent; state it in config.json"):
        checkpoint.integer(["absent"])
    with pytest.raises(SourceError, match="heads 2 does not divide the width 9"):
        checkpoint.heads(["heads"], 9)
    with pytest.raises(SourceError, match="heads is 2, not an integer of at least 3"):
        checkpoint.integer(["heads"], least=3)
    checkpoint.only({"heads": 2, "absent": True})
    with pytest.raises(SourceError, match="heads is 2, which is not read; only 1 is"):
        checkpoint.only({"heads": 1})


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: (f / "config.json").write_text("[1]"), "config.json: not a JSON object"),
        (lambda f: (f / "config.json").write_text("{"), "config.json: not JSON"),
        (lambda f: (f / "model.safetensors").write_bytes(b"\x10"), "not a whole safetensors file"),
        (
            lambda f: (f / "model.safetensors").write_bytes((f / "model.safetensors").read_bytes()[:-1]),
            "not a whole safetensors file",
        ),
        (
            lambda f: (f / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\n"),
            "is a Git LFS pointer",
        ),
        (lambda f: (f / "model.safetensors").rename(f / "weights.pth"), "is a pickle"),
        (lambda f: (f / "model.safetensors").unlink(), "no safetensors file in this folder"),
        (
            lambda f: (f / "model.safetensors").rename(f / "a.safetensors.index.json"),
            "not an index of safetensors files",
        ),
    ],
)
def test_damaged_folders(folder, damage, message):
    damage(folder)
    with pytest.raises(SourceError, match=message):
        open_checkpoint(folder)
