"""The grid of cells: ended and taken up again, shared by processes, with several heads a cell."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from genoprot_datasets.errors import GenoProtError
from genoprot_evaluate.embed.processes import Processes
from genoprot_evaluate.evaluation import evaluate, fitting_code
from genoprot_evaluate.evaluation import grid as grid_module
from genoprot_evaluate.evaluation.kept_fits import working_folder
from genoprot_evaluate.heads import HeadConfig, load_head, one_thread_per_head
from genoprot_evaluate.results import read_record

FAST = HeadConfig(hidden=(8,), epochs=4, learning_rate=0.02)
TASKS = ["ppi", "melanoma"]
FLOORS = ["majority", "length", "alignment"]
FILES = ("results.json", "predictions.parquet", "further-predictions.parquet")


def vectors(width: int, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {f"Q{number:05d}": rng.normal(size=width) for number in range(40)}


@pytest.fixture(scope="module")
def two() -> dict[str, dict[str, np.ndarray]]:
    return {"alpha": vectors(6, 1), "beta": vectors(5, 2)}


@pytest.fixture(scope="module")
def whole(tiny_dataset, two, tmp_path_factory) -> Path:
    """Results of a run that nothing interrupted."""
    out = tmp_path_factory.mktemp("whole") / "results"
    evaluate(two, tiny_dataset, TASKS, baselines=FLOORS, seed=3, head=FAST, out=out)
    return out


@pytest.fixture
def one_by_one():
    """One cell at a time: which of two cells at once is trained first is left to chance."""
    with one_thread_per_head():
        yield


def counted_training(monkeypatch, fail_at: int | None = None) -> list[int]:
    """Numbers of the tables that were trained on, call by call; the call `fail_at` is interrupted."""
    calls = []
    train = grid_module.fit_heads

    def spy(examples, tables, *args, **options):
        if len(calls) == fail_at:
            raise KeyboardInterrupt
        calls.append(len(tables))
        return train(examples, tables, *args, **options)

    monkeypatch.setattr(grid_module, "fit_heads", spy)
    return calls


@pytest.mark.usefixtures("one_by_one")
def test_interrupted_run_goes_on_at_the_finished_cells(tiny_dataset, two, whole, tmp_path, monkeypatch):
    out = tmp_path / "results"
    given = {"baselines": FLOORS, "seed": 3, "head": FAST, "out": out}
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        counted_training(patch, fail_at=3)
        evaluate(two, tiny_dataset, TASKS, **given)
    kept = sorted(working_folder(out).glob("*.npz"))
    assert len(kept) >= 3
    assert not out.exists()
    kept[0].write_bytes(kept[0].read_bytes()[:-40])
    with monkeypatch.context() as patch:
        calls = counted_training(patch)
        evaluate(two, tiny_dataset, TASKS, **given)
    assert len(calls) < 6
    for name in FILES:
        assert (out / name).read_bytes() == (whole / name).read_bytes()
    assert not working_folder(out).exists()


@pytest.mark.usefixtures("one_by_one")
def test_cells_of_other_input_are_not_taken(tiny_dataset, two, tmp_path, monkeypatch):
    out = tmp_path / "results"
    given = {"baselines": [], "head": FAST, "out": out}
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        counted_training(patch, fail_at=1)
        evaluate({"alpha": two["alpha"]}, tiny_dataset, TASKS, seed=3, **given)
    assert len(list(working_folder(out).glob("*.npz"))) == 1
    changed = {"alpha": two["alpha"] | {"Q00000": np.ones(6)}}
    for embeddings, seed, head in (
        (changed, 3, FAST),
        ({"alpha": two["alpha"]}, 4, FAST),
        ({"alpha": two["alpha"]}, 3, replace(FAST, epochs=3)),
    ):
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            calls = counted_training(patch, fail_at=1)
            evaluate(embeddings, tiny_dataset, TASKS, seed=seed, **(given | {"head": head}))
        assert calls == [1]


@pytest.mark.usefixtures("one_by_one")
def test_cells_of_other_code_are_not_taken(tiny_dataset, two, tmp_path, monkeypatch):
    given = {"baselines": [], "head": FAST, "seed": 3, "out": tmp_path / "results"}
    sources = dict(fitting_code._sources())
    edited = sources | {"genoprot_evaluate.heads/batches.py": b"# another way to draw batches"}

    def run(text, fail_at):
        monkeypatch.setattr(fitting_code, "_sources", lambda: iter(text.items()))
        fitting_code.code_digest.cache_clear()
        with monkeypatch.context() as patch:
            calls = counted_training(patch, fail_at)
            with suppress(KeyboardInterrupt):
                evaluate({"alpha": two["alpha"]}, tiny_dataset, TASKS, **given)
        fitting_code.code_digest.cache_clear()
        return len(calls)

    assert run(sources, fail_at=1) == 1
    assert run(edited, fail_at=1) == 1
    assert len(list(working_folder(given["out"]).glob("*.npz"))) == 2
    assert run(sources, fail_at=None) == 1
    assert (given["out"] / "results.json").exists()


def test_every_source_of_the_fitting_code_counts(monkeypatch):
    sources = dict(fitting_code._sources())
    assert {"genoprot_evaluate.heads/training.py", "genoprot_evaluate.statistics"} < set(sources)
    known = fitting_code.code_digest()
    for name, text in sources.items():
        changed = sources | {name: text + b"\n"}
        monkeypatch.setattr(fitting_code, "_sources", lambda changed=changed: iter(changed.items()))
        assert fitting_code.code_digest.__wrapped__() != known


@pytest.mark.usefixtures("one_by_one")
def test_kept_cells_do_not_count_beside_heads_of_another_run(tiny_dataset, two, tmp_path, monkeypatch):
    given = {"baselines": [], "head": FAST}
    evaluate(two, tiny_dataset, ["ppi"], seed=3, save_heads=tmp_path / "wanted", **given)
    evaluate(two, tiny_dataset, ["ppi"], seed=4, save_heads=tmp_path / "heads", **given)
    given |= {"seed": 3, "out": tmp_path / "results"}
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        counted_training(patch, fail_at=1)
        evaluate(two, tiny_dataset, ["ppi"], **given)
    evaluate(two, tiny_dataset, ["ppi"], save_heads=tmp_path / "heads", **given)
    for name in two:
        saved, wanted = (tmp_path / one / "ppi" / f"{name}.safetensors" for one in ("heads", "wanted"))
        assert saved.read_bytes() == wanted.read_bytes()


@pytest.mark.usefixtures("one_by_one")
@pytest.mark.parametrize("written", [True, False])
def test_the_same_vectors_are_trained_on_once(written, tiny_dataset, two, tmp_path, monkeypatch):
    calls = counted_training(monkeypatch)
    twins = {"alpha": two["alpha"], "twin": two["alpha"]}
    out = tmp_path / "results" if written else None
    record = evaluate(twins, tiny_dataset, ["ppi"], baselines=[], head=FAST, out=out)
    assert calls == [1]
    assert record.scores["ppi"]["alpha"] == record.scores["ppi"]["twin"]


# One process that imports everything once, then forks runs and kills them at drawn moments.
KILLED_RUN = """
import os, random, signal, sys, time
import scipy.optimize, sklearn.linear_model, torch
from genoprot_evaluate.evaluation import evaluate
from genoprot_evaluate.heads import HeadConfig

