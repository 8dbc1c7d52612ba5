"""The leaderboard's Space: records come from a repository, only those that hold are shown."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from hub_fixtures import hub, online  # noqa: F401

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.seeding import generator
from genoprot_evaluate.cli import main
from genoprot_evaluate.evaluation import evaluate
from genoprot_evaluate.hub import push_record
from genoprot_evaluate.leaderboard.space_app import check_upload, collect_site, serve


@pytest.fixture(scope="module")
def results(tiny_dataset, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("space") / "honest"
    names = [f"Q{number:05d}" for number in range(40)]
    vectors = generator(0, "space").standard_normal((40, 5)).astype(np.float32)
    evaluate({"mine": (names, vectors)}, tiny_dataset, tasks=["ppi"], baselines=["majority"], out=out)
    return out


def forged(results: Path, out: Path) -> Path:
    shutil.copytree(results, out)
    text = (out / "results.json").read_text()
    mean = text.split('"mean": ')[1].split(",")[0]
    (out / "results.json").write_text(text.replace(f'"mean": {mean}', '"mean": 0.987654', 1))
    return out


def test_only_records_that_hold_are_shown(online, results, tmp_path):  # noqa: F811
    push_record(results, "llnl/results", label="honest")
    push_record(forged(results, tmp_path / "forged"), "llnl/results", label="forged")
    shown, refused = collect_site("llnl/results", tmp_path / "site")
    assert shown == 1
    assert refused.keys() == {"forged"}
    assert "0.987654" in refused["forged"]
    assert (tmp_path / "site" / "records" / "honest.json").is_file()
    assert not (tmp_path / "site" / "records" / "forged.json").exists()


def test_a_repository_without_records_is_an_error(online, results, tmp_path):  # noqa: F811
    push_record(forged(results, tmp_path / "forged"), "llnl/results", label="forged")
    with pytest.raises(GenoProtError, match=r"llnl/results: no record to show \(forged: "):
        collect_site("llnl/results", tmp_path / "site")
    assert not (tmp_path / "site").exists()


def test_uploads_are_checked(results, tmp_path):
    files = [results / "results.json", results / "predictions.parquet"]
    assert "holds" in check_upload(files)
    assert "holds" in check_upload([*files, results / "further-predictions.parquet"])
    assert "Upload these files: `results.json`, `predictions.parquet`" in check_upload(files[:1])
    wrong = forged(results, tmp_path / "forged")
    verdict = check_upload([wrong / "results.json", files[1]])
    assert "does not hold" in verdict
    assert "0.987654" in verdict
    (tmp_path / "results.json").write_text("{")
    assert "not valid JSON" in check_upload([tmp_path / "results.json", files[1]])
    assert "/tmp/" not in check_upload([tmp_path / "results.json", files[1]])


def test_the_space_is_pushed_with_its_repositories(online, hub, capsys, tmp_path, monkeypatch):  # noqa: F811
    command = ["push", "leaderboard", "--repo", "llnl/board", "--records", "llnl/results"]
    assert main(command) == 0
    assert "4 added" in capsys.readouterr().out
    assert main(command) == 0
    assert "nothing to change" in capsys.readouterr().out
    (tmp_path / "space.env").write_text("GENOPROT_RECORDS=llnl/results\n")
    monkeypatch.delenv("GENOPROT_DATASET", raising=False)
    with pytest.raises(GenoProtError, match=r"space\.env: expected a line GENOPROT_DATASET=USER/NAME"):
        serve(tmp_path / "space.env")
