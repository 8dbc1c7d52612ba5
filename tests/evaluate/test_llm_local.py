"""Local causal models: the probabilities of yes and no are those of the model, alone and in batches."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.published import PublishedDataset
from genoprot_evaluate.cli import main
from genoprot_evaluate.evaluation.examples import read_examples
from genoprot_evaluate.leaderboard.validation import validate_record
from genoprot_evaluate.llm.answers import Answers
from genoprot_evaluate.llm.local import LocalModel
from genoprot_evaluate.llm.prompts import default_prompts
from genoprot_evaluate.llm.questions import Names, task_questions
from genoprot_evaluate.llm.reading import TOO_LONG, read_answers
from genoprot_evaluate.results import read_predictions, read_record

TEMPLATE = (
    "{% for message in messages %}{{ '<|' + message['role'] + '|>' + message['content'] }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)
NO_SYSTEM = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}" + TEMPLATE


def checkpoint(folder: Path, template: str | None = None, context: int = 4_096, **changes) -> Path:
    """A causal model of random weights that reads bytes, or has tokens of its own for yes and no."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = ["<pad>", "<unk>", *alphabet, "ye", "yes", "no"]
    merges = [("y", "e"), ("ye", "s"), ("n", "o")]
    tokenizer = Tokenizer(
        models.BPE({token: row for row, token in enumerate(tokens)}, merges, unk_token="<unk>")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>")
    fast.chat_template = template
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    sizes = {"vocab_size": len(tokens), "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2}
    sizes |= {"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": context}
    LlamaForCausalLM(LlamaConfig(**sizes, initializer_range=0.3, **changes)).save_pretrained(folder)
    return folder


def answered(model: LocalModel, questions, answers: Answers) -> list:
    """The kept answers of a model to questions in the form of sequences, in their order."""
    prompts = default_prompts()
    with answers.writing():
        assert (
            model.ask(questions, model.survey("sequence", None, prompts), prompts, answers, lambda: None)
            == {}
        )
    return [answers[key] for key in questions]


@pytest.fixture
def questions(tiny_dataset):
    published = PublishedDataset.open(tiny_dataset)
    asked = task_questions(read_examples(published, "melanoma"), Names.of(published, "sequence"))
    return {f"s-{number}": question for number, question in enumerate(dict.fromkeys(asked))}


def by_hand(folder: Path, text: str) -> float:
    """Share of yes of the probability of all tokens that begin yes or no, one question at a time."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.no_grad():
        probabilities = model(torch.tensor([tokenizer.encode(text)])).logits[0, -1].double().softmax(-1)
    ids = tokenizer.convert_tokens_to_ids
    # " yes" and " no" begin with the same token, a space.
    yes, no = ([ids(token) for token in tokens] for tokens in (("yes", "Y"), ("no", "N")))
    return float(probabilities[yes].sum() / probabilities[[*yes, *no]].sum())


@pytest.mark.parametrize(
    ("template", "shown"),
    [
        (None, "{instruction}\n\nQuestion: {question}\nAnswer:"),
        (TEMPLATE, "<|system|>{instruction}<|user|>{question}<|assistant|>"),
        (NO_SYSTEM, "<|user|>{instruction}\n\n{question}<|assistant|>"),
    ],
    ids=["plain", "chat", "no system"],
)
def test_probabilities_are_those_of_the_model(tmp_path, questions, template, shown):
    folder = checkpoint(tmp_path / "tiny", template)
    model = LocalModel.load(folder, "tiny", device="cpu")
    answers = Answers(tmp_path / "a.jsonl")
    found = answered(model, questions, answers)
    assert len(answers) == len(questions)
    reading = read_answers(found, "probability")
    predicted, probability = reading.predicted, reading.probability
    instruction = default_prompts().instruction("sequence", "word")
    expected = [
        by_hand(folder, shown.format(instruction=instruction, question=question.text))
        for question in questions.values()
    ]
    np.testing.assert_allclose(probability, expected, rtol=1e-5)
    np.testing.assert_array_equal(predicted, probability > 0.5)
    assert len(set(expected)) > 5
    together = np.mean([sum(np.exp(answers[key][word]) for word in ("yes", "no")) for key in questions])
    remark = f"yes and no together have {together:.1%} of the probability of the next token"
    assert reading.remarks == (remark,)
    sure = [{"yes": np.log(0.6), "no": np.log(0.3)}]
    assert read_answers(sure, "probability").remarks == ()


def test_batches_give_what_questions_alone_give(tmp_path, questions, monkeypatch):
    folder = checkpoint(tmp_path / "tiny", TEMPLATE)
    alone = LocalModel.load(folder, "tiny", device="cpu")
    found = Answers(tmp_path / "alone.jsonl")
    answered(alone, questions, found)
    monkeypatch.setattr("genoprot_evaluate.llm.local.computes_alone", lambda device: False)
    widths = []
    together = LocalModel(alone._model, alone._tokenizer, "tiny", batch_tokens=2_000)
    computed = together._answered

    def watched(rows):
        widths.append(len(rows))
        return computed(rows)

    together._answered = watched
    batched = Answers(tmp_path / "batched.jsonl")
    answered(together, questions, batched)
    assert max(widths) > 2
    for key in questions:
        for word in ("yes", "no"):
            assert batched[key][word] == pytest.approx(found[key][word], abs=1e-4)


def test_a_model_is_scored_with_probabilities(tmp_path, tiny_dataset, capsys):
    folder = checkpoint(tmp_path / "tiny-chat", TEMPLATE)
    words = ["llm", "--model", str(folder), "--dataset", str(tiny_dataset), "--form", "accession"]
    words += ["--tasks", "ppi", "--samples", "3", "--device", "cpu"]
    assert main([*words, "--out", str(tmp_path / "a"), "--dry-run"]) == 0
    assert "tokens to read" in capsys.readouterr().err
    assert not (tmp_path / "a").exists()
    assert main([*words, "--out", str(tmp_path / "a")]) == 0
    record = read_record(tmp_path / "a")
    name = "llm:tiny-chat-accession"
    score = record.scores["ppi"][name]
    assert score.auroc.mean is not None
    assert score.brier.mean is not None
    assert score.unanswered is None
    assert score.train_examples is None
    model = record.models[name]
    assert model.parameters > 10_000
    assert model.asked.reply == "probability"
    assert model.asked.settings["dtype"] == "float32"
    assert model.asked.prompt_tokens > 100 * model.asked.distinct_questions
    assert read_predictions(tmp_path / "a")["probability"].null_count == 0
    assert validate_record(tmp_path / "a", tiny_dataset) == []
    # A run that was ended after some answers gives the same bytes.
    path = tmp_path / "a" / "answers" / "llm-tiny-chat-accession.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    other = tmp_path / "b" / "answers" / path.name
    other.parent.mkdir(parents=True)
    other.write_bytes(b"".join(lines[:7]) + lines[7][:20])
    assert main([*words, "--out", str(tmp_path / "b")]) == 0
    for file in ("results.json", "predictions.parquet"):
        assert (tmp_path / "b" / file).read_bytes() == (tmp_path / "a" / file).read_bytes()
    assert sorted(other.read_bytes().splitlines()) == sorted(path.read_bytes().splitlines())


def test_a_model_on_the_hub_is_fetched_with_its_template(online, tmp_path, tiny_dataset):
    from huggingface_hub import HfApi

    folder = checkpoint(tmp_path / "tiny", TEMPLATE)
    assert (folder / "chat_template.jinja").is_file()
    HfApi().create_repo("llnl/tiny-chat")
    HfApi().upload_folder(repo_id="llnl/tiny-chat", folder_path=folder)
    words = ["--dataset", str(tiny_dataset), "--form", "accession", "--tasks", "melanoma", "--device", "cpu"]
    assert main(["llm", "--model", "hf/llnl/tiny-chat", *words, "--out", str(tmp_path / "hub")]) == 0
    assert main(["llm", "--model", str(folder), *words, "--out", str(tmp_path / "folder")]) == 0
    fetched, local = (read_record(tmp_path / name) for name in ("hub", "folder"))
    names = ("llm:llnl/tiny-chat-accession", "llm:tiny-accession")
    assert fetched.scores["melanoma"][names[0]] == local.scores["melanoma"][names[1]]
    assert fetched.models[names[0]].asked.settings == local.models[names[1]].asked.settings
    assert fetched.models[names[0]].asked.settings["chat_template"] is not None


def test_a_question_longer_than_the_context_is_not_answered_and_the_others_are(
    tmp_path, tiny_dataset, capsys
):
    from transformers import AutoTokenizer

    published = PublishedDataset.open(tiny_dataset)
    asked = task_questions(read_examples(published, "melanoma"), Names.of(published, "sequence"))
    tokenizer = AutoTokenizer.from_pretrained(checkpoint(tmp_path / "any"))
    prompts = default_prompts()
    instruction = prompts.instruction("sequence", "word")
    lengths = [len(tokenizer(prompts.in_one(instruction, one.text))["input_ids"]) for one in asked]
    context = sorted(set(lengths))[len(set(lengths)) // 2]
    lacking = sum(length > context for length in lengths)
    assert 0 < lacking < len(asked)
    folder = checkpoint(tmp_path / "short", context=context)
    words = ["llm", "--model", str(folder), "--dataset", str(tiny_dataset), "--form", "sequence"]
    words += ["--tasks", "melanoma", "--device", "cpu", "--out"]
    assert main([*words, str(tmp_path / "a"), "--dry-run"]) == 0
    assert f"are longer than the context of {context}" in capsys.readouterr().err
    assert main([*words, str(tmp_path / "a")]) == 0
    score = read_record(tmp_path / "a").scores["melanoma"]["llm:short-sequence"]
    assert score.unanswered == lacking
    told = f"{lacking} of {len(asked)} answers are lacking and count as wrong: {lacking} {TOO_LONG}"
    assert told in score.note
    assert score.auroc.mean is not None
    table = read_predictions(tmp_path / "a")
    assert table["probability"].null_count == lacking
    assert sum(value == -1 for value in table["predicted"].to_pylist()) == lacking
    assert validate_record(tmp_path / "a", tiny_dataset) == []
    assert f"{TOO_LONG}: '" in capsys.readouterr().err


def test_a_model_to_which_every_question_is_too_long_has_no_score(tmp_path, tiny_dataset):
    folder = checkpoint(tmp_path / "short", context=100)
    words = ["llm", "--model", str(folder), "--dataset", str(tiny_dataset), "--form", "sequence"]
    words += ["--tasks", "melanoma", "--device", "cpu", "--out", str(tmp_path / "a")]
    assert main(words) == 1
    score = read_record(tmp_path / "a").scores["melanoma"]["llm:short-sequence"]
    assert score.status == "N/A"
    assert "no question was answered" in score.reason
    assert TOO_LONG in score.reason


def test_a_tokenizer_that_cannot_tell_is_refused(tmp_path):
    folder = checkpoint(tmp_path / "tiny")
    path = folder / "tokenizer.json"
    raw = json.loads(path.read_text(encoding="utf-8"))
    raw["model"]["vocab"] = {"<pad>": 0, "<unk>": 1}
    raw["model"]["merges"] = []
    path.write_text(json.dumps(raw), encoding="utf-8")
    with pytest.raises(GenoProtError, match="tell yes from no"):
        LocalModel.load(folder, "tiny", device="cpu")


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_folder_without_a_part_is_refused_in_a_line(tmp_path, tiny_dataset, capsys, missing):
    folder = checkpoint(tmp_path / "tiny")
    (folder / missing).unlink()
    if missing == "tokenizer.json":
        (folder / "tokenizer_config.json").unlink()
    words = ["llm", "--model", str(folder), "--dataset", str(tiny_dataset), "--form", "accession"]
    capsys.readouterr()
    assert main([*words, "--out", str(tmp_path / "a")]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert str(folder) in said