dataset, out, heads, *folders = sys.argv[1:]
head = HeadConfig(hidden=(8,), epochs=4, learning_rate=0.02, seeds=2, symmetric=True)
given = {"tasks": ["ppi", "melanoma"], "seed": 3, "head": head}
embeddings = {folder.rpartition("/")[2]: folder for folder in folders}

def run(out, heads, kill_after=None):
    child = os.fork()
    if child == 0:
        torch.set_num_threads(1)
        evaluate(embeddings, dataset, out=out, save_heads=heads, **given)
        os._exit(0)
    if kill_after is not None:
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1]

started = time.monotonic()
assert run(out + "/whole/results", heads + "/whole") == 0
seconds = time.monotonic() - started
draw, killed = random.Random(0), 0
for attempt in range(20):
    killed += os.WIFSIGNALED(run(out + "/killed/results", heads + "/killed", draw.uniform(0, seconds / 2)))
assert run(out + "/killed/results", heads + "/killed") == 0
print(killed)
"""


@pytest.mark.slow
def test_kills_at_any_moment_leave_the_same_bytes_in_the_end(tiny_dataset, two, tmp_path):
    script = tmp_path / "killed.py"
    script.write_text(KILLED_RUN)
    out, heads = tmp_path / "out", tmp_path / "heads"
    folders = write_folders(two, tmp_path / "embeddings")
    command = [sys.executable, str(script), str(tiny_dataset), str(out), str(heads), *folders]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.splitlines()[-1]) > 5
    for folder in (out, heads):
        files = {path.relative_to(folder / "whole") for path in (folder / "whole").rglob("*")}
        assert {path.relative_to(folder / "killed") for path in (folder / "killed").rglob("*")} == files
        for name in files:
            if (folder / "whole" / name).is_file():
                assert (folder / "killed" / name).read_bytes() == (folder / "whole" / name).read_bytes()


def write_folders(two, folder: Path) -> list[str]:
    from test_evaluation import write_folder

    return [write_folder(table, folder / name) for name, table in two.items()]


def arguments(dataset: Path, folders: list[str], out: Path) -> list[str]:
    given = ["--dataset", str(dataset), "--embeddings", *folders, "--tasks", *TASKS, "--baselines", *FLOORS]
    return [*given, "--seed", "3", "--out", str(out)]


def environment() -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}


@pytest.mark.slow
def test_processes_and_kills_change_nothing(tiny_dataset, two, tmp_path):
    """Two processes are killed after their first cells, started again, and compared with a single one."""
    folders = write_folders(two, tmp_path / "embeddings")
    alone, shared = tmp_path / "alone" / "results", tmp_path / "shared" / "results"
    single = [sys.executable, "-m", "genoprot_evaluate.evaluation", *arguments(tiny_dataset, folders, alone)]
    subprocess.run(single, check=True, env=environment(), capture_output=True)
    several = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    several += ["-m", "genoprot_evaluate.evaluation", *arguments(tiny_dataset, folders, shared)]
    running = subprocess.Popen(
        several,
        env=environment(),
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while not list(working_folder(shared).glob("*.npz")) and not (shared / FILES[0]).exists():
        assert running.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    done = subprocess.run(several, check=True, env=environment(), capture_output=True, text=True)
    assert done.stdout.count("GENO-PROT accuracy on") == 1
    for name in FILES:
        assert (shared / name).read_bytes() == (alone / name).read_bytes()
    assert not working_folder(shared).exists()


def test_second_process_leaves_its_cells_to_the_first(tiny_dataset, two, whole, tmp_path, monkeypatch):
    out = tmp_path / "results"
    given = {"baselines": FLOORS, "seed": 3, "head": FAST, "out": out}
    second = evaluate(two, tiny_dataset, TASKS, processes=Processes(rank=1, count=2), **given)
    assert second is None
    calls = counted_training(monkeypatch)
    evaluate(two, tiny_dataset, TASKS, processes=Processes(rank=0, count=2), **given)
    assert 0 < len(calls) < 6
    for name in FILES:
        assert (out / name).read_bytes() == (whole / name).read_bytes()


def test_several_processes_need_a_folder(tiny_dataset, two):
    with pytest.raises(GenoProtError, match="need a folder"):
        evaluate(two, tiny_dataset, processes=Processes(rank=0, count=2))


def test_device_that_is_not_here_is_refused(tiny_dataset, two):
    with pytest.raises(GenoProtError, match="device 'nonsense' cannot be used"):
        evaluate(two, tiny_dataset, device="nonsense")


def test_heads_of_several_seeds_show_their_spread(tiny_dataset, two, whole):
    head = replace(FAST, seeds=3)
    record = evaluate(two, tiny_dataset, ["ppi"], baselines=["majority"], seed=3, head=head)
    one = read_record(whole).scores["ppi"]["alpha"]
    score = record.scores["ppi"]["alpha"]
    assert score.accuracy == one.accuracy
    assert score.seed_accuracies[0] == pytest.approx(score.accuracy.mean)
    assert len(set(score.seed_accuracies)) == 3
    assert (one.seed_accuracies, record.scores["ppi"]["baseline:majority"].seed_accuracies) == ((), ())


def test_both_orders_of_a_pair_are_averaged(tiny_dataset, two, tmp_path):
    import pyarrow.parquet as pq

    found = {}
    for symmetric in (False, True):
        out = tmp_path / str(symmetric)
        head = replace(FAST, symmetric=symmetric)
        heads = tmp_path / "heads" / str(symmetric)
        record = evaluate(two, tiny_dataset, TASKS, baselines=[], head=head, out=out, save_heads=heads)
        found[symmetric] = record, pq.read_table(out / "predictions.parquet").to_pandas()
    rows = {
        key: table[(table["task"] == "ppi") & (table["model"] == "alpha")]
        for key, (_, table) in found.items()
    }
    saved = load_head(tmp_path / "heads" / "True" / "ppi" / "alpha.safetensors").head
    matrix = np.array([two["alpha"][name] for name in sorted(two["alpha"])], dtype=np.float32)
    pairs = np.array(
        [[int(rows[True][c].iloc[k][1:]) for c in ("accession_a", "accession_b")] for k in range(200)]
    )
    ahead, back = saved.predict_proba(matrix, pairs), saved.predict_proba(matrix, pairs[:, ::-1])
    np.testing.assert_allclose(rows[False]["probability"], ahead, rtol=1e-5)
    np.testing.assert_allclose(rows[True]["probability"], (ahead + back) / 2, rtol=1e-5)
    score = found[True][0].scores["ppi"]["alpha"]
    assert score.order_difference == pytest.approx(np.abs(ahead - back).mean(), rel=1e-4)
    assert score.order_flips == ((ahead > 0.5) != (back > 0.5)).mean()
    assert found[False][0].scores["ppi"]["alpha"].order_difference is None
    assert found[True][0].scores["melanoma"]["alpha"].order_flips is None
