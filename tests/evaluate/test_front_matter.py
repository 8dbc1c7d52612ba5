"""Front matter is changed key by key, and nothing else of a card is touched."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from genoprot_datasets.errors import SourceError
from genoprot_evaluate.hub.front_matter import read_front_matter, with_front_matter
from genoprot_evaluate.markdown import plain

CARD = """---
# why: a comment of theirs
license: mit
model-index:
- name: theirs  # kept elsewhere
  results: []

tags: [a, b]
---
# Title

---
A rule above.
"""


def test_only_the_key_changes():
    changed = with_front_matter(CARD, {"model-index": [{"name": "ours"}]}, "card")
    assert changed == CARD.replace("- name: theirs  # kept elsewhere\n  results: []\n\n", "- name: ours\n")
    assert with_front_matter(changed, {"model-index": [{"name": "ours"}]}, "card") == changed


def test_new_keys_go_to_the_end():
    changed = with_front_matter(CARD, {"x": 1}, "card")
    assert changed == CARD.replace("tags: [a, b]\n", "tags: [a, b]\nx: 1\n")
    assert with_front_matter("Text", {"x": 1}, "card") == "---\nx: 1\n---\nText"
    assert with_front_matter("", {"x": "é"}, "card") == "---\nx: é\n---\n"


@pytest.mark.parametrize(
    "card",
    [
        "---\n{a: 1, b: [}\n---\n",
        "---\n- a\n---\n",
        "---\n{a: 1, x: 2}\n---\n",
        "---\nx: |\na: 1\n ---\n---\n",
    ],
)
def test_what_cannot_be_changed_is_refused_or_changed_right(card):
    try:
        changed = with_front_matter(card, {"x": 3}, "card")
    except SourceError:
        return
    assert read_front_matter(changed, "card") == {**read_front_matter(card, "card"), "x": 3}


# PyYAML does not read back the line separators of Unicode that it writes.
letters = st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp"))
texts = st.text(letters, max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(texts, inside, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(texts, values, max_size=4),
    st.dictionaries(st.sampled_from(["model-index", "configs", "tags"]), values, min_size=1),
    st.text(letters, max_size=30),
)
def test_whatever_stands_there_only_the_keys_change(present, changes, body):
    head = yaml.safe_dump(present, sort_keys=False, allow_unicode=True)
    card = f"---\n{head}---\n{body}"
    changed = with_front_matter(card, changes, "card")
    assert read_front_matter(changed, "card") == {**present, **changes}
    assert changed.endswith(body)


def test_text_of_others_is_shown_as_it_is():
    assert plain("<script>alert(1)</script>\n| x") == "&lt;script&gt;alert(1)&lt;/script&gt; \\| x"
