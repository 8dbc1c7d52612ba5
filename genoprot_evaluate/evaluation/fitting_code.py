"""The code that a fit depends on, told by a digest of its sources."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from importlib import resources
from importlib.util import find_spec

__all__ = ["FITTING_CODE", "code_digest"]

FITTING_CODE = (
    "genoprot_datasets.identity",
    "genoprot_datasets.seeding",
    "genoprot_datasets.tasks",
    "genoprot_evaluate.baselines",
    "genoprot_evaluate.evaluation.cells",
    "genoprot_evaluate.evaluation.examples",
    "genoprot_evaluate.evaluation.fitting_code",
    "genoprot_evaluate.evaluation.grid",
    "genoprot_evaluate.evaluation.head_fits",
    "genoprot_evaluate.evaluation.kept_fits",
    "genoprot_evaluate.heads",
    "genoprot_evaluate.statistics",
)
"""Modules and packages that determine a fit, given examples, vectors, seed and the choices of the head.

A test holds that they import nothing else that could.
"""


@cache
def code_digest() -> str:
    """SHA-256 over the sources of `FITTING_CODE`: another one wherever any of them was edited.

    The version of the distribution does not tell two states of a checkout apart, this does.
    """
    digest = hashlib.sha256()
    for name, source in sorted(_sources()):
        digest.update(f"{name} {len(source)}\n".encode())
        digest.update(source)
    return digest.hexdigest()


def _sources() -> Iterator[tuple[str, bytes]]:
    for name in FITTING_CODE:
        if find_spec(name).submodule_search_locations is None:
            package, _, module = name.rpartition(".")
            yield name, resources.files(package).joinpath(f"{module}.py").read_bytes()
            continue
        for entry in resources.files(name).iterdir():
            if entry.name.endswith(".py"):
                yield f"{name}/{entry.name}", entry.read_bytes()
