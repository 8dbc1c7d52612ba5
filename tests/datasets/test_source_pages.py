"""Every source has a page in the docs, whose facts are those of the catalogue."""

from __future__ import annotations

from pathlib import Path

import pytest

from genoprot_datasets.sources import RECORDS, SPECIES, sources_of
from genoprot_datasets.sources.catalogue import alternatives_of
from genoprot_datasets.sources.lock import LOCK_NAME

PAGES = Path(__file__).resolve().parents[2] / "docs" / "reference" / "sources"
HUMAN = SPECIES["human"]
SECTIONS = ("## What is read", "## What is refused", "## Traps")


def facts(spec):
    """The table at the top of a page: the official file for human."""
    needed = ", ".join("everything" if task == RECORDS else f"`{task}`" for task in spec.required_for)
    rows = {
        "key": f"`{spec.key}`",
        "file": f"`{spec.file_name}`",
        "version": spec.version,
        "licence": spec.licence,
        "address": ("by hand, from " if spec.by_hand else "") + f"<{spec.url}>",
        "checksum": f"the publisher's, <{spec.checksums}>"
        if spec.checksums
        else f"recorded in `{LOCK_NAME}`",
        "citation": spec.citation,
        "needed for": needed or f"options, instead of `{spec.instead_of}`",
    }
    return "| | |\n|---|---|\n" + "".join(f"| {name} | {value} |\n" for name, value in rows.items())


@pytest.mark.parametrize("spec", sources_of(HUMAN), ids=lambda spec: spec.key)
def test_page_of_a_source(spec):
    text = (PAGES / f"{spec.key}.md").read_text(encoding="utf-8")
    assert text.startswith(f"# {spec.title}\n\n{facts(spec)}\n"), facts(spec)
    places = [text.index(section) for section in SECTIONS]
    assert places == sorted(places)
    for start, stop in zip(places, [*places[1:], len(text)]):
        assert len(text[start:stop].split()) > 12


@pytest.mark.parametrize("spec", alternatives_of(HUMAN), ids=lambda spec: spec.key)
def test_an_alternative_is_on_the_page_of_what_it_stands_for(spec):
    text = (PAGES / f"{spec.instead_of}.md").read_text(encoding="utf-8")
    assert facts(spec) in text, facts(spec)


def test_there_is_no_page_without_a_source_and_the_index_names_them_all():
    keys = [spec.key for spec in sources_of(HUMAN)]
    assert sorted(path.stem for path in PAGES.glob("*.md")) == sorted([*keys, "README"])
    index = (PAGES / "README.md").read_text(encoding="utf-8")
    named = [line.split("](")[1].split(".md")[0] for line in index.splitlines() if line.startswith("* [")]
    assert named == keys
