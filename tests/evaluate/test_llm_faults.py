"""`genoprot llm` against endpoints that behave badly: one question is lost at most."""

from __future__ import annotations

import gzip
import json
import signal
import threading
import time

import pytest
from chat_server import Fault
from llm_fixtures import KEY, NAME, by_coin, coin

from genoprot_datasets.stopping import Stop
from genoprot_datasets.transfer import Patience
from genoprot_evaluate.leaderboard.validation import validate_record
from genoprot_evaluate.llm.endpoint import Endpoint
from genoprot_evaluate.llm.reading import FILTERED, REFUSED, TOO_LONG
from genoprot_evaluate.llm.refusals import read_complaint
from genoprot_evaluate.llm.workers import run_in_threads
from genoprot_evaluate.results import read_record


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Endpoints of the command wait for milliseconds between attempts."""
    made = Endpoint.of.__func__

    def of(cls, *given, **options):
        endpoint = made(cls, *given, **options)
        return cls(endpoint.base_url, endpoint.key, Patience(3, 0.001, 0.002, 900.0, 5.0))

    monkeypatch.setattr(Endpoint, "of", classmethod(of))


def error(status: int, message: str, code: str | None = None, **more) -> Fault:
    return Fault(status, json.dumps({"error": {"message": message, "code": code, **more}}).encode())


def asked_about(body) -> str:
    return body["messages"][-1]["content"]


REFUSALS = {
    "context": (error(400, "maximum context length is 8192 tokens"), TOO_LONG),
    "payload": (Fault(413), TOO_LONG),
    "tokens a minute": (error(429, "Request too large for gpt-4.1: Limit 30000, Requested 40000"), TOO_LONG),
    "content filter": (error(400, "The response was filtered", "content_filter"), FILTERED),
    "moderation": (error(403, "Your input was flagged"), FILTERED),
    "unknown": (error(422, "Unprocessable"), REFUSED),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refused_question_is_one_without_an_answer(server, llm, tiny_dataset, tmp_path, capsys, name):
    fault, kind = REFUSALS[name]

    def answer(body):
        return fault if "Q00012" in asked_about(body) else by_coin(body)

    server.answer = answer
    assert llm("--tasks", "ppi", "melanoma") == 0
    record = read_record(tmp_path / "results")
    refused = [question for question in server.questions if "Q00012" in question]
    assert len(refused) == len(set(refused)) > 1
    lacking = 0
    for task in ("ppi", "melanoma"):
        score = record.scores[task][NAME]
        assert score.status == "OK"
        lacking += score.unanswered
        if score.unanswered:
            assert f"{score.unanswered} {kind}" in score.note
    assert lacking >= len(refused)
    assert validate_record(tmp_path / "results", tiny_dataset) == []
    said = capsys.readouterr().err
    assert f"{len(refused)} questions have no answer that can be read" in said
    assert f": {kind}: 'HTTP status {fault.status}" in said
    # They were asked, and are asked again on demand only.
    server.bodies.clear()
    assert llm("--tasks", "ppi", "melanoma") == 0
    assert server.bodies == []
    server.answer = by_coin
    assert llm("--tasks", "ppi", "melanoma", "--ask-again") == 0
    assert sorted(server.questions) == sorted(refused)
    assert read_record(tmp_path / "results").scores["ppi"][NAME].unanswered == 0


def test_a_filtered_answer_and_a_refusal_of_the_model_are_told_apart(server, llm, tmp_path):
    def answer(body):
        if coin(asked_about(body)):
            return {"choices": [{"message": {"content": None}, "finish_reason": "content_filter"}]}
        return {"role": "assistant", "content": None, "refusal": "No."}

    server.answer = answer
    assert llm("--tasks", "ppi") == 0
    score = read_record(tmp_path / "results").scores["ppi"][NAME]
    assert score.unanswered == score.eval_examples == 200
    assert score.accuracy.mean == 0
    assert FILTERED in score.note
    assert "declined by the model" in score.note


def test_where_every_question_is_refused_there_is_no_score(server, llm, tiny_dataset, tmp_path):
    server.answer = lambda body: error(400, "maximum context length is 8 tokens")
    assert llm("--tasks", "melanoma") == 1
    score = read_record(tmp_path / "results").scores["melanoma"][NAME]
    assert (score.status, score.accuracy) == ("N/A", None)
    assert score.reason == f"no question was answered: 100 {TOO_LONG}"
    assert validate_record(tmp_path / "results", tiny_dataset) == []


def test_refusals_that_are_about_how_is_asked_end_the_run_soon(server, llm, tmp_path, capsys):
    server.answer = lambda body: error(400, "'temperature' must be 1", "invalid_value")
    assert llm("--tasks", "ppi", "--jobs", "2") == 2
    said = capsys.readouterr().err
    assert "5 questions were refused and none was answered" in said
    assert "'temperature' must be 1" in said
    assert "--field NAME=null" in said
    assert 5 <= len(server.bodies) <= 7
    assert not (tmp_path / "results" / "results.json").exists()
    # Nothing of it was taken for an answer.
    server.answer = by_coin
    assert llm("--tasks", "ppi") == 0
    assert read_record(tmp_path / "results").scores["ppi"][NAME].unanswered == 0


def test_the_first_questions_may_be_refused_for_no_reason(server, llm, tmp_path):
    server.faults = [error(400, "no")] * 4
    server.answer = by_coin
    assert llm("--tasks", "ppi", "--jobs", "1") == 0
    score = read_record(tmp_path / "results").scores["ppi"][NAME]
    assert f"{score.unanswered} {REFUSED}" in score.note
    assert score.unanswered >= 4


def test_a_run_of_refusals_alone_ends_without_a_record(server, llm, tmp_path, capsys):
    server.answer = lambda body: error(400, "no")
    assert llm("--tasks", "disease", "--samples", "1", "--jobs", "1") == 2
    assert "questions were refused and none was answered" in capsys.readouterr().err
    assert not (tmp_path / "results" / "results.json").exists()


@pytest.mark.parametrize(
    ("status", "message", "code"),
    [
        (400, "Unsupported parameter: 'max_tokens'", "unsupported_parameter"),
        (400, "API key not valid. Please pass a valid API key.", None),
        (400, "billing hard limit has been reached", "billing_hard_limit_reached"),
        (401, "Incorrect API key provided", "invalid_api_key"),
        (402, "Insufficient credits", None),
        (403, "Country not supported", None),
        (404, "The model `gpt-9` does not exist", "model_not_found"),
        (429, "You exceeded your current quota", "insufficient_quota"),
    ],
)
def test_what_holds_for_every_question_ends_the_run_at_once(server, llm, capsys, status, message, code):
    server.answer = lambda body: error(status, message, code)
    assert llm("--tasks", "ppi", "--jobs", "1") == 2
    assert f"HTTP status {status} {message}" in capsys.readouterr().err
    assert len(server.bodies) == 1


@pytest.mark.parametrize(
    ("status", "raw", "found"),
    [
        (400, {"object": "error", "message": "maximum context length is 2048 tokens", "code": 400}, TOO_LONG),
        (422, {"error": "inputs tokens + max_new_tokens must be <= 2048", "error_type": "v"}, TOO_LONG),
        (400, {"error": {"code": 400, "type": "exceed_context_size_error", "message": "no"}}, TOO_LONG),
        (400, {"error": {"message": "The input token count exceeds the maximum"}}, TOO_LONG),
        (
            400,
            {"error": {"code": "x", "innererror": {"code": "ResponsibleAIPolicyViolation"}}},
            FILTERED,
        ),
        (400, {"error": {"code": "invalid_prompt", "message": "Invalid prompt"}}, FILTERED),
        (400, ["no"], REFUSED),
        (400, {"error": None}, REFUSED),
    ],
)
def test_errors_of_many_endpoints_are_understood(status, raw, found):
    complaint = read_complaint(status, raw, "Bad Request")
    assert (complaint.scope, complaint.kind) == ("question", found)


def test_a_question_tried_in_vain_is_an_error_of_its_task_and_the_others_go_on(server, llm, tmp_path, capsys):
    broken = []

    def answer(body):
        text = asked_about(body)
        if "melanoma" in text and (not broken or text == broken[0]):
            broken[:] = [text]
            return Fault(500, b"<html>")
        return by_coin(body)

    server.answer = answer
    assert llm("--tasks", "ppi", "melanoma", "--jobs", "1") == 1
    record = read_record(tmp_path / "results")
    assert record.scores["ppi"][NAME].status == "OK"
    score = record.scores["melanoma"][NAME]
    assert score.status == "ERROR"
    assert "HTTP status 500" in score.reason
    assert "3 attempts" in score.reason
    assert server.questions.count(broken[0]) == 3
    # All others are answered: the same command asks this one alone.
    server.bodies.clear()
    server.answer = by_coin
    assert llm("--tasks", "ppi", "melanoma") == 0
    assert server.questions == broken


def test_an_endpoint_that_is_gone_ends_the_run(server, llm, capsys):
    def answer(body):
        return by_coin(body) if len(server.bodies) <= 10 else Fault(503)

    server.answer = answer
    assert llm("--tasks", "ppi", "--jobs", "1") == 2
    assert "10 answers came and are kept" in capsys.readouterr().err
    assert len(server.bodies) == 10 + 3 * 3


def test_a_rate_limit_slows_all_threads_and_loses_nothing(server, llm, tmp_path):
    """Five requests are let through in each tenth of a second; sixteen threads ask."""
    mutex, served = threading.Lock(), {}

    def answer(body):
        with mutex:
            tenth = int(time.monotonic() * 10)
            served[tenth] = served.get(tenth, 0) + 1
            if served[tenth] > 5:
                return Fault(429, b'{"error": {"message": "slow down"}}', {"Retry-After": "0.1"})
        return by_coin(body)

    server.answer = answer
    assert llm("--tasks", "ppi", "--jobs", "16") == 0
    score = read_record(tmp_path / "results").scores["ppi"][NAME]
    assert (score.status, score.unanswered) == ("OK", 0)


MISCHIEF = {
    "reset": Fault(reset=True),
    "cut": Fault(body=b'{"choices": [{"message": {"content": "yes"}}]}', cut=True),
    "no JSON": Fault(body=b"<html>busy</html>"),
    "no choices": Fault(body=b'{"choices": []}'),
    "null": Fault(body=b"null"),
    "a choice without a message": Fault(body=b'{"choices": [{"text": "yes"}]}'),
    "an error with status 200": Fault(body=b'{"error": {"code": 502, "message": "provider"}}'),
    "damaged gzip": Fault(body=b"\x1f\x8b\x08no", headers={"Content-Encoding": "gzip"}),
    "torn events": Fault(
        body=b'data: {"choices": [{"delta": {"content": "{"}}]}\n\n',
        headers={"Content-Type": "text/event-stream"},
    ),
    "events that are none": Fault(body=b"data: [1]\n\n", headers={"Content-Type": "text/event-stream"}),
    "other encoding": Fault(body=b"\xff\xfe\x00"),
}


@pytest.mark.parametrize("name", MISCHIEF)
def test_mischief_that_passes_loses_no_question(server, llm, tmp_path, name):
    faulty = set()

    def answer(body):
        text = asked_about(body)
        if coin(text) and text not in faulty:
            faulty.add(text)
            return MISCHIEF[name]
        return by_coin(body)

    server.answer = answer
    assert llm("--tasks", "melanoma") == 0
    score = read_record(tmp_path / "results").scores["melanoma"][NAME]
    assert (score.status, score.unanswered) == ("OK", 0)
    assert faulty


def test_answers_in_gzip_and_as_a_stream_are_read(server, llm, tmp_path):
    def answer(body):
        word = by_coin(body)
        pieces = [{"content": word[:5]}, {"content": word[5:]}, {}]
        events = [{"model": "m", "choices": [{"index": 0, "delta": piece}]} for piece in pieces]
        events[-1]["choices"][0]["finish_reason"] = "stop"
        events.append({"choices": [], "usage": {"prompt_tokens": 97, "completion_tokens": 3}})
        text = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
        headers = {"Content-Type": "text/event-stream; charset=utf-8", "Content-Encoding": "gzip"}
        return Fault(body=gzip.compress(b": keep-alive\n\n" + text.encode()), headers=headers)

    server.answer = answer
    assert llm("--tasks", "melanoma", out="stream") == 0
    asked = read_record(tmp_path / "stream").models[NAME].asked
    assert asked.reported == ("m",)
    assert asked.prompt_tokens == 97 * asked.distinct_questions
    server.answer = by_coin
    assert llm("--tasks", "melanoma") == 0
    scores = [read_record(tmp_path / name).scores["melanoma"][NAME] for name in ("stream", "results")]
    assert scores[0] == scores[1]


def test_an_endpoint_that_says_nothing_is_waited_for_as_long_as_is_said(server, llm, monkeypatch, capsys):
    monkeypatch.undo()
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    slow = [Fault(seconds=3)]
    server.answer = lambda body: slow.pop() if slow else by_coin(body)
    assert llm("--tasks", "melanoma", "--samples", "1", "--jobs", "1", "--timeout", "1") == 0
    assert len(server.questions) == len(set(server.questions)) + 1


@pytest.fixture
def interruptible():
    """Interrupts raise as in a terminal; a shell starts what goes to the background with them ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupted_run_does_not_wait_for_an_endpoint_that_says_nothing():
    stop, done = Stop(), []
    silent = threading.Event()

    def work(number):
        if number == 2:
            silent.wait(60)
        done.append(number)

    begun = time.monotonic()
    threading.Timer(0.3, lambda: signal.raise_signal(signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        run_in_threads(range(10), work, 2, stop, grace_seconds=0.5)
    assert time.monotonic() - begun < 5
    assert stop.is_set()
    assert sorted(done) == [0, 1, 3, 4, 5, 6, 7, 8, 9]
    silent.set()


def test_the_first_failure_is_raised_and_what_is_under_way_is_waited_for():
    stop, done, together = Stop(), [], threading.Barrier(3)

    def work(number):
        together.wait(10)
        if number == 0:
            raise ValueError("no")
        time.sleep(0.3)
        done.append(number)

    with pytest.raises(ValueError, match="no"):
        run_in_threads(range(10), work, 3, stop)
    assert stop.is_set()
    assert sorted(done) == [1, 2]
    run_in_threads([], work, 3, Stop())


def test_a_budget_of_tokens_is_kept_and_what_is_left_is_for_another_run(server, llm, tmp_path, capsys):
    server.answer = by_coin
    # The server counts 105 tokens for each question and its answer.
    assert llm("--tasks", "ppi", "melanoma", "--token-budget", "2000", "--jobs", "1") == 1
    assert 17 <= len(server.bodies) <= 19
    score = read_record(tmp_path / "results").scores["ppi"][NAME]
    assert score.status == "N/A"
    assert "the limit of 2,000 tokens is reached" in score.reason
    assert "are used, the next question may take" in capsys.readouterr().err
    assert llm("--tasks", "ppi", "melanoma") == 0
    assert len(server.questions) == len(set(server.questions))
