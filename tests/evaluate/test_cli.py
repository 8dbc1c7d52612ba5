"""The command line: help that fits, errors on one line, examples that parse."""

from __future__ import annotations

import importlib
import shlex

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


def test_unknown_command_is_refused(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["embedd"])
    assert stop.value.code == 2
    assert "embedd" in capsys.readouterr().err


def test_missing_sources_give_one_line_and_status_2(tmp_path, capsys):
    (tmp_path / "sources").mkdir()
    status = main(["build", "--sources", str(tmp_path / "sources"), "--out", str(tmp_path / "out")])
    captured = capsys.readouterr()
    assert status == 2
    assert captured.err.startswith("genoprot: error: ")
    assert len(captured.err.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()
