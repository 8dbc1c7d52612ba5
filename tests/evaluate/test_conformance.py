"""The checks of encoders: good ones pass, and each fault is found by the check made for it alone."""

from __future__ import annotations

import argparse
import random
import re
import subprocess
import sys
from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest
import torch
from faulty_encoders import (
    FAULTS,
    Honest,
    Narrow,
    Noisy,
    PaddingSensitive,
    SeedsNumpy,
    SpecialPooled,
    Strict,
    Token,
    Truncating,
)
from small_checkpoints import CHECKPOINTS

from genoprot_datasets.errors import GenoProtError
from genoprot_evaluate import conformance
from genoprot_evaluate.conformance import CHECKS, check_conformance
from genoprot_evaluate.conformance.command import add_arguments, run
from genoprot_evaluate.encoders import EncoderSpec, load_encoder
from genoprot_evaluate.encoders.base import MODALITIES
from genoprot_evaluate.encoders.registry import REGISTRY

KMER = "genoprot_evaluate.encoders.kmer"


def statuses(encoder, **options):
    outcomes = check_conformance(encoder, **options)
    assert [outcome.name for outcome in outcomes] == [check.name for check in CHECKS]
    return {outcome.name: outcome.status for outcome in outcomes}


def failures(encoder, **options):
    return {
        outcome.name: outcome.reason
        for outcome in check_conformance(encoder, **options)
        if outcome.status == "fail"
    }


def command(*arguments):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return run(parser.parse_args(list(map(str, arguments))))


@pytest.mark.parametrize("name", [name for name, (module, _) in REGISTRY.items() if module == KMER])
def test_encoders_without_weights_pass(name):
    found = statuses(load_encoder(name))
    assert "fail" not in found.values()
    assert [check for check, status in found.items() if status == "skip"] == [
        "beyond-context",
        "special-tokens",
    ]


def test_nothing_is_skipped_where_all_can_be_tried():
    assert set(statuses(Token()).values()) == {"pass"}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_each_fault_fails_its_check_alone(fault):
    assert list(failures(fault())) == [FAULTS[fault]]


class Tensors(Honest):
    """As `Honest`, in tensors that want a gradient."""

    def embed(self, sequences):
        return torch.tensor(super().embed(sequences), dtype=torch.float64, requires_grad=True)


def test_tensors_are_taken_as_arrays():
    assert "fail" not in statuses(Tensors()).values()
    reasons = {outcome.name: outcome.reason for outcome in check_conformance(Tensors())}
    assert reasons["dtype"] == "a tensor of float64, taken as float32"


class Raising(Honest):
    """Raises in a line of its own."""

    def embed(self, sequences):
        raise RuntimeError("of its own")


def test_the_line_that_raised_is_told():
    assert failures(Raising())["dimension"].startswith(f"raised RuntimeError: of its own ({__file__}, line ")


def test_every_check_is_tried_on_a_fault():
    assert set(FAULTS.values()) == {check.name for check in CHECKS}


def test_checks_say_what_they_saw():
    reasons = {}
    for fault in (Narrow, PaddingSensitive, Truncating, SpecialPooled, SeedsNumpy, Strict):
        reasons |= failures(fault())
    assert reasons["dimension"] == "shape (7, 8) instead of (7, 9)"
    assert "letters beside 64: vectors differ by" in reasons["padding"]
    assert "2e-05 is tolerated" in reasons["padding"]
    assert reasons["context"].startswith("the last 16 of 64 letters make no difference")
    assert reasons["special-tokens"].startswith("1 before and 2 behind the sequence count, but")
    assert reasons["random-state"].startswith("the random generator of numpy was")
    assert re.fullmatch(r"raised KeyError: '\*' \(.*faulty_encoders\.py, line \d+\)", reasons["foreign"])


def test_special_tokens_may_count_where_the_readout_says_so():
    encoder = SpecialPooled()
    encoder.spec = EncoderSpec(
        "first", modality="protein", dimension=8, title="First", readout="mean over tokens, <cls> included"
    )
    assert not failures(encoder)


def test_checks_that_say_nothing_are_skipped_for_a_reason():
    outcomes = {outcome.name: outcome for outcome in check_conformance(Noisy())}
    assert outcomes["order"].status == "skip"
    assert outcomes["order"].reason == "says nothing while deterministic does not pass"
    assert outcomes["one-letter"].status == "pass"


