"""Labels from gene effects."""

from __future__ import annotations

import numpy as np

from genoprot_datasets.relations import strong_dependency


def test_strictly_below_the_threshold():
    labels = strong_dependency([-0.5000001, -0.5, 0.3, np.nan, -3.0])
    assert labels.positive.tolist() == [True, False, False, False, True]
    assert labels.annotated.tolist() == [True, True, True, False, True]


def test_own_threshold():
    labels = strong_dependency([-1.5, -0.75], threshold=-1.0)
    assert labels.positive.tolist() == [True, False]
    # A missing effect stays negative even when the threshold is above 0.
    assert not strong_dependency([np.nan], threshold=1.0).positive.any()
