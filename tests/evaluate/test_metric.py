"""The `evaluate` module: the real loader finds it without a network, and it says what the command says."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from genoprot_datasets.files import sha256_of
from genoprot_evaluate.cli import main
from genoprot_evaluate.metric import install_metric, metric_script

FOLDER = metric_script().parent
NAMESPACE = ("evaluate_modules", "metrics", "evaluate-metric--genoprot")

USE = """
import json, sys
import datasets, evaluate, numpy
source, embeddings, out = sys.argv[1:]
metric = evaluate.load(source)
assert (metric.name, metric.module_type) == ("genoprot", "metric")
saved = numpy.load(embeddings)
accessions, matrix = saved["accessions"].tolist(), saved["matrix"]
options = {"tasks": ["melanoma", "disease"], "baselines": ["length"], "seed": 3}
rows = {"accession": accessions, "embedding": matrix.tolist()}
reports = {
    "pair": metric.compute(embeddings={"mine": (accessions, matrix)}, **options),
    "mapping": metric.compute(embeddings={"mine": dict(zip(accessions, matrix))}, **options),
    "dataset": metric.compute(
        embeddings={"mine": datasets.Dataset.from_dict(rows)}, accessions=accessions, **options
    ),
    "matrix": metric.compute(embeddings={"mine": matrix}, accessions=accessions, **options),
}
assert metric.compute(
    embeddings={"mine": (accessions, matrix)}, validation="proteins", **options
)["head"]["validation"] == "proteins"
assert metric.compute(
    embeddings={"mine": (accessions, matrix)}, train_species=[9606], eval_species=[9606], **options
)["dataset"]["eval_species"] == [9606]
chosen = metric.compute(
    embeddings={"mine": (accessions, matrix)}, seeds=2, symmetric=True, device="cpu", **options
)
assert (chosen["head"]["seeds"], chosen["head"]["symmetric"]) == (2, True)
assert len(chosen["scores"]["disease"]["mine"]["seed_accuracies"]) == 2
assert chosen["scores"]["disease"]["mine"]["order_flips"] is not None
for start in range(0, len(accessions), 16):
    metric.add_batch(accessions=accessions[start : start + 16])
reports["batches"] = metric.compute(embeddings={"mine": matrix}, **options)
assert len(metric) == 0
reports["afterwards"] = metric.compute(embeddings={"mine": matrix}, accessions=accessions, **options)
try:
    metric.compute(embeddings={"mine": matrix}, **options)
except Exception as error:
    reports["no accessions"] = f"{type(error).__name__}: {error}"
json.dump(reports, open(out, "w"))
"""


@pytest.fixture
def hub_home(tmp_path):
    """Environment with a fresh cache, in which every request to the Hub is refused at once."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    return kept | {
        "HF_HOME": str(tmp_path / "home"),
        "HF_ENDPOINT": "http://127.0.0.1:9",
        "HF_UPDATE_DOWNLOAD_COUNTS": "0",
    }


@pytest.fixture
def embeddings(tmp_path):
    path = tmp_path / "embeddings.npz"
    accessions = [f"Q{number:05d}" for number in reversed(range(40))]
    matrix = np.random.default_rng(5).normal(size=(40, 6)).astype(np.float32)
    np.savez(path, accessions=accessions, matrix=matrix)
    return path


