"""`genoprot push metric`: the Space, and what its app does."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import yaml
from hub_server import hub_environment

from genoprot_datasets.errors import GenoProtError
from genoprot_evaluate.cli import main
from genoprot_evaluate.embed import embed
from genoprot_evaluate.hub import space_app
from genoprot_evaluate.hub.space import space_files

USE = """
import evaluate, json, sys
metric = evaluate.load(sys.argv[1])
options = {"tasks": ["melanoma"], "baselines": ["length"]}
report = metric.compute(embeddings={"x": sys.argv[2]}, **options)
print(json.dumps([metric.name, report["scores"]["melanoma"]["x"]["accuracy"]["mean"]]))
"""


@pytest.mark.slow
def test_the_space_loads_by_its_id(hub, online, tiny_dataset, tmp_path, capsys):
    repository = "llnl/genoprot"
    assert main(["push", "metric", "--repo", repository]) == 0
    assert main(["push", "metric", "--repo", repository]) == 0
    assert "nothing to change" in capsys.readouterr().out
    space = hub.repository("space", repository)
    assert (space.sdk, len(space.history)) == ("gradio", 2)
    files = space.files()
    front = yaml.safe_load(files["README.md"].decode().split("---")[1])
    assert {"evaluate", "metric"} <= set(front["tags"])
    assert (front["sdk"], front["app_file"]) == ("gradio", "app.py")
    assert files["requirements.txt"] == b"geno-prot[report]\n"
    embed("composition", tiny_dataset, tmp_path / "vectors")
    assert main(["push", "embeddings", str(tmp_path / "vectors"), "--repo", "llnl/vectors"]) == 0
    done = subprocess.run(
        [sys.executable, "-c", USE, repository, "llnl/vectors:composition"],
        cwd=tiny_dataset.parent.parent,
        env=hub_environment(hub, tmp_path / "home"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    loaded, mean = json.loads(done.stdout.splitlines()[-1])
    assert loaded == "genoprot"
    assert 0 <= mean <= 1


def test_the_script_has_the_name_that_the_loader_asks_for():
    assert "renamed.py" in space_files("llnl/renamed")
    with pytest.raises(GenoProtError, match="expected one line"):
        space_files("llnl/genoprot", "geno-prot\n--index-url evil")


def test_names_and_spaces_that_do_not_serve(hub, online, capsys):
    assert main(["push", "metric", "--repo", "llnl/geno-prot"]) == 2
    assert "has to be a name in Python" in capsys.readouterr().err
    from huggingface_hub import HfApi

    api = HfApi(token=online)
    api.create_repo("llnl/other", repo_type="space", space_sdk="gradio")
    api.upload_file(path_or_fileobj=b"1", path_in_repo="app.py", repo_id="llnl/other", repo_type="space")
    assert main(["push", "metric", "--repo", "llnl/other"]) == 2
    assert "holds an app that is not ours" in capsys.readouterr().err


@pytest.fixture(scope="session")
def upload(tiny_dataset, tmp_path_factory):
    folder = tmp_path_factory.mktemp("upload")
    embed("composition", tiny_dataset, folder)
    return sorted((folder / "composition").iterdir())


def test_upload_is_scored_beside_the_baselines(upload, tiny_dataset):
    pytest.importorskip("matplotlib")
    rows, figure = space_app.score_upload(upload, "melanoma", str(tiny_dataset))
    assert {len(row) for row in rows} == {len(space_app.HEADER)}
    by_name = {row[0]: row for row in rows}
    assert by_name["uploaded"][4] == "OK"
    assert {"baseline:majority", "baseline:length"} <= set(by_name)
    assert figure.axes


def test_uploads_of_something_else_are_refused(upload, tmp_path, monkeypatch):
    with pytest.raises(GenoProtError, match="upload the Parquet or safetensors files"):
        space_app.read_upload([])
    other = tmp_path / "vectors.pkl"
    other.write_bytes(b"\x80\x04.")
    with pytest.raises(GenoProtError, match="only Parquet and safetensors files are read"):
        space_app.read_upload([*upload, other])
    monkeypatch.setattr(space_app, "MOST_BYTES", 10)
    with pytest.raises(GenoProtError, match="expected 10 at most"):
        space_app.read_upload(upload)


def test_the_page_needs_gradio_and_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    with pytest.raises(GenoProtError, match=r"pip install 'geno-prot\[space\]'"):
        space_app.build_interface()


def test_the_page_answers(upload, tiny_dataset):
    pytest.importorskip("gradio")
    page = space_app.build_interface(str(tiny_dataset))
    assert "score" in {function.api_name for function in page.fns.values()}
