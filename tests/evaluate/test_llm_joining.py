"""The record of a language model beside encoders: joined, reported, validated."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from llm_fixtures import NAME, by_coin, coin

from genoprot_datasets.errors import SourceError
from genoprot_datasets.published import PublishedDataset
from genoprot_evaluate.cli import main
from genoprot_evaluate.embed import embed
from genoprot_evaluate.evaluation import evaluate
from genoprot_evaluate.leaderboard.boards import make_boards
from genoprot_evaluate.leaderboard.submissions import read_submissions
from genoprot_evaluate.leaderboard.validation import validate_record
from genoprot_evaluate.results import read_further, read_predictions, read_record, write_record


@pytest.fixture
def vectors(tiny_dataset):
    accessions = PublishedDataset.open(tiny_dataset).sequences(["accession"])["accession"].to_pylist()
    return accessions, np.random.default_rng(0).normal(size=(len(accessions), 4)).astype(np.float32)


def test_it_joins_the_record_of_encoders(server, llm, tiny_dataset, vectors, tmp_path, capsys):
    server.answer = by_coin
    floors = ["majority", "length"]
    before = evaluate(
        {"alpha": vectors},
        tiny_dataset,
        tasks=["ppi", "melanoma"],
        baselines=floors,
        out=tmp_path / "results",
    )
    assert llm("--tasks", "ppi", "pfam") == 0
    record = read_record(tmp_path / "results")
    assert record.tasks == ("pfam", "ppi", "melanoma")
    for task in before.tasks:
        for name, score in before.scores[task].items():
            assert record.scores[task][name] == score
    assert record.scores["melanoma"][NAME].reason == "not asked"
    assert record.scores["pfam"]["alpha"].reason == "not scored in the run of this model"
    pairs = {(pair.first, pair.second) for pair in record.comparisons["ppi"]}
    assert ("alpha", NAME) in pairs
    assert record.gains == before.gains
    assert validate_record(tmp_path / "results", tiny_dataset) == []
    assert main(["report", str(tmp_path / "results"), "--out", str(tmp_path / "report")]) == 0
    page = (tmp_path / "report" / "index.html").read_text()
    assert "Language models, zero-shot" in page
    assert "How llm:gpt-4.1-accession was asked" in page
    assert main(["leaderboard", str(tmp_path / "results"), "--out", str(tmp_path / "site")]) == 0
    # Asking about the rest keeps what is there.
    assert llm("--tasks", "melanoma") == 0
    again = read_record(tmp_path / "results")
    assert again.scores["ppi"] == record.scores["ppi"]
    assert again.scores["melanoma"][NAME].status == "OK"
    assert validate_record(tmp_path / "results", tiny_dataset) == []


def test_evaluate_tells_what_it_leaves_out_and_kept_answers_bring_it_back(
    server, llm, tiny_dataset, tmp_path, capsys
):
    server.answer = by_coin
    embed("composition", tiny_dataset, tmp_path / "embeddings")
    words = ["--dataset", str(tiny_dataset), "--tasks", "melanoma", "--out", str(tmp_path / "results")]
    words += ["--embeddings", str(tmp_path / "embeddings"), "--baselines", "majority"]
    assert main(["evaluate", *words]) == 0
    assert llm("--tasks", "melanoma") == 0
    joined = (tmp_path / "results" / "results.json").read_bytes()
    asked = len(server.bodies)
    capsys.readouterr()
    assert main(["evaluate", *words]) == 0
    assert f"{NAME} will not be in it; genoprot llm adds kept answers again" in capsys.readouterr().err
    assert read_record(tmp_path / "results").models_of("language-model") == ()
    assert llm("--tasks", "melanoma") == 0
    assert len(server.bodies) == asked
    assert (tmp_path / "results" / "results.json").read_bytes() == joined


def test_other_examples_are_not_joined(server, llm, tiny_dataset, vectors, tmp_path, capsys):
    evaluate({"alpha": vectors}, tiny_dataset, tasks=["ppi"], baselines=[], out=tmp_path / "results")
    assert llm("--tasks", "ppi", "--samples", "2") == 2
    assert "it differs in eval_samples" in capsys.readouterr().err
    assert server.bodies == []
    assert llm("--tasks", "ppi", "--samples", "2", out="two") == 0
    record = read_record(tmp_path / "two")
    assert record.dataset["eval_samples"] == 2
    assert len(record.scores["ppi"][NAME].accuracy.samples) == 2
    assert validate_record(tmp_path / "two", tiny_dataset) == []


def test_on_a_board_it_stands_beside_encoders_of_the_same_examples(
    server, llm, tiny_dataset, vectors, tmp_path
):
    server.answer = by_coin
    evaluate({"alpha": vectors}, tiny_dataset, tasks=["ppi"], baselines=[], out=tmp_path / "encoders")
    assert llm("--tasks", "ppi", out="asked") == 0
    assert llm("--tasks", "ppi", "--samples", "2", out="fewer") == 0
    paths = [tmp_path / name for name in ("encoders", "asked", "fewer")]
    boards = make_boards(read_submissions(paths))
    assert [sorted(board.origin) == [NAME] for board in boards] == [False, True]
    assert {"alpha", NAME} < set(boards[0].record.models)
    pairs = {(pair.first, pair.second) for pair in boards[0].record.comparisons["ppi"]}
    assert ("alpha", NAME) in pairs
    assert [sorted(board.origin) for board in make_boards(read_submissions(paths[1:2]))] == [[NAME]]


def test_a_false_record_is_found_out(server, llm, tiny_dataset, tmp_path):
    server.answer = lambda body: "no idea" if coin(body["messages"][-1]["content"]) else by_coin(body)
    assert llm("--tasks", "ppi") == 0
    path = tmp_path / "results" / "results.json"
    raw = json.loads(path.read_text())
    raw["scores"]["ppi"][NAME]["unanswered"] = 0
    path.write_text(json.dumps(raw))
    assert any("unanswered" in fault for fault in validate_record(path))
    raw["models"][NAME]["asked"] = None
    path.write_text(json.dumps(raw))
    with pytest.raises(SourceError, match="kind 'language-model' with no survey"):
        validate_record(path)


def test_predictions_that_no_model_of_its_kind_gives_are_found_out(
    server, llm, tiny_dataset, vectors, tmp_path
):
    out = tmp_path / "results"
    evaluate({"alpha": vectors}, tiny_dataset, tasks=["ppi"], baselines=[], out=out)
    assert llm("--tasks", "ppi") == 0
    record, sound = read_record(out), read_predictions(out)

    def faults(model, column, value):
        field = sound.schema.field(column)
        chosen = pc.equal(sound["model"], model)
        changed = pc.if_else(chosen, pa.scalar(value, field.type), sound[column])
        table = sound.set_column(sound.column_names.index(column), field, changed)
        write_record(record, table, out, read_further(out))
        return validate_record(out)

    assert faults(NAME, "predicted", 2) == [f"ppi, {NAME}: an answer is none of -1, 0 and 1"]
    assert faults("alpha", "probability", None) == ["ppi, alpha: its predictions have no probabilities"]
    assert any(
        "is not the one that its probability gives" in fault for fault in faults("alpha", "predicted", -1)
    )
