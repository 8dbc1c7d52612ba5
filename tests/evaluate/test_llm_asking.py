"""`ask`: a language model from Python, given as a function, a name or an object."""

from __future__ import annotations

import json

import numpy as np
import pytest
from llm_fixtures import NAME, by_coin, coin

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.published import PublishedDataset
from genoprot_evaluate.evaluation import evaluate
from genoprot_evaluate.leaderboard.validation import validate_record
from genoprot_evaluate.llm import FunctionModel, LanguageModel, Poll, RemoteModel, ask, default_prompts
from genoprot_evaluate.results import read_record

MINE = "llm:mine-accession"


def question_of(text: str) -> str:
    """The question in a text of instruction and question."""
    before, behind = default_prompts().plain.split("{question}")
    assert text.startswith(default_prompts().instruction("accession", "word"))
    assert text.endswith(behind)
    return text.partition("Question: ")[2].removesuffix(behind)


class Mine:
    """A model that counts how often it is called."""

    def __init__(self, fails_after: int | None = None) -> None:
        self.batches: list[list[str]] = []
        self.fails_after = fails_after

    def __call__(self, texts: list[str]) -> list[str]:
        if len(self.batches) == self.fails_after:
            raise RuntimeError("out of memory")
        self.batches.append(texts)
        return ["Yes." if coin(question_of(text)) else "**No**" for text in texts]


def test_a_function_is_asked_and_scored(server, llm, tiny_dataset, tmp_path):
    def mine(texts):
        return ["yes" if coin(question_of(text)) else "no" for text in texts]

    record = ask(mine, tiny_dataset, tasks=["ppi", "melanoma"])
    server.answer = by_coin
    assert llm("--tasks", "ppi", "melanoma") == 0
    other = read_record(tmp_path / "results")
    for task in ("ppi", "melanoma"):
        assert record.scores[task][MINE] == other.scores[task][NAME]
    asked = record.models[MINE].asked
    assert (asked.model, asked.reply, asked.endpoint) == ("mine", "word", None)
    assert asked.settings == {"prompts": default_prompts().digest}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results"]


def test_the_record_of_a_folder_takes_it_and_its_answers_are_kept(tiny_dataset, tmp_path):
    accessions = PublishedDataset.open(tiny_dataset).sequences(["accession"])["accession"].to_pylist()
    vectors = np.random.default_rng(0).normal(size=(len(accessions), 4)).astype(np.float32)
    evaluate(
        {"alpha": (accessions, vectors)}, tiny_dataset, tasks=["ppi"], baselines=["length"], out=tmp_path
    )
    model, seen = Mine(), []
    record = ask(
        model,
        tiny_dataset,
        tasks=["ppi"],
        name="mine-accession",
        out=tmp_path,
        progress=lambda answered, questions: seen.append((answered, questions)),
    )
    assert {"alpha", "baseline:length", MINE} <= set(record.models)
    assert any(MINE in (pair.first, pair.second) for pair in record.comparisons["ppi"])
    assert validate_record(tmp_path, tiny_dataset) == []
    total = sum(map(len, model.batches))
    assert seen == [(number, total) for number in range(1, total + 1)]
    assert max(map(len, model.batches)) == 32
    again = Mine()
    assert ask(again, tiny_dataset, tasks=["ppi"], name="mine-accession", out=tmp_path) == record
    assert again.batches == []


def test_what_a_function_answered_before_it_failed_is_kept(tiny_dataset, tmp_path):
    model = Mine(fails_after=2)
    with pytest.raises(RuntimeError, match="out of memory"):
        ask(model, tiny_dataset, tasks=["ppi"], name="mine-accession", out=tmp_path)
    assert not (tmp_path / "results.json").exists()
    rest = Mine()
    record = ask(rest, tiny_dataset, tasks=["ppi"], name="mine-accession", out=tmp_path)
    whole = Mine()
    assert record == ask(whole, tiny_dataset, tasks=["ppi"], name="mine-accession")
    texts = [text for one in (model, rest) for batch in one.batches for text in batch]
    assert texts == [text for batch in whole.batches for text in batch]


