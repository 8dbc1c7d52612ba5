"""Ensembles of one task: who votes, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from genoprot_evaluate.ensembles import ENSEMBLES
from genoprot_evaluate.evaluation.cells import Fit
from genoprot_evaluate.evaluation.voting import combine_members


def fit(probability: list[float], accuracy: float) -> Fit:
    values = np.array(probability)
    return Fit("OK", None, values, (values > 0.5).astype(np.int8), accuracy)


def test_missing_member_leaves_its_weight_and_its_vote_to_the_others():
    fits = {
        "a": fit([0.9, 0.5, 0.2], 0.9),
        "b": fit([0.3, 0.5, 0.6], 0.6),
        "c": Fit("N/A", "embeddings lack 3 of 9 accessions"),
        "d": fit([0.1, 0.1, 0.1], 0.9),
    }
    ensemble, votes = combine_members(fits, ("a", "b", "c"))
    assert ensemble.members == ("a", "b")
    assert ensemble.weights == pytest.approx({"a": 0.6, "b": 0.4})
    assert ensemble.left_out == {"c": "embeddings lack 3 of 9 accessions"}
    # Two members: a tie of votes in the first example goes to the mean, one half in the second is class 0.
    for name in ("soft", "hard", "median", "max"):
        assert votes[f"ensemble:{name}"].predicted.tolist() == [1, 0, 0]
    # 0.6 x 0.9 + 0.4 x 0.3, one half, 0.6 x 0.2 + 0.4 x 0.6.
    assert votes["ensemble:weighted"].probability == pytest.approx([0.66, 0.5, 0.36])
    assert votes["ensemble:weighted"].predicted.tolist() == [1, 0, 0]


def test_nobody_is_left():
    fits = {"a": Fit("ERROR", "it broke")}
    ensemble, votes = combine_members(fits, ("a",))
    assert (ensemble.members, ensemble.left_out) == ((), {"a": "it broke"})
    reasons = {(vote.status, vote.reason) for vote in votes.values()}
    assert set(votes) == set(ENSEMBLES)
    assert reasons == {("N/A", "no member has predictions")}