def python(code: str, *arguments, folder, environment) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def used(source, embeddings, dataset, environment, tmp_path) -> dict:
    """What a process that loads the module computes in the folder that holds ``llnl/geno-prot``."""
    out = tmp_path / "reports.json"
    folder = dataset.parent.parent
    done = python(USE, source, embeddings, out, folder=folder, environment=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(out.read_text(encoding="utf-8"))


def expected(embeddings, dataset) -> dict:
    from genoprot_evaluate.evaluation import evaluate

    saved = np.load(embeddings)
    sources = {"mine": (saved["accessions"].tolist(), saved["matrix"])}
    return evaluate(sources, dataset, ["melanoma", "disease"], baselines=["length"], seed=3).to_dict()


def check(reports: dict, record: dict) -> None:
    refusal = reports.pop("no accessions")
    assert refusal.startswith("GenoProtError: ")
    assert len(refusal.splitlines()) == 1
    for how, report in reports.items():
        assert report["scores"] == record["scores"], how
        assert report["models"] == record["models"], how
        assert report["ensembles"] == record["ensembles"], how
    accuracy = reports["matrix"]["scores"]["disease"]["mine"]["accuracy"]
    assert len(accuracy["samples"]) == 10
    assert accuracy["mean"] == pytest.approx(sum(accuracy["samples"]) / 10)


def test_loads_from_its_folder(hub_home, embeddings, tiny_dataset, tmp_path):
    reports = used(FOLDER, embeddings, tiny_dataset, hub_home, tmp_path)
    check(reports, expected(embeddings, tiny_dataset))


def test_loads_by_its_name_once_installed(hub_home, embeddings, tiny_dataset, tmp_path):
    code = "import sys; from genoprot_evaluate.cli import main; sys.exit(main(['metric', 'install']))"
    done = python(code, folder=tmp_path, environment=hub_home)
    assert done.returncode == 0, done.stderr
    script = (tmp_path / "home" / "modules").joinpath(*NAMESPACE, sha256_of(metric_script()), "genoprot.py")
    assert script.read_bytes() == metric_script().read_bytes()
    assert str(script) in done.stdout
    reports = used("genoprot", embeddings, tiny_dataset, hub_home, tmp_path)
    check(reports, expected(embeddings, tiny_dataset))


def test_modules_cache_of_its_own_is_honoured(hub_home, tmp_path):
    code = "from genoprot_evaluate.metric import install_metric; print(install_metric())"
    environment = hub_home | {"HF_MODULES_CACHE": str(tmp_path / "modules")}
    done = python(code, folder=tmp_path, environment=environment)
    assert done.stdout.startswith(str(tmp_path / "modules" / "evaluate_modules")), done.stderr


@pytest.fixture
def versions(tmp_path, monkeypatch):
    """Folder of the installed versions in a fresh modules cache of this process."""
    from evaluate import config

    monkeypatch.setattr(config, "HF_MODULES_CACHE", tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return tmp_path.joinpath(*NAMESPACE)


def latest() -> str:
    """Name of the version that evaluate's loader takes."""
    from evaluate.loading import CachedEvaluationModuleFactory

    return CachedEvaluationModuleFactory("evaluate-metric--genoprot").get_module().hash


def test_installing_again_changes_nothing_but_the_time(versions, capsys):
    first = install_metric()
    names = sorted(path.relative_to(versions) for path in versions.rglob("*"))
    assert main(["metric", "install"]) == 0
    assert str(first) in capsys.readouterr().out
    assert sorted(path.relative_to(versions) for path in versions.rglob("*")) == names
    assert latest() == first.parent.name == sha256_of(metric_script())


def test_version_that_was_installed_last_is_loaded(versions):
    other = versions / ("f" * 64) / "genoprot.py"
    other.parent.mkdir(parents=True)
    other.write_text("# another version, from a clock that runs ahead\n")
    ahead = other.stat().st_mtime + 3600
    os.utime(other, (ahead, ahead))
    installed = install_metric()
    assert latest() == installed.parent.name
    assert other.is_file()


def test_damaged_copy_is_replaced(versions):
    installed = install_metric()
    installed.write_text("import nothing\n")
    assert install_metric() == installed
    assert installed.read_bytes() == metric_script().read_bytes()
    assert sorted(path.name for path in installed.parent.iterdir()) == ["__init__.py", "genoprot.py"]


def test_loader_names_the_distribution_when_the_packages_are_missing():
    from evaluate.loading import get_imports

    libraries = {name: package for kind, name, package, _ in get_imports(str(metric_script()))}
    assert libraries["genoprot_evaluate"] == "geno-prot"
    assert {kind for kind, *_ in get_imports(str(metric_script()))} == {"library"}


def test_unknown_action_is_refused(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["metric", "remove"])
    assert stop.value.code == 2
    assert "remove" in capsys.readouterr().err
