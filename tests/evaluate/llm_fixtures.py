"""`genoprot llm` asked of a server for one process, and answers to its questions."""

from __future__ import annotations

import hashlib
import json

import pytest
from chat_server import serving_chat

from genoprot_evaluate.cli import main

__all__ = ["KEY", "NAME", "by_coin", "coin", "llm", "server"]

KEY = "sk-secret-0123456789"
NAME = "llm:gpt-4.1-accession"


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with serving_chat() as server:
        yield server


@pytest.fixture
def llm(server, tiny_dataset, tmp_path):
    def call(*words: str, out="results", form="accession") -> int:
        common = ["--model", "openai/gpt-4.1", "--dataset", str(tiny_dataset), "--form", form]
        return main(["llm", *common, "--base-url", server.base_url, "--out", str(tmp_path / out), *words])

    return call


def coin(text: str) -> bool:
    """An answer that depends on the question only."""
    return hashlib.sha256(text.encode()).digest()[0] % 2 == 0


def by_coin(body) -> str:
    return json.dumps({"result": coin(body["messages"][-1]["content"])})
