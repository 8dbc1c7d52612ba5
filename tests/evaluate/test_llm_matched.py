"""Language models on identity-matched pairs: asked on demand, scored like encoders, kept like theirs."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from llm_fixtures import by_coin, coin
from test_matched import ACCESSIONS, FAST

from genoprot_datasets.published import PublishedDataset
from genoprot_evaluate.cli import main
from genoprot_evaluate.evaluation import evaluate
from genoprot_evaluate.leaderboard.validation import validate_record
from genoprot_evaluate.llm import ask
from genoprot_evaluate.results import read_further, read_predictions, read_record, write_record

MINE = "llm:mine-accession"


def answer_of(text: str) -> str:
    if "Q00012" in text:
        return "no idea"
    return "yes" if coin(text) else "no"


def mine(texts):
    return [answer_of(text) for text in texts]


def wrong_where_turned(out) -> tuple[float, int]:
    """Accuracy on every other pair with its label turned, by the predictions of a folder, and the pairs."""
    rows = read_predictions(out).to_pandas()
    rows = rows[(rows["task"] == "ppi") & (rows["model"] == MINE) & (rows["row"] % 2 == 0)]
    return float((rows["predicted"] == 1 - rows["label"]).mean()), len(rows)


def test_matched_pairs_are_scored_with_and_without_an_answer(matched_dataset, tmp_path):
    record = ask(mine, matched_dataset, tasks=["ppi", "disease"], matched=True, out=tmp_path)
    score = record.scores["ppi"][MINE]
    expected, pairs = wrong_where_turned(tmp_path)
    assert score.matched_accuracy == pytest.approx(expected)
    assert score.matched_examples == pairs == 100
    assert record.scores["disease"][MINE].matched_examples is None
    table = read_further(tmp_path)
    assert set(table["part"].to_pylist()) == {"matched"}
    assert table["probability"].null_count == len(table) == pairs
    lacking = int(pc.sum(pc.equal(table["predicted"], -1)).as_py())
    assert lacking > 0
    assert f"of the identity-matched pairs, {lacking} of 100 answers are lacking" in score.note
    assert validate_record(tmp_path, matched_dataset) == []
    assert validate_record(tmp_path) == []
    assert main(["report", str(tmp_path), "--out", str(tmp_path / "report")]) == 0
    assert "identity-matched" in (tmp_path / "report" / "scores.md").read_text()


def test_they_are_asked_on_demand_only_and_stand_beside_those_of_encoders(
    matched_dataset,
    tmp_path,
):
    vectors = np.random.default_rng(1).normal(size=(40, 5)).astype(np.float32)
    evaluate(
        {"alpha": (ACCESSIONS, vectors)},
        matched_dataset,
        ["ppi"],
        baselines=["length"],
        head=FAST,
        out=tmp_path,
    )
    before = read_further(tmp_path)
    assert (
        ask(mine, matched_dataset, tasks=["ppi"], out=tmp_path).scores["ppi"][MINE].matched_accuracy is None
    )
    assert read_further(tmp_path).equals(before)
    assert validate_record(tmp_path, matched_dataset) == []
    record = ask(mine, matched_dataset, tasks=["ppi"], matched=True, out=tmp_path)
    assert record.scores["ppi"]["alpha"].matched_accuracy is not None
    assert record.scores["ppi"][MINE].matched_accuracy is not None
    further = read_further(tmp_path)
    assert further.filter(pc.not_equal(further["model"], MINE)).equals(before)
    assert validate_record(tmp_path, matched_dataset) == []
    ask(mine, matched_dataset, tasks=["ppi"], out=tmp_path)
    assert read_further(tmp_path).equals(before)


def test_probabilities_of_matched_pairs_are_kept(matched_dataset, tmp_path):
    def mine(texts):
        return [None if "Q00012" in text else 0.8 if coin(text) else 0.3 for text in texts]

    record = ask(mine, matched_dataset, tasks=["ppi"], reply="probability", matched=True, out=tmp_path)
    assert record.scores["ppi"][MINE].matched_accuracy == pytest.approx(wrong_where_turned(tmp_path)[0])
    table = read_further(tmp_path)
    assert sorted(set(np.round(table["probability"].drop_null().to_numpy(), 9))) == [0.3, 0.8]
    assert table["probability"].null_count == pc.sum(pc.equal(table["predicted"], -1)).as_py() > 0
    assert validate_record(tmp_path, matched_dataset) == []


def test_of_fewer_samples_there_are_fewer_matched_pairs(matched_dataset, tmp_path):
    record = ask(mine, matched_dataset, tasks=["ppi"], matched=True, samples=3, out=tmp_path)
    table = PublishedDataset.open(matched_dataset).task("ppi", "eval", matched=True)
    assert record.scores["ppi"][MINE].matched_examples == int((table["sample"].to_numpy() < 3).sum()) == 30
    assert validate_record(tmp_path, matched_dataset) == []


def test_the_command_asks_for_them_and_says_where_they_are_left(
    server,
    llm,
    matched_dataset,
    tmp_path,
    capsys,
):
    server.answer = by_coin
    words = ["llm", "--model", "openai/gpt-4.1", "--dataset", str(matched_dataset), "--form", "accession"]
    words += ["--base-url", server.base_url, "--tasks", "ppi", "--matched", "--out"]
    assert main([*words, str(tmp_path / "a"), "--dry-run"]) == 0
    assert "300 examples, 83 distinct questions" in capsys.readouterr().err
    assert main([*words, str(tmp_path / "a")]) == 0
    score = read_record(tmp_path / "a").scores["ppi"]["llm:gpt-4.1-accession"]
    assert score.matched_examples == 100


@pytest.mark.parametrize(
    ("column", "value", "fault"),
    [
        ("predicted", 0, "matched_accuracy is"),
        ("predicted", 3, "an answer of its matched predictions is none of -1, 0 and 1"),
        ("probability", 0.1, "a class of its matched predictions is not the one"),
        ("part", "validation", "further predictions of part 'validation' of a language model"),
    ],
)
def test_forgeries_are_named(matched_dataset, tmp_path, column, value, fault):
    ask(mine, matched_dataset, tasks=["ppi"], matched=True, out=tmp_path)
    table = read_further(tmp_path)
    field = table.schema.field(column)
    values = pa.array([value] * len(table), field.type)
    forged = table.set_column(table.column_names.index(column), field, values)
    write_record(read_record(tmp_path), read_predictions(tmp_path), tmp_path, forged)
    assert any(fault in one for one in validate_record(tmp_path)), validate_record(tmp_path)
