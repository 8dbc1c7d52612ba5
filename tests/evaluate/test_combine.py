"""Stored results combined are what one run with the same encoders and members writes."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from llm_fixtures import NAME, by_coin
from variant_datasets import HUMAN, YEAST

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.files import sha256_of, write_parquet
from genoprot_datasets.published import MANIFEST_NAME
from genoprot_evaluate.cli import main
from genoprot_evaluate.combine import combine
from genoprot_evaluate.evaluation import evaluate
from genoprot_evaluate.heads import HeadConfig
from genoprot_evaluate.leaderboard.validation import validate_record
from genoprot_evaluate.results import read_record

FAST = HeadConfig(hidden=(8,), epochs=3)
FILES = ("results.json", "predictions.parquet", "further-predictions.parquet")
ACCESSIONS = [f"Q{number:05d}" for number in range(40)]
TASKS = ["ppi", "melanoma", "disease"]


def vectors(seed: int, width: int = 5, first: int = 0) -> tuple[list[str], np.ndarray]:
    rng = np.random.default_rng(seed)
    return ACCESSIONS[first:], rng.normal(size=(40, width)).astype(np.float32)[first:]


ENCODERS = {"alpha": vectors(1), "beta": vectors(2, width=7), "gamma": vectors(3, width=3)}


def assert_same(combined, one) -> None:
    """Equal to the digit but for where it came from."""
    found, expected = (json.loads((folder / FILES[0]).read_text()) for folder in (combined, one))
    assert found.pop("combined_from")
    assert expected.pop("combined_from") == []
    assert found == expected
    for name in FILES[1:]:
        assert (combined / name).read_bytes() == (one / name).read_bytes()


@pytest.fixture(scope="module")
def runs(tiny_dataset, tmp_path_factory):
    """A run of each encoder, and where they were written."""
    folder = tmp_path_factory.mktemp("runs")
    for name, source in ENCODERS.items():
        evaluate({name: source}, tiny_dataset, TASKS, head=FAST, seed=3, out=folder / name)
    return folder


@pytest.fixture(scope="module")
def paths(runs):
    return [runs / name for name in ENCODERS]


def test_two_runs_are_one_with_both(runs, paths, tiny_dataset, tmp_path):
    evaluate(ENCODERS, tiny_dataset, TASKS, head=FAST, seed=3, out=tmp_path / "one")
    record = combine(paths, out=tmp_path / "combined")
    assert_same(tmp_path / "combined", tmp_path / "one")
    assert record == read_record(tmp_path / "combined")
    assert [origin.name for origin in record.combined_from] == ["alpha", "beta", "gamma"]
    first = record.combined_from[0]
    assert first.files == {name: sha256_of(runs / "alpha" / name) for name in FILES}
    assert "alpha" in first.models
    assert "baseline:length" in first.models
    assert first.versions == read_record(runs / "alpha").versions
    # In any order, named twice, in two steps, and with the dataset at hand the same numbers come out.
    combine([*reversed(paths), runs / "beta" / FILES[0]], out=tmp_path / "turned")
    assert (tmp_path / "turned" / FILES[0]).read_bytes() == (tmp_path / "combined" / FILES[0]).read_bytes()
    combine(paths[:2], out=tmp_path / "both")
    combine([tmp_path / "both", paths[2]], dataset=tiny_dataset, out=tmp_path / "steps")
    assert_same(tmp_path / "steps", tmp_path / "one")


def test_members_and_models_are_chosen_as_in_one_run(paths, tiny_dataset, tmp_path):
    two = {name: ENCODERS[name] for name in ("alpha", "beta")}
    floors = ["length", "degree"]
    evaluate(two, tiny_dataset, ["ppi"], ["alpha"], floors, seed=3, head=FAST, out=tmp_path / "one")
    words = ["--members", "alpha", "--tasks", "ppi", "--models", "alpha", "beta", "gamma"]
    words += ["baseline:length", "baseline:degree", "--drop", "gamma", "--out", str(tmp_path / "combined")]
    assert main(["combine", *map(str, paths), *words]) == 0
    assert_same(tmp_path / "combined", tmp_path / "one")


def test_other_members_of_one_record(paths, tiny_dataset, tmp_path):
    combine(paths, out=tmp_path / "all")
    combine([tmp_path / "all"], ["beta", "gamma"], out=tmp_path / "combined")
    evaluate(ENCODERS, tiny_dataset, TASKS, ["gamma", "beta"], seed=3, head=FAST, out=tmp_path / "one")
    assert_same(tmp_path / "combined", tmp_path / "one")


def test_random_vectors_are_as_wide_as_the_widest_encoder(paths):
    assert combine(paths).models["baseline:random-vectors"].dimension == 7
    assert combine(paths, drop=["beta"]).models["baseline:random-vectors"].dimension == 5
    # Those of the encoder's own width were never scored: the widest stand for them.
    alone = combine(paths[:2], drop=["alpha", "beta"], models=["alpha", "baseline:random-vectors"])
    assert alone.models["baseline:random-vectors"].dimension == 7


def test_tasks_of_one_encoder_come_together(tiny_dataset, tmp_path):
    for name, tasks in (("first", ["ppi"]), ("second", ["melanoma", "pfam"]), ("one", None)):
        chosen = tasks or ["ppi", "melanoma", "pfam"]
        evaluate(
            {"alpha": ENCODERS["alpha"]}, tiny_dataset, chosen, baselines=["length"], out=tmp_path / name
        )
    combine([tmp_path / "second", tmp_path / "first"], out=tmp_path / "combined")
    assert_same(tmp_path / "combined", tmp_path / "one")
    evaluate({"beta": ENCODERS["beta"]}, tiny_dataset, ["ppi"], baselines=[], out=tmp_path / "beta")
    record = combine([tmp_path / "combined", tmp_path / "beta"])
    assert record.scores["pfam"]["beta"].reason == "not scored in the run of this model"
    assert record.ensembles["pfam"].members == ("alpha",)
    assert set(record.ensembles["pfam"].left_out) == {"beta"}
    assert record.ensembles["ppi"].members == ("alpha", "beta")


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("matched", {"head": HeadConfig(hidden=(8,), epochs=3, seeds=3, symmetric=True)}),
        ("matched", {"head": HeadConfig(hidden=(8,), epochs=3, validation="proteins")}),
        ("matched", {"head": HeadConfig(hidden=(8,), epochs=4, learning_rate=1e30)}),
        ("species", {"species": {"train": [HUMAN], "eval": [YEAST]}}),
        ("species", {"species": {"train": [YEAST], "eval": [HUMAN]}, "head": FAST}),
    ],
    ids=["seeds, both orders", "proteins held out", "heads that fail", "to yeast", "from yeast"],
)
def test_every_kind_of_run_is_combined(kind, options, request, tmp_path):
    dataset = request.getfixturevalue("matched_dataset" if kind == "matched" else "two_species")
    dataset = dataset if kind == "matched" else dataset[0]
    common = {"head": FAST, "baselines": ["majority", "length", "kmer", "degree"], **options}
    two = {name: ENCODERS[name] for name in ("alpha", "beta")}
    for name, source in two.items():
        evaluate({name: source}, dataset, ["ppi", "disease"], out=tmp_path / name, **common)
    evaluate(two, dataset, ["ppi", "disease"], out=tmp_path / "one", **common)
    combine([tmp_path / name for name in two], out=tmp_path / "combined")
    assert_same(tmp_path / "combined", tmp_path / "one")
    assert validate_record(tmp_path / "combined", dataset) == []


def test_tasks_that_the_dataset_lacks_stay_not_applicable(tiny_dataset, tmp_path):
    dataset = shutil.copytree(tiny_dataset, tmp_path / "dataset")
    manifest = json.loads((dataset / MANIFEST_NAME).read_text())
    manifest["left_out"]["ppi"] = "no links file"
    del manifest["tasks"]["ppi"]
    (dataset / MANIFEST_NAME).write_text(json.dumps(manifest))
    two = {name: ENCODERS[name] for name in ("alpha", "beta")}
    for name, given in (*((name, {name: source}) for name, source in two.items()), ("one", two)):
        evaluate(given, dataset, ["ppi", "melanoma"], baselines=["majority"], head=FAST, out=tmp_path / name)
    record = combine([tmp_path / "alpha", tmp_path / "beta"], out=tmp_path / "combined")
    assert_same(tmp_path / "combined", tmp_path / "one")
    assert record.scores["ppi"]["alpha"].reason == "not in the dataset: no links file"


def test_runs_of_baselines_alone_are_combined_with_encoders(paths, tiny_dataset, tmp_path):
    floors = ["majority", "degree"]
    evaluate({}, tiny_dataset, TASKS, baselines=floors, seed=3, head=FAST, out=tmp_path / "floors")
    combine([tmp_path / "floors"], out=tmp_path / "alone")
    assert_same(tmp_path / "alone", tmp_path / "floors")
    evaluate(
        {"gamma": ENCODERS["gamma"]}, tiny_dataset, TASKS, None, floors, 3, head=FAST, out=tmp_path / "one"
    )
    combine([paths[2]], models=["gamma"], out=tmp_path / "gamma")
    combine([tmp_path / "floors", tmp_path / "gamma"], out=tmp_path / "combined")
    assert_same(tmp_path / "combined", tmp_path / "one")


@pytest.mark.parametrize("missing", ["mark", "drop"])
def test_encoders_with_gaps_are_combined(missing, tiny_dataset, tmp_path):
    short = {"short": vectors(4, first=3)}
    # Where examples are dropped, both runs have to lack the same proteins.
    other = {"beta": vectors(5, first=3) if missing == "drop" else ENCODERS["beta"]}
    common = {"head": FAST, "missing": missing, "missing_share": 0.2, "baselines": ["length"]}
    for name, given in (("a", short), ("b", other), ("one", short | other)):
        evaluate(given, tiny_dataset, ["ppi", "melanoma"], out=tmp_path / name, **common)
    record = combine([tmp_path / "a", tmp_path / "b"], out=tmp_path / "combined")
    assert_same(tmp_path / "combined", tmp_path / "one")
    assert (record.scores["ppi"]["short"].status == "N/A") == (missing == "mark")
    assert validate_record(tmp_path / "combined", tiny_dataset) == []


def test_language_models_join_as_genoprot_llm_joins_them(server, llm, runs, paths, tiny_dataset, tmp_path):
    server.answer = by_coin
    for out in ("joined", "asked"):
        if out == "joined":
            shutil.copytree(runs / "alpha", tmp_path / out)
        assert llm("--tasks", "ppi", "pfam", out=out) == 0
    assert read_record(tmp_path / "asked").seed == 0
    record = combine([tmp_path / "asked", paths[0]], out=tmp_path / "combined")
    joined, found = (json.loads((tmp_path / n / FILES[0]).read_text()) for n in ("joined", "combined"))
    found.pop("combined_from")
    joined.pop("combined_from")
    # A task that no encoder was scored on has no ensemble where a model joins an earlier record.
    assert record.scores["pfam"]["ensemble:soft"].reason == "no member has predictions"
    assert found["ensembles"].pop("pfam")["left_out"] == {"alpha": "not scored in the run of this model"}
    for one in (joined, found):
        for name in list(one["scores"]["pfam"]):
            if name.startswith(("ensemble:", "combination:")):
                del one["scores"]["pfam"][name]
    assert found == joined
    for name in FILES[1:]:
        assert (tmp_path / "combined" / name).read_bytes() == (tmp_path / "joined" / name).read_bytes()
    assert validate_record(tmp_path / "combined", tiny_dataset) == []
    # Encoders that are combined with the joined record are compared with the language model.
    record = combine([tmp_path / "joined", paths[1]])
    assert record.scores["melanoma"][NAME].reason == "not asked"
    assert ("beta", NAME) in {(pair.first, pair.second) for pair in record.comparisons["ppi"]}
    # One that two records have in the same way is there once.
    twice = combine([tmp_path / "joined", tmp_path / "asked"])
    assert twice.scores["ppi"] == combine([tmp_path / "joined"]).scores["ppi"]
    # A language model that joins a combined record leaves it a combined one.
    assert llm("--tasks", "melanoma", out="combined") == 0
    again = read_record(tmp_path / "combined")
    assert [origin.name for origin in again.combined_from] == ["alpha", "asked"]
    assert again.scores["melanoma"][NAME].status == "OK"
    # Language models by themselves have no ensembles.
    alone = combine([tmp_path / "asked"], tasks=["ppi"])
    assert set(alone.models) == {NAME}
    assert alone.scores["ppi"][NAME] == read_record(tmp_path / "asked").scores["ppi"][NAME]


def test_a_combined_record_is_taken_everywhere(paths, tiny_dataset, tmp_path):
    combine(paths, out=tmp_path / "combined")
    assert validate_record(tmp_path / "combined", tiny_dataset) == []
    assert main(["report", str(tmp_path / "combined"), "--out", str(tmp_path / "report")]) == 0
    assert "Combined from" in (tmp_path / "report" / "scores.md").read_text()
    everything = [str(path) for path in (*paths, tmp_path / "combined")]
    assert main(["leaderboard", *everything, "--out", str(tmp_path / "site")]) == 0
    rows = json.loads((tmp_path / "site" / "leaderboard.json").read_text())[0]["rows"]
    assert {"alpha", "beta", "gamma", "ensemble:soft (combined)"} <= {row["model"] for row in rows}


def test_predictions_of_the_first_version_need_the_dataset(runs, paths, tiny_dataset, tmp_path):
    for name in ("alpha", "beta"):
        shutil.copytree(runs / name, tmp_path / name)
        table = pq.read_table(tmp_path / name / FILES[1]).drop_columns(["identity", "challenge"])
        write_parquet(table.replace_schema_metadata(None), tmp_path / name / FILES[1])
    older = [tmp_path / "alpha", tmp_path / "beta"]
    with pytest.raises(GenoProtError, match="without the identities of the pairs.*name the dataset by"):
        combine(older)
    expected = combine(paths[:2], out=tmp_path / "new")
    for number, found in enumerate(
        (
            combine(older, dataset=tiny_dataset, out=tmp_path / "0"),
            combine([older[0], paths[1]], out=tmp_path / "1"),
        )
    ):
        assert found.scores == expected.scores
        assert (tmp_path / str(number) / FILES[1]).read_bytes() == (tmp_path / "new" / FILES[1]).read_bytes()


def changed(folder, out, *, table=None, change=None, **facts):
    """A copy of results with another record, or with another column of a table."""
    shutil.copytree(folder, out)
    raw = json.loads((out / FILES[0]).read_text())
    for key, value in facts.items():
        raw[key] = value if not isinstance(value, dict) else raw[key] | value
    (out / FILES[0]).write_text(json.dumps(raw))
    if table is not None:
        write_parquet(change(pq.read_table(out / table)), out / table)
    return out


def other_rows(table: pa.Table) -> pa.Table:
    """Rows of the eval split that are numbered otherwise."""
    rows = pc.add(table["row"], pa.scalar(1, pa.int32()))
    return table.set_column(table.column_names.index("row"), table.schema.field("row"), rows)


def other_probabilities(table: pa.Table) -> pa.Table:
    """Probabilities of one baseline that differ without another class."""
    own = pc.equal(table["model"], "baseline:length")
    nearer = pc.add(pc.multiply(table["probability"], 0.5), 0.25)
    place = table.column_names.index("probability")
    return table.set_column(place, table.schema.field(place), pc.if_else(own, nearer, table["probability"]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dataset": {"fingerprint": "f" * 64}}, r"other dataset or of .*\(it differs in fingerprint\)"),
        ({"dataset": {"eval_species": [9606]}}, r"it differs in eval_species"),
        ({"seed": 4}, "its seed is 4, that of .*alpha is 3"),
        ({"head": {"epochs": 9}}, "heads were trained with epochs 9, those of .*alpha with 3"),
        (
            {"head": {"validation": "proteins"}},
            "with validation 'proteins', those of .* with 'pairs'",
        ),
        ({"table": FILES[1], "change": other_rows}, "its predictions on .* are of other examples than those"),
        (
            {"table": FILES[1], "change": other_probabilities},
            r"different models of the same name: baseline:length \(on ppi, melanoma, disease\); leave them",
        ),
        (
            {
                "models": {
                    "baseline:length": {"kind": "baseline", "title": "other", "modality": None}
                    | {"dimension": 2, "parameters": None, "asked": None}
                }
            },
            r"different models of the same name: baseline:length \(title\)",
        ),
        ({"dropped": {"ppi": {"lacking": {"beta": ["Q00000"]}, "train": 1, "eval": 1}}}, "on ppi its record"),
        (
            {"table": FILES[2], "change": lambda table: table.slice(0, 0)},
            "lacks what 'beta' says of the validation fold .* of ppi, and combinations need it",
        ),
    ],
    ids=[
        "dataset",
        "species",
        "seed",
        "head",
        "validation",
        "examples",
        "answers",
        "model",
        "dropped",
        "fold",
    ],
)
def test_what_cannot_stand_together_is_refused(changes, message, runs, paths, tmp_path):
    other = changed(runs / "beta", tmp_path / "other", **changes)
    with pytest.raises(GenoProtError, match=message):
        combine([paths[0], other], out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_differs_can_be_left_out(runs, paths, tmp_path):
    other = changed(runs / "beta", tmp_path / "other", table=FILES[1], change=other_probabilities)
    combine([other], drop=["baseline:length"], out=tmp_path / "rest")
    record = combine([paths[0], tmp_path / "rest"])
    assert record.scores["ppi"] == combine(paths[:2]).scores["ppi"]


def test_versions_that_differ_are_all_named(runs, paths, tmp_path):
    other = changed(runs / "beta", tmp_path / "other", versions={"torch": "0.1", "device": "a GPU"})
    record, usual = combine([other, paths[0]]), combine(paths[:2])
    assert record.versions == usual.versions | {
        "torch": f"0.1, {usual.versions['torch']}",
        "device": "a GPU",
    }
    assert [origin.versions["torch"] for origin in record.combined_from] == [usual.versions["torch"], "0.1"]
    assert record.scores == usual.scores


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"members": ["delta"]}, "ensemble member 'delta' is none of the encoders; they are alpha, beta"),
        ({"drop": ["alpa"]}, r"no model 'alpa' in the records \(did you mean 'alpha'\?\)"),
        ({"models": ["ensemble:soft"]}, "no model 'ensemble:soft' in the records"),
        ({"models": ["alpha"], "drop": ["alpha"]}, "no model is left"),
        ({"tasks": ["pfam"]}, "the records have no task of pfam; they have ppi, melanoma, disease"),
        ({"tasks": ["pfm"]}, "unknown task 'pfm'"),
        ({"results": []}, "no results; name folders"),
    ],
)
def test_names_that_are_not_there_are_refused(options, message, paths):
    with pytest.raises(GenoProtError, match=message):
        combine(**{"results": paths[:2], **options})


def test_results_are_not_written_over(paths, tiny_dataset, tmp_path, capsys):
    assert main(["combine", *map(str, paths), "--out", str(paths[1])]) == 2
    assert "is one of the results that are combined" in capsys.readouterr().err
    with pytest.raises(GenoProtError, match="not found; `genoprot evaluate --out FOLDER` writes it"):
        combine([paths[0], tmp_path / "nowhere"])
    other = shutil.copytree(tiny_dataset, tmp_path / "other")
    manifest = json.loads((other / MANIFEST_NAME).read_text()) | {"fingerprint": "f" * 64}
    (other / MANIFEST_NAME).write_text(json.dumps(manifest))
    with pytest.raises(GenoProtError, match=r"the records are of .* fingerprint \w{12}, .* has ffffffffffff"):
        combine(paths, dataset=other)
