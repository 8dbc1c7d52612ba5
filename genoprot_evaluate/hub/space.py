"""Pushing Spaces: the `evaluate` module with an app that scores an upload, and the leaderboard."""

from __future__ import annotations

import re

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.resources import loading_script
from genoprot_evaluate.hub.commits import Content, Pushed, hub_api, push_files, read_head

__all__ = ["REQUIREMENT", "leaderboard_files", "push_leaderboard", "push_metric", "space_files"]

REQUIREMENT = "geno-prot[report]"
"""What the Space installs, as a line of its `requirements.txt`."""

_FILES = ("README.md", "app.py")
_SCRIPT = "genoprot.py"


def space_files(repository: str, requirement: str = REQUIREMENT) -> dict[str, Content]:
    """Files of the Space by their path.

    The script has the name of the repository, since `evaluate.load` asks for it by that name.

    Raises
    ------
    GenoProtError
        If the installation lacks one, or the requirement is not one line.
    """
    name = repository.partition("/")[2]
    if not re.fullmatch(r"[A-Za-z_]\w*", name):
        raise GenoProtError(
            f"{repository!r}: `evaluate` loads a module of the repository's name, so it has to be a name in "
            "Python, such as USER/genoprot"
        )
    files: dict[str, Content] = {path: loading_script("genoprot", path) for path in _FILES}
    files[f"{name}.py"] = loading_script("genoprot", _SCRIPT)
    files["requirements.txt"] = _requirements(requirement)
    return files


def leaderboard_files(records: str, dataset: str, requirement: str = REQUIREMENT) -> dict[str, Content]:
    """Files of the leaderboard's Space by their path.

    Parameters
    ----------
    records : str
        Dataset repository that `genoprot push records` writes to.
    dataset : str
        Hub id of the dataset that records which are handed in are compared with.
    requirement : str
        How the Space installs this package.

    Raises
    ------
    GenoProtError
        If the installation lacks one, or the requirement is not one line.
    """
    variables = f"GENOPROT_RECORDS={records}\nGENOPROT_DATASET={dataset}\n"
    return {
        **{path: loading_script("leaderboard", path) for path in _FILES},
        "requirements.txt": _requirements(requirement),
        "space.env": variables.encode(),
    }


def _requirements(requirement: str) -> bytes:
    if not requirement.strip() or len(requirement.splitlines()) != 1:
        raise GenoProtError(f"requirement {requirement!r}: expected one line, as pip reads it")
    return f"{requirement.strip()}\n".encode()


def push_metric(
    repository: str, *, requirement: str = REQUIREMENT, private: bool = False, dry_run: bool = False
) -> Pushed:
    """Make a Space hold the `evaluate` module, so that ``evaluate.load("USER/genoprot")`` finds it.

    Parameters
    ----------
    repository : str
        Made when it is not there.
    requirement : str
        How the Space installs this package.
    private : bool
        Of a Space that is made.
    dry_run : bool
        Send nothing.

    Raises
    ------
    GenoProtError
        If the Space holds something else, or the Hub refuses.
    """
    files = space_files(repository, requirement)
    api = hub_api()
    head = read_head(api, "space", repository)
    script = f"{repository.partition('/')[2]}.py"
    if "app.py" in head.files and script not in head.files:
        raise GenoProtError(f"{head.what}: holds an app that is not ours; name another Space")
    return push_files(
        api,
        head,
        files,
        summary="GENO-PROT metric",
        create={"space_sdk": "gradio", "private": private},
        dry_run=dry_run,
    )


def push_leaderboard(
    repository: str,
    records: str,
    dataset: str,
    *,
    requirement: str = REQUIREMENT,
    private: bool = False,
    dry_run: bool = False,
) -> Pushed:
    """Make a Space show the records of a repository.

    Parameters
    ----------
    repository : str
        Of the Space; made when it is not there.
    records, dataset : str
        As of `leaderboard_files`.
    requirement : str
        How the Space installs this package.
    private : bool
        Of a Space that is made.
    dry_run : bool
        Send nothing.

    Raises
    ------
    GenoProtError
        If the Space holds something else, or the Hub refuses.
    """
    files = leaderboard_files(records, dataset, requirement)
    api = hub_api()
    head = read_head(api, "space", repository)
    if "app.py" in head.files and "space.env" not in head.files:
        raise GenoProtError(f"{head.what}: holds an app that is not ours; name another Space")
    return push_files(
        api,
        head,
        files,
        summary="GENO-PROT leaderboard",
        create={"space_sdk": "gradio", "private": private},
        dry_run=dry_run,
    )
