"""What a language model is asked, and how its answers are read."""

from __future__ import annotations

import json

import pytest

from genoprot_datasets.errors import GenoProtError, SourceError
from genoprot_datasets.published import PublishedDataset
from genoprot_datasets.tasks import TASKS
from genoprot_evaluate.evaluation.examples import read_examples
from genoprot_evaluate.llm import REPLIES, read_reply
from genoprot_evaluate.llm.answers import Answers, answer_key, survey_key
from genoprot_evaluate.llm.questions import FORMS, Names, instruction, task_questions


@pytest.fixture
def published(tiny_dataset):
    return PublishedDataset.open(tiny_dataset)


@pytest.mark.parametrize("task", TASKS)
def test_every_question_names_its_proteins_and_nothing_else_changes(published, task):
    examples = read_examples(published, task)
    questions = task_questions(examples, Names.of(published, "accession"))
    rows = published.task(task, "eval").to_pylist()
    assert len(questions) == len(rows)
    for question, row in zip(questions, rows):
        accessions = [row[column] for column in TASKS[task].members]
        text = question.text
        for accession, letter in zip(accessions, "AB"):
            text = text.replace(f"<UNIPROT:{accession}>", letter)
        assert text == TASKS[task].question
        assert question.accessions == tuple(accessions)


def test_sequences_stand_in_whole_unless_a_limit_is_given(published):
    proteins = {
        row["accession"]: row["protein"] for row in published.sequences(["accession", "protein"]).to_pylist()
    }
    examples = read_examples(published, "ppi")
    whole = task_questions(examples, Names.of(published, "sequence"))
    names = Names.of(published, "sequence", 50)
    cut = task_questions(examples, names)
    for question, shorter in zip(whole, cut):
        for accession in question.accessions:
            assert f"<SEQ:{proteins[accession]}>" in question.text
            shown = (
                proteins[accession] if len(proteins[accession]) <= 50 else proteins[accession][:50] + "..."
            )
            assert f"<SEQ:{shown}>" in shorter.text
            assert names.is_cut(accession) == (len(proteins[accession]) > 50)
    assert any(names.is_cut(accession) for question in cut for accession in question.accessions)


def test_a_limit_that_means_nothing_is_refused(published):
    for form, limit in (("accession", 50), ("sequence", 0)):
        with pytest.raises(GenoProtError, match="max_residues"):
            Names.of(published, form, limit)
    with pytest.raises(GenoProtError, match="form 'name'"):
        Names.of(published, "name")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("reply", REPLIES)
def test_the_instruction_tells_form_and_reply(form, reply):
    text = instruction(form, reply)
    assert {"accession": "<UNIPROT:", "sequence": "<SEQ:"}[form] in text
    assert text.endswith(REPLIES[reply])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"result": true}', 1),
        (' {"result":false}\n', 0),
        ('```json\n{"result": true}\n```', 1),
        ('```\n{"result": false}\n```', 0),
        ('{"result": "true"}', -1),
        ('{"result": 1}', -1),
        ('{"result": null}', -1),
        ('{"result": true, "why": "both are kinases"}', -1),
        ('{"answer": true}', -1),
        ('The answer is {"result": true}', -1),
        ('{"result": true} because', -1),
        ('{"result": tru', -1),
        ("true", -1),
        ("[true]", -1),
        ("yes", -1),
        ("", -1),
        ("I'm sorry, but I can't help with that.", -1),
        ("[" * 100_000, -1),
    ],
)
def test_json_is_read_strictly(text, found):
    assert read_reply(text, "json") == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("yes", 1),
        ("No", 0),
        (" YES.\n", 1),
        ("**No**", 0),
        ("Yes, they interact.", 1),
        ("no\nThey do not.", 0),
        ("No information is available.", -1),
        ("Not sure", -1),
        ("Yesterday", -1),
        ("Nope", -1),
        ("The answer is yes", -1),
        ("It depends: yes or no", -1),
        ("", -1),
        ("I cannot answer", -1),
        ('{"result": true}', -1),
    ],
)
def test_words_are_read_strictly(text, found):
    assert read_reply(text, "word") == found


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


@pytest.mark.parametrize("line", ["{}", "[1]", "no JSON", '"text"', "7"])
def test_a_whole_line_that_is_no_answer_is_named(tmp_path, line):
    path = tmp_path / "a.jsonl"
    path.write_text('{"key": "s-1", "answer": "yes"}\n' + line + "\n")
    with pytest.raises(SourceError, match=r"a\.jsonl.*line 2"):
        Answers(path)
