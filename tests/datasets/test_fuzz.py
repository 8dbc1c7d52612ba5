"""Every reader of the sources on a few hundred malformed files; `fuzz.py` tries as many as one likes."""

from __future__ import annotations

import os

import pytest
from fuzz_annotations import ANNOTATION_TARGETS
from fuzz_sequences import SEQUENCE_TARGETS
from fuzz_tables import TABLE_TARGETS
from fuzzing import run

TARGETS = (*SEQUENCE_TARGETS, *ANNOTATION_TARGETS, *TABLE_TARGETS)
INPUTS = int(os.environ.get("GENOPROT_FUZZ_INPUTS", "300"))


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_valid_files_are_read_whole(target, tmp_path):
    path = tmp_path / target.file_name
    for seed in target.seeds:
        path.write_bytes(seed)
        found = target.read(path)
        assert found
        assert target.scan is None or found == target.scan(seed)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_malformed_files_are_refused_or_read_whole(target):
    accepted, faults = run(target, INPUTS)
    assert not faults, "\n".join(words for _, words in faults[:5])
    # Some mutations leave a valid file, most do not.
    assert INPUTS / 10 < accepted < INPUTS * 0.9
