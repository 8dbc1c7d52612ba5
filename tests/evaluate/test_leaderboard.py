"""The leaderboard: who stands with whom, what the page shows, and that nobody's text becomes markup."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from report_records import HOSTILE, SCRIPT, make_record
from test_report_page import Page

from genoprot_datasets.errors import GenoProtError, SourceError
from genoprot_datasets.seeding import generator
from genoprot_evaluate.cli import main
from genoprot_evaluate.evaluation import evaluate
from genoprot_evaluate.leaderboard import make_boards, read_submissions, submissions, write_site
from genoprot_evaluate.leaderboard.page import render_leaderboard
from genoprot_evaluate.leaderboard.rows import board_rows
from genoprot_evaluate.results import PREDICTIONS, write_record

TASKS = ("pfam", "ppi", "melanoma")


def vectors(dataset: Path, width: int, seed: int):
    names = [f"Q{number:05d}" for number in range(40)]
    return names, generator(seed, "leaderboard").standard_normal((40, width)).astype(np.float32)


@pytest.fixture(scope="module")
def handed_in(tiny_dataset, tmp_path_factory) -> dict[str, Path]:
    """Three folders of results on the tiny dataset: one without predictions, one without melanoma."""
    root = tmp_path_factory.mktemp("handed-in")
    plans = {
        "first": ({"alpha": vectors(tiny_dataset, 8, 1)}, TASKS),
        "second": (
            {"alpha": vectors(tiny_dataset, 8, 2), "beta": vectors(tiny_dataset, 4, 3)},
            TASKS[:2],
        ),
        "third": ({"gamma": vectors(tiny_dataset, 6, 4)}, TASKS),
    }
    for label, (embeddings, tasks) in plans.items():
        evaluate(embeddings, tiny_dataset, tasks=tasks, baselines=["majority"], out=root / label)
    (root / "third" / "predictions.parquet").unlink()
    return {label: root / label for label in plans}


@pytest.fixture(scope="module")
def board(handed_in):
    (board,) = make_boards(read_submissions(handed_in.values()))
    return board


def test_labels_come_from_folders_and_are_numbered_where_they_repeat(handed_in, tmp_path):
    shutil.copytree(handed_in["first"], tmp_path / "first")
    shutil.copyfile(handed_in["second"] / "results.json", tmp_path / "my model!.json")
    paths = [handed_in["first"], tmp_path / "first", tmp_path / "my model!.json"]
    assert [one.label for one in read_submissions(paths)] == ["first", "first-2", "my-model"]


def test_records_of_strangers_are_bounded(handed_in, monkeypatch):
    monkeypatch.setattr(submissions, "LARGEST_RECORD", 100)
    with pytest.raises(SourceError, match=r"results\.json.*bytes; expected 100 at most"):
        read_submissions([handed_in["first"]])


def test_no_records_is_an_error():
    with pytest.raises(GenoProtError, match="no result records"):
        read_submissions([])


def test_models_of_one_name_are_kept_apart_and_equal_ones_shown_once(board):
    names = set(board.record.models)
    assert {"alpha", "alpha (second)", "beta", "gamma", "baseline:majority"} <= names
    assert {f"ensemble:soft ({label})" for label in ("first", "second", "third")} <= names
    assert {name for name in names if "majority" in name} == {"baseline:majority"}
    assert set(board.origin["alpha"].values()) == {"first"}
    assert set(board.origin["alpha (second)"].values()) == {"second"}
    assert board.alone == ("third",)


def test_cells_are_those_of_the_records(board, handed_in):
    first = json.loads((handed_in["first"] / "results.json").read_text())
    cell = board.record.scores["ppi"]["alpha"]
    assert cell.accuracy.mean == first["scores"]["ppi"]["alpha"]["accuracy"]["mean"]
    assert cell.interval.low == first["scores"]["ppi"]["alpha"]["interval"]["low"]
    assert board.record.scores["melanoma"]["beta"].status == "N/A"


def test_models_of_different_records_are_compared(board):
    pairs = {(pair.first, pair.second): pair for pair in board.record.comparisons["pfam"]}
    found = pairs["alpha", "beta"]
    means = [board.record.scores["pfam"][name].accuracy.mean for name in ("alpha", "beta")]
    assert found.difference == pytest.approx(means[0] - means[1])
    assert not any("gamma" in pair for pair in pairs)


def test_another_head_or_dataset_is_another_board(handed_in, tmp_path):
    record = read_submissions([handed_in["first"]])[0].record
    for number, changed in enumerate(
        (
            replace(record, head={**record.head, "epochs": 7}),
            replace(record, dataset={**record.dataset, "fingerprint": "f" * 64}),
        )
    ):
        write_record(changed, PREDICTIONS.empty_table(), tmp_path / str(number))
        assert len(make_boards(read_submissions([handed_in["first"], tmp_path / str(number)]))) == 2


def test_other_examples_under_the_same_fingerprint_are_refused(handed_in, tmp_path):
    one = read_submissions([handed_in["first"]])[0]
    labels = 1 - one.predictions["label"].to_numpy()
    place = one.predictions.column_names.index("label")
    swapped = one.predictions.set_column(place, PREDICTIONS.field("label"), [labels])
    write_record(one.record, swapped, tmp_path / "swapped")
    with pytest.raises(SourceError, match=r"swapped.*other examples than those of .*first"):
        make_boards(read_submissions([handed_in["first"], tmp_path / "swapped"]))


def test_averages_cover_every_task_or_say_how_many(board):
    rows = {row.name: row for row in board_rows(board)}
    means = [board.record.scores[task]["alpha"].accuracy.mean for task in TASKS]
    assert rows["alpha"].average == pytest.approx(sum(means) / 3)
    assert rows["beta"].average is None
    assert rows["beta"].covered == 2
    assert "2 of 3 tasks" in render_leaderboard([board])
    order = [row.average for row in board_rows(board) if row.average is not None]
    assert order == sorted(order, reverse=True)


def test_site_is_written_whole_and_the_same_each_time(handed_in, tmp_path):
    paths = list(handed_in.values())
    assert main(["leaderboard", *map(str, paths), "--out", str(tmp_path / "a")]) == 0
    write_site(reversed(paths), tmp_path / "b")
    for name in ("index.html", "leaderboard.csv", "leaderboard.json", "records/first.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    lines = list(csv.DictReader(io.StringIO((tmp_path / "a" / "leaderboard.csv").read_text())))
    (content,) = json.loads((tmp_path / "a" / "leaderboard.json").read_text())
    assert len(lines) == 3 * len(content["rows"])
    by_model = {row["model"]: row for row in content["rows"]}
    for line in lines:
        if line["accuracy"]:
            mean = by_model[line["model"]]["scores"][line["task"]]["accuracy"]["mean"]
            assert float(line["accuracy"]) == mean
    (tmp_path / "a" / "mine.txt").touch()
    with pytest.raises(GenoProtError, match="'mine.txt', which is no part of a leaderboard"):
        write_site(paths, tmp_path / "a")


def test_every_link_leads_somewhere(handed_in, tmp_path):
    site = write_site(handed_in.values(), tmp_path / "site")
    page = Page((site / "index.html").read_text())
    links = {attributes["href"] for tag, attributes in page.tags if tag == "a"}
    assert {"records/first.json", "records/second.json", "records/third.json"} <= links
    for link in links:
        assert link == "#tables" or (site / link).is_file()


def hostile_site(tmp_path: Path) -> Path:
    write_record(make_record(HOSTILE), PREDICTIONS.empty_table(), tmp_path / "hostile")
    (tmp_path / "hostile" / "predictions.parquet").unlink()
    return write_site([tmp_path / "hostile"], tmp_path / "site")


def test_names_with_markup_stay_names(tmp_path):
    text = (hostile_site(tmp_path) / "index.html").read_text()
    page = Page(text)
    assert sum(tag == "script" for tag, _ in page.tags) == 1
    assert not any(tag == "img" or name.startswith("on") for tag, names in page.tags for name in names)
    assert SCRIPT not in text.replace("<script>\n", "")
    assert "default-src 'none'" in text


def test_tables_are_labelled_for_those_who_do_not_see_them(tmp_path):
    page = Page((hostile_site(tmp_path) / "index.html").read_text())
    ids = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    regions = [attributes for _, attributes in page.tags if attributes.get("role") == "region"]
    assert regions
    assert all(region["aria-labelledby"] in ids and region["tabindex"] == "0" for region in regions)
    assert all("scope" in attributes for tag, attributes in page.tags if tag == "th")


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium")
@pytest.mark.parametrize(
    ("state", "view", "shown"),
    [
        ("", "accuracy", {"dna", "protein", "both", "ensemble", "combination", "baseline"}),
        ("view=challenge&class=dna", "challenge", {"dna"}),
        ("view=ppi&class=protein,both", "ppi", {"protein", "both"}),
    ],
)
def test_choices_in_the_address_are_what_a_browser_shows(tmp_path, state, view, shown):
    write_record(make_record(), PREDICTIONS.empty_table(), tmp_path / "record")
    (tmp_path / "record" / "predictions.parquet").unlink()
    site = write_site([tmp_path / "record"], tmp_path / "site")
    done = subprocess.run(
        [
            *("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"),
            *("--disable-component-update", "--disable-sync", "--no-first-run"),
            f"--user-data-dir={tmp_path / 'profile'}",
            "--dump-dom",
            f"{(site / 'index.html').as_uri()}#{state}",
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    tags = Page(done.stdout).tags
    views = {names["data-view"] for _, names in tags if "data-view" in names and "hidden" not in names}
    assert views == {view}
    rows = {names["data-class"] for _, names in tags if "data-class" in names and "hidden" not in names}
    assert rows == shown
    assert re.search(r"<output[^>]*>\d+ of 12 models", done.stdout)
