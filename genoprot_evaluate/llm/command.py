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
from genoprot_datasets.published import PublishedDataset
from genoprot_datasets.tasks import EVAL_SAMPLES
from genoprot_evaluate.encoders.hub_weights import fetch_weights
from genoprot_evaluate.evaluation.task_choice import add_tasks_argument
from genoprot_evaluate.llm.endpoint import BASE_URL, KEY_VARIABLE, NO_KEY, Endpoint
from genoprot_evaluate.llm.questions import FORMS, Names, instruction
from genoprot_evaluate.llm.remote import DEFAULT_SETTINGS, RemoteModel, request_settings
from genoprot_evaluate.llm.replies import REPLIES
from genoprot_evaluate.llm.zero_shot import PREFIX, LanguageModel, Poll
from genoprot_evaluate.results import RECORD_NAME, Survey
from genoprot_evaluate.tables import WIDTH, format_scores

__all__ = ["add_arguments", "run"]

_REMOTE, _HUB = "openai/", "hf/"
_OF_CHECKPOINTS = {"device": None, "trust_remote_code": False}
_OF_ENDPOINTS = {"base_url": BASE_URL, "key_variable": KEY_VARIABLE, "reply": "json", "jobs": 8}
_OF_ENDPOINTS |= {"max_requests": None, "field": []}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `genoprot llm`."""
    parser.add_argument(
        "--model",
        required=True,
        metavar="MODEL",
        help=f"{_REMOTE}NAME of a model behind an OpenAI-compatible endpoint, {_HUB}OWNER/NAME[@REVISION] on "
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
        choices=list(REPLIES),
        default="json",
        help="how to answer: a JSON object, as in the paper (default), or yes or no as the first word",
    )
    remote.add_argument("--jobs", type=int, default=8, metavar="N", help="requests at once; default: 8")
    remote.add_argument(
        "--max-requests", type=int, metavar="N", help="send no more, those that are sent again counted"
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
    for option in ("jobs", "max_requests"):
        value = getattr(args, option)
        if value is not None and value < 1:
            raise GenoProtError(f"--{option.replace('_', '-')} {value}: expected 1 or more")
    published = PublishedDataset.open(args.dataset)
    names = Names.of(published, args.form, args.max_residues)
    model, named = _model(args)
    name = PREFIX + (args.name or f"{named}-{args.form}").replace(":", "-")
    poll = Poll(model, name, published, names, args.out, args.tasks, args.samples, args.seed)
    print(f"{name}: {poll.plan()}", file=sys.stderr, flush=True)
    if args.dry_run:
        return 0
    before = len(poll.answers)
    with tqdm(total=len(poll.missing), unit="answer", disable=not sys.stderr.isatty()) as bar:
        try:
            record = poll.run(bar.update)
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
    failed = {task: record.scores[task][name].reason for task in poll.tasks}
    for task, reason in failed.items():
        if reason is not None:
            print(f"genoprot: {task} is not scored: {reason}", file=sys.stderr)
    return 1 if any(failed.values()) else 0


def _model(args: argparse.Namespace) -> tuple[LanguageModel, str]:
    """The model that is asked for, and its name."""
    given = args.model
    here = Path(given).is_dir()
    if not here and not given.startswith((_REMOTE, _HUB)):
        raise GenoProtError(
            f"--model {given}: expected {_REMOTE}NAME, {_HUB}OWNER/NAME, or the folder of a checkpoint"
        )
    remote = given.startswith(_REMOTE) and not here
    for name, default in (_OF_CHECKPOINTS if remote else _OF_ENDPOINTS).items():
        if getattr(args, name) != default:
            kind = "checkpoints" if remote else "endpoints"
            raise GenoProtError(f"--{name.replace('_', '-')} is for {kind}; --model {given} is none of them")
    if remote:
        return _remote(args, given.removeprefix(_REMOTE))
    from genoprot_evaluate.llm.local import LocalModel

    if here:
        folder, title = Path(given), Path(given).resolve().name
    else:
        named = given.removeprefix(_HUB)
        folder, title = fetch_weights(named, code=args.trust_remote_code), named.partition("@")[0]
    survey = Survey(title, args.form, "probability", instruction(args.form, "word"), args.max_residues)
    local = LocalModel.load(folder, survey, device=args.device, trust_remote_code=args.trust_remote_code)
    return local, title


def _remote(args: argparse.Namespace, name: str) -> tuple[LanguageModel, str]:
    endpoint = Endpoint.of(args.base_url, args.key_variable, needed=not args.dry_run)
    survey = Survey(
        name,
        args.form,
        args.reply,
        instruction(args.form, args.reply),
        args.max_residues,
        endpoint.base_url,
        request_settings(args.seed, _fields(args.field)),
    )
    return RemoteModel(endpoint, survey, args.jobs, args.max_requests), name


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
