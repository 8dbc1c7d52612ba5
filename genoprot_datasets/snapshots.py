"""Files of Hub repositories: looked at before they are fetched, and found in the cache offline."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.hub_faults import hub_errors

__all__ = ["MOST_BYTES", "HubId", "check_inside", "fetch_snapshot", "parse_hub_id"]

MOST_BYTES = 64_000_000_000
"""Bytes that `fetch_snapshot` takes from a repository at most, unless told otherwise."""

_HUB_ID = re.compile(
    r"(?P<repository>\w[\w.-]*/\w[\w.-]*)(?:@(?P<revision>[\w./-]+))?(?::(?P<config>\w[\w.-]*))?"
)


@dataclass(frozen=True)
class HubId:
    """Where something lies on the Hub.

    Parameters
    ----------
    repository : str
        User or organization, and name.
    revision : str or None
        Branch, tag or commit; None for the main branch.
    config : str or None
        Configuration of the dataset.
    """

    repository: str
    revision: str | None = None
    config: str | None = None


def parse_hub_id(text: str) -> HubId | None:
    """Read ``USER/NAME``, ``USER/NAME:CONFIG``, ``USER/NAME@REVISION:CONFIG``; None for other text.

    Examples
    --------
    >>> parse_hub_id("me/vectors@v1:esmc-600m")
    HubId(repository='me/vectors', revision='v1', config='esmc-600m')
    >>> parse_hub_id("./folder") is None, parse_hub_id("a/b/c") is None
    (True, True)
    """
    found = _HUB_ID.fullmatch(text)
    if found is None or ".." in text:
        return None
    return HubId(**found.groupdict())


def check_inside(path: str, where: str) -> str:
    """A path of a repository or manifest, when it stays inside its folder.

    Raises
    ------
    GenoProtError
        If it is absolute or climbs.
    """
    parts = PurePosixPath(path).parts
    if not parts or "\\" in path or "\0" in path or path.startswith("/") or ".." in parts or ":" in parts[0]:
        raise GenoProtError(f"{where}: the file name {path!r:.100} leads out of its folder; nothing was read")
    return path


def fetch_snapshot(
    repository: str,
    patterns: Sequence[str],
    what: str,
    *,
    kind: str = "dataset",
    revision: str | None = None,
    most_bytes: int = MOST_BYTES,
) -> Path:
    """Files of a repository, downloaded where they are not in the cache.

    Names and sizes are looked at before anything is fetched. Without a network the files of the cache are
    taken.

    Parameters
    ----------
    repository : str
    patterns : sequence of str
        What to fetch, as `fnmatch` reads it.
    what : str
        What it is, for messages, such as ``dataset 'llnl/geno-prot'``.
    kind : {"dataset", "model", "space"}
        Of the repository.
    revision : str, optional
        Branch, tag or commit.
    most_bytes : int
        Refuse more.

    Returns
    -------
    Path
        Folder of the snapshot; the folder of a revision may hold more files than were asked for.

    Raises
    ------
    GenoProtError
        If there is no such repository, revision or network, a file name leads out of the folder, or the
        files are too large.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import DryRunError

    options = {"repo_type": kind, "revision": revision, "allow_patterns": list(patterns)}
    with hub_errors(f"{what}: no such folder here, and the Hub did not give it"):
        try:
            planned = snapshot_download(repository, dry_run=True, **options)
        except DryRunError:
            # There is no network, or no such repository: the cache, or the error that tells which.
            return Path(snapshot_download(repository, **options))
        for file in planned:
            check_inside(file.filename, what)
        total = sum(file.file_size for file in planned)
        if total > most_bytes:
            raise GenoProtError(
                f"{what}: {total:,} bytes are more than the {most_bytes:,} that are taken from the Hub"
            )
        if planned:
            options["revision"] = planned[0].commit_hash
        fetched = Path(snapshot_download(repository, **options))
    return fetched
