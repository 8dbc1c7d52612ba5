"""Identity of pairs and challenge cases."""

from __future__ import annotations

import ctypes

import numpy as np
import parasail
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genoprot_datasets.errors import GenoProtError
from genoprot_datasets.identity import challenge_threshold, is_challenge, pair_identities

BLOSUM62 = parasail.blosum62.matrix
LETTERS = "ARNDCQEGHILKMFPSTWYVBZX"


def best_local_score(left: str, right: str) -> int:
    """Gotoh's recursion, cell by cell."""
    rows, columns = len(left) + 1, len(right) + 1
    best = np.zeros((rows, columns), int)
    gap_left, gap_up = np.full((rows, columns), -(10**6)), np.full((rows, columns), -(10**6))
    for i in range(1, rows):
        for j in range(1, columns):
            gap_left[i, j] = max(best[i, j - 1] - 11, gap_left[i, j - 1] - 1)
            gap_up[i, j] = max(best[i - 1, j] - 11, gap_up[i - 1, j] - 1)
            score = BLOSUM62[LETTERS.index(left[i - 1]), LETTERS.index(right[j - 1])]
            best[i, j] = max(0, best[i - 1, j - 1] + score, gap_left[i, j], gap_up[i, j])
    return int(best.max())


@pytest.mark.parametrize(
    ("left", "right", "identity"),
    [
        ("MKTWYVA", "MKTWYVA", 1.0),
        # WWWWWW aligns with itself inside the longer one: 6 identical of 8 residues.
        ("AGWWWWWW", "PPPPWWWWWWPPPP", 6 / 8),
        # One substitution, W for F (+1): 8 identical of 9, worth more than stopping before it.
        ("CCCCWCCCC", "CCCCFCCCC", 8 / 9),
        # A gap of two costs 12, less than the 36 that either side is worth: all 8 identical.
        ("CCCCCCCC", "CCCCGGCCCC", 8 / 8),
        # A gap of twelve costs 22, more than the 18 of CC, so that WW stands alone: 2 identical of 4.
        ("CCWW", "CCGGGGGGGGGGGGWW", 2 / 4),
        # Nothing scores above 0.
        ("GGGG", "LLLL", 0.0),
    ],
)
def test_alignments_by_hand(left, right, identity):
    assert pair_identities([left, right], [0], [1])[0] == np.float32(identity)


@settings(max_examples=40, deadline=None)
@given(st.text("ARNDW", min_size=1, max_size=25), st.text("ARNDW", min_size=1, max_size=25))
def test_the_alignment_is_the_best_one(left, right):
    """The costs handed to the aligner are those of the docstring."""
    aligned = parasail.sw_stats_striped_sat(left, right, 11, 1, parasail.blosum62)
    assert aligned.score == best_local_score(left, right)
    identity = float(pair_identities([left, right], [0], [1])[0])
    matches = identity * min(len(left), len(right))
    assert matches == pytest.approx(round(matches), abs=1e-4)
    assert 0.0 <= identity <= 1.0


def test_order_repeats_and_threads_do_not_matter():
    rng = np.random.default_rng(0)
    proteins = [
        "".join(rng.choice(list("ARNDCQEGHILKMFPSTWYV"), size=rng.integers(5, 60))) for _ in range(40)
    ]
    a, b = rng.integers(40, size=(2, 700))
    once = pair_identities(proteins, a, b, threads=1)
    assert once.dtype == np.float32
    np.testing.assert_array_equal(once, pair_identities(proteins, b, a, threads=3))
    alone = [pair_identities(proteins, [i], [j])[0] for i, j in zip(a[:50], b[:50])]
    np.testing.assert_array_equal(once[:50], alone)
    renumbered = pair_identities(proteins[::-1], 39 - a, 39 - b)
    np.testing.assert_array_equal(once, renumbered)


def test_long_proteins_do_not_saturate():
    """A score of 77,000 and 40,000 identical residues lie beyond 16 bits."""
    assert pair_identities(["W" * 7000, "W" * 7000 + "A"], [0], [1])[0] == 1.0
    assert pair_identities(["A" * 40000, "A" * 40001], [0], [1])[0] == 1.0