def test_probabilities_of_a_function_are_judged_and_none_is_no_answer(tiny_dataset, tmp_path):
    def mine(texts):
        known = [question_of(text) for text in texts]
        return [None if "Q00012" in text else 0.75 if coin(text) else 0.125 for text in known]

    record = ask(mine, tiny_dataset, tasks=["ppi"], reply="probability", out=tmp_path)
    score = record.scores["ppi"][MINE]
    rows = PublishedDataset.open(tiny_dataset).task("ppi", "eval").to_pylist()
    labels, probability = [], []
    for row in rows:
        pair = (row["accession_a"], row["accession_b"])
        text = f"Do proteins <UNIPROT:{pair[0]}> and <UNIPROT:{pair[1]}> interact?"
        labels.append(row["label"])
        probability.append(float("nan") if "Q00012" in pair else 0.75 if coin(text) else 0.125)
    labels, probability = np.array(labels), np.array(probability)
    lacking = np.isnan(probability)
    assert score.unanswered == lacking.sum() > 0
    right = ~lacking & ((probability > 0.5) == labels)
    assert score.accuracy.mean == pytest.approx(right.mean())
    known = np.where(lacking, 0.5, probability)
    # Samples are of one size, so the mean over them is that over all examples.
    assert score.brier.mean == pytest.approx(((known - labels) ** 2).mean())
    assert score.auroc.mean is not None
    assert validate_record(tmp_path, tiny_dataset) == []


def test_a_model_is_asked_by_its_name_or_as_an_object(server, tiny_dataset):
    server.answer = by_coin
    named = ask("openai/gpt-4.1", tiny_dataset, tasks=["melanoma"], base_url=server.base_url, seed=3)
    assert server.bodies[-1]["seed"] == 3
    assert named.models[NAME].asked.settings["seed"] == 3
    model = RemoteModel.of("gpt-4.1", base_url=server.base_url, reply="word", fields={"max_tokens": None})
    server.answer = lambda body: "yes" if json.loads(by_coin(body))["result"] else "no"
    made = ask(model, tiny_dataset, tasks=["melanoma"])
    assert "max_tokens" not in server.bodies[-1]
    # The bootstrap has the seed too.
    accuracies = [record.scores["melanoma"][NAME].accuracy for record in (named, made)]
    assert accuracies[0] == accuracies[1]
    assert isinstance(model, LanguageModel)
    assert isinstance(FunctionModel(Mine(), "mine"), LanguageModel)
    assert not isinstance(Mine(), LanguageModel)


def test_a_plan_is_made_without_asking(tiny_dataset, tmp_path):
    model = Mine()
    poll = Poll(FunctionModel(model, "mine"), tiny_dataset, "accession", tmp_path / "out", tasks=["ppi"])
    assert "200 examples, 83 distinct questions; to be asked: 83 questions with" in poll.plan()
    assert "in 3 calls" in poll.plan()
    assert model.batches == []
    assert not (tmp_path / "out").exists()


WRONG = {
    "too few": (lambda texts: ["yes"], {}, "was asked 32 questions and returned 1 answers"),
    "one text": (lambda texts: "yes", {}, "returned one text"),
    "numbers": (lambda texts: [0.5] * len(texts), {}, "expected a text or None, or a probability"),
    "texts": (lambda texts: ["yes"] * len(texts), {"reply": "probability"}, "the probability of yes, 0 to 1"),
    "two": (lambda texts: [2.0] * len(texts), {"reply": "probability"}, "the probability of yes, 0 to 1"),
    "nan": (lambda texts: [float("nan")] * len(texts), {"reply": "probability"}, "the probability of yes"),
    "no such reply": (lambda texts: [], {"reply": "xml"}, "reply 'xml': expected one of json, word"),
    "option": (lambda texts: [], {"jobs": 3}, "jobs: options of a model that is given by its name"),
    "form": (lambda texts: [], {"form": "dna"}, "form 'dna': expected one of accession, sequence"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_be_is_said(tiny_dataset, what):
    function, options, message = WRONG[what]
    with pytest.raises(GenoProtError, match=message):
        ask(function, tiny_dataset, tasks=["ppi"], name="mine", **options)


def test_a_function_without_a_name_needs_one(tiny_dataset):
    with pytest.raises(GenoProtError, match="name=..."):
        ask(lambda texts: texts, tiny_dataset)
    with pytest.raises(GenoProtError, match="expected a name, a language model or a function"):
        ask(7, tiny_dataset)
    with pytest.raises(GenoProtError, match="already has its own"):
        ask(FunctionModel(Mine(), "mine"), tiny_dataset, reply="word")
    with pytest.raises(GenoProtError, match="a checkpoint answers with probabilities only"):
        ask("hf/owner/name", tiny_dataset, reply="word")
    with pytest.raises(GenoProtError, match="expected openai/NAME"):
        ask("gpt-4.1", tiny_dataset)
