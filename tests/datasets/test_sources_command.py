"""The table of sources."""

from __future__ import annotations

import argparse

import pytest

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.sources import SPECIES, sources_of
from genoprot_datasets.sources.command import add_arguments, run, sources_table
from genoprot_datasets.sources.lock import LockEntry, SourceLock


@pytest.mark.parametrize("name", [name for name, species in SPECIES.items() if species.assembly])
def test_every_source_has_a_row(name):
    lines = sources_table(SPECIES[name]).splitlines()
    specs = sources_of(SPECIES[name])
    for spec, line in zip(specs, lines[1:]):
        assert line.startswith(f"{spec.key} ")
        for text in (spec.file_name, spec.version, spec.licence, spec.citation, spec.url, *spec.required_for):
            assert text.replace("records", "everything") in line
        assert ("by hand: " in line) == spec.by_hand
        assert (" publisher's " in line) == bool(spec.checksums)
    notes = lines[len(specs) + 1 :]
    assert sum(note.startswith("without ") for note in notes) == len(SPECIES[name].optional)
    lacking = {note.split(":")[0].removeprefix("no ") for note in notes if note.startswith("no ")}
    assert lacking == {
        "human": set(),
        "yeast": {"pathway", "drug", "melanoma"},
        "ecoli": {"function", "pathway", "drug", "melanoma"},
    }.get(name, {"pathway", "drug", "melanoma"})


def test_sizes_of_files_that_are_there(tmp_path, capsys):
    (tmp_path / "go-basic.obo").write_bytes(b"x" * 1_500_000)
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    assert run(parser.parse_args(["--sources", str(tmp_path)])) == 0
    rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "1.5 MB" in rows["ontology"]
    assert "recorded in sources.lock" in rows["ontology"]
    SourceLock(tmp_path).record(LockEntry("go-basic.obo", "https://x.org", "ab" * 32, 1_500_000))
    assert "sha256 abababababab " in sources_table(SPECIES["human"], tmp_path)
    assert "not there" in rows["genome"]
    with pytest.raises(GenoProtError, match="no such folder"):
        sources_table(SPECIES["human"], tmp_path / "nowhere")