def test_residues_outside_the_matrix():
    identities = pair_identities(["MKTUWY", "MKTCWY", "MOWWWJ*", "MKWWWXX"], [0, 2], [1, 3])
    assert identities[0] == 1.0
    assert identities[1] == np.float32(5 / 7)


def test_no_pairs_and_empty_protein():
    assert pair_identities(["MK"], [], []).shape == (0,)
    with pytest.raises(GenoProtError, match="protein 1 of 2 has no residues"):
        pair_identities(["MK", ""], [0], [1])


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=2, max_size=30))
def test_threshold_is_the_best_and_breaks_ties_as_stated(pairs):
    identity = np.array([value / 8 for value, _ in pairs], np.float32)
    label = np.array([shares for _, shares in pairs], np.int8)
    if label.min() == label.max():
        with pytest.raises(GenoProtError, match="both classes"):
            challenge_threshold(identity, label)
        return

    def quality(threshold: float) -> tuple[float, float, float]:
        sensitivity = (identity[label == 1] >= threshold).mean()
        specificity = (identity[label == 0] < threshold).mean()
        gap = abs(sensitivity - specificity)
        return round((sensitivity + specificity) / 2, 9), -round(gap, 9), -threshold

    values = np.unique(identity).astype(float)
    candidates = [values[0], *((values[:-1] + values[1:]) / 2)]
    assert challenge_threshold(identity, label) == max(candidates, key=quality)


def test_challenge_cases_are_the_errors_of_the_rule():
    identity = np.array([0.1, 0.2, 0.3, 0.9], np.float32)
    label = np.array([0, 1, 0, 1], np.int8)
    assert is_challenge(identity, label, 0.31).tolist() == [False, True, False, False]
    assert is_challenge(identity, label, 0.25).tolist() == [False, True, True, False]
    # Just above 0.3 as float32, and equal to it once rounded to float32.
    between = float(identity[2]) + 1e-9
    assert is_challenge(identity, label, between).tolist() == [False, True, False, False]


def test_kernels_for_different_registers_find_the_same_alignment():
    """Of several best alignments all take the same one, so that identities do not depend on the processor."""
    library = parasail.bindings_v2._lib
    arguments = [ctypes.c_char_p, ctypes.c_int] * 2 + [ctypes.c_int, ctypes.c_int, ctypes.c_void_p]
    kernels = {}
    for registers in ("", "sse2_128", "sse41_128", "avx2_256", "neon_128"):
        name = f"_striped_{registers}_sat" if registers else ""
        kernel = getattr(library, f"parasail_sw_stats{name}", None)
        if kernel is not None and ("avx2" not in name or parasail.can_use_avx2()):
            kernels[name] = ctypes.CFUNCTYPE(ctypes.c_void_p, *arguments)(
                ctypes.cast(kernel, ctypes.c_void_p).value
            )
    lookup = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_char_p)(
        ctypes.cast(library.parasail_matrix_lookup, ctypes.c_void_p).value
    )
    matches = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(
        ctypes.cast(library.parasail_result_get_matches, ctypes.c_void_p).value
    )
    free = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(
        ctypes.cast(library.parasail_result_free, ctypes.c_void_p).value
    )
    matrix = lookup(b"blosum62")
    rng = np.random.default_rng(0)
    # Few kinds of residues make many alignments equally good.
    pool = [
        "".join(rng.choice(list(LETTERS[:kinds]), size)) for kinds in (2, 4, 20) for size in range(5, 300, 12)
    ]
    for _ in range(400):
        pair = [str(own).encode() for own in rng.choice(pool, 2)]
        found = []
        for kernel in kernels.values():
            aligned = kernel(pair[0], len(pair[0]), pair[1], len(pair[1]), 11, 1, matrix)
            # A kernel for another architecture gives nothing.
            if aligned is not None:
                found.append(matches(aligned))
                free(aligned)
        assert len(found) > 1
        assert len(set(found)) == 1, pair
