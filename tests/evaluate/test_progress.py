"""Progress of a run: what is told, in which order, and what is written of it."""

from __future__ import annotations

import io

import numpy as np
import pytest

from genoprot_evaluate.cli import main
from genoprot_evaluate.embed import embed
from genoprot_evaluate.evaluation import Progress, Ticker, evaluate
from genoprot_evaluate.evaluation.kept_fits import working_folder
from genoprot_evaluate.evaluation.progress import Tracker
from genoprot_evaluate.heads import HeadConfig
from genoprot_evaluate.results import Score
from genoprot_evaluate.statistics import summarise

CHEAP, DEAR = ("ppi", "alpha"), ("ppi", "beta")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def ok(mean: float) -> Score:
    return Score("OK", accuracy=summarise([mean]))


def test_time_left_follows_the_work_and_not_the_number_of_cells():
    clock, told = Clock(), []
    tracker = Tracker({CHEAP: 10.0, DEAR: 90.0}, told.append, clock)
    tracker.begun([CHEAP])
    assert told[-1].left is None
    clock.now = 5.0
    tracker.ended([CHEAP], 5.0)
    tracker.scored(CHEAP, ok(0.5), 5.0)
    assert (told[-1].done, told[-1].total, told[-1].rest) == (1, 2, 1)
    assert told[-1].left == pytest.approx(45.0)
    tracker.begun([DEAR])
    tracker.reached([DEAR], 10)
    assert told[-1].running == (("ppi", "beta", 10),)
    # 10 of 25 epochs of the dear cell are 36 units more in the same time.
    assert told[-1].left == pytest.approx(5.0 * (90 - 36) / (10 + 36))


def test_cells_of_an_earlier_run_say_nothing_about_the_rate():
    clock, told = Clock(), []
    tracker = Tracker({CHEAP: 50.0, DEAR: 25.0, ("drug", "beta"): 25.0}, told.append, clock)
    for cell, seconds in ((CHEAP, 0.001), (DEAR, 10.0)):
        tracker.begun([cell])
        clock.now += seconds
        tracker.ended([cell], seconds)
        tracker.scored(cell, ok(0.5), seconds)
    assert told[-1].left == pytest.approx(10.0, rel=0.01)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def step(score: Score | None, model: str, *, done: int, rest: int, running=(), left=None) -> Progress:
    return Progress(done, 3, "ppi", model, score, 1.0, rest, running, left)


def test_a_file_gets_a_line_for_each_task():
    stream = io.StringIO()
    ticker = Ticker(stream)
    ticker(step(None, "alpha", done=0, rest=3, running=(("ppi", "alpha", 2),)))
    ticker(step(ok(0.625), "alpha", done=1, rest=2))
    ticker(step(Score("ERROR", "no memory"), "beta", done=2, rest=1))
    assert stream.getvalue() == ""
    ticker(step(ok(0.5), "baseline:length", done=3, rest=0))
    ticker.close()
    (line,) = stream.getvalue().splitlines()
    assert line == "ppi              3.0 s in cells  best encoder alpha 62.5; best baseline length 50.0"


def test_a_task_without_scores_says_why():
    stream = io.StringIO()
    Ticker(stream)(step(Score("N/A", "no eval example of species 1"), "alpha", done=3, rest=0))
    assert stream.getvalue().rstrip().endswith("s  no eval example of species 1")


def test_a_terminal_shows_what_is_running_and_how_long_it_takes():
    stream = Terminal()
    ticker = Ticker(stream)
    ticker(step(None, "alpha", done=1, rest=2, running=(("ppi", "alpha", 7), ("ppi", "beta", 0)), left=100.0))
    assert stream.getvalue().endswith("1 of 3; about 1 min 40 s left; ppi x alpha, epoch 7; ppi x beta")
    ticker.close()
    assert stream.getvalue().endswith("\r\x1b[K")


def test_progress_counts_every_cell(tiny_dataset):
    rng = np.random.default_rng(0)
    two = {name: {f"Q{number:05d}": rng.normal(size=6) for number in range(40)} for name in ("alpha", "beta")}
    ticks = []
    evaluate(
        two,
        tiny_dataset,
        ["ppi"],
        baselines=["majority"],
        head=HeadConfig(hidden=(8,), epochs=4),
        progress=ticks.append,
    )
    scored = [tick for tick in ticks if tick.score is not None]
    assert [(tick.done, tick.total, tick.rest, tick.task, tick.model) for tick in scored] == [
        (1, 3, 2, "ppi", "alpha"),
        (2, 3, 1, "ppi", "beta"),
        (3, 3, 0, "ppi", "baseline:majority"),
    ]
    epochs = [epoch for tick in ticks for *cell, epoch in tick.running if cell == ["ppi", "alpha"]]
    assert sorted(set(epochs)) == list(range(scored[0].score.epochs + 1))


def test_command_tells_what_an_earlier_run_left(tiny_dataset, tmp_path, capsys):
    embeddings, out = tmp_path / "embeddings", tmp_path / "results"
    for name in ("composition", "dipeptide"):
        embed(name, tiny_dataset, embeddings)
    given = ["evaluate", "--dataset", str(tiny_dataset), "--tasks", "disease", "--baselines", "majority"]
    given += ["--out", str(out), "--embeddings"]
    assert main([*given, str(embeddings / "composition")]) == 0
    assert len(capsys.readouterr().err.splitlines()) == 1
    working_folder(out).mkdir()
    (working_folder(out) / "0.npz").touch()
    assert main([*given, str(embeddings)]) == 0
    ended, replaced, _ = capsys.readouterr().err.splitlines()
    assert ended == "an earlier run was ended: of its 1 finished cells those that are of this run are taken"
    assert replaced == f"{out / 'results.json'} of composition will be replaced"
    assert main([*given, str(embeddings)]) == 0
    assert len(capsys.readouterr().err.splitlines()) == 1
