"""What a chat completion says: texts, streams, and the probabilities of yes and no."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from llm_fixtures import NAME, coin

from genoprot_evaluate.leaderboard.validation import validate_record
from genoprot_evaluate.llm.completions import events_completion, read_completion, yes_and_no
from genoprot_evaluate.results import read_predictions, read_record


def token(text: str, share: float, **others: float) -> dict:
    """A token with its probability, and the alternatives by theirs."""
    listed = {text: share, **others}
    top = [{"token": name, "logprob": math.log(one)} for name, one in listed.items()]
    return {"token": text, "logprob": math.log(share), "top_logprobs": top}


CASES = {
    "both": ([token("Yes", 0.6, No=0.3)], (0.6, 0.3)),
    "spellings are added": ([token(" yes", 0.4, Yes=0.2, NO=0.1, **{"**No": 0.05})], (0.6, 0.15)),
    "quotation first": ([token('"', 1.0), token("no", 0.7, yes=0.2)], (0.2, 0.7)),
    "one is not listed": ([token("Yes", 0.9, Maybe=0.05, I=0.01)], (0.9, 0.01)),
    "what is left is less": ([token("Yes", 0.9, Maybe=0.06, I=0.035)], (0.9, 0.005)),
    "without alternatives": ([{"token": "No", "logprob": math.log(0.8)}], (0.2, 0.8)),
    "another word": ([token("I", 0.5, Yes=0.3, No=0.1), token(" cannot", 0.9)], (0.3, 0.1)),
    "further on": ([token("Answer", 0.9), token(":", 1.0), token(" No", 0.7, Yes=0.2)], (0.2, 0.7)),
    "behind reasoning": (
        [token("<think>", 1.0), token("Yes", 0.9, No=0.1), token("</think>", 1.0), token("No", 0.8, Yes=0.1)],
        (0.1, 0.8),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_probabilities_are_those_where_the_answer_is(name):
    content, expected = CASES[name]
    found = yes_and_no({"content": content})
    assert [math.exp(one) for one in found] == pytest.approx(expected)


NONE = {
    "nothing": None,
    "no content": {"content": None},
    "no tokens": {"content": []},
    "neither word": {"content": [token("I", 0.9, We=0.05)]},
    "no letters": {"content": [token("!", 1.0)]},
    "unfinished reasoning": {"content": [token("<think>", 1.0), token("Yes", 1.0)]},
    "positive": {"content": [{"token": "Yes", "logprob": 0.5}]},
    "not a number": {"content": [{"token": "Yes", "logprob": float("nan")}]},
    "a text": {"content": [{"token": "Yes", "logprob": "high"}]},
    "another form": {"tokens": ["Yes"], "token_logprobs": [-0.1]},
    "a list": [1],
}


@pytest.mark.parametrize("name", NONE)
def test_what_has_no_probabilities_has_none(name):
    assert yes_and_no(NONE[name]) is None


def test_a_word_that_cannot_come_has_a_probability_that_json_can_hold():
    yes, no = yes_and_no({"content": [{"token": "Yes", "logprob": 0.0}]})
    assert (yes, no) == (0.0, -100.0)
    impossible = {"token": "No", "logprob": -9999.0}
    assert (
        yes_and_no({"content": [{"token": "Yes", "logprob": 0.0, "top_logprobs": [impossible]}]})[1] == -100
    )


def test_a_stream_is_put_together_with_its_probabilities():
    content = [token("Yes", 0.6, No=0.3)]
    events = [
        {"choices": [{"delta": {"role": "assistant", "content": ""}}]},
        {"model": "m", "choices": [{"delta": {"content": "Yes"}, "logprobs": {"content": content}}]},
        {"choices": [{"delta": {}, "finish_reason": "stop"}]},
        {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 1}},
    ]
    text = "\r\n\r\n".join(f"data: {json.dumps(event)}" for event in events) + "\r\n\r\ndata: [DONE]\r\n"
    found = read_completion(events_completion(text))
    assert (found["answer"], found["finish"], found["model"]) == ("Yes", "stop", "m")
    assert (found["prompt_tokens"], found["completion_tokens"]) == (5, 1)
    assert found["yes"] == pytest.approx(math.log(0.6))
    with pytest.raises(ValueError, match="end before"):
        events_completion(text.partition('data: {"choices": [{"delta": {}, "f')[0])
    assert events_completion('data: {"error": {"message": "busy"}}') == {"error": {"message": "busy"}}


def probable(body):
    """An answer whose probabilities depend on the question only."""
    text = body["messages"][-1]["content"]
    yes = (len(text) + sum(text.encode())) % 97 / 100 + 0.01
    word = "Yes" if yes > 0.5 else "No"
    content = [
        token(
            word,
            yes if word == "Yes" else 0.98 - yes,
            **{"No" if word == "Yes" else "Yes": 0.98 - yes if word == "Yes" else yes},
        )
    ]
    choice = {"message": {"content": word}, "finish_reason": "stop", "logprobs": {"content": content}}
    return {"model": "m", "choices": [choice], "usage": {"prompt_tokens": 99, "completion_tokens": 1}}


def test_an_endpoint_that_sends_probabilities_is_judged_by_them(server, llm, tiny_dataset, tmp_path):
    server.answer = probable
    assert llm("--tasks", "ppi", "--reply", "probability") == 0
    assert (server.bodies[0]["logprobs"], server.bodies[0]["top_logprobs"]) == (True, 20)
    record = read_record(tmp_path / "results")
    score = record.scores["ppi"][NAME]
    assert record.models[NAME].asked.reply == "probability"
    assert score.auroc.mean is not None
    assert score.calibration_error is not None
    assert (score.unanswered, score.note) == (None, None)
    table = read_predictions(tmp_path / "results").to_pylist()
    for row in table:
        text = f"Do proteins <UNIPROT:{row['accession_a']}> and <UNIPROT:{row['accession_b']}> interact?"
        yes = (len(text) + sum(text.encode())) % 97 / 100 + 0.01
        assert row["probability"] == pytest.approx(yes / 0.98)
    right = np.mean([row["predicted"] == row["label"] for row in table])
    assert score.accuracy.mean == pytest.approx(right)
    assert validate_record(tmp_path / "results", tiny_dataset) == []


def test_without_probabilities_the_words_are_scored_and_the_record_says_so(
    server, llm, tiny_dataset, tmp_path
):
    def sometimes(body):
        found = probable(body)
        if coin(body["messages"][-1]["content"]):
            del found["choices"][0]["logprobs"]
        return found

    server.answer = sometimes
    assert llm("--tasks", "ppi", "--reply", "probability") == 0
    score = read_record(tmp_path / "results").scores["ppi"][NAME]
    assert (score.auroc, score.brier, score.unanswered) == (None, None, 0)
    assert "answers came without probabilities, so the words are scored alone" in score.note
    assert validate_record(tmp_path / "results", tiny_dataset) == []


def test_fewer_alternatives_can_be_asked_for(server, llm):
    server.answer = probable
    words = ("--reply", "probability", "--field", "top_logprobs=5")
    assert llm("--tasks", "melanoma", "--samples", "1", *words) == 0
    assert server.bodies[0]["top_logprobs"] == 5
