"""A causal model of transformers in this process: the probabilities of yes and no as the next token."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from genoprot_datasets.errors import GenoProtError, SourceError
from genoprot_evaluate.batching import token_batches
from genoprot_evaluate.encoders.auto import UNUSED
from genoprot_evaluate.encoders.checkpoint_folder import (
    TOKENIZER_FILES,
    folder_digest,
    one_line,
    quiet,
    weight_files,
)
from genoprot_evaluate.encoders.compute import choose_device, computes_alone, side_by_side
from genoprot_evaluate.encoders.weights import check_keys, check_safetensors
from genoprot_evaluate.llm.answers import Answers
from genoprot_evaluate.llm.prompts import Prompts
from genoprot_evaluate.llm.questions import Question
from genoprot_evaluate.llm.reading import TOO_LONG
from genoprot_evaluate.results import Survey

__all__ = ["BATCH_TOKENS", "LocalModel"]

BATCH_TOKENS = 8_192
"""Tokens of a batch on an accelerator, padding included."""

_WORDS = {word: (word, word.capitalize(), f" {word}", f" {word.capitalize()}") for word in ("yes", "no")}


class LocalModel:
    """Compares the probabilities that a causal model gives to yes and to no.

    On a processor each question is read alone, so a probability depends on it alone, to the last bit; on an
    accelerator questions of similar length are read together.

    Parameters
    ----------
    model : torch.nn.Module
        In evaluation mode, on its device.
    tokenizer : transformers.PreTrainedTokenizerBase
    title : str
    settings : mapping, optional
        What is to be known of the checkpoint.
    batch_tokens : int

    Raises
    ------
    GenoProtError
        If the tokenizer cannot tell yes from no by their first tokens.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        tokenizer: Any,
        title: str,
        settings: Mapping[str, Any] | None = None,
        batch_tokens: int = BATCH_TOKENS,
    ) -> None:
        self.title = title
        self.parameters = sum(parameter.numel() for parameter in model.parameters())
        self._model = model
        self._tokenizer = tokenizer
        self._batch_tokens = batch_tokens
        self._inputs = inspect.signature(model.forward).parameters
        self._yes, self._no = _first_tokens(tokenizer)
        template = getattr(tokenizer, "chat_template", None)
        self._chats = template is not None
        self._settings = {
            **(settings or {}),
            "dtype": str(next(model.parameters()).dtype).removeprefix("torch."),
            "device": model.device.type,
            "chat_template": hashlib.sha256(str(template).encode()).hexdigest() if self._chats else None,
        }

    @classmethod
    def load(
        cls,
        folder: Path,
        title: str,
        *,
        device: str | None = None,
        batch_tokens: int = BATCH_TOKENS,
        trust_remote_code: bool = False,
    ) -> LocalModel:
        """Open a checkpoint folder: ``config.json``, a tokenizer and safetensors weights.

        Computed is in float32 on a processor, elsewhere in the precision of the checkpoint.

        Raises
        ------
        GenoProtError
            If a file is missing or damaged, or the parts do not fit together.
        """
        from transformers import AutoModelForCausalLM, AutoTokenizer

        if not (folder / "config.json").is_file():
            raise SourceError(folder, "no config.json in this folder; a transformers checkpoint has one")
        if not any((folder / name).is_file() for name in TOKENIZER_FILES):
            raise SourceError(
                folder, f"no tokenizer in this folder; expected one of {', '.join(TOKENIZER_FILES)}"
            )
        for file in weight_files(folder):
            check_safetensors(file)
        place = choose_device(device)
        options = {"local_files_only": True, "trust_remote_code": trust_remote_code}
        with quiet():
            with one_line(folder, "tokenizer"):
                tokenizer = AutoTokenizer.from_pretrained(folder, **options)
            with one_line(folder, "weights"):
                model, report = AutoModelForCausalLM.from_pretrained(
                    folder,
                    use_safetensors=True,
                    dtype=torch.float32 if computes_alone(place) else "auto",
                    output_loading_info=True,
                    ignore_mismatched_sizes=True,
                    **options,
                )
        check_keys(
            folder,
            missing=sorted(key for key in report["missing_keys"] if not UNUSED.search(key)),
            unexpected=sorted(key for key in report["unexpected_keys"] if not UNUSED.search(key)),
            misshapen=sorted(key for key, *_ in report["mismatched_keys"]),
        )
        settings = {"files": folder_digest(folder)}
        return cls(model.to(place).eval(), tokenizer, title, settings, batch_tokens)

    def survey(self, form: str, max_residues: int | None, prompts: Prompts) -> Survey:
        """How it is asked."""
        return Survey(
            self.title,
            form,
            "probability",
            prompts.instruction(form, "probability"),
            max_residues,
            settings={**self._settings, "prompts": prompts.digest},
            versions={"transformers": version("transformers")},
        )

    def plan(self, questions: Sequence[Question], survey: Survey, prompts: Prompts) -> str:
        """What asking takes, in words."""
        lengths = [len(self._tokens(question, survey, prompts)) for question in questions]
        words = f"{len(lengths):,} questions with {sum(lengths):,} tokens to read"
        long = sum(self._too_long(length) for length in lengths)
        return f"{words}; {long:,} are longer than the context of {self._context:,}" if long else words

    @property
    def _context(self) -> int | None:
        return getattr(self._model.config.get_text_config(), "max_position_embeddings", None)

    def _too_long(self, tokens: int) -> bool:
        return self._context is not None and tokens > self._context

    def ask(
        self,
        questions: Mapping[str, Question],
        survey: Survey,
        prompts: Prompts,
        answers: Answers,
        tick: Callable[[], None],
    ) -> dict[str, tuple[str, str]]:
        """Compute what has no answer yet; see `models.LanguageModel.ask`.

        A question longer than the model's context is not answered. A batch of which an answer is missing is
        read as a whole, so batches are those of a run that was not interrupted.
        """
        tokens = {key: self._tokens(question, survey, prompts) for key, question in questions.items()}
        keys = [key for key in questions if not self._too_long(len(tokens[key]))]
        outside = [key for key in questions if self._too_long(len(tokens[key])) and key not in answers]
        answers.add(
            (
                key,
                {
                    "task": questions[key].task,
                    "proteins": list(questions[key].accessions),
                    "refused": TOO_LONG,
                    "why": f"{len(tokens[key]):,} tokens; the context is {self._context:,}",
                },
            )
            for key in outside
        )
        for _ in outside:
            tick()
        lengths = [len(tokens[key]) for key in keys]
        on_processor = computes_alone(self._model.device)
        alone = on_processor or "position_ids" not in self._inputs
        batches = [[i] for i in range(len(keys))] if alone else token_batches(lengths, self._batch_tokens)
        chosen = [[keys[i] for i in batch] for batch in batches]

        def answer(batch: Sequence[str]) -> None:
            found = self._answered([tokens[key] for key in batch])
            answers.add(
                (
                    key,
                    {
                        "task": questions[key].task,
                        "proteins": list(questions[key].accessions),
                        "yes": yes,
                        "no": no,
                        "prompt_tokens": len(tokens[key]),
                        "completion_tokens": 0,
                    },
                )
                for key, (yes, no) in zip(batch, found)
            )
            for _ in batch:
                tick()

        pending = [batch for batch in chosen if not all(key in answers for key in batch)]
        if on_processor:
            side_by_side(answer, pending)
        else:
            for batch in pending:
                answer(batch)
        return {}

    def _tokens(self, question: Question, survey: Survey, prompts: Prompts) -> list[int]:
        instruction = survey.instruction
        if not self._chats:
            text = prompts.in_one(instruction, question.text)
            return self._tokenizer(text, truncation=False, verbose=False)["input_ids"]
        spoken = [{"role": "system", "content": instruction}, {"role": "user", "content": question.text}]
        try:
            text = self._rendered(spoken)
        except Exception:  # templates refuse a role that their model does not know, each in its own way
            text = self._rendered([{"role": "user", "content": f"{instruction}\n\n{question.text}"}])
        # The template has put every special token where it belongs.
        return self._tokenizer(text, add_special_tokens=False, truncation=False, verbose=False)["input_ids"]

    def _rendered(self, messages: list[dict[str, str]]) -> str:
        # Templates of models that think first know the last option; others do not look at it.
        return self._tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True, enable_thinking=False
        )

    def _answered(self, rows: Sequence[Sequence[int]]) -> list[tuple[float, float]]:
        """Log-probabilities of yes and of no behind each row of tokens."""
        width = max(map(len, rows))
        ids = np.full((len(rows), width), self._tokenizer.pad_token_id or 0, dtype=np.int64)
        present = np.zeros((len(rows), width), dtype=np.int64)
        for line, row in enumerate(rows):
            ids[line, width - len(row) :] = row
            present[line, width - len(row) :] = 1
        device = self._model.device
        inputs = {"input_ids": ids, "attention_mask": present}
        if "position_ids" in self._inputs:
            inputs["position_ids"] = np.maximum(present.cumsum(axis=1) - 1, 0)
        options = {"use_cache": False} if "use_cache" in self._inputs else {}
        if "logits_to_keep" in self._inputs:
            options["logits_to_keep"] = 1
        with torch.inference_mode():
            output = self._model(
                **{name: torch.from_numpy(value).to(device) for name, value in inputs.items()}, **options
            )
            logs = output.logits[:, -1].double().log_softmax(dim=-1)
            yes, no = (logs[:, words].logsumexp(dim=-1).tolist() for words in (self._yes, self._no))
        if not np.isfinite([yes, no]).all():
            raise GenoProtError(f"model {self.title}: the probabilities of its answers are not finite")
        return list(zip(yes, no))


def _first_tokens(tokenizer: Any) -> tuple[list[int], list[int]]:
    """Tokens with which yes and no can begin, without those with which both can."""
    firsts = {
        word: {tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"][0] for text in texts}
        for word, texts in _WORDS.items()
    }
    both = set.intersection(*firsts.values()) | {tokenizer.unk_token_id}
    yes, no = (sorted(firsts[word] - both) for word in ("yes", "no"))
    if not yes or not no:
        raise GenoProtError("the tokenizer has no tokens that tell yes from no")
    return yes, no
