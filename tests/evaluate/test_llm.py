"""`genoprot llm` against an endpoint: what is asked, kept and scored."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import time
from collections import Counter

import numpy as np
import pyarrow.compute as pc
import pytest
from chat_server import Fault
from llm_fixtures import KEY, NAME, by_coin, coin

from genoprot_datasets.published import PublishedDataset
from genoprot_datasets.tasks import TASKS
from genoprot_evaluate.cli import main
from genoprot_evaluate.leaderboard.validation import validate_record
from genoprot_evaluate.llm import default_prompts
from genoprot_evaluate.results import read_predictions, read_record
from genoprot_evaluate.tables import format_scores, score_rows


def test_ten_accuracies_and_what_was_asked(server, llm, tiny_dataset, tmp_path, capsys):
    server.answer = by_coin
    assert llm("--tasks", "ppi", "melanoma") == 0
    record = read_record(tmp_path / "results")
    published = PublishedDataset.open(tiny_dataset)
    for task, place in (("ppi", "proteins A and B"), ("melanoma", "protein A")):
        rows = published.task(task, "eval").to_pylist()
        right: dict[int, list[bool]] = {}
        for row in rows:
            tags = " and ".join(f"<UNIPROT:{row[column]}>" for column in TASKS[task].members)
            text = TASKS[task].question.replace(place, f"{place.split()[0]} {tags}")
            right.setdefault(row["sample"], []).append(coin(text) == bool(row["label"]))
        score = record.scores[task][NAME]
        assert score.status == "OK"
        assert score.accuracy.samples == tuple(np.mean(right[sample]) for sample in range(10))
        assert score.accuracy.std == pytest.approx(np.std(score.accuracy.samples, ddof=1))
        assert score.interval.low < score.accuracy.mean < score.interval.high
        assert (score.auroc, score.brier, score.calibration_error) == (None, None, None)
        assert (score.train_examples, score.validation_accuracy, score.epochs) == (None, None, None)
        assert (score.unanswered, score.eval_examples, score.note) == (0, len(rows), None)
    model = record.models[NAME]
    assert model.kind == "language-model"
    assert model.asked.model == "gpt-4.1"
    assert model.asked.settings == {
        "max_tokens": 16,
        "prompts": default_prompts().digest,
        "seed": 0,
        "temperature": 0,
    }
    assert model.asked.reported == ("gpt-4.1-2025-04-14 fp_1",)
    assert model.asked.endpoint == server.base_url
    assert model.asked.prompt_tokens == 100 * model.asked.distinct_questions
    assert dict(record.head) == {}
    # The same pair in several samples is asked once.
    assert max(Counter(server.questions).values()) == 1
    assert len(server.bodies) == model.asked.distinct_questions < 300
    for body in server.bodies:
        assert body["messages"][0] == {"role": "system", "content": model.asked.instruction}
        assert (body["temperature"], body["max_tokens"], body["seed"]) == (0, 16, 0)
    assert validate_record(tmp_path / "results", tiny_dataset) == []
    out = capsys.readouterr().out
    assert "Asked in words" in out
    assert "gpt-4.1-accession" in out


def test_answers_that_cannot_be_read_count_as_wrong_and_are_counted(server, llm, tiny_dataset, tmp_path):
    texts = ["I'm sorry, I can't help with that.", "yes", '{"result": "maybe"}', ""]
    truth = {}
    examples = PublishedDataset.open(tiny_dataset).task("ppi", "eval").to_pylist()
    for row in examples:
        text = f"Do proteins <UNIPROT:{row['accession_a']}> and <UNIPROT:{row['accession_b']}> interact?"
        truth[text] = bool(row["label"])

    def other(text):
        return texts[hashlib.sha256(text.encode()).digest()[1] % len(texts)]

    def answer(body):
        text = body["messages"][-1]["content"]
        return json.dumps({"result": truth[text]}) if coin(text) else other(text)

    server.answer = answer
    assert llm("--tasks", "ppi") == 0
    record = read_record(tmp_path / "results")
    score = record.scores["ppi"][NAME]
    rows = read_predictions(tmp_path / "results")
    none = int(pc.sum(pc.equal(rows["predicted"], -1)).as_py())
    assert 0 < none < len(rows)
    assert rows["probability"].null_count == len(rows)
    assert score.unanswered == none
    assert score.accuracy.mean == pytest.approx(1 - none / len(rows))
    assert score.note.startswith(f"{none} of {len(rows)} answers are lacking and count as wrong: ")
    reasons = Counter()
    for row in examples:
        text = f"Do proteins <UNIPROT:{row['accession_a']}> and <UNIPROT:{row['accession_b']}> interact?"
        if not coin(text):
            reasons[other(text)] += 1
    otherwise = none - reasons[""]
    assert f"{otherwise} not in the form asked for ({reasons['yes']} of them say yes or no" in score.note
    assert not reasons[""] or f"{reasons['']} empty" in score.note
    assert sum(entry.examples for entry in score.identity_bins) == len(rows)
    assert validate_record(tmp_path / "results", tiny_dataset) == []
    assert score.note in " ".join(format_scores(record).split())
    assert next(row for row in score_rows(record) if row["task"] == "ppi")["unanswered"] == none


def test_nothing_is_asked_twice_and_the_bytes_are_the_same(server, llm, tmp_path):
    server.answer = by_coin
    assert llm("--tasks", "ppi", "--jobs", "1") == 0
    asked = len(server.bodies)
    names = ("results.json", "predictions.parquet")
    first = [(tmp_path / "results" / name).read_bytes() for name in names]
    assert llm("--tasks", "ppi") == 0
    assert len(server.bodies) == asked
    assert [(tmp_path / "results" / name).read_bytes() for name in names] == first
    assert llm("--tasks", "ppi", "--jobs", "16", out="other") == 0
    assert [(tmp_path / "other" / name).read_bytes() for name in names] == first


def test_other_settings_are_other_questions(server, llm, tmp_path, capsys):
    assert llm("--tasks", "melanoma") == 0
    asked = len(server.bodies)
    assert llm("--tasks", "melanoma", "--seed", "1") == 2
    assert "was asked otherwise (settings" in capsys.readouterr().err
    assert len(server.bodies) == asked
    server.answer = lambda body: "No."
    words = ("--field", "max_tokens=null", "--field", "max_completion_tokens=99", "--reply", "word")
    assert llm("--tasks", "melanoma", *words, "--name", "other") == 0
    assert len(server.bodies) == 2 * asked
    assert server.bodies[-1]["max_completion_tokens"] == 99
    assert "max_tokens" not in server.bodies[-1]
    record = read_record(tmp_path / "results")
    assert record.models_of("language-model") == (NAME, "llm:other")
    assert record.scores["melanoma"]["llm:other"].accuracy.mean == 0.5
    assert record.scores["melanoma"]["llm:other"].unanswered == 0
    assert len(record.comparisons["melanoma"]) == 1


def test_a_dry_run_asks_nothing_and_needs_no_key(server, llm, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    assert llm("--tasks", "ppi", "--samples", "2", "--dry-run") == 0
    said = capsys.readouterr().err
    assert "40 examples" in said
    assert "requests with about" in said
    assert server.bodies == []
    assert not (tmp_path / "results").exists()
    assert llm("--tasks", "ppi", "--samples", "2") == 0
    questions = int(said.split(" distinct")[0].rsplit(" ", 1)[1])
    assert questions == len(server.bodies)
    assert f" {questions} requests with about" in said


def test_a_limit_of_requests_leaves_the_rest_for_another_run(server, llm, tiny_dataset, tmp_path, capsys):
    server.answer = by_coin
    assert llm("--tasks", "ppi", "melanoma", out="whole") == 0
    total = len(server.bodies)
    distinct = len(set(server.questions))
    server.bodies.clear()
    limit = distinct - 10
    assert llm("--tasks", "ppi", "melanoma", "--max-requests", str(limit)) == 1
    assert len(server.bodies) == limit
    record = read_record(tmp_path / "results")
    assert record.scores["ppi"][NAME].status == "OK"
    cell = record.scores["melanoma"][NAME]
    assert (cell.status, cell.accuracy) == ("N/A", None)
    assert f"the limit of {limit} requests is reached" in cell.reason
    assert f"melanoma is not scored: {cell.reason}" in capsys.readouterr().err
    assert validate_record(tmp_path / "results", tiny_dataset) == []
    assert llm("--tasks", "ppi", "melanoma") == 0
    assert len(server.bodies) == total
    assert (tmp_path / "results" / "results.json").read_bytes() == (
        tmp_path / "whole" / "results.json"
    ).read_bytes()


def test_an_endpoint_that_ends_leaves_answers_and_no_record(server, llm, tmp_path, capsys):
    server.answer = by_coin
    served = iter(range(10**6))

    def answer(body):
        if next(served) >= 20:
            server.faults = [Fault(401, b'{"error": {"message": "wrong key ' + KEY.encode() + b'"}}')]
        return by_coin(body)

    server.answer = answer
    assert llm("--tasks", "ppi", "--jobs", "1") == 2
    said = capsys.readouterr().err
    assert "answers came and are kept in" in said
    assert "HTTP status 401" in said
    assert not (tmp_path / "results" / "results.json").exists()
    kept = (tmp_path / "results" / "answers" / "llm-gpt-4.1-accession.jsonl").read_text().count("\n")
    assert kept == 21
    server.answer, server.faults = by_coin, []
    server.bodies.clear()
    assert llm("--tasks", "ppi") == 0
    record = read_record(tmp_path / "results")
    assert len(server.bodies) == record.models[NAME].asked.distinct_questions - kept


def test_the_key_is_nowhere(server, llm, tmp_path, capsys):
    server.answer = lambda body: f'you sent {KEY}, {{"result": true}}'
    server.faults = [Fault(503, f'{{"error": {{"message": "{KEY}"}}}}'.encode(), {"Retry-After": "0"})]
    assert llm("--tasks", "melanoma") == 0
    assert set(server.keys) == {f"Bearer {KEY}"}
    captured = capsys.readouterr()
    assert KEY not in captured.out + captured.err
    for path in (tmp_path / "results").rglob("*"):
        assert path.is_dir() or KEY.encode() not in path.read_bytes(), path


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_a_run_that_was_ended_goes_on_without_asking_again(server, tiny_dataset, tmp_path, ending):
    def slowly(body):
        time.sleep(0.02)
        return by_coin(body)

    server.answer = slowly
    words = ["llm", "--model", "openai/gpt-4.1", "--dataset", str(tiny_dataset), "--form", "accession"]
    words += ["--base-url", server.base_url, "--tasks", "ppi", "--jobs", "2"]
    command = [sys.executable, "-m", "genoprot_evaluate.cli", *words]
    first = subprocess.Popen(
        [*command, "--out", str(tmp_path / "killed")],
        stderr=subprocess.PIPE,
        text=True,
        # A shell starts what it sends to the background with SIGINT ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while len(server.bodies) < 30:
        assert first.poll() is None
        time.sleep(0.01)
    first.send_signal(ending)
    said = first.communicate()[1]
    if ending == signal.SIGINT:
        assert first.returncode == 130
        assert "answers came and are kept in" in said
    assert not (tmp_path / "killed" / "results.json").exists()
    path = tmp_path / "killed" / "answers" / "llm-gpt-4.1-accession.jsonl"
    kept = path.read_bytes().count(b"\n")
    assert kept >= 20
    with path.open("ab") as file:
        file.write(b'{"answer": "{\\"resu')
    server.bodies.clear()
    server.answer = by_coin
    assert main([*words, "--out", str(tmp_path / "killed")]) == 0
    asked = read_record(tmp_path / "killed").models[NAME].asked
    assert len(server.bodies) == asked.distinct_questions - kept
    assert main([*words, "--out", str(tmp_path / "whole")]) == 0
    for name in ("results.json", "predictions.parquet"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--samples", "0"], "samples=0"),
        (["--max-residues", "10"], "max_residues=10"),
        (["--jobs", "0"], "--jobs 0"),
        (["--field", "max_tokens"], "NAME=JSON"),
        (["--field", "messages=[]"], "'messages'"),
        (["--tasks", "ppy"], "did you mean 'ppi'"),
        (["--model", "gpt-4.1"], "expected openai/NAME"),
        (["--model", "hf/owner/name"], "--base-url is for endpoints"),
        (["--device", "cpu"], "--device is for checkpoints"),
    ],
)
def test_what_cannot_be_asked_is_said_in_a_line(llm, server, capsys, words, said):
    assert llm(*words) == 2
    captured = capsys.readouterr().err
    assert said in captured
    assert captured.count("\n") == 1
    assert server.bodies == []


def test_sequences_that_are_cut_are_told_of(server, llm, tmp_path):
    assert llm("--tasks", "melanoma", "--max-residues", "40", form="sequence") == 0
    record = read_record(tmp_path / "results")
    name = "llm:gpt-4.1-sequence"
    assert "proteins are shown up to residue 40 only" in record.scores["melanoma"][name].note
    assert record.models[name].asked.max_residues == 40
    assert record.models[name].modality == "protein"
    assert all("<SEQ:M" in text and "UNIPROT" not in text for text in server.questions)
