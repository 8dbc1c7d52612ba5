"""Files that are installed beside the packages: cards, templates and what the Hub loads."""

from __future__ import annotations

import sysconfig
from pathlib import Path

from genoprot_datasets.errors import GenoProtError

__all__ = ["loading_script"]


def _roots() -> list[Path]:
    """Folders that can hold `loading_scripts`: the checkout, then where a wheel's data files go."""
    schemes = dict.fromkeys((sysconfig.get_default_scheme(), sysconfig.get_preferred_scheme("user")))
    installed = [Path(sysconfig.get_path("data", scheme)) / "share" / "geno-prot" for scheme in schemes]
    return [Path(__file__).resolve().parent.parent, *installed]


def loading_script(*parts: str) -> Path:
    """Path of a file or folder of `loading_scripts`.

    Parameters
    ----------
    *parts : str
        Path below `loading_scripts`, one name each.

    Returns
    -------
    Path
        In the source tree when the package is used from there, else among the installed data files.

    Raises
    ------
    GenoProtError
        If it is in neither place; the message names the places.

    Examples
    --------
    >>> loading_script("genoprot", "genoprot.py").name
    'genoprot.py'
    """
    wanted = Path("loading_scripts", *parts)
    roots = _roots()
    for root in roots:
        if (root / wanted).exists():
            return root / wanted
    places = ", ".join(str(root) for root in roots)
    raise GenoProtError(f"{wanted.as_posix()}: not found under {places}; reinstall geno-prot")
