"""The subcommand `genoprot llm`."""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.tasks import EVAL_SAMPLES
from genoprot_evaluate.evaluation.task_choice import add_tasks_argument
from genoprot_evaluate.llm.endpoint import BASE_URL, KEY_VARIABLE, NO_KEY, TIMEOUT_SECONDS
from genoprot_evaluate.llm.models import HUB, REMOTE, LanguageModel, is_remote, open_model
from genoprot_evaluate.llm.prompts import FORMS, REPLIES, read_prompts
from genoprot_evaluate.llm.remote import DEFAULT_SETTINGS, JOBS
from genoprot_evaluate.llm.zero_shot import Poll
from genoprot_evaluate.results import RECORD_NAME
from genoprot_evaluate.tables import WIDTH, format_scores

__all__ = ["add_arguments", "run"]

_OF_CHECKPOINTS = {"device": None, "trust_remote_code": False}
_OF_ENDPOINTS = {"base_url": BASE_URL, "key_variable": KEY_VARIABLE, "reply": "json", "jobs": JOBS}
_OF_ENDPOINTS |= {"max_requests": None, "token_budget": None, "timeout": TIMEOUT_SECONDS, "field": []}
_POSITIVE = ("jobs", "max_requests", "token_budget", "timeout")
_SHOWN = 3
_SHOWN_CHARACTERS = 80


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `genoprot llm`."""
    parser.add_argument(
        "--model",
        required=True,
        metavar="MODEL",
        help=f"{REMOTE}NAME of a model behind an OpenAI-compatible endpoint, {HUB}OWNER/NAME[@REVISION] on "
        "the Hub, or the folder of a causal transformers checkpoint",
    )
    parser.add_argument(
        "--dataset", default="llnl/geno-prot", metavar="DIR", help="folder or Hub id; default: llnl/geno-prot"
    )
    parser.add_argument(
        "--form", required=True, choices=FORMS, help="what stands for a protein in a question"
    )
    parser.add_argument(
        "--out", required=True, metavar="DIR", help="folder of results; the model is added to its record"
    )
    add_tasks_argument(parser)
    parser.add_argument(
        "--samples", type=int, metavar="K", help=f"ask the first K eval samples only; default: {EVAL_SAMPLES}"
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would be asked, and ask nothing")
    parser.add_argument(
        "--max-residues", type=int, metavar="N", help="residues of a sequence that are shown; default: all"
    )
    parser.add_argument(
        "--matched",
        action="store_true",
        help="ask about the pairs of the identity-matched variants too, where the dataset has them",
    )
    parser.add_argument("--prompts", metavar="FILE", help="YAML file with other words than the packaged ones")
    parser.add_argument(
        "--ask-again", action="store_true", help="ask again what was refused when it was asked before"
    )
    parser.add_argument("--name", metavar="NAME", help="name in the record; default: of model and form")
    parser.add_argument("--seed", type=int, default=0, help="sent with each question; default: 0")
    remote = parser.add_argument_group("endpoints")
    remote.add_argument("--base-url", default=BASE_URL, metavar="URL", help=f"default: {BASE_URL}")
    remote.add_argument(
        "--key-variable",
        default=KEY_VARIABLE,
        metavar="NAME",
        help=f"environment variable with the key, {NO_KEY} for no key; default: {KEY_VARIABLE}",
    )
    remote.add_argument(
        "--reply",
        choices=REPLIES,
        default="json",
        help="how to answer: a JSON object, as in the paper (default); yes or no as the first word; or one "
        "word, of which the probabilities of yes and no are compared where the endpoint sends them",
    )
    remote.add_argument("--jobs", type=int, default=8, metavar="N", help="requests at once; default: 8")
    remote.add_argument(
        "--max-requests", type=int, metavar="N", help="send no more, those that are sent again counted"
    )
    remote.add_argument(
        "--token-budget",
        type=int,
        metavar="N",
        help="send no more questions than fit in N tokens, those of the answers counted",
    )
    remote.add_argument(
        "--timeout",
        type=float,
        default=TIMEOUT_SECONDS,
        metavar="SECONDS",
        help=f"how long the endpoint may say nothing; default: {TIMEOUT_SECONDS:.0f}",
    )
    remote.add_argument(
        "--field",
        action="append",
        default=[],
        metavar="NAME=JSON",
        help="field to send with each question, null to leave one out; default: "
        + " ".join(f"{name}={value}" for name, value in DEFAULT_SETTINGS.items()),
    )
    local = parser.add_argument_group("checkpoints")
    local.add_argument("--device", help="where torch computes; default: an accelerator where there is one")
    local.add_argument(
        "--trust-remote-code", action="store_true", help="let Python code of the checkpoint run"
    )


def run(args: argparse.Namespace) -> int:
    """Run `genoprot llm`; the exit status is 1 where a task could not be asked to its end."""
    for option in _POSITIVE:
        value = getattr(args, option)
        if value is not None and not value >= 1:
            raise GenoProtError(f"--{option.replace('_', '-')} {value}: expected 1 or more")
    poll = Poll(
        _model(args),
        args.dataset,
        args.form,
        args.out,
        name=args.name,
        tasks=args.tasks,
        samples=args.samples,
        max_residues=args.max_residues,
        matched=args.matched,
        prompts=None if args.prompts is None else read_prompts(args.prompts),
        again=args.ask_again,
        seed=args.seed,
    )
    print(f"{poll.name}: {poll.plan()}", file=sys.stderr, flush=True)
    if args.dry_run:
        return 0
    before = len(poll.answers)
    with tqdm(total=len(poll.missing), unit="answer", disable=not sys.stderr.isatty()) as bar:
        try:
            record = poll.run(lambda answered, questions: bar.update())
        except (GenoProtError, KeyboardInterrupt):
            bar.close()
            came = len(poll.answers) - before
            print(
                f"{came:,} answers came and are kept in {poll.answers.path}; the same command goes on from "
                "there",
                file=sys.stderr,
            )
            raise
    print(format_scores(record, shutil.get_terminal_size((WIDTH, 24)).columns))
    print(f"{Path(args.out) / RECORD_NAME} is written; for tables, figures and a page:")
    print(f"genoprot report {shlex.quote(args.out)} --out report/")
    _show_unread(poll)
    failed = {task: record.scores[task][poll.name].reason for task in poll.tasks}
    failed = {task: reason for task, reason in failed.items() if reason is not None}
    for task, reason in failed.items():
        print(f"genoprot: {task} is not scored: {reason}", file=sys.stderr)
    for task, reason in poll.left.items():
        if task not in failed:
            print(f"genoprot: identity-matched pairs of {task} are not scored: {reason}", file=sys.stderr)
    return 1 if failed or poll.left else 0


def _show_unread(poll: Poll) -> None:
    """Some of the answers from which no class could be taken, and where the others are."""
    unread = list(poll.unread())
    if not unread:
        return
    questions = "1 question has" if len(unread) == 1 else f"{len(unread):,} questions have"
    print(
        f"genoprot: {questions} no answer that can be read; all that came is in {poll.answers.path}:",
        file=sys.stderr,
    )
    for question, lacking, text in unread[:_SHOWN]:
        words = "".join(letter for letter in " ".join(text.split()) if letter.isprintable())
        if len(words) > _SHOWN_CHARACTERS:
            words = words[:_SHOWN_CHARACTERS] + "..."
        about = " and ".join(question.accessions)
        print(f"  {question.task}, {about}: {lacking}: {words!r}", file=sys.stderr)
    if len(unread) > _SHOWN:
        print(f"  ... and {len(unread) - _SHOWN:,} more", file=sys.stderr)


def _model(args: argparse.Namespace) -> LanguageModel:
    """The model that is asked for."""
    remote = is_remote(args.model)
    known = Path(args.model).is_dir() or args.model.startswith((REMOTE, HUB))
    for name, default in (_OF_CHECKPOINTS if remote else _OF_ENDPOINTS).items() if known else ():
        if getattr(args, name) != default:
            kind = "checkpoints" if remote else "endpoints"
            raise GenoProtError(
                f"--{name.replace('_', '-')} is for {kind}; --model {args.model} is none of them"
            )
    if not remote:
        return open_model(args.model, device=args.device, trust_remote_code=args.trust_remote_code)
    return open_model(
        args.model,
        base_url=args.base_url,
        key_variable=args.key_variable,
        reply=args.reply,
        fields=_fields(args.field),
        seed=args.seed,
        jobs=args.jobs,
        max_requests=args.max_requests,
        token_budget=args.token_budget,
        timeout_seconds=args.timeout,
        key_needed=not args.dry_run,
    )


def _fields(given: Sequence[str]) -> dict[str, Any]:
    """Fields of requests from ``NAME=JSON``."""
    fields = {}
    for entry in given:
        name, equals, value = entry.partition("=")
        try:
            if not name or not equals:
                raise ValueError
            fields[name] = json.loads(value)
        except ValueError:
            raise GenoProtError(f"--field {entry}: expected NAME=JSON, as in max_tokens=16") from None
    return fields
