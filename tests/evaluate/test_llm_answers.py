"""Answers on disk: found again, never mixed, written by one run at a time."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from genoprot_datasets.errors import GenoProtError, SourceError
from genoprot_evaluate.llm.answers import Answers, answer_key, survey_key


def test_keys_depend_on_everything_that_was_asked():
    survey = survey_key({"model": "a", "form": "accession"})
    assert survey == survey_key({"form": "accession", "model": "a"})
    keys = {
        answer_key(survey, "question"),
        answer_key(survey, "question?"),
        answer_key(survey_key({"model": "b", "form": "accession"}), "question"),
        answer_key(survey_key({"model": "a", "form": "sequence"}), "question"),
    }
    assert len(keys) == 4


def test_answers_are_there_again_and_a_torn_line_is_not(tmp_path):
    path = tmp_path / "answers" / "a.jsonl"
    answers = Answers(path)
    assert not path.exists()
    with answers.writing():
        answers.add([("s-1", {"answer": "yes \u2028 \ud800"}), ("t-1", {"answer": "no"})])
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:17])
    again = Answers(path)
    assert len(again) == 2
    assert again["s-1"] == {"answer": "yes \u2028 \ud800"}
    assert again.of("s") == [again["s-1"]]
    with again.writing():
        again.add([("s-2", {"answer": "no"})])
    with again.writing():
        again.add([("s-3", {"answer": "no"})])
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["key"] for line in lines] == ["s-1", "t-1", "s-2", "s-3"]


def test_two_runs_do_not_write_to_one_file(tmp_path):
    first, second = Answers(tmp_path / "a.jsonl"), Answers(tmp_path / "a.jsonl")
    with pytest.raises(GenoProtError, match="no run is adding"):
        first.add([("s-1", {})])
    with first.writing():
        first.add([("s-1", {})])
        with pytest.raises(GenoProtError, match="another run is adding answers"), second.writing():
            pass
    with pytest.raises(GenoProtError, match="another run has added answers"), second.writing():
        pass
    assert len(Answers(tmp_path / "a.jsonl")) == 1


def test_a_run_in_another_process_is_waited_for_and_a_killed_one_is_not(tmp_path):
    path = tmp_path / "a.jsonl"
    code = (
        "import sys, time; from genoprot_evaluate.llm.answers import Answers; a = Answers(sys.argv[1])\n"
        "with a.writing(): a.add([('s-1', {})]); print('on', flush=True); time.sleep(60)"
    )
    other = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout.readline() == "on\n"
        answers = Answers(path)
        with pytest.raises(GenoProtError, match="another run is adding answers"), answers.writing():
            pass
    finally:
        other.kill()
        other.wait()
    with answers.writing():
        answers.add([("s-2", {})])
    assert len(Answers(path)) == 2


def test_of_two_answers_the_last_counts(tmp_path):
    path = tmp_path / "a.jsonl"
    answers = Answers(path)
    with answers.writing():
        answers.add([("s-1", {"refused": "no"}), ("s-2", {"answer": "no"})])
    answers.forget(["s-1"])
    assert "s-1" not in answers
    assert Answers(path)["s-1"] == {"refused": "no"}
    with answers.writing():
        answers.add([("s-1", {"answer": "yes"})])
    assert Answers(path)["s-1"] == {"answer": "yes"}
    assert len(Answers(path)) == 2


@pytest.mark.parametrize("line", ["{}", "[1]", "no JSON", '"text"', "7"])
def test_a_whole_line_that_is_no_answer_is_named(tmp_path, line):
    path = tmp_path / "a.jsonl"
    path.write_text('{"key": "s-1", "answer": "yes"}\n' + line + "\n")
    with pytest.raises(SourceError, match=r"a\.jsonl.*line 2"):
        Answers(path)
