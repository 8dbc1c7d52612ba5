"""Runs that were stopped by an error or a kill, and runs of several processes: the same bytes in the end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
from counting_encoder import Counter, files_of
from small_checkpoints import CHECKPOINTS

from genoprot_datasets.published import PublishedDataset
from genoprot_evaluate.embed import embed
from genoprot_evaluate.encoders.registry import REGISTRY

# An encoder of whole length, slow enough that a run can be killed between two shards.
SLOW_RUN = """
import sys, time
import numpy as np
from genoprot_evaluate.embed import embed
from genoprot_evaluate.encoders import EncoderSpec

class Slow:
    spec = EncoderSpec("slow", modality="protein", dimension=2)
    batch_tokens = 10**9

    def embed(self, sequences):
        time.sleep(float(sys.argv[3]))
        return np.array([[len(s), s.count("A")] for s in sequences], dtype=np.float32)

embed(Slow(), sys.argv[1], sys.argv[2])
"""


# One process that imports everything once, then forks runs and kills them at drawn moments.
KILLED_RUN = """
import os, random, signal, sys, time
import numpy as np
from genoprot_evaluate.embed import embed
from genoprot_evaluate.encoders import EncoderSpec

class Hurried:
    spec = EncoderSpec("hurried", modality="protein", dimension=2, context=50)
    weights_digest = "none"

    def embed(self, sequences):
        return np.array([[len(s), s.count("A")] for s in sequences], dtype=np.float32)

draw, killed = random.Random(0), 0
for attempt in range(60):
    child = os.fork()
    if child == 0:
        embed(Hurried(), sys.argv[1], sys.argv[2], progress=False)
        os._exit(0)
    time.sleep(draw.uniform(0.0, 0.1))
    os.kill(child, signal.SIGKILL)
    killed += os.WIFSIGNALED(os.waitpid(child, 0)[1])
embed(Hurried(), sys.argv[1], sys.argv[2], progress=False)
print(killed)
"""


@pytest.mark.parametrize("left", ["whole", "truncated", "flipped", "missing", "without record"])
def test_a_failed_run_leaves_no_final_name_and_goes_on_to_the_same_bytes(
    sharded_dataset, tmp_path, capsys, left
):
    undisturbed = embed(Counter(), sharded_dataset, tmp_path / "undisturbed")
    all_calls = Counter()
    embed(all_calls, sharded_dataset, tmp_path / "again")
    proteins = PublishedDataset.open(sharded_dataset).sequences(["protein"])["protein"].to_pylist()
    out = tmp_path / "out"
    with pytest.raises(RuntimeError, match="stopped"):
        embed(Counter(fail_on=min(proteins, key=len)), sharded_dataset, out)
    (staging,) = out.iterdir()
    assert staging.name.startswith(".counter.")
    vectors = staging / "00000.npy"
    whole = vectors.read_bytes()
    if left == "truncated":
        vectors.write_bytes(whole[:-8])
    elif left == "flipped":
        vectors.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    elif left == "missing":
        vectors.unlink()
    elif left == "without record":
        (staging / "00000.json").unlink()
    capsys.readouterr()
    resumed = Counter()
    embed(resumed, sharded_dataset, out)
    assert files_of(out) == files_of(undisturbed)
    assert 0 < resumed.calls < all_calls.calls
    captured = capsys.readouterr()
    assert ("shard 0 is damaged" in captured.err) == (left in ("truncated", "flipped", "missing"))
    kept = sorted(path.name for path in (out / ".counter.damaged").glob("*"))
    both = ["00000.json", "00000.npy"]
    assert kept == {"truncated": both, "flipped": both, "missing": both[:1]}.get(left, [])
    assert "by an interrupted run" in captured.out


def test_a_killed_run_goes_on_to_the_same_bytes(sharded_dataset, tmp_path):
    script = tmp_path / "slow.py"
    script.write_text(SLOW_RUN)

    def start(out, pause):
        return subprocess.Popen([sys.executable, str(script), str(sharded_dataset), str(out), str(pause)])

    out = tmp_path / "out"
    process = start(out, 0.5)
    deadline = time.monotonic() + 60
    while not list(out.glob(".slow.*/00000.json")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (out / "slow").exists()
    assert list(out.glob(".slow.*/00000.json"))
    assert start(out, 0).wait() == 0
    assert start(tmp_path / "undisturbed", 0).wait() == 0
    assert files_of(out) == files_of(tmp_path / "undisturbed")


def test_kills_at_any_moment_leave_the_same_bytes_in_the_end(sharded_dataset, tmp_path):
    script = tmp_path / "killed.py"
    script.write_text(KILLED_RUN)
    command = [sys.executable, str(script), str(sharded_dataset), str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.splitlines()[-1]) > 3
    undisturbed = embed(Counter("hurried"), sharded_dataset, tmp_path / "undisturbed")
    assert files_of(tmp_path / "out") == files_of(undisturbed)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["README.md", "hurried"]


@pytest.mark.slow
def test_one_two_and_three_processes_write_the_same_bytes(sharded_dataset, tmp_path):
    weights = CHECKPOINTS[REGISTRY["esm2-8m"][0]]("esm2-8m", tmp_path)
    arguments = ["--encoder", "esm2-8m", "--weights", str(weights), "--dataset", str(sharded_dataset)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    module = [sys.executable, "-m", "accelerate.commands.launch", "-m"]
    several = [sys.executable, "-m", "torch.distributed.run", "--standalone", "-m"]
    for count, launcher in ((1, module), (2, several), (3, several)):
        if count > 1:
            launcher = [*launcher[:-1], f"--nproc-per-node={count}", "-m"]
        out = tmp_path / str(count)
        command = [*launcher, "genoprot_evaluate.embed", *arguments, "--out", str(out)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("600 sequences") == 1
    assert files_of(tmp_path / "1") == files_of(tmp_path / "2") == files_of(tmp_path / "3")
