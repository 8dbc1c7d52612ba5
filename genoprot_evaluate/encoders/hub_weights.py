"""Weights on the Hub: an id with an optional revision becomes a folder, of which no code is fetched."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from genoprot_datasets.errors import GenoProtError
from genoprot_evaluate.encoders.weights import PICKLES

__all__ = ["fetch_weights", "is_hub_id", "locate_weights"]

_HUB_ID = re.compile(r"([A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(?:@([\w./-]+))?")
_FETCHED = ["*.safetensors", "*.json", "*.model", "*.jinja", "vocab.txt", "merges.txt"]
_SUBFOLDERS = ["*/*"]
_REASON_LENGTH = 300


def locate_weights(weights: str | Path) -> Path:
    """Path of weights that are given as a path or as a Hub id.

    Parameters
    ----------
    weights : str or Path
        A file or folder, or a string ``owner/name`` or ``owner/name@revision``. A file or folder of that
        relative path wins.

    Returns
    -------
    Path
        The path as it was given, or the folder of `fetch_weights`.

    Raises
    ------
    GenoProtError
        If there is no such path, and the Hub does not give such a repository.

    Examples
    --------
    >>> locate_weights(Path("absent/weights"))
    PosixPath('absent/weights')
    """
    path = Path(weights)
    named = isinstance(weights, str) and _HUB_ID.fullmatch(weights)
    if path.exists() or not named or path.suffix in (".safetensors", *PICKLES):
        return path
    return fetch_weights(weights)


def is_hub_id(name: str | Path) -> bool:
    """Whether a name is a Hub id with a revision, ``owner/name@revision``, and no path that exists.

    Examples
    --------
    >>> is_hub_id("owner/name@v1"), is_hub_id("owner/name")
    (True, False)
    """
    named = _HUB_ID.fullmatch(str(name))
    return named is not None and named[2] is not None and not Path(name).exists()


def fetch_weights(repository: str, *, code: bool = False) -> Path:
    """Folder with the weights, configuration and tokenizer of a Hub repository.

    What is not in the Hub's cache on this machine is downloaded into it, and nothing but safetensors, JSON
    and tokenizer files. The standard error stream tells what is fetched.

    Parameters
    ----------
    repository : str
        ``owner/name`` or ``owner/name@revision``, the revision being a branch, tag or commit.
    code : bool
        Whether Python files are fetched as well.

    Raises
    ------
    GenoProtError
        If that is no Hub id, the Hub does not give the repository and it is not in the cache, or it has no
        safetensors file.
    """
    named = _HUB_ID.fullmatch(repository)
    if named is None:
        raise GenoProtError(
            f"weights {repository!r}: no Hub id of the form owner/name or owner/name@revision"
        )
    name, revision = named.groups()
    place = f"huggingface.co/{name}, revision {revision or 'main'}"
    if os.environ.get("RANK", "0") == "0":
        print(f"weights: {place}", file=sys.stderr)
    from huggingface_hub import snapshot_download

    try:
        folder = Path(
            snapshot_download(
                name,
                revision=revision,
                allow_patterns=[*_FETCHED, *(["*.py"] if code else [])],
                ignore_patterns=_SUBFOLDERS,
            )
        )
    except Exception as error:  # the Hub's client raises a different class for every cause
        reason = " ".join(str(error).split())[:_REASON_LENGTH]
        raise GenoProtError(
            f"weights {repository!r}: no such file or folder here, and the Hub did not give it ({reason}); "
            "where there is no network, copy the repository here and name the folder by --weights"
        ) from None
    if not any(folder.glob("*.safetensors")):
        raise GenoProtError(
            f"weights {repository!r}: no safetensors file in {place}; download its weights, then convert "
            "them by `genoprot convert-weights`"
        )
    return folder
