"""The command line: help that fits, errors on one line, examples that parse."""

from __future__ import annotations

import errno
import importlib
import os
import shlex
import signal
import subprocess
import sys
import time
from importlib.metadata import version

import pytest

from genoprot_evaluate.cli import COMMANDS, _parser, main


def test_help_fits_on_a_screen(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--help"])
    assert stop.value.code == 0
    text = capsys.readouterr().out
    assert len(text.splitlines()) <= 24
    assert all(name in text for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_example_of_each_command_parses(name):
    module, _, example = COMMANDS[name]
    words = shlex.split(example)
    assert words[0] == "genoprot"
    args = _parser(name).parse_args(words[1:])
    assert args.command == name
    assert callable(importlib.import_module(module).run)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("embedd", "'embedd' is unknown (did you mean 'embed'?); see genoprot --help"),
        ("zzz", "'zzz' is unknown; expected one of demo, sources, "),
        ("embed --encoder kmer-4 --datset x", "genoprot embed: error: no option --datset (did you mean"),
        (
            "embed --encoder=kmer-4 --uot=x",
            "no option --uot (did you mean '--out'?); see genoprot embed",
        ),
        ("encoders kmer-4", "genoprot encoders: error: 'kmer-4' is one argument too many"),
        ("push results results/ --modle x", "genoprot push results: error: no option --modle (did you mean"),
        (
            "push datset x",
            "argument WHAT: 'datset' is unknown (did you mean 'dataset'?)",
        ),
        ("report results/", "genoprot report: error: the following arguments are required: --out; see"),
    ],
)
def test_what_is_mistyped_is_named_on_one_line_with_status_2(line, said, capsys):
    with pytest.raises(SystemExit) as stop:
        main(line.split())
    assert stop.value.code == 2
    complaint = capsys.readouterr().err
    assert said in complaint
    assert len(complaint.splitlines()) == 1


def test_abbreviated_options_and_negative_values_are_taken():
    args = _parser("build").parse_args(["build", "--source", "s", "--out", "o", "--melanoma-thresh", "-0.7"])
    assert (args.sources, args.melanoma_threshold) == ("s", -0.7)


def test_without_a_command_the_help_is_shown(capsys):
    assert main([]) == 2
    shown = capsys.readouterr().err
    assert all(name in shown for name in COMMANDS)


def test_version_is_that_of_the_distribution(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"geno-prot {version('geno-prot')}\n"


@pytest.mark.parametrize("module", ["genoprot_evaluate.embed", "genoprot_evaluate.evaluation"])
def test_modules_that_launchers_start_are_the_commands(module):
    done = subprocess.run([sys.executable, "-m", module, "--uot", "x"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "no option --uot (did you mean '--out'?); see genoprot e" in done.stderr


@pytest.mark.parametrize("below", ["", "deeper"])
def test_a_place_that_cannot_be_written_gives_one_line_and_status_2(below, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["synthesize", "--genes", "100", "--out", str(tmp_path / "file" / "made" / below)]) == 2
    [complaint] = capsys.readouterr().err.splitlines()
    assert complaint.startswith(f"genoprot: error: {tmp_path / 'file'}")
    assert "folder" in complaint


def test_full_disks_are_told_of_and_faults_of_the_program_are_not_hidden(monkeypatch, capsys):
    module = importlib.import_module("genoprot_evaluate.encoders.command")

    def fail(error):
        monkeypatch.setattr(module, "run", lambda args: (_ for _ in ()).throw(error))
        return main(["encoders"])

    assert fail(OSError(errno.ENOSPC, "No space left on device")) == 2
    assert capsys.readouterr().err.startswith("genoprot: error: the disk is full; make room")
    assert fail(OSError(errno.ENOSPC, "No space left on device", "out/x")) == 2
    assert capsys.readouterr().err.startswith("genoprot: error: out/x: the disk is full; make room")
    with pytest.raises(OSError, match="of a library"):
        fail(OSError("of a library"))


def test_missing_sources_give_one_line_and_status_2(tmp_path, capsys):
    (tmp_path / "sources").mkdir()
    status = main(["build", "--sources", str(tmp_path / "sources"), "--out", str(tmp_path / "out")])
    captured = capsys.readouterr()
    assert status == 2
    assert captured.err.startswith("genoprot: error: ")
    assert len(captured.err.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_a_terminated_command_clears_away_what_is_not_finished(tmp_path):
    command = [sys.executable, "-m", "genoprot_evaluate.cli", "synthesize", "--genes", "5000", "--out", "p"]
    environment = {name: value for name, value in os.environ.items() if name != "RANK"}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True) as run:
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob(".p.*.partial")) and time.monotonic() < deadline:
            time.sleep(0.05)
        run.terminate()
        said = run.communicate(timeout=60)[1]
    assert (run.returncode, said.splitlines()[-1]) == (143, "genoprot: terminated")
    assert not list(tmp_path.iterdir())


def test_a_launcher_ends_its_processes_itself(monkeypatch):
    seen = []
    monkeypatch.setattr(
        importlib.import_module("genoprot_evaluate.metric"),
        "run",
        lambda args: seen.append(signal.getsignal(signal.SIGTERM)) or 0,
    )
    assert main(["metric", "install"]) == 0
    monkeypatch.setenv("RANK", "0")
    assert main(["metric", "install"]) == 0
    assert callable(seen[0])
    assert seen[1] == signal.SIG_DFL == signal.getsignal(signal.SIGTERM)
