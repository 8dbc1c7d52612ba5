"""How answers are read: strictly, and with the reason where there is none."""

from __future__ import annotations

import math

import pytest

from genoprot_evaluate.llm import read_reply
from genoprot_evaluate.llm.reading import FILTERED, TOO_LONG, read_answers, verdict
from genoprot_evaluate.llm.replies import said, without_reasoning


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
        ('<think>{"result": true}</think>{"result": false}', 0),
        ('<THINKING>a</THINKING>```json\n{"result": true}\n```', 1),
        ('<think>{"result": true}', -1),
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
        ("The answer is yes", 1),
        ("Answer: yes", 1),
        ("**Answer:** No.", 0),
        ("Final answer: **No**", 0),
        ("The answer is not known", -1),
        ("The answer is no longer clear", -1),
        ("Yes - both are kinases", 1),
        ("No (they do not)", 0),
        ("No-one knows", -1),
        ("<think>They might. Yes?</think>\n\nNo", 0),
        ("They might.</think> Yes.", 1),
        ("<think>Yes, because", -1),
        ("<think>Yes", -1),
        ("Ja", -1),
        ("S\u00ed", -1),
        ("\u662f", -1),
        ("Non", -1),
        ("It depends: yes or no", -1),
        ("", -1),
        ("I cannot answer", -1),
        ('{"result": true}', -1),
    ],
)
def test_words_are_read_strictly(text, found):
    assert read_reply(text, "word") == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("I think the answer is yes.", 1),
        ('{"answer": "No"}', 0),
        ("FALSE", 0),
        ("yes and no", -1),
        ("I cannot say", -1),
        ("<think>yes</think>I cannot say", -1),
        ("Notable", -1),
    ],
)
def test_what_a_lenient_reader_would_take_for_an_answer(text, found):
    assert said(text) == found


def test_reasoning_is_what_stands_before_its_last_end():
    assert without_reasoning("<think>a</think>b</think> c") == " c"
    assert without_reasoning("a <think> b") == "a <think> b"


ANSWERS = [
    ({"answer": "yes", "finish": "stop"}, (1, None)),
    ({"answer": "<think>long", "finish": "length"}, (-1, "cut off before an answer")),
    ({"answer": "yes", "finish": "length"}, (1, None)),
    ({"answer": "", "finish": "stop"}, (-1, "empty")),
    ({"answer": "No. I cannot help with that.", "declined": True}, (-1, "declined by the model")),
    ({"answer": "Certainly yes!"}, (-1, "not in the form asked for")),
    ({"answer": "", "refused": TOO_LONG}, (-1, TOO_LONG)),
    ({"answer": "yes", "yes": -2.0, "no": -1.0}, (0, None)),
]


@pytest.mark.parametrize(("answer", "found"), ANSWERS, ids=[str(n) for n in range(len(ANSWERS))])
def test_an_answer_names_a_class_or_a_reason(answer, found):
    predicted, _, lacking = verdict(answer, "word")
    assert (predicted, lacking) == found


def test_lacking_answers_are_counted_by_reason():
    found = [{"answer": text} for text in ("yes", "no", "Surely yes", "maybe", "")]
    found += [{"refused": FILTERED}] * 3
    reading = read_answers(found, "word")
    assert reading.predicted.tolist() == [1, 0, -1, -1, -1, -1, -1, -1]
    assert reading.probability is None
    assert reading.reached == 5
    assert reading.remarks == (
        "6 of 8 answers are lacking and count as wrong: 3 held back by a content filter, 2 not in the form "
        "asked for (1 of them says yes or no in another form), 1 empty",
    )


def test_probabilities_are_those_of_all_answers_or_of_none():
    whole = [{"yes": math.log(0.9), "no": math.log(0.1)}, {"refused": TOO_LONG}]
    reading = read_answers(whole, "probability")
    assert reading.predicted.tolist() == [1, -1]
    assert reading.probability[0] == pytest.approx(0.9)
    assert math.isnan(reading.probability[1])
    mixed = read_answers([*whole, {"answer": "no"}], "probability")
    assert mixed.probability is None
    assert mixed.predicted.tolist() == [1, -1, 0]
    assert "1 of 3 answers came without probabilities, so the words are scored alone" in mixed.remarks
    assert read_answers([{"answer": "no"}], "word").remarks == ()


def test_questions_that_an_endpoint_cut_are_told_of():
    entry = {"answer": "yes", "characters": 5_000, "prompt_tokens": 499}
    assert (
        "1 of 2 questions were read as less than one token for 10 characters"
        in read_answers([entry, entry | {"prompt_tokens": 501}], "word").remarks[0]
    )
    assert read_answers([entry | {"prompt_tokens": None}], "word").remarks == ()
