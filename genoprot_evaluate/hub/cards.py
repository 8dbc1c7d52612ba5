"""Our section of a card, between marks, beside the words of others."""

from __future__ import annotations

import re

__all__ = ["placed_section", "word"]

_BEGIN, _END = "<!-- genoprot: begin -->", "<!-- genoprot: end -->"


def placed_section(earlier: str | None, section: str, title: str) -> str:
    """A card with our section in the place of the one that is there, or at its end.

    Parameters
    ----------
    earlier : str or None
        The card that is there.
    section : str
        Ends with a line break.
    title : str
        Heading of a card that is made.

    Examples
    --------
    >>> placed_section("Words. <!-- genoprot: begin -->old<!-- genoprot: end --> More.", "new\\n", "Title")
    'Words. <!-- genoprot: begin -->\\nnew\\n<!-- genoprot: end --> More.'
    """
    section = f"{_BEGIN}\n{section}{_END}"
    if earlier is None:
        return f"\n# {title}\n\n{section}\n"
    if _BEGIN in earlier and _END in earlier.partition(_BEGIN)[2]:
        before, _, rest = earlier.partition(_BEGIN)
        return before + section + rest.partition(_END)[2]
    return f"{earlier.rstrip()}\n\n{section}\n"


def word(text: object) -> str:
    """Text from a record inside code: one word, nothing that ends the code.

    Examples
    --------
    >>> word("a`b; rm -rf ~")
    'a-b-rm--rf-'
    """
    return re.sub(r"[^\w./:@-]+", "-", str(text))[:100]
