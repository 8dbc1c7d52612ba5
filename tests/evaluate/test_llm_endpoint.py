"""A chat endpoint with every fault: what passes is tried again, what does not ends the run, no key leaks."""

from __future__ import annotations

import json
import time

import pytest
from chat_server import Fault, serving_chat

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.stopping import Stop, TransferStopped
from genoprot_datasets.transfer import Patience
from genoprot_evaluate.llm.budget import Budget, BudgetSpent
from genoprot_evaluate.llm.endpoint import Endpoint, EndpointError, Unsuitable

KEY = "sk-secret-0123456789"
BODY = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "Do they interact?"}]}
QUICK = Patience(attempts=3, first_wait_seconds=0.001, longest_retry_after_seconds=5, stall_seconds=5)


@pytest.fixture
def server():
    with serving_chat() as server:
        yield server


def ask(server, key=KEY, budget=None, stop=None):
    endpoint = Endpoint(server.base_url, key, QUICK)
    with endpoint.session() as session:
        return endpoint.ask(BODY, session, budget or Budget(), stop or Stop())


def test_an_answer_comes_with_what_is_known_of_it(server):
    assert ask(server) == {
        "answer": '{"result": true}',
        "finish": "stop",
        "model": "gpt-4.1-2025-04-14",
        "fingerprint": "fp_1",
        "prompt_tokens": 100,
        "completion_tokens": 5,
    }
    assert server.bodies == [BODY]
    assert server.keys == [f"Bearer {KEY}"]


def test_without_a_key_none_is_sent_nor_a_password_of_the_machine(server, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    ask(server, key=None)
    ask(server)
    assert server.keys == [None, f"Bearer {KEY}"]


PASSING = {
    "429": Fault(429, b'{"error": {"message": "slow down", "code": "rate_limit_exceeded"}}'),
    "500": Fault(500, b"<html>"),
    "503": Fault(503),
    "529": Fault(529),
    "cut": Fault(200, b'{"choices": [{"message": {"content": "yes"}}]}', cut=True),
    "no JSON": Fault(200, b"<html>busy</html>"),
    "no choices": Fault(200, b'{"choices": []}'),
    "an error in place of an answer": Fault(200, b'{"error": {"message": "busy"}}'),
    "a list": Fault(200, b"[1]"),
    "no bytes": Fault(200),
}


@pytest.mark.parametrize("fault", PASSING)
def test_what_passes_is_tried_again_as_long_as_patience_lasts(server, fault):
    budget = Budget()
    server.faults = [PASSING[fault]] * 2
    assert ask(server, budget=budget)["answer"] == '{"result": true}'
    assert budget.sent == len(server.bodies) == 3
    server.faults = [PASSING[fault]] * 3
    with pytest.raises(EndpointError, match="3 attempts"):
        ask(server)
    assert not server.faults


def test_retry_after_is_honoured_and_has_a_limit(server):
    server.faults = [Fault(429, headers={"Retry-After": "1"})]
    begun = time.monotonic()
    ask(server)
    assert time.monotonic() - begun >= 1
    server.faults = [Fault(429, headers={"Retry-After": "3600"})]
    with pytest.raises(EndpointError, match="asks to wait 3,600 s"):
        ask(server)


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, "invalid_api_key"), (403, ""), (404, ""), (302, ""), (429, "insufficient_quota")],
)
def test_what_no_waiting_helps_ends_the_run_at_once(server, status, code):
    error = {"error": {"message": f"wrong key {KEY}\n\x1b[31m", "code": code}}
    server.faults = [Fault(status, json.dumps(error).encode(), {"Location": "http://127.0.0.1:1/"})]
    with pytest.raises(EndpointError, match=f"HTTP status {status}") as caught:
        ask(server)
    assert KEY not in str(caught.value)
    assert str(caught.value).isprintable()
    assert len(server.bodies) == 1


def test_a_request_that_cannot_be_answered_is_told_apart(server):
    message = "This model's maximum context length is 8192 tokens"
    server.faults = [Fault(400, json.dumps({"error": {"message": message}}).encode())]
    with pytest.raises(Unsuitable, match="HTTP status 400 This model's maximum"):
        ask(server)
    assert len(server.bodies) == 1


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        ({"content": None, "refusal": "I cannot help with that."}, "I cannot help with that."),
        ({"content": None}, ""),
        ({"content": ""}, ""),
        ({"content": f"your key is {KEY}"}, "your key is [key]"),
        ({"content": [{"type": "text", "text": "yes"}]}, '[{"type": "text", "text": "yes"}]'),
    ],
)
def test_refusals_are_answers(server, message, answer):
    server.answer = lambda body: message
    assert ask(server)["answer"] == answer


def test_no_endpoint_is_an_error_after_some_attempts():
    endpoint = Endpoint("http://127.0.0.1:1/v1", KEY, QUICK)
    with pytest.raises(EndpointError, match="connection failed") as caught:
        endpoint.ask(BODY, endpoint.session(), Budget(), Stop())
    assert KEY not in str(caught.value)


def test_a_budget_counts_attempts(server):
    server.faults = [PASSING["503"]] * 2
    with pytest.raises(BudgetSpent):
        ask(server, budget=Budget(2))
    assert len(server.bodies) == 2


def test_stopping_ends_waiting(server):
    stop = Stop()
    server.faults = [Fault(503)]
    server.answer = lambda body: pytest.fail("asked although it was stopped")
    server.faults[0].headers["Retry-After"] = "4"
    begun = time.monotonic()

    class Set(Budget):
        def take(self, tokens=0):
            super().take(tokens)
            stop.set()

    with pytest.raises(TransferStopped):
        ask(server, budget=Set(), stop=stop)
    assert time.monotonic() - begun < 2


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("ftp://example.org/v1", "http"),
        ("example.org", "http"),
        ("https://someone:hidden@example.org/v1", "user or password"),
        ("https://example.org/v1?key=hidden", "http"),
        ("http://example.org/v1", "unencrypted"),
    ],
)
def test_addresses_that_cannot_be_used_are_refused(monkeypatch, url, words):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with pytest.raises(GenoProtError, match=words) as caught:
        Endpoint.of(url)
    assert KEY not in str(caught.value)
    assert "someone" not in str(caught.value)


def test_where_the_key_comes_from(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(GenoProtError, match="OPENAI_API_KEY"):
        Endpoint.of()
    assert Endpoint.of(needed=False).key is None
    monkeypatch.setenv("OTHER", f" {KEY}\n")
    found = Endpoint.of("https://example.org/v1/", "OTHER")
    assert (found.base_url, found.key) == ("https://example.org/v1", KEY)
    assert KEY not in repr(found)
    assert Endpoint.of("http://example.org/v1", "none").key is None
    monkeypatch.setenv("OTHER", "two words")
    with pytest.raises(GenoProtError, match="OTHER has characters") as caught:
        Endpoint.of("https://example.org/v1", "OTHER")
    assert "two words" not in str(caught.value)
