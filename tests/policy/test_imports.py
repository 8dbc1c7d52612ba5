"""Which way the arrows point, and what an import costs."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import genoprot_datasets
import genoprot_evaluate
from genoprot_evaluate.evaluation.fitting_code import FITTING_CODE

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGES = (genoprot_datasets, genoprot_evaluate)

# Rooms from the ground up; a module may import its own room and rooms below, never one above.
FLOORS = {
    "genoprot_datasets": (
        {"errors", "tasks", "schema", "files", "seeding", "resources", "translation", "composition"}
        | {"progress", "stages", "stopping", "transfer", "hub_faults", "snapshots", "json_text"},
        {"published", "sources", "synthetic", "anatomy", "partition", "identity", "relations"},
        {"records", "sampling", "taxa", "download", "ner", "balance", "matching", "gene_matching"},
        {"manifest", "card", "card_pieces", "merged_card", "reading", "options"} | {"shared_proteins"},
        {"labels"},
        {"examples"},
        {"publication"},
        {"build", "audit", "merging"},
        {"build_command"},
    ),
    "genoprot_evaluate": (
        {
            "batching",
            "chunking",
            "pooling",
            "ensembles",
            "statistics",
            "results",
            "metric",
            "bootstrap",
            "markdown",
        }
        | {"combinations", "web"},
        {"encoders", "store", "heads", "ranking", "comparison", "gains", "grids", "tables"},
        {"embed", "baselines", "predict"},
        {"evaluation", "report", "conformance", "model_cards", "hub"},
        {"combine", "demo", "leaderboard", "llm"},
        {"parsing"},
        {"cli"},
    ),
}

# What the code of a fit imports without a part in it: its results are in the key of a kept fit themselves, or
# it only carries them.
NO_PART_IN_A_FIT = (
    "genoprot_datasets.errors",
    "genoprot_datasets.files",
    "genoprot_datasets.json_text",
    "genoprot_datasets.published",
    "genoprot_datasets.schema",
    "genoprot_datasets.snapshots",
    "genoprot_evaluate.encoders.failures",
    "genoprot_evaluate.encoders.kmer",
    "genoprot_evaluate.evaluation.facts",
    "genoprot_evaluate.evaluation.inputs",
    "genoprot_evaluate.results",
    "genoprot_evaluate.store",
)


def modules() -> list[str]:
    names = []
    for package in PACKAGES:
        names.append(package.__name__)
        names += [found.name for found in pkgutil.walk_packages(package.__path__, package.__name__ + ".")]
    return names


def imported(name: str) -> set[str]:
    """Modules of this project that a module's source imports, at any depth of the source."""
    spec = importlib.util.find_spec(name)
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} uses a relative import"
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    known = set(modules())
    return {module for module in found if module in known and module != name}


def floor(name: str) -> int | None:
    package, _, rest = name.partition(".")
    if not rest:
        return None
    room = rest.split(".")[0] if not rest.endswith(".__main__") else "cli"
    for level, rooms in enumerate(FLOORS[package]):
        if room in rooms:
            return level
    raise AssertionError(f"{name}: give its room a floor in {__file__}")


@pytest.mark.parametrize("name", modules())
def test_arrows_point_down(name):
    for target in imported(name):
        assert not (name.startswith("genoprot_datasets") and target.startswith("genoprot_evaluate")), target
        if name.split(".")[0] != target.split(".")[0]:
            continue
        here, there = floor(name), floor(target)
        if here is None or there is None:
            continue
        assert there <= here, f"{name} imports {target}, which lies above it"


def within(module: str, rooms: tuple[str, ...]) -> bool:
    return any(module == room or module.startswith(room + ".") for room in rooms)


@pytest.mark.parametrize("name", [name for name in modules() if within(name, FITTING_CODE)])
def test_what_can_change_a_fit_is_in_the_digest_of_its_code(name):
    for target in imported(name) - {package.__name__ for package in PACKAGES}:
        assert within(target, (*FITTING_CODE, *NO_PART_IN_A_FIT)), (
            f"{name} imports {target}: name it in FITTING_CODE where it can change a fit"
        )


def test_no_import_cycles():
    graph = {name: imported(name) for name in modules()}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " -> ".join([*trail, name])
        if name in done:
            return
        for target in sorted(graph[name]):
            if not name.startswith(target + "."):
                visit(target, (*trail, name))
        done.add(name)

    for name in sorted(graph):
        visit(name, ())


@pytest.mark.parametrize("name", modules())
def test_module_declares_its_public_names(name):
    module = importlib.import_module(name)
    public = module.__all__
    assert len(set(public)) == len(public)
    for entry in public:
        value = getattr(module, entry)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert value.__doc__, f"{name}.{entry}"


@pytest.mark.parametrize("name", ["genoprot_datasets", "genoprot_evaluate", "genoprot_evaluate.cli"])
def test_import_is_light(name):
    heavy = "{'torch', 'transformers', 'datasets', 'evaluate', 'numba', 'matplotlib', 'Bio', 'sklearn'}"
    code = f"import sys, {name}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
