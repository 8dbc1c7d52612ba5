"""The YAML at the head of a card: read, and changed key by key without touching the rest."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from genoprot_datasets.errors import SourceError

__all__ = ["read_front_matter", "with_front_matter"]

_FRONT = re.compile(r"\A---[ \t]*\r?\n(?P<yaml>.*?)^---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)


def read_front_matter(text: str, source: str) -> dict[str, Any]:
    """The mapping at the head of a card; empty where there is none.

    Raises
    ------
    SourceError
        If it is not YAML, or not a mapping.
    """
    import yaml

    found = _FRONT.match(text)
    if found is None:
        return {}
    try:
        content = yaml.safe_load(found["yaml"])
    except yaml.YAMLError as error:
        raise SourceError(source, f"its front matter is not YAML ({' '.join(str(error).split())})") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise SourceError(source, "its front matter is not a mapping")
    return content


def with_front_matter(text: str, changes: Mapping[str, Any], source: str) -> str:
    """A card with some keys of its front matter set; every other line stays as it is.

    Parameters
    ----------
    text : str
        The card, with or without front matter.
    changes : mapping
        Values by top-level key.
    source : str
        Where the card is from, for messages.

    Examples
    --------
    >>> print(with_front_matter("---\\nlicense: mit  # theirs\\nx: [1]\\n---\\nText", {"x": [2]}, "card"))
    ---
    license: mit  # theirs
    x:
    - 2
    ---
    Text
    """
    import yaml

    present = read_front_matter(text, source)
    found = _FRONT.match(text)
    head, body = (found["yaml"], text[found.end() :]) if found else ("", text)
    if head.strip() == "{}":
        head = ""
    for key, value in changes.items():
        if key in present and present[key] == value:
            continue
        block = yaml.safe_dump({key: value}, sort_keys=False, allow_unicode=True, width=110)
        quoted = re.escape(key)
        # A key's block: its line, and what is indented, a list item, a comment inside or empty below it.
        pattern = re.compile(
            rf"^(?:{quoted}|'{quoted}'|\"{quoted}\")[ \t]*:.*\n(?:(?:[ \t-].*|[ \t]*)\n)*", re.MULTILINE
        )
        replaced, count = pattern.subn(block.replace("\\", r"\\"), head, count=1)
        head = replaced if count else head + ("" if not head or head.endswith("\n") else "\n") + block
    result = f"---\n{head}---\n{body}"
    try:
        right = read_front_matter(result, source) == {**present, **changes}
    except SourceError:
        right = False
    if not right:
        raise SourceError(source, "its front matter is written in a way that cannot be changed key by key")
    return result
