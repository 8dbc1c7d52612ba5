"""The command and its page: self-contained, inert, complete, published as a whole."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import re
from dataclasses import replace
from html import escape
from html.parser import HTMLParser
from pathlib import Path

import pytest
from report_records import HOSTILE, NAMES, SCRIPT, comparisons_of, make_record

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.tasks import TASKS
from genoprot_evaluate.cli import main
from genoprot_evaluate.comparison import standings
from genoprot_evaluate.leaderboard.boards import make_boards
from genoprot_evaluate.leaderboard.page import render_leaderboard
from genoprot_evaluate.leaderboard.rows import boards_json
from genoprot_evaluate.leaderboard.submissions import Submission
from genoprot_evaluate.report import write_report
from genoprot_evaluate.report.command import FILES
from genoprot_evaluate.report.differences import differences_note, win_table
from genoprot_evaluate.report.exports import scores_csv, scores_markdown
from genoprot_evaluate.report.facts import CAVEATS, printable
from genoprot_evaluate.report.page import render_page
from genoprot_evaluate.statistics import summarise

VOID = {"meta", "br", "wbr", "img", "link", "input", "hr", "base", "source"}


class Page(HTMLParser):
    """Tags, attributes and texts of a document; raises when tags do not nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.cells: list[list[str]] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "tr":
            self.cells.append([])
        if tag in {"td", "th"}:
            self.cells[-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)
        if self.cells and {"td", "th"} & set(self.open):
            self.cells[-1][-1] += data


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Folder with a record of hostile names."""
    folder = tmp_path_factory.mktemp("results")
    (folder / "results.json").write_text(make_record(HOSTILE).to_json(), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def report(results, tmp_path_factory):
    return write_report(results, tmp_path_factory.mktemp("out") / "report")


@pytest.fixture(scope="module")
def page(report) -> Page:
    return Page((report / "index.html").read_text(encoding="utf-8"))


def test_report_has_its_files_and_nothing_else(report):
    assert sorted(path.name for path in report.iterdir()) == list(FILES)
    assert sorted(path.name for path in report.parent.iterdir()) == ["report"]
    rows = list(csv.DictReader((report / "scores.csv").open(encoding="utf-8", newline="")))
    assert len(rows) == len(TASKS) * (len(NAMES) + len(HOSTILE))


def test_page_needs_nothing_from_outside(page, report):
    resources = [
        value for _, attrs in page.tags for key, value in attrs.items() if key in {"src", "href", "action"}
    ]
    assert resources
    assert all(value.startswith(("#", "data:text/csv;")) for value in resources)
    assert not {"link", "img", "iframe", "object", "embed", "base", "form"} & {tag for tag, _ in page.tags}
    text = (report / "index.html").read_text(encoding="utf-8")
    assert "http:" not in text
    assert "https:" not in text
    assert "@import" not in text
    assert not [match for match in re.findall(r"url\(([^)]*)\)", text) if not match.startswith("#")]


def test_names_are_inert(page, report):
    scripts = [place for place, (tag, _) in enumerate(page.tags) if tag == "script"]
    assert len(scripts) == 1
    assert not [key for _, attrs in page.tags for key in attrs if key.startswith("on")]
    text = (report / "index.html").read_text(encoding="utf-8")
    assert SCRIPT not in text
    seen = {cell for row in page.cells for cell in row}
    assert {printable(name) for name in HOSTILE} <= seen
    assert "\x00" not in text


def test_policy_lets_only_the_pages_own_script_run(page, report):
    text = (report / "index.html").read_text(encoding="utf-8")
    script = re.search(r"<script>(.*)</script>", text, re.DOTALL).group(1)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = next(attrs["content"] for tag, attrs in page.tags if "http-equiv" in attrs)
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy


def test_table_has_every_model_with_the_number_behind_each_cell(page):
    record = make_record(HOSTILE)
    rows = {row[0]: row for row in page.cells if len(row) == 2 + len(TASKS)}
    assert len(rows) == 1 + len(record.models)
    assert rows["Model"][2:] == [TASKS[task].title for task in record.tasks]
    assert rows["lucaone"][1] == "DNA + protein"
    accuracy = record.scores["pfam"]["kmer-4"].accuracy
    assert rows["kmer-4"][2].removesuffix("=") == f"{100 * accuracy.mean:.1f} ± {100 * accuracy.std:.1f}"
    for task, place in zip(record.tasks, range(2, 2 + len(record.tasks))):
        standing = standings(record)[task]
        for sign, names in (("=", standing.tied - standing.best), (">", standing.better)):
            marked = {name for name, row in rows.items() if row[place].endswith(sign)}
            assert marked == {printable(name) for name in names}
    values = {attrs["data-value"] for tag, attrs in page.tags if tag == "td" and "data-value" in attrs}
    assert repr(accuracy.mean) in values
    assert "" in values


def test_a_baseline_that_is_better_than_every_encoder_is_marked():
    record = make_record(tasks=("ppi", "drug"))
    cells = record.scores["ppi"]
    cells = {name: cell for name, cell in cells.items() if cell.status != "OK"} | {
        name: replace(cell, accuracy=summarise([0.6 + 0.4 * (name == "baseline:alignment")] * 10))
        for name, cell in cells.items()
        if cell.status == "OK"
    }
    record = replace(
        record,
        scores={**record.scores, "ppi": cells},
        comparisons={**record.comparisons, "ppi": comparisons_of(cells)},
    )
    sign = '100.0 ± 0.0<sup title="better than the best encoder or ensemble">&gt;</sup>'
    assert render_page(record, "", "").count(sign) == 1
    tables = scores_markdown(record)
    assert "| Task | Best | Not told from it | Better than it |" in tables
    assert [line for line in tables.splitlines() if line.endswith("| baseline:alignment |")]
    board = make_boards([Submission("mine", Path("mine"), record, None)])[0]
    assert render_leaderboard([board]).count(sign.removeprefix("100.0 ± 0.0")) == 2
    rows = {row["model"]: row for row in json.loads(boards_json([board]))[0]["rows"]}
    assert rows["baseline:alignment"]["better"] == ["ppi"]


def test_who_beats_whom_is_there_for_every_two_models(page):
    record = make_record(HOSTILE)
    names, wins = win_table(record)
    rows = {row[0]: row[1:] for row in page.cells if len(row) == 1 + len(names)}
    assert rows.pop("") == [printable(name) for name in names]
    for name, counts in zip(names, wins):
        assert rows[printable(name)] == [str(count) if count else "·" for count in counts]
    gaps = [pair for pairs in record.comparisons.values() for pair in pairs if abs(pair.difference) > 0.1]
    assert sum(map(sum, wins)) == len(gaps)


def test_cells_without_a_score_lead_to_their_reason(page):
    reason = "a single record has no sequence identity to another"
    titled = [attrs for tag, attrs in page.tags if attrs.get("title") == reason]
    assert titled
    notes = [attrs["id"] for tag, attrs in page.tags if tag == "li" and "id" in attrs]
    links = {attrs["href"] for tag, attrs in page.tags if tag == "a" and "note" in attrs.get("href", "")}
    assert links == {f"#{note}" for note in notes}
    assert len(notes) == 2
    assert reason in page.texts
    assert f"RuntimeError: {SCRIPT} | out of memory" in "".join(page.texts)


def test_page_says_what_was_run_and_what_to_keep_in_mind(page):
    text = "".join(page.texts)
    for said in (
        "0123456789abcdef" * 4,
        "686 (466 in train, 220 in eval)",
        "hidden 512-128-64",
        "numpy 2.4.6",
    ):
        assert said in text
    assert all(caveat in text for caveat in CAVEATS)
    assert "not a confidence interval" in text


def test_page_is_accessible(page):
    kinds = [attrs for tag, attrs in page.tags if tag == "th"]
    assert all(attrs["scope"] in {"col", "row", "colgroup"} for attrs in kinds)
    assert sum(tag == "caption" for tag, _ in page.tags) == sum(tag == "table" for tag, _ in page.tags) == 11
    assert next(attrs for tag, attrs in page.tags if tag == "html")["lang"] == "en"
    figure = next(attrs for tag, attrs in page.tags if tag == "svg")
    assert figure["role"] == "img"
    assert "table of scores" in figure["aria-label"]
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))


def test_saved_table_is_the_csv_file(page, report):
    link = next(attrs for tag, attrs in page.tags if attrs.get("download"))
    saved = base64.b64decode(link["href"].partition("base64,")[2])
    assert saved == (report / "scores.csv").read_bytes()


def test_dark_mode_and_print_are_cared_for(report):
    text = (report / "index.html").read_text(encoding="utf-8")
    dark = re.search(r"@media \(prefers-color-scheme: dark\) \{\s*:root \{([^}]*)\}", text).group(1)
    assert {"ink", "muted", "rule", "paper"} <= set(re.findall(r"--(\w+):", dark))
    assert "@media print" in text


def test_page_without_gaps_has_no_list_of_reasons():
    record = make_record(tasks=["pfam"])
    text = render_page(record, "<svg></svg>", scores_csv(record))
    assert "Cells without a score" not in text
    assert f"<p>{escape(differences_note(record))}</p>" in text
    Page(text)


@pytest.fixture
def one_task(tmp_path):
    """Folder with a record of one task."""
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "results.json").write_text(make_record(tasks=["ppi"]).to_json(), encoding="utf-8")
    return tmp_path / "results"


def test_same_record_same_bytes_and_an_older_report_is_replaced(one_task, tmp_path):
    first = write_report(one_task, tmp_path / "first")
    again = write_report(one_task / "results.json", tmp_path / "again")
    (again / "scores.md").write_text("old")
    write_report(one_task, again)
    for name in FILES:
        assert (again / name).read_bytes() == (first / name).read_bytes()


def test_folder_with_other_files_is_left_alone(results, tmp_path, capsys):
    (tmp_path / "thesis.txt").write_text("years of work")
    assert main(["report", str(results), "--out", str(tmp_path)]) == 2
    assert "thesis.txt" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    with pytest.raises(GenoProtError, match="not a folder"):
        write_report(results, tmp_path / "thesis.txt")


def test_command_says_where_the_page_is(one_task, tmp_path, capsys):
    assert main(["report", str(one_task), "--out", str(tmp_path / "report")]) == 0
    assert str(tmp_path / "report" / "index.html") in capsys.readouterr().out


def _cell(raw: dict) -> dict:
    return raw["scores"]["ppi"]["kmer-4"]


def _broken(change) -> str:
    raw = make_record(tasks=["ppi"]).to_dict()
    change(raw)
    return json.dumps(raw)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "not found"),
        ("{", "not valid JSON"),
        ("\udcff", "not a result record"),
        (_broken(lambda raw: raw.update(schema_version=99)), "schema_version is 99"),
        (_broken(lambda raw: raw.update(scores={}, ensembles={})), "holds no scores"),
        (_broken(lambda raw: raw["scores"]["ppi"].pop("lucaone")), "no cell for model 'lucaone'"),
        (_broken(lambda raw: raw["models"].pop("lucaone")), "no such model as 'lucaone'"),
        (_broken(lambda raw: raw["dataset"].pop("folds")), "key 'folds' is missing"),
        (_broken(lambda raw: raw["dataset"].update(folds=[1])), "record.dataset.folds"),
        (_broken(lambda raw: raw.update(versions="2.0")), "record.versions: expected"),
        (
            _broken(lambda raw: _cell(raw).update(reason=["x"])),
            "record.scores.ppi.kmer-4.reason: expected str",
        ),
        (_broken(lambda raw: _cell(raw).update(epochs=True)), "kmer-4.epochs: expected int, found True"),
        (_broken(lambda raw: _cell(raw).update(status="N/A")), "status N/A with reason None"),
        (
            _broken(lambda raw: _cell(raw)["accuracy"].update(samples=None)),
            "accuracy.samples: expected a list",
        ),
        (_broken(lambda raw: _cell(raw)["accuracy"].update(samples=["0.5"])), "accuracy.samples.0: expected"),
        (
            _broken(lambda raw: _cell(raw)["accuracy"].update(mean=61.5)),
            "an accuracy of 61.5, expected 0 to 1",
        ),
        (_broken(lambda raw: _cell(raw)["accuracy"].update(std=-1)), "a standard deviation of -1"),
    ],
)
def test_record_that_cannot_be_shown_gives_one_line(text, said, tmp_path, capsys):
    if text is not None:
        (tmp_path / "results.json").write_bytes(text.encode("utf-8", errors="surrogateescape"))
    assert main(["report", str(tmp_path), "--out", str(tmp_path / "report")]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(f"genoprot: error: {tmp_path}")
    assert said in lines[0]
    assert not (tmp_path / "report").exists()


def test_long_names_go_on_behind_their_punctuation():
    """A phone shows `combination:` and the rest below it, not a word cut anywhere."""
    text = render_page(make_record(hostile=["team/model_large"]), "", "")
    assert "</span>combination:<wbr>greedy</th>" in text
    assert "</span>team/<wbr>model_<wbr>large</th>" in text
