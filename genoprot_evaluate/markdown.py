"""Text from elsewhere on pages of Markdown."""

from __future__ import annotations

import html
import re

__all__ = ["plain"]


def plain(text: object) -> str:
    """Text from elsewhere in one line that Markdown and HTML show as it is.

    Examples
    --------
    >>> plain("<script> | *bold*")
    '&lt;script&gt; \\\\| \\\\*bold\\\\*'
    """
    escaped = html.escape(" ".join(str(text).split()), quote=False)
    return re.sub(r"([\\`*_{}\[\]|~$])", r"\\\1", escaped)
