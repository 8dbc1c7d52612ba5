"""Model cards: fresh in the repository, readable by the Hub, true to the registry."""

from __future__ import annotations

import argparse
import re
import shlex
from importlib import import_module
from pathlib import Path

import pyarrow as pa
import pytest
from huggingface_hub import ModelCard
from report_records import HOSTILE, make_record

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.tasks import TASKS
from genoprot_evaluate.conformance import command as check_encoder
from genoprot_evaluate.embed import add_arguments as embed_arguments
from genoprot_evaluate.encoders.registry import REGISTRY
from genoprot_evaluate.model_cards import (
    TEMPLATE_NAME,
    add_arguments,
    card_faults,
    render_cards,
    run,
    write_cards,
)
from genoprot_evaluate.results import PREDICTIONS, write_record

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def cards():
    return render_cards()


@pytest.fixture
def folder(cards, tmp_path):
    write_cards(tmp_path / "cards", cards)
    return tmp_path / "cards"


def command(*arguments):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return run(parser.parse_args(list(map(str, arguments))))


def spec_of(name):
    module, attribute = REGISTRY[name]
    return getattr(import_module(module), attribute).spec


def test_the_cards_of_the_repository_are_fresh(cards):
    assert card_faults(REPOSITORY / "model_cards", cards) == []


@pytest.mark.parametrize("name", REGISTRY)
def test_a_card_states_the_facts_of_its_encoder(cards, name):
    spec, text = spec_of(name), cards[f"{name}.md"]
    assert f"\n# {name}\n" in text
    for fact in (spec.title, spec.readout, spec.licence, spec.citation, f"{spec.dimension:,}"):
        assert fact in text
    assert (f"{spec.context:,}" if spec.context else "any length") in text
    assert "$" not in text
    assert "\n\n\n" not in text
    assert ("forbids commercial use" in text) == ("-NC" in spec.licence)


@pytest.mark.parametrize("name", REGISTRY)
def test_the_front_matter_is_what_the_hub_reads(cards, name):
    data = ModelCard(cards[f"{name}.md"]).data
    assert data.library_name == "geno-prot"
    assert data.pipeline_tag == "feature-extraction"
    assert {"biology", "geno-prot"} <= set(data.tags)
    fields = {"dna": {"genomics"}, "protein": {"proteomics"}, "both": {"genomics", "proteomics"}}
    assert fields[spec_of(name).modality] == {"genomics", "proteomics"} & set(data.tags)
    assert re.fullmatch(r"[a-z0-9.-]+", data.license)
    assert (data.license == "other") == bool(data.license_name)
    assert (data.base_model is not None) == ("huggingface.co" in spec_of(name).source)
    if data.base_model:
        assert data.base_model in spec_of(name).source
        assert f"https://huggingface.co/{data.base_model})" in cards[f"{name}.md"]


@pytest.mark.parametrize("name", ["kmer-4", "unirep-64"])
def test_the_commands_of_a_card_are_understood(cards, name):
    lines = [shlex.split(line) for line in cards[f"{name}.md"].splitlines() if line.startswith("genoprot ")]
    parsers = {"check-encoder": check_encoder.add_arguments, "embed": embed_arguments}
    for program, subcommand, *arguments in lines[:2]:
        parser = argparse.ArgumentParser(program)
        parsers[subcommand](parser)
        args = parser.parse_args(arguments)
        assert args.encoder == name
        assert (args.weights is not None) == spec_of(name).weights_needed


def test_two_times_the_same_cards(cards):
    assert render_cards() == cards


def test_a_card_that_is_stale_missing_or_of_no_encoder_is_named(folder, cards, capsys):
    assert command("--out", folder, "--check") == 0
    assert capsys.readouterr().out == f"{len(REGISTRY)} cards in {folder}, all fresh\n"
    (folder / "kmer-4.md").write_text(cards["kmer-4.md"] + "more\n")
    (folder / "unirep-64.md").unlink()
    (folder / "gone.md").write_text("")
    (folder / TEMPLATE_NAME).write_text("")
    assert command("--out", folder, "--check") == 1
    faults = [
        f"{folder}/kmer-4.md: stale",
        f"{folder}/unirep-64.md: missing",
        f"{folder}/gone.md: of no encoder",
    ]
    assert capsys.readouterr().out.splitlines() == [
        *faults,
        f"{len(REGISTRY)} cards in {folder}, run `genoprot cards`",
    ]
    assert not (folder / "unirep-64.md").exists()
    assert command("--out", folder) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{len(REGISTRY)} cards in {folder}, 2 of them written anew",
        faults[2],
    ]


def test_a_file_in_the_way_is_named(cards, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(GenoProtError, match="file: exists and is not a folder"):
        write_cards(tmp_path / "file", cards)


def test_scores_stand_on_the_card_of_the_encoder_that_has_them(folder, cards, tmp_path):
    write_record(make_record(), pa.table([[]] * len(PREDICTIONS), schema=PREDICTIONS), tmp_path / "results")
    assert command("--out", folder, "--results", tmp_path / "results") == 0
    text = (folder / "kmer-4.md").read_text(encoding="utf-8")
    assert "## Scores of kmer-4" in text
    score = make_record().scores["ppi"]["kmer-4"]
    row = next(line for line in text.splitlines() if line.startswith(f"| {TASKS['ppi'].title} |"))
    assert f"| {100 * score.accuracy.mean:.1f} ± {100 * score.accuracy.std:.1f} |" in row
    assert f"| {score.auroc.mean:.3f} |" in row
    assert f"| {100 * score.interval.low:.1f} to {100 * score.interval.high:.1f} |" in row
    assert (folder / "dnabert2.md").read_text(encoding="utf-8") == cards["dnabert2.md"]


def test_scores_of_either_view_stand_on_the_card_of_an_encoder_of_both():
    record = make_record(["lucaone-dna", "lucaone-protein"])
    text = render_cards(record)["lucaone.md"]
    assert re.findall("^## Scores of (.*)$", text, re.MULTILINE) == [
        "lucaone",
        "lucaone-dna",
        "lucaone-protein",
    ]
    assert "--modality protein" in text


def test_scores_are_shown_beside_the_best_baseline_and_failures_with_their_reason():
    record = make_record(HOSTILE)
    text = render_cards(record)["evo2-7b.md"]
    best = max(record.scores["pfam"][name].accuracy.mean for name in record.models_of("baseline"))
    row = next(line for line in text.splitlines() if line.startswith(f"| {TASKS['pfam'].title} |"))
    assert f"| {100 * best:.1f} ± " in row
    assert r"| ERROR (RuntimeError: &lt;script&gt;alert(1)&lt;/script&gt; \| out of memory) |" in text
    assert "<script>" not in text