def test_the_tolerance_is_a_choice():
    class Shaky(Honest):
        def vector(self, sequence, batch):
            return super().vector(sequence, batch) * (1 + 1e-3 * (len(batch) == 1))

    assert list(failures(Shaky())) == ["batch-size"]
    assert not failures(Shaky(), tolerance=1e-2)


def test_a_context_that_is_not_reached_is_said():
    outcomes = {outcome.name: outcome for outcome in check_conformance(Honest(), longest=50)}
    assert outcomes["context"].status == "skip"
    assert outcomes["context"].reason == "50 letters are read to the end; the context of 64 is not reached"


def test_random_generators_are_put_back():
    random.seed(3)
    np.random.seed(3)
    torch.manual_seed(3)
    expected = (random.random(), np.random.random(), torch.rand(1).item())
    random.seed(3)
    np.random.seed(3)
    torch.manual_seed(3)
    check_conformance(Honest())
    assert (random.random(), np.random.random(), torch.rand(1).item()) == expected


def test_unusable_arguments():
    with pytest.raises(GenoProtError, match="no encoder"):
        check_conformance(object())
    with pytest.raises(GenoProtError, match="reads protein, not dna"):
        check_conformance(Honest(), modality="dna")
    with pytest.raises(GenoProtError, match="give positive numbers"):
        check_conformance(Honest(), longest=0)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow) if name == "spliceai" else name
        for name, (module, _) in REGISTRY.items()
        if module != KMER
    ],
)
def test_registered_encoders_pass_with_small_weights(name, tmp_path):
    module, attribute = REGISTRY[name]
    assert module in CHECKPOINTS, f"{name} is registered: give {module} a checkpoint in small_checkpoints.py"
    weights = CHECKPOINTS[module](name, tmp_path)
    modality = getattr(import_module(module), attribute).spec.modality
    for view in MODALITIES if modality == "both" else (modality,):
        encoder = load_encoder(name, weights=weights, modality=view, device="cpu")
        assert type(encoder).__name__ == ("JoinedViews" if view == "both" else attribute)
        assert not failures(encoder, modality=view, longest=600)


def test_a_checkpoint_folder_passes(tmp_path, capsys):
    from transformers import EsmConfig, EsmModel, EsmTokenizer

    letters = ["<cls>", "<pad>", "<eos>", "<unk>", *"LAGVSERTIDPKQNFYMHWCXBUZO.-", "<null_1>", "<mask>"]
    (tmp_path / "vocab.txt").write_text("\n".join(letters))
    torch.manual_seed(0)
    config = EsmConfig(
        vocab_size=33,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        position_embedding_type="rotary",
        max_position_embeddings=102,
        pad_token_id=1,
        mask_token_id=32,
        initializer_range=0.2,
    )
    EsmTokenizer(str(tmp_path / "vocab.txt")).save_pretrained(tmp_path)
    EsmModel(config, add_pooling_layer=False).save_pretrained(tmp_path)
    assert command(tmp_path, "--modality", "protein", "--device", "cpu", "--longest", 300) == 0
    out = capsys.readouterr().out
    assert "300 letters in 4 pieces" in out
    assert "1 before and 1 behind the sequence do not count" in out


@pytest.mark.parametrize("view", MODALITIES)
def test_an_encoder_of_both_is_given_what_is_asked_for(view):
    encoder = Honest()
    encoder.spec = replace(Honest.spec, modality="both")
    assert not failures(encoder, modality=view)
    with pytest.raises(GenoProtError, match="choose --modality"):
        check_conformance(encoder)


def test_unirep_passes_with_its_weights(shared):
    encoder = load_encoder("unirep-64", weights=shared / "weights" / "unirep64", device="cpu")
    assert not failures(encoder, longest=600)


@pytest.mark.slow
def test_spliceai_passes_with_its_weights(shared):
    encoder = load_encoder("spliceai", weights=shared / "weights" / "spliceai", device="cpu")
    assert not failures(encoder, longest=600)


def test_the_command_prints_a_table_and_tells_by_its_status(capsys):
    assert command("composition") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "composition: protein, 20 numbers a sequence, tolerance 2e-05"
    assert len(lines) == len(CHECKS) + 4
    assert lines[-1] == "19 passed, 0 failed, 2 skipped"
    assert command("faulty_encoders:PaddingSensitive") == 1
    out = capsys.readouterr().out
    assert "fail  padding" in out
    assert out.endswith("19 passed, 1 failed, 1 skipped\n")


def test_the_checks_load_no_torch():
    code = f"import sys, {conformance.__name__}.command; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
