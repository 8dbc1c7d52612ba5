from __future__ import annotations

import gc

import pytest

from genoprot_datasets.errors import SourceError
from genoprot_datasets.sources.garbage import uncollected
from genoprot_datasets.sources.gff import read_annotation


@pytest.mark.parametrize("was_on", [True, False])
def test_search_is_put_off_and_left_as_it_was(was_on):
    before = gc.isenabled()
    try:
        (gc.enable if was_on else gc.disable)()
        with uncollected():
            assert not gc.isenabled()
        assert gc.isenabled() == was_on
    finally:
        (gc.enable if before else gc.disable)()


def test_search_goes_on_after_a_refused_annotation(tmp_path):
    assert gc.isenabled()
    with pytest.raises(SourceError, match="not found"):
        read_annotation(tmp_path / "absent.gff")
    assert gc.isenabled()
