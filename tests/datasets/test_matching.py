"""Identity-matched samples."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genoprot_datasets.matching import TooFewMatches, draw_matched, identity_bin
from genoprot_datasets.published import PublishedDataset
from genoprot_datasets.seeding import generator

FRACTIONS = st.tuples(st.integers(0, 60), st.integers(1, 60)).map(lambda pair: min(pair) / max(1, max(pair)))
CANDIDATES = st.lists(st.tuples(FRACTIONS, st.booleans()), min_size=0, max_size=60)


def hundredth(identity: float) -> int:
    """Bin by comparison with every edge, in float32 as published."""
    return max(k for k in range(101) if np.float32(identity) >= np.float32(k / 100))


@settings(max_examples=200, deadline=None)
@given(CANDIDATES, st.sampled_from([None, 1, 4]), st.integers(1, 30), st.integers(0, 99))
def test_every_sample_is_matched(candidates, samples, per_class, seed):
    identity = np.array([value for value, _ in candidates], np.float32)
    label = np.array([positive for _, positive in candidates], np.int8)
    bins = {1: Counter(), 0: Counter()}
    for value, positive in candidates:
        bins[int(positive)][hundredth(value)] += 1
    couples = sum((bins[1] & bins[0]).values())
    if couples < 2:
        with pytest.raises(TooFewMatches, match=f" {couples} of each class"):
            draw_matched(identity, label, per_class, samples, generator(seed))
        return
    draw = draw_matched(identity, label, per_class, samples, generator(seed))
    assert (draw.couples, draw.requested, draw.drawn) == (couples, per_class, min(per_class, couples))
    assert draw.sample.tolist() == sorted(list(range(samples or 1)) * 2 * draw.drawn)
    for k in range(samples or 1):
        rows = draw.rows[draw.sample == k]
        assert len(set(rows.tolist())) == len(rows) == 2 * draw.drawn
        drawn = {1: Counter(), 0: Counter()}
        for row in rows:
            drawn[int(label[row])][hundredth(identity[row])] += 1
        assert drawn[1] == drawn[0]
        assert drawn[1] <= bins[1]
        assert drawn[0] <= bins[0]
    again = draw_matched(identity, label, per_class, samples, generator(seed))
    np.testing.assert_array_equal(draw.rows, again.rows)


def test_bins_are_hundredths_of_exact_fractions():
    counts = [(matches, length) for length in [*range(1, 130), 35_991] for matches in range(length + 1)]
    found = identity_bin(np.array([matches / length for matches, length in counts], np.float32))
    assert found.tolist() == [matches * 100 // length for matches, length in counts]


def test_within_a_bin_the_choice_is_uniform_and_carries_no_identity():
    rng = np.random.default_rng(0)
    identity = np.concatenate([rng.beta(2, 20, 3000), rng.beta(3, 14, 3000)]).astype(np.float32)
    label = np.repeat([0, 1], 3000).astype(np.int8)
    draw = draw_matched(identity, label, 1500, None, generator(3))
    own, value = label[draw.rows], identity[draw.rows]
    assert abs(value[own == 1].mean() - value[own == 0].mean()) < 0.001
    assert abs(draw.rows[own == 0].mean() - 1500) < 150
    halves = own[:1500].mean(), own[1500:].mean()
    assert abs(halves[0] - halves[1]) < 0.1


def test_published_variants_are_matched_pairs_of_their_fold(synthetic_dataset):
    published = PublishedDataset.open(synthetic_dataset)
    assert set(published.matched_tasks) == set(published.tasks) - {"melanoma"}
    records = published.sequences(["accession", "fold"]).to_pydict()
    fold_of = dict(zip(records["accession"], records["fold"]))
    for name in published.matched_tasks:
        plain: dict[frozenset[str], int] = {}
        for split in ("train", "eval"):
            rows = published.task(name, split).to_pylist()
            plain |= {frozenset((row["accession_a"], row["accession_b"])): row["label"] for row in rows}
        for split in ("train", "eval"):
            facts = published.manifest["tasks"][name]["matched"][split]
            rows = published.task(name, split, matched=True).to_pylist()
            label_of: dict[frozenset[str], int] = {}
            for sample in range(10) if split == "eval" else [None]:
                mine = [row for row in rows if row.get("sample") == sample]
                pairs = {frozenset((row["accession_a"], row["accession_b"])) for row in mine}
                assert len(pairs) == len(mine) == 2 * facts["per_class"]
                counted = Counter((row["label"], hundredth(row["identity"])) for row in mine)
                assert all(counted[1 - label, place] == count for (label, place), count in counted.items())
            for row in rows:
                pair = frozenset((row["accession_a"], row["accession_b"]))
                assert {fold_of[accession] for accession in pair} == {split}
                assert label_of.setdefault(pair, row["label"]) == row["label"]
                assert plain.get(pair, row["label"]) == row["label"]


def test_variants_load_like_any_configuration(synthetic_dataset, monkeypatch):
    from datasets import load_dataset

    monkeypatch.chdir(synthetic_dataset.parents[1])
    loaded = load_dataset("llnl/geno-prot", "pfam_matched")
    published = PublishedDataset.open(synthetic_dataset)
    for split in ("train", "eval"):
        assert loaded[split].num_rows == published.task("pfam", split, matched=True).num_rows
    assert sorted(set(loaded["eval"]["sample"])) == list(range(10))
