"""`genoprot push heads`, and heads that are found by their Hub ids."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
import yaml
from hub_server_faults import Fault
from hub_server_storage import Entry

from genoprot_datasets.errors import GenoProtError, SourceError
from genoprot_evaluate.cli import main
from genoprot_evaluate.embed import embed
from genoprot_evaluate.evaluation import evaluate
from genoprot_evaluate.heads import HeadConfig, find_head, load_head, remote, save_head
from genoprot_evaluate.hub import push_heads
from genoprot_evaluate.predict import predict
from genoprot_evaluate.results import read_record

NAME = "llnl/heads"
TASKS = ["ppi", "melanoma"]
ENCODERS = ("composition", "kmer-4")
FAST = HeadConfig(hidden=(8, 4), epochs=3)


@pytest.fixture(scope="session")
def run(tiny_dataset, tmp_path_factory):
    """Folder with the embeddings of two encoders, their heads on two tasks, and the record."""
    folder = tmp_path_factory.mktemp("run")
    tables = {name: embed(name, tiny_dataset, folder / "embeddings" / name) for name in ENCODERS}
    evaluate(
        tables,
        tiny_dataset,
        TASKS,
        baselines=[],
        head=FAST,
        out=folder / "results",
        save_heads=folder / "heads",
    )
    return folder


@pytest.fixture
def only(run, tmp_path):
    """Folder with the heads of one encoder."""

    def copied(encoder: str):
        for task in TASKS:
            (tmp_path / encoder / task).mkdir(parents=True)
            shutil.copy(run / "heads" / task / f"{encoder}.safetensors", tmp_path / encoder / task)
        return tmp_path / encoder

    return copied


def push(folder, *options) -> int:
    return main(["push", "heads", str(folder), "--repo", NAME, *map(str, options)])


def refused(capsys, *arguments, command=push) -> str:
    capsys.readouterr()
    assert command(*arguments) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


def repository(hub):
    return hub.repository("model", NAME)


def card(hub) -> str:
    return repository(hub).files()["README.md"].decode()


def plant(hub, files: dict[str, bytes]) -> None:
    """Put files into the repository that no client would send."""
    there = repository(hub)
    head = there.history[0]
    tree = head.tree | {path: Entry(data, size=len(data)) for path, data in files.items()}
    there.refs["refs/heads/main"] = there.record(tree, head.oid, "planted", "", "stranger").oid


def examples() -> pa.Table:
    return pa.table({"accession_a": ["Q00001", "Q00004"], "accession_b": ["Q00002", "Q00009"]})


def test_heads_come_back_bit_by_bit_and_the_card_says_what_they_are(hub, online, run, capsys):
    assert push(run / "heads", "--results", run / "results", "--licence", "apache-2.0") == 0
    files = repository(hub).files()
    names = [f"{task}/{encoder}.safetensors" for task in sorted(TASKS) for encoder in ENCODERS]
    assert sorted(files) == sorted([".gitattributes", "README.md", "heads.json", *names])
    for name in names:
        assert files[name] == (run / "heads" / name).read_bytes()
    (commit,) = [one for one in repository(hub).history if one.title.startswith("Heads")]
    assert commit.title == "Heads: 4 of 2 tasks"
    text = card(hub)
    record = read_record(run / "results")
    score = record.scores["ppi"]["kmer-4"]
    facts = [
        record.dataset["fingerprint"],
        "Do proteins A and B interact?",
        "| `ppi/kmer-4` |",
        "| dna | 256 | frequencies over the sequence | Apache-2.0 |",
        f"{100 * score.accuracy.mean:.1f} ± {100 * score.accuracy.std:.1f}",
        f"({100 * score.interval.low:.1f} to {100 * score.interval.high:.1f})",
        "hidden 8-4",
        "learning rate 0.001",
        f"genoprot predict --heads {NAME} --task melanoma --encoder composition",
        "The heads: apache-2.0.",
    ]
    for fact in facts:
        assert fact in text, fact
    front = yaml.safe_load(text.split("---")[1])
    assert front["license"] == "apache-2.0"
    assert front["library_name"] == "geno-prot"
    commits = len(repository(hub).history)
    for options in (["--results", run / "results"], [], ["--licence", "apache-2.0"]):
        assert push(run / "heads", *options) == 0
        assert "nothing to change" in capsys.readouterr().out
    assert len(repository(hub).history) == commits


def test_a_head_is_added_without_touching_the_others(hub, online, only, tmp_path):
    from huggingface_hub import HfApi

    push_heads(only("composition"), NAME)
    first = repository(hub).files()
    text = card(hub).replace("library_name:", "license: mit  # theirs\nlibrary_name:") + "\nTheir words.\n"
    HfApi(token=online).upload_file(path_or_fileobj=text.encode(), path_in_repo="README.md", repo_id=NAME)
    push_heads(only("kmer-4"), NAME)
    files = repository(hub).files()
    for path in first:
        assert path in ("README.md", "heads.json") or files[path] == first[path]
    for part in (
        "license: mit  # theirs",
        "Their words.",
        "The heads: mit.",
        "`ppi/kmer-4`",
        "`ppi/composition`",
    ):
        assert part in card(hub), part
    assert sorted(json.loads(files["heads.json"])["heads"]) == [
        f"{task}/{encoder}" for task in sorted(TASKS) for encoder in ENCODERS
    ]


def test_a_push_that_was_cut_leaves_main_as_it_was_and_goes_on(hub, online, run, only, capsys):
    push_heads(only("composition"), NAME)
    before = repository(hub).files()
    hub.faults.add(Fault("POST", "/commit/", times=99))
    assert push(run / "heads") == 2
    assert "run the same command again" in capsys.readouterr().err
    assert repository(hub).files() == before
    sent = len(hub.asked("PUT", "/_large/"))
    assert sent > 0
    hub.faults.clear()
    assert push(run / "heads") == 0
    assert len(hub.asked("PUT", "/_large/")) == sent
    assert len([one for one in repository(hub).history if one.title.startswith("Heads")]) == 2


def test_a_second_push_goes_to_the_open_pull_request(hub, online, run, only, capsys):
    assert "shows no such repository" in refused(capsys, run / "heads", "--create-pr")
    push_heads(only("composition"), NAME)
    main_files = repository(hub).files()
    assert push(run / "heads", "--create-pr") == 0
    assert push(run / "heads", "--create-pr") == 0
    assert "nothing to change" in capsys.readouterr().out
    assert push(run / "heads", "--create-pr", "--results", run / "results") == 0
    assert repository(hub).files() == main_files
    assert len(repository(hub).pulls) == 1
    assert find_head(f"{NAME}@refs/pr/1", "ppi", "kmer-4").origin["encoder"] == "kmer-4"


def test_only_the_head_that_is_asked_for_is_fetched(hub, online, run, tmp_path, monkeypatch, capsys):
    from huggingface_hub import constants

    push_heads(run / "heads", NAME)
    commit = repository(hub).history[0].oid
    hub.requests.clear()
    vectors = run / "embeddings" / "kmer-4"
    pairs, out = tmp_path / "pairs.tsv", tmp_path / "answers.tsv"
    pairs.write_text("accession_a\taccession_b\nQ00001\tQ00002\nQ00004\tQ00009\n")
    options = ["--embeddings", str(vectors), "--pairs", str(pairs), "--out", str(out)]
    assert main(["predict", "--heads", f"{NAME}@{commit}", "--task", "ppi", *options]) == 0
    assert len(hub.asked("GET", "/_large/")) == 1
    assert not hub.asked("GET|HEAD", "resolve/.*(composition|melanoma|README)")
    wanted = predict(run / "heads" / "ppi" / "kmer-4.safetensors", vectors, examples())
    found = [float(line.split("\t")[2]) for line in out.read_text().splitlines()[1:]]
    assert found == wanted["probability"].to_pylist()
    assert main(["predict", "--heads", str(run / "heads"), "--task", "ppi", *options]) == 0
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert main(["predict", "--heads", f"{NAME}@{commit}", "--task", "ppi", *options]) == 0
    assert [float(line.split("\t")[2]) for line in out.read_text().splitlines()[1:]] == found
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    said = refused(capsys, *options, command=lambda *o: main(["predict", "--heads", NAME, *o]))
    assert (
        "several heads of encoder kmer-4; name task and encoder of one: melanoma/kmer-4, ppi/kmer-4" in said
    )
    both = ["--head", str(run / "heads" / "ppi" / "kmer-4.safetensors"), "--task", "ppi"]
    assert "--head names one file" in refused(
        capsys, *both, *options, command=lambda *o: main(["predict", *o])
    )


def test_heads_that_are_not_there_are_told(hub, online, run, only):
    push_heads(only("composition"), NAME)
    with pytest.raises(
        GenoProtError, match=r"no head of task ppi and encoder kmer-4; there are melanoma/comp"
    ):
        find_head(NAME, "ppi", "kmer-4")
    with pytest.raises(GenoProtError, match="no head of encoder kmer-4; there are melanoma/composition, ppi"):
        find_head(NAME, encoder="kmer-4")
    with pytest.raises(GenoProtError, match="no head of task pfam and encoder kmer-4; there are melanoma"):
        find_head(run / "heads", "pfam", "kmer-4")
    with pytest.raises(GenoProtError, match="no such revision"):
        find_head(f"{NAME}@gone", "ppi", "composition")
    with pytest.raises(GenoProtError, match="shows no such repository"):
        find_head("llnl/nothing", "ppi", "composition")
    with pytest.raises(GenoProtError, match="no such folder"):
        find_head(f"{NAME}:ppi", "ppi", "composition")
    with pytest.raises(GenoProtError, match="unknown task 'nonsense'|no task|nonsense"):
        find_head(NAME, "nonsense", "composition")
    with pytest.raises(GenoProtError, match=r"encoder '\.\./x': expected letters"):
        find_head(NAME, "ppi", "../x")


@pytest.mark.parametrize("kind", ["dataset", "space"])
def test_repositories_of_another_type_are_told(hub, online, run, kind, capsys):
    from huggingface_hub import HfApi

    sdk = {"space_sdk": "static"} if kind == "space" else {}
    HfApi(token=online).create_repo(NAME, repo_type=kind, **sdk)
    with pytest.raises(GenoProtError, match=f"a {kind} repository has that name; heads are in a model"):
        find_head(NAME, "ppi", "kmer-4")
    said = refused(capsys, run / "heads", "--create-pr")
    assert f"is the name of a {kind} repository" in said


def test_tokens_that_may_not_are_told(hub, online, run, monkeypatch, capsys):
    monkeypatch.setenv("HF_TOKEN", hub.user("reader", role="read"))
    assert "may not do this" in refused(capsys, run / "heads")
    monkeypatch.setenv("HF_TOKEN", "hf_" + "x" * 34)
    said = refused(capsys, run / "heads")
    assert "the token is missing or not valid" in said
    assert "hf_x" not in said
    monkeypatch.delenv("HF_TOKEN")
    hub.requests.clear()
    assert "no token for the Hub" in refused(capsys, run / "heads")
    assert not hub.requests


def test_models_of_something_else_are_left_alone(hub, online, run, capsys):
    from huggingface_hub import HfApi

    api = HfApi(token=online)
    api.create_repo(NAME)
    api.upload_file(path_or_fileobj=b"\x80\x04.", path_in_repo="pytorch_model.bin", repo_id=NAME)
    assert "holds pytorch_model.bin and no heads of GENO-PROT" in refused(capsys, run / "heads")


def test_heads_of_another_dataset_are_refused(hub, online, run, only, tmp_path, capsys):
    saved = load_head(run / "heads" / "ppi" / "kmer-4.safetensors")
    other = save_head(
        saved.head,
        tmp_path / "other" / "ppi" / "x.safetensors",
        saved.origin | {"dataset": "f" * 64, "encoder": "x"},
    )
    push_heads(only("composition"), NAME)
    assert "its melanoma/composition was trained on dataset" in refused(capsys, other.parents[1])
    shutil.copy(run / "heads" / "ppi" / "kmer-4.safetensors", other.parent)
    assert "push them to different repositories" in refused(capsys, other.parents[1])


def test_files_that_are_no_heads_are_refused_and_pickles_are_not_sent(hub, online, only, tmp_path, capsys):
    assert "no heads here" in refused(capsys, tmp_path)
    folder = only("kmer-4")
    (folder / "ppi" / "notes.pkl").write_bytes(b"\x80\x04.")
    (folder / "ppi" / "kmer-4.pt").write_bytes(b"\x80\x04.")
    push_heads(folder, NAME)
    assert not [path for path in repository(hub).files() if path.endswith((".pkl", ".pt"))]
    (folder / "ppi" / "evil.safetensors").write_bytes(b"\x80\x04cos\nsystem\n.")
    assert "evil.safetensors" in refused(capsys, folder)
    (folder / "ppi" / "evil.safetensors").unlink()
    shutil.move(folder / "ppi" / "kmer-4.safetensors", folder / "ppi" / "renamed.safetensors")
    assert "is the head of task ppi and encoder 'kmer-4'; rename it" in refused(capsys, folder)


def test_the_record_of_another_run_is_refused(hub, online, run, tiny_dataset, tmp_path):
    record = read_record(run / "results")
    with pytest.raises(GenoProtError, match="of another run than melanoma/composition: its seed is 5, not 0"):
        push_heads(run / "heads", NAME, record=replace(record, seed=5))
    with pytest.raises(GenoProtError, match="its dataset is ffff"):
        push_heads(
            run / "heads", NAME, record=replace(record, dataset={**record.dataset, "fingerprint": "ffff"})
        )
    with pytest.raises(GenoProtError, match="the record has no accuracy of melanoma/composition"):
        push_heads(run / "heads", NAME, record=replace(record, scores={"ppi": record.scores["ppi"]}))
    assert not hub.requests


@pytest.mark.parametrize(
    "path", ["../../escaped.safetensors", "/tmp/escaped.safetensors", "ppi/../../up.safetensors"]
)
def test_file_names_that_climb_are_refused(hub, online, run, only, tmp_path, path, capsys):
    push_heads(only("kmer-4"), NAME)
    plant(hub, {path: b"x"})
    assert "leads out of its folder" in refused(capsys, run / "heads")
    assert find_head(NAME, "ppi", "kmer-4").origin["task"] == "ppi"
    assert not list(tmp_path.rglob("*escaped*"))


def test_hostile_heads_are_not_read(hub, online, run, only, monkeypatch):
    push_heads(only("kmer-4"), NAME)
    honest = (run / "heads" / "ppi" / "kmer-4.safetensors").read_bytes()
    cases = {
        b"\x80\x04cos\nsystem\n(S'touch x'\ntR.": r"a header of [\d,]+ bytes|not the file of a head",
        (90_000_000).to_bytes(8, "little") + b" " * 2000: "a header of 90,000,000 bytes",
        honest[:-64]: "not the file of a head",
        (run / "heads" / "melanoma" / "kmer-4.safetensors").read_bytes(): "is the head of task melanoma",
    }
    for content, message in cases.items():
        plant(hub, {"ppi/kmer-4.safetensors": content})
        with pytest.raises(SourceError, match=message):
            find_head(NAME, "ppi", "kmer-4")
    plant(hub, {"ppi/kmer-4.safetensors": honest, "ppi/kmer-4.pkl": b"\x80\x04."})
    hub.requests.clear()
    find_head(NAME, "ppi", "kmer-4")
    assert not hub.asked("GET|HEAD", r"\.pkl")
    monkeypatch.setattr(remote, "MOST_BYTES", 1000)
    with pytest.raises(GenoProtError, match="are more than the 1,000 that are taken"):
        find_head(NAME, "melanoma", "kmer-4")


@pytest.mark.parametrize(
    "index",
    [
        b"[1]",
        b"{",
        b'{"schema_version": 1, "heads": {"../../x": {}}}',
        b'{"schema_version": 1, "heads": {"ppi/x": {"task": "ppi"}}}',
        b'{"schema_version": 1, "heads": {"ppi/x": {"task": "pfam", "encoder": "x"}}}',
        b'{"schema_version": 2, "heads": {}}',
    ],
    ids=["list", "no JSON", "climbs", "lacks values", "of another task", "of another version"],
)
def test_an_index_from_strangers_is_refused(hub, online, only, index, capsys):
    push_heads(only("kmer-4"), NAME)
    plant(hub, {"heads.json": index})
    assert "heads.json is not the index of heads" in refused(capsys, only("composition"))
    with pytest.raises(GenoProtError, match="no head of task ppi and encoder other; there are"):
        find_head(NAME, "ppi", "other")


def test_text_of_a_head_is_escaped_on_the_card(hub, online, run, tmp_path):
    saved = load_head(run / "heads" / "ppi" / "kmer-4.safetensors")
    evil = saved.origin | {"readout": "<script>alert(1)</script> | x", "dataset_name": "a`b; rm -rf ~"}
    save_head(saved.head, tmp_path / "evil" / "ppi" / "kmer-4.safetensors", evil)
    push_heads(tmp_path / "evil", NAME)
    text = card(hub)
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    assert "rm -rf ~" not in text


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"encoder_name": "composition"}, "with encoder composition; embeddings 'kmer-4' have kmer-4"),
        ({"view": "protein"}, "with view protein; embeddings 'kmer-4' have dna"),
        ({"readout": "last token"}, "with readout last token; embeddings 'kmer-4' have frequencies"),
        ({"weights": "f" * 64}, "with weights ffff.*embed with the same encoder"),
    ],
    ids=["encoder", "view", "readout", "weights"],
)
def test_vectors_of_another_encoder_are_refused(run, changes, message):
    saved = load_head(run / "heads" / "ppi" / "kmer-4.safetensors")
    other = saved._replace(origin=saved.origin | changes)
    with pytest.raises(GenoProtError, match=message):
        predict(other, run / "embeddings" / "kmer-4", examples())
    with pytest.raises(GenoProtError, match="with 256 columns; embeddings 'composition' have 20"):
        predict(saved, run / "embeddings" / "composition", examples())


def damaged(head, **changes):
    return replace(head, **{name: change(getattr(head, name)) for name, change in changes.items()})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mean": lambda a: a[:-1]}, r"scale is float32 of shape \(256,\), not float32 of \(255,\)"),
        ({"scale": lambda a: np.zeros_like(a)}, "scale holds numbers that are not above zero"),
        ({"scale": lambda a: a.astype(np.float64)}, "scale is float64"),
        ({"layers": lambda ls: ((ls[0][0] * np.nan, ls[0][1]), *ls[1:])}, "layers.0.weight holds NaN"),
        ({"layers": lambda ls: (*ls[:-1], (ls[-1][0][:, :1], ls[-1][1]))}, r"layers.2.weight is .*\(1, 1\)"),
    ],
    ids=["width", "zero scale", "type", "NaN", "layers"],
)
def test_heads_whose_arrays_do_not_fit_are_refused(run, tmp_path, changes, message):
    saved = load_head(run / "heads" / "ppi" / "kmer-4.safetensors")
    path = save_head(damaged(saved.head, **changes), tmp_path / "x.safetensors", saved.origin)
    with pytest.raises(SourceError, match=message):
        load_head(path)
