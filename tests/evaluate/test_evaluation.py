"""The evaluation, on a small published dataset whose labels are known."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.files import write_parquet
from genoprot_datasets.published import MANIFEST_NAME, PublishedDataset, split_path
from genoprot_datasets.tasks import TASKS
from genoprot_evaluate.baselines import BASELINES, RULES
from genoprot_evaluate.cli import main
from genoprot_evaluate.combinations import COMBINATIONS
from genoprot_evaluate.ensembles import ENSEMBLES, PAPER_MEMBERS
from genoprot_evaluate.evaluation import evaluate
from genoprot_evaluate.evaluation.cells import IDENTITY_EDGES
from genoprot_evaluate.heads import HeadConfig
from genoprot_evaluate.results import read_record
from genoprot_evaluate.statistics import auprc, auroc, brier, calibration_error, matthews
from genoprot_evaluate.store import load_embeddings
from genoprot_evaluate.tables import percent

FAST = HeadConfig(hidden=(8,), epochs=4)
ACCESSIONS = [f"Q{number:05d}" for number in range(40)]


def random_embeddings(width: int, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {accession: rng.normal(size=width) for accession in ACCESSIONS}


@pytest.fixture(scope="module")
def two() -> dict[str, dict[str, np.ndarray]]:
    return {"alpha": random_embeddings(6, 1), "beta": random_embeddings(5, 2)}


@pytest.fixture(scope="module")
def run(tiny_dataset, two, tmp_path_factory):
    """A run over three tasks, and where it was written."""
    out = tmp_path_factory.mktemp("run") / "results"
    return evaluate(two, tiny_dataset, ["ppi", "melanoma", "disease"], seed=5, head=FAST, out=out), out


def write_folder(vectors: dict[str, np.ndarray], folder: Path) -> str:
    """Embeddings as anybody may publish them: Parquet files with two columns."""
    table = load_embeddings(vectors)
    columns = {"accession": table.accessions, "embedding": pa.array(list(table.vectors))}
    folder.mkdir(parents=True)
    pq.write_table(pa.table(columns), folder / "train.parquet")
    return str(folder)


def changed_copy(dataset: Path, folder: Path, *, task: str | None = None, labels=None, **manifest) -> Path:
    """The dataset with other labels in the train split of a task, or other manifest entries."""
    shutil.copytree(dataset, folder)
    path = folder / MANIFEST_NAME
    path.write_text(json.dumps(json.loads(path.read_text()) | manifest))
    if task is not None:
        split = folder / split_path(task, "train")
        table = pq.read_table(split)
        column = pa.array(labels(table["label"].to_numpy()), pa.int8())
        write_parquet(table.set_column(table.column_names.index("label"), "label", column), split)
    return folder


def test_every_cell_is_there_with_ten_samples(run):
    record, _ = run
    assert record.tasks == ("ppi", "melanoma", "disease")
    names = {"alpha", "beta", *ENSEMBLES, *COMBINATIONS, *BASELINES}
    assert set(record.models) == names
    for task in record.tasks:
        assert set(record.scores[task]) == names
        for name, score in record.scores[task].items():
            if task == "melanoma" and name in ("baseline:alignment", "baseline:degree"):
                assert (score.status, score.accuracy) == ("N/A", None)
                assert "single record" in score.reason
                continue
            assert (score.status, score.reason) == ("OK", None)
            assert len(score.accuracy.samples) == 10
            arity = TASKS[task].arity
            assert (score.train_examples, score.eval_examples) == ((24, 100) if arity == 1 else (120, 200))
            assert (score.challenge_accuracy is None) == (arity == 1)
            unmeasured = name in {*ENSEMBLES, *COMBINATIONS, "baseline:alignment-transfer"}
            assert (score.validation_accuracy is None) == unmeasured
            assert score.interval.low <= score.accuracy.mean <= score.interval.high
            assert (score.epochs is None) == (name in {*ENSEMBLES, *COMBINATIONS, *RULES})


def test_record_tells_what_was_scored_and_how(run, tiny_dataset):
    record, out = run
    published = PublishedDataset.open(tiny_dataset)
    assert record.dataset == {
        "name": "tiny/geno-prot",
        "fingerprint": published.fingerprint,
        "genes": 40,
        "folds": {"train": 26, "eval": 14},
    }
    assert (record.seed, record.head) == (5, FAST.to_dict())
    assert {"geno-prot", "numpy", "python", "torch"} <= set(record.versions)
    assert (record.models["alpha"].kind, record.models["alpha"].dimension) == ("encoder", 6)
    assert record.models["baseline:random-vectors"].dimension == 6
    assert record.models["baseline:length"].dimension == 2
    assert read_record(out) == record


def test_scores_follow_from_the_predictions(run, tiny_dataset):
    record, out = run
    predictions = pq.read_table(out / "predictions.parquet").to_pandas()
    published = PublishedDataset.open(tiny_dataset)
    for (task, model), found in predictions.groupby(["task", "model"]):
        truth = published.task(task, "eval").to_pandas()
        assert found["row"].tolist() == list(range(len(truth)))
        assert found["label"].tolist() == truth["label"].tolist()
        assert found["sample"].tolist() == truth["sample"].tolist()
        score = record.scores[task][model]
        samples = [part for _, part in found.groupby("sample")]
        assert score.accuracy.samples == tuple((p["label"] == p["predicted"]).mean() for p in samples)
        assert score.auroc.samples == tuple(auroc(p["label"], p["probability"]) for p in samples)
        assert score.mcc.samples == tuple(
            matthews(p["label"].to_numpy(), p["predicted"].to_numpy()) for p in samples
        )
        assert score.auprc.samples == tuple(auprc(p["label"], p["probability"]) for p in samples)
        assert score.brier.samples == tuple(brier(p["label"], p["probability"]) for p in samples)
        assert score.calibration_error == calibration_error(found["label"], found["probability"])
        if "challenge" in truth:
            right = (found["label"] == found["predicted"]).to_numpy()
            assert len(score.identity_bins) == len(IDENTITY_EDGES) - 1
            for low, high, entry in zip(IDENTITY_EDGES, IDENTITY_EDGES[1:], score.identity_bins):
                inside = ((truth["identity"] >= low) & (truth["identity"] < high)).to_numpy()
                assert (entry.low, entry.high, entry.examples) == (low, high, inside.sum())
                assert entry.accuracy == (right[inside].mean() if inside.any() else None)
            hard = truth["challenge"].to_numpy()
            assert score.challenge_accuracy == right[hard].mean()
            assert score.challenge_examples == hard.sum()
        if not model.startswith(("ensemble:", "combination:")):
            assert (found["predicted"] == (found["probability"] > 0.5)).all()
    scored = {(task, m) for task in record.tasks for m, s in record.scores[task].items() if s.status == "OK"}
    assert set(predictions.groupby(["task", "model"]).groups) == scored


def test_ensembles_are_those_of_the_members(run):
    record, out = run
    predictions = pq.read_table(out / "predictions.parquet").to_pandas()
    for task in record.tasks:
        found = {name: part for name, part in predictions[predictions["task"] == task].groupby("model")}
        entry = record.ensembles[task]
        assert entry.members == ("alpha", "beta")
        accuracies = np.array([record.scores[task][name].validation_accuracy for name in entry.members])
        assert list(entry.weights.values()) == pytest.approx(accuracies / accuracies.sum())
        members = np.stack([found[name]["probability"].to_numpy() for name in entry.members])
        for name, combine in ENSEMBLES.items():
            label, score = combine(members, accuracies)
            assert found[name]["predicted"].tolist() == label.tolist()
            assert found[name]["probability"].tolist() == score.tolist()


def test_majority_of_balanced_classes_is_one_half(run):
    score = run[0].scores["ppi"]["baseline:majority"]
    assert score.accuracy.samples == (0.5,) * 10
    assert (score.auroc.mean, score.mcc.mean) == (0.5, None)


def test_encoder_that_knows_the_answer_gets_it_and_random_labels_stay_at_chance(tiny_dataset):
    published = PublishedDataset.open(tiny_dataset)
    answer = {}
    for split in ("train", "eval"):
        table = published.task("melanoma", split).to_pandas()
        answer |= dict(zip(table["accession"], table["label"]))
    oracle = {accession: [2 * answer.get(accession, 0) - 1, 0.5] for accession in ACCESSIONS}
    embeddings = {"oracle": oracle, "noise": random_embeddings(8, 3)}
    record = evaluate(
        embeddings, published, ["melanoma", "function"], members=["oracle"], baselines=["majority"]
    )
    known = record.scores["melanoma"]
    assert known["oracle"].accuracy.mean == 1.0
    assert (known["oracle"].auroc.mean, known["oracle"].mcc.mean) == (1.0, 1.0)
    assert known["ensemble:soft"].accuracy.mean == 1.0
    # 91 pairs of 14 proteins with labels drawn at random: chance within five of its standard deviations.
    assert abs(record.scores["function"]["noise"].accuracy.mean - 0.5) < 5 * np.sqrt(0.25 / 91)


def test_scores_depend_on_nothing_else_in_the_run(run, tiny_dataset, two):
    record, _ = run
    alone = evaluate(
        {"another name": two["beta"]}, tiny_dataset, ["disease"], baselines=["length"], seed=5, head=FAST
    )
    assert alone.scores["disease"]["another name"] == record.scores["disease"]["beta"]
    assert alone.scores["disease"]["baseline:length"] == record.scores["disease"]["baseline:length"]


def test_same_run_same_bytes_in_any_order_on_any_number_of_threads(run, tiny_dataset, two, tmp_path):
    import torch

    _, out = run
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 2)
    try:
        evaluate(
            dict(reversed(two.items())),
            str(tiny_dataset),
            ("disease", "ppi", "melanoma"),
            seed=5,
            head=FAST,
            out=tmp_path,
        )
    finally:
        torch.set_num_threads(threads)
    for name in ("results.json", "predictions.parquet", "further-predictions.parquet"):
        assert (tmp_path / name).read_bytes() == (out / name).read_bytes()


def test_another_seed_gives_other_scores(run, tiny_dataset, two):
    other = evaluate(two, tiny_dataset, ["ppi"], baselines=[], seed=6, head=FAST)
    assert other.scores["ppi"]["alpha"] != run[0].scores["ppi"]["alpha"]


def test_vectors_of_eval_proteins_do_not_reach_the_head(run, tiny_dataset, two):
    eval_fold = set(
        pq.read_table(tiny_dataset / split_path("sequences", "eval"), columns=["accession"])[
            "accession"
        ].to_pylist()
    )
    changed = {a: vector + 100.0 * (a in eval_fold) for a, vector in two["alpha"].items()}
    found = evaluate({"alpha": changed}, tiny_dataset, ["ppi"], baselines=[], seed=5, head=FAST)
    one, other = found.scores["ppi"]["alpha"], run[0].scores["ppi"]["alpha"]
    assert (one.validation_accuracy, one.epochs) == (other.validation_accuracy, other.epochs)
    assert one.accuracy != other.accuracy


def test_the_papers_six_vote_where_all_are_there(tiny_dataset):
    embeddings = {name: random_embeddings(3, seed) for seed, name in enumerate((*PAPER_MEMBERS, "kmer-4"))}
    record = evaluate(embeddings, tiny_dataset, ["melanoma"], baselines=[], head=FAST)
    assert record.ensembles["melanoma"].members == tuple(sorted(PAPER_MEMBERS))


def test_gap_is_refused_or_marked(tiny_dataset, two):
    short = {a: v for a, v in two["alpha"].items() if a not in ACCESSIONS[:5]}
    embeddings = {"short": short, "beta": two["beta"]}
    with pytest.raises(
        GenoProtError, match=r"embeddings 'short' lack 5 of the 40 .*\(Q00000, Q00001, Q00002, "
    ):
        evaluate(embeddings, tiny_dataset, ["ppi"], head=FAST)
    record = evaluate(embeddings, tiny_dataset, ["ppi"], baselines=[], head=FAST, missing="mark")
    cell = record.scores["ppi"]["short"]
    reason = "embeddings lack 5 of 40 accessions of the task, first Q00000; "
    assert cell.status == "N/A"
    assert re.fullmatch(reason + r"[1-9]\d* train and [1-9]\d* eval examples name them", cell.reason)
    assert record.ensembles["ppi"].members == ("beta",)
    assert record.ensembles["ppi"].left_out == {"short": cell.reason}
    assert record.scores["ppi"]["ensemble:soft"].accuracy == record.scores["ppi"]["beta"].accuracy


def test_task_of_one_class_does_not_apply_and_the_run_goes_on(tiny_dataset, two, tmp_path):
    dataset = changed_copy(tiny_dataset, tmp_path / "copy", task="ppi", labels=np.ones_like)
    record = evaluate(two, dataset, ["ppi", "disease"], head=FAST)
    for name, cell in record.scores["ppi"].items():
        if name.startswith(("ensemble:", "combination:")):
            assert (cell.status, cell.reason) == ("N/A", "no member has predictions")
        else:
            reason = "0 train examples of class 0; 2 or more are needed"
            assert (cell.status, cell.reason) == ("N/A", reason)
    assert record.ensembles["ppi"].left_out.keys() == two.keys()
    assert {cell.status for cell in record.scores["disease"].values()} == {"OK"}


def test_label_that_is_no_class_is_refused(tiny_dataset, two, tmp_path):
    dataset = changed_copy(tiny_dataset, tmp_path / "copy", task="ppi", labels=lambda labels: 2 * labels)
    with pytest.raises(GenoProtError, match=r"task ppi, split train: labels are 0 or 1, found \[0, 2\]"):
        evaluate(two, dataset, ["ppi"])


def test_head_that_fails_is_an_error_of_its_cell(tiny_dataset, two):
    broken = HeadConfig(hidden=(8,), epochs=4, learning_rate=1e30)
    record = evaluate(two, tiny_dataset, ["ppi"], baselines=["alignment"], head=broken)
    assert record.scores["ppi"]["alpha"].status == "ERROR"
    assert "lower the learning rate" in record.scores["ppi"]["alpha"].reason
    assert record.scores["ppi"]["baseline:alignment"].status == "OK"


def test_task_that_the_dataset_left_out_does_not_apply(tiny_dataset, two, tmp_path):
    manifest = json.loads((tiny_dataset / MANIFEST_NAME).read_text())
    tasks = {name: entry for name, entry in manifest["tasks"].items() if name in ("disease", "drug")}
    dataset = changed_copy(tiny_dataset, tmp_path / "copy", tasks=tasks, left_out={"ppi": "no links file"})
    record = evaluate(two, dataset, baselines=["majority"], head=FAST, out=tmp_path / "out")
    assert record.tasks == ("ppi", "drug", "disease")
    for name in ("alpha", "baseline:majority"):
        assert record.scores["ppi"][name].status == "N/A"
        assert record.scores["ppi"][name].reason == "not in the dataset: no links file"
    assert {score.status for score in record.scores["ppi"].values()} == {"N/A"}
    assert set(pq.read_table(tmp_path / "out" / "predictions.parquet")["task"].to_pylist()) == {
        "drug",
        "disease",
    }
    with pytest.raises(GenoProtError, match="has no task 'pfam'; it has drug, disease"):
        evaluate(two, dataset, ["pfam"])


def test_without_encoders_only_baselines_are_scored(tiny_dataset):
    record = evaluate({}, tiny_dataset, ["disease"], baselines=["majority", "random-vectors"], head=FAST)
    assert record.models["baseline:random-vectors"].dimension == 128
    assert record.scores["disease"]["baseline:random-vectors"].status == "OK"
    assert record.scores["disease"]["ensemble:max"].reason == "no encoder is scored"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tasks": ["ppi", "stability"]}, "unknown task 'stability'; the tasks are pfam"),
        ({"members": ["gamma"]}, "ensemble member 'gamma' is none of the encoders; they are alpha, beta"),
        ({"baselines": ["luck"]}, "unknown baseline 'luck'"),
        ({"seed": -1}, "seed -1: expected a whole number"),
        ({"seed": 1.5}, "seed 1.5: expected a whole number"),
        ({"tasks": []}, "no task is named"),
        ({"embeddings": {" ": {"Q00000": [1.0]}}}, "a model without a name"),
        ({"embeddings": {"../a": {}}, "save_heads": "heads"}, "model name '../a'.* cannot have a slash"),
        ({"missing": "ignore"}, "missing='ignore'"),
        ({"embeddings": {"ensemble:soft": {}}}, "names with a colon"),
        ({"embeddings": {"gamma": {"Q00000": [1.0, float("nan")]}}}, "NaN"),
        ({"dataset": "/nowhere"}, "'/nowhere': no such folder"),
        ({"out": __file__}, "exists and is not a folder"),
    ],
)
def test_bad_input_is_refused_before_any_training(options, message, tiny_dataset, two):
    ticks = []
    given = {"embeddings": two, "dataset": tiny_dataset, "progress": ticks.append} | options
    with pytest.raises(GenoProtError, match=message):
        evaluate(**given)
    assert ticks == []


def test_a_string_is_one_name(tiny_dataset, two):
    record = evaluate(two, tiny_dataset, "disease", members="alpha", baselines="majority", head=FAST)
    assert record.tasks == ("disease",)
    assert record.ensembles["disease"].members == ("alpha",)
    assert record.models_of("baseline") == ("baseline:majority",)


def test_embeddings_of_another_dataset_are_refused(tiny_dataset, two):
    table = load_embeddings(two["alpha"])
    table.run["dataset"] = {"fingerprint": "f" * 64}
    with pytest.raises(GenoProtError, match="'alpha' were made from another dataset .*; embed this dataset"):
        evaluate({"alpha": table}, tiny_dataset, head=FAST)


def test_command_line_gives_the_record_of_python(tiny_dataset, two, tmp_path, capsys):
    folders = [write_folder(vectors, tmp_path / "embeddings" / name) for name, vectors in two.items()]
    given = [
        "evaluate",
        "--dataset",
        str(tiny_dataset),
        "--embeddings",
        *folders,
        "--out",
        str(tmp_path / "out"),
    ]
    assert main([*given, "--tasks", "melanoma", "disease", "--seed", "2"]) == 0
    record = evaluate(two, tiny_dataset, ["melanoma", "disease"], seed=2)
    assert (tmp_path / "out" / "results.json").read_text() == record.to_json()
    captured = capsys.readouterr()
    assert captured.out.startswith("GENO-PROT accuracy on tiny/geno-prot in %")
    assert captured.out.endswith(f"genoprot report {tmp_path / 'out'} --out report/\n")
    lines = captured.err.splitlines()
    assert [line.split()[0] for line in lines] == ["melanoma", "disease"]
    best = max(
        (name for name in record.scores["disease"] if name.startswith("baseline:")),
        key=lambda name: record.scores["disease"][name].accuracy.mean,
    )
    assert f"best baseline {best.split(':')[1]} {percent(record.scores['disease'][best])}" in lines[1]


def test_proteins_can_be_held_out_from_the_command_line(tiny_dataset, two, tmp_path):
    given = ["--dataset", str(tiny_dataset), "--embeddings", write_folder(two["alpha"], tmp_path / "alpha")]
    given += ["--tasks", "ppi", "--baselines", "majority", "--validation", "proteins"]
    assert main(["evaluate", *given, "--out", str(tmp_path / "out")]) == 0
    alpha = {"alpha": two["alpha"]}
    head = HeadConfig(validation="proteins")
    record = evaluate(alpha, tiny_dataset, ["ppi"], baselines=["majority"], head=head)
    assert read_record(tmp_path / "out") == record
    assert record.head["validation"] == "proteins"
    by_pairs = evaluate(alpha, tiny_dataset, ["ppi"], baselines=["majority"])
    assert record.scores["ppi"]["alpha"] != by_pairs.scores["ppi"]["alpha"]


def test_command_line_refuses_two_folders_of_one_encoder(tiny_dataset, two, tmp_path, capsys):
    folders = [write_folder(two["alpha"], tmp_path / parent / "alpha") for parent in ("one", "two")]
    given = [
        "evaluate",
        "--dataset",
        str(tiny_dataset),
        "--embeddings",
        *folders,
        "--out",
        str(tmp_path / "out"),
    ]
    assert main(given) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("genoprot: error: ")
    assert "encoder 'alpha' is in" in captured.err
    assert len(captured.err.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()
