"""The documentation says what is so: its links lead somewhere, its commands and its Python parse."""

from __future__ import annotations

import argparse
import importlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from genoprot_evaluate.cli import COMMANDS

REPOSITORY = Path(__file__).resolve().parents[2]
DOCS = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
PAGES = [*DOCS, *sorted((REPOSITORY / "model_cards").rglob("*.md"))]

FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?P<target>[^()\s]+(?:\([^()\s]*\)[^()\s]*)*)\)")
MODULES = {"-m genoprot_evaluate.embed": "embed", "-m genoprot_evaluate.evaluation": "evaluate"}


def name(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


def blocks(path: Path, *languages: str) -> Iterator[str]:
    for found in FENCE.finditer(path.read_text(encoding="utf-8")):
        if found["language"] in languages:
            yield found["text"]


def commands(path: Path) -> Iterator[list[str]]:
    """Words of every line that calls `genoprot`, or the module that `accelerate launch` starts, as it."""
    for text in blocks(path, "", "bash", "sh", "shell", "console"):
        for line in text.replace("\\\n", " ").splitlines():
            line = line.removeprefix("$ ")
            for module, command in MODULES.items():
                if module in line:
                    line = f"genoprot {command} " + line.partition(module)[2]
            if line.startswith("genoprot "):
                yield shlex.split(line, comments=True)[1:]


def options_of(command: str) -> set[str]:
    parser = argparse.ArgumentParser()
    importlib.import_module(COMMANDS[command][0]).add_arguments(parser)
    return set(re.findall(r"--[a-z][a-z-]*", _help_of(parser)))


def _help_of(parser: argparse.ArgumentParser) -> str:
    """Help of a parser and of the parsers below it."""
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    texts = [_help_of(choice) for action in below for choice in action.choices.values()]
    return "\n".join([parser.format_help(), *texts])


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_relative_links_lead_somewhere(page):
    prose = FENCE.sub("", page.read_text(encoding="utf-8"))
    for target in LINK.findall(prose):
        if re.match(r"[a-z][a-z+.-]*:", target):
            continue
        path, _, anchor = unquote(target).partition("#")
        aim = (page.parent / path) if path else page
        assert aim.exists(), f"{name(page)} links to {target}"
        assert aim.resolve().is_relative_to(REPOSITORY), f"{name(page)} links out of the tree, to {target}"
        if anchor:
            assert anchor in anchors(aim), f"{name(page)} links to {target}, which has no such heading"


def anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, as the Hub and GitHub name them."""
    prose = FENCE.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def test_every_page_is_in_the_index():
    index = REPOSITORY / "docs" / "README.md"
    linked = {(index.parent / target).resolve() for target in LINK.findall(index.read_text(encoding="utf-8"))}
    assert {page for page in DOCS if page.parent != REPOSITORY and page != index} <= linked


@pytest.mark.parametrize("page", DOCS, ids=name)
def test_commands_and_their_options_exist(page):
    for command, *words in commands(page):
        assert command in COMMANDS, f"{name(page)}: genoprot {command}"
        options = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert options <= options_of(command), f"{name(page)}: genoprot {command}"


@pytest.mark.parametrize("page", DOCS, ids=name)
def test_python_blocks_compile(page):
    for number, text in enumerate(blocks(page, "python"), start=1):
        compile(text, f"{name(page)}, block {number}", "exec")


def test_there_is_something_to_check():
    assert sum(1 for page in DOCS for _ in commands(page)) > 5
    assert sum(1 for page in DOCS for _ in blocks(page, "python")) > 3
