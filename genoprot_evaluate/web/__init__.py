"""What the pages have in common: style, sortable tables, and a policy that lets nothing else run."""

from __future__ import annotations

import base64
import hashlib
import re
from html import escape
from importlib.resources import files
from string import Template

__all__ = ["fill_page", "marked", "with_breaks"]

_MEANING = {
    "=": "not told from the best encoder or ensemble",
    ">": "better than the best encoder or ensemble",
}


def marked(shown: str, mark: str) -> str:
    """HTML of a score with the mark of `comparison.Standing`: bold, or with a sign that says what it means.

    Examples
    --------
    >>> marked("61.2", "*"), marked("61.2", "")
    ('<strong>61.2</strong>', '61.2')
    """
    if mark == "*":
        return f"<strong>{shown}</strong>"
    return f'{shown}<sup title="{_MEANING[mark]}">{escape(mark)}</sup>' if mark else shown


def with_breaks(name: str) -> str:
    """HTML of an escaped name that may go on in the next line behind its punctuation.

    Examples
    --------
    >>> with_breaks("combination:calibrated"), with_breaks("a&amp;b")
    ('combination:<wbr>calibrated', 'a&amp;b')
    """
    return re.sub(r"([:/_.@])", r"\1<wbr>", name)


def fill_page(package: str, scripts: tuple[str, ...] = (), **texts: str) -> str:
    """Fill the template ``page.html`` of a package.

    The placeholders ``style`` and ``script`` take the common style and the scripts, first the one that makes
    tables sortable; ``script_hash`` takes the digest by which the page's content security policy lets that
    one script run and no other.

    Parameters
    ----------
    package : str
        That holds the template and the scripts.
    scripts : tuple of str
        Names of further scripts.
    **texts : str
        For the template's own placeholders; whoever gives them has escaped what comes from elsewhere.

    Returns
    -------
    str
        An HTML document that needs nothing else.
    """
    own = files(package)
    common = files("genoprot_evaluate.web")
    parts = [common.joinpath("sort.js"), *(own.joinpath(name) for name in scripts)]
    script = "".join(part.read_text(encoding="utf-8") for part in parts)
    digest = base64.b64encode(hashlib.sha256(f"\n{script}".encode()).digest()).decode()
    template = own.joinpath("page.html").read_text(encoding="utf-8")
    return Template(template).substitute(
        style=common.joinpath("base.css").read_text(encoding="utf-8"),
        script=script,
        script_hash=digest,
        **texts,
    )
