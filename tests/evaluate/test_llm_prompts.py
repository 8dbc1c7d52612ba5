"""The words of the questions come from a file, and the record names it."""

from __future__ import annotations

import pytest
import yaml

from genoprot_datasets.errors import SourceError
from genoprot_evaluate.llm import default_prompts, read_prompts
from genoprot_evaluate.llm.prompts import PROMPTS_PATH
from genoprot_evaluate.results import read_record


def words() -> dict:
    return yaml.safe_load(PROMPTS_PATH.read_text(encoding="utf-8"))


def written(folder, raw):
    path = folder / "prompts.yaml"
    path.write_text(raw if isinstance(raw, str) else yaml.safe_dump(raw), encoding="utf-8")
    return path


def test_the_packaged_words_are_those_of_their_version():
    # Another wording is another version; then this digest is another one too.
    assert default_prompts().digest == (
        "version 1, sha256 62bee7d52e841fc93a82852411479ca8c0988e9110349cbd5d1fb583cda8ea64"
    )


def test_braces_of_a_question_stay_as_they_are():
    text = default_prompts().in_one("{question} {}", "{instruction} {0}")
    assert text == "{question} {}\n\nQuestion: {instruction} {0}\nAnswer:"


def test_other_words_are_asked_and_the_record_names_them(server, llm, tmp_path, capsys):
    server.answer = lambda body: "no"
    raw = words() | {"version": 7, "opening": "You know proteins.", "cut": "[and more]"}
    raw["tags"]["sequence"] = "[{}]"
    path = written(tmp_path, raw)
    assert llm("--tasks", "melanoma", "--reply", "word", form="sequence", out="packaged") == 0
    asked = len(server.bodies)
    options = ("--prompts", str(path), "--reply", "word", "--max-residues", "30")
    assert llm("--tasks", "melanoma", *options, form="sequence") == 0
    body = server.bodies[-1]
    assert body["messages"][0]["content"].startswith("You know proteins.\n")
    assert body["messages"][1]["content"].startswith(
        "Are melanoma tumor cells strongly dependent on protein [M"
    )
    assert any("[and more]]?" in text for text in server.questions[asked:])
    asked = read_record(tmp_path / "results").models["llm:gpt-4.1-sequence"].asked
    assert asked.settings["prompts"] == read_prompts(path).digest
    assert asked.settings["prompts"].startswith("version 7, sha256 ")
    assert asked.instruction == body["messages"][0]["content"]
    assert llm("--tasks", "melanoma", "--reply", "word", "--max-residues", "30", form="sequence") == 2
    assert "was asked otherwise" in capsys.readouterr().err


WRONG = {
    "no YAML": ("a: [", "not a YAML file of prompts"),
    "a list": ([], "expected the keys version, opening"),
    "a key too few": ({name: one for name, one in words().items() if name != "cut"}, "expected the keys"),
    "a key too many": (words() | {"more": 1}, "expected the keys"),
    "version": (words() | {"version": "1"}, "version: expected a whole number"),
    "forms": (words() | {"forms": {"accession": "a"}}, "forms: expected the keys accession, sequence"),
    "numbers": (words() | {"replies": {"json": 1, "word": 2}}, "replies: expected texts"),
    "opening": (words() | {"opening": None}, "opening: expected a text"),
    "tags": (words() | {"tags": {"accession": "{}", "sequence": "SEQ"}}, "tags: each needs {} once"),
    "plain": (words() | {"plain": "{question}{instruction}"}, "plain: expected {instruction}"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_file_that_is_none_is_refused_by_name(tmp_path, what):
    raw, message = WRONG[what]
    with pytest.raises(SourceError, match=rf"prompts\.yaml: {message}".replace("{", r"\{")):
        read_prompts(written(tmp_path, raw))


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(SourceError, match="not found"):
        read_prompts(tmp_path / "none.yaml")
