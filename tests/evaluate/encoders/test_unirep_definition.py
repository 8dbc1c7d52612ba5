"""UniRep of several sizes against the definition in float64."""

from __future__ import annotations

import numpy as np
import pytest
from definitions import drawn, exact, sigmoid
from golden_sets import TOLERANCE, difference, write_checkpoint

from genoprot_evaluate.encoders import load_encoder

TEXTS = ["MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQXBUZO.-J*", "mkTAYI", "W"]
ALPHABET = "-MRHKDESTNQCUGPAVIFYWLO"
CASES = {"released": (64, 10, 4), "one layer": (40, 6, 1), "wide": (96, 12, 2)}


def shapes_of(units, embedded, layers):
    shapes = {"embed_matrix": (26, embedded), "dense.weight": (units, 25), "dense.bias": (25,)}
    for layer in range(layers):
        p, width = f"mlstm.{layer}.", units if layer else embedded
        shapes |= {f"{p}wx": (width, 4 * units), f"{p}wh": (units, 4 * units), f"{p}b": (4 * units,)}
        shapes |= {f"{p}wmx": (width, units), f"{p}wmh": (units, units)}
        shapes |= {f"{p}gx": (4 * units,), f"{p}gh": (4 * units,), f"{p}gmx": (units,), f"{p}gmh": (units,)}
    return shapes


def states_of(w, layers, ids):
    x = w["embed_matrix"][ids]
    for layer in range(layers):
        of = {name: w[f"mlstm.{layer}.{name}"] for name in ("wx", "wh", "wmx", "wmh")}
        wx, wh, wmx, wmh = (
            v / np.sqrt((v**2).sum(0)) * w[f"mlstm.{layer}.g{name[1:]}"] for name, v in of.items()
        )
        h, c, found = np.zeros(wmh.shape[1]), 0.0, []
        for z in x:
            m = (z @ wmx) * (h @ wmh)
            i, f, o, u = np.split(z @ wx + m @ wh + w[f"mlstm.{layer}.b"], 4)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(u)
            h = sigmoid(o) * np.tanh(c)
            found.append(h)
        x = np.array(found)
    return x


@pytest.mark.parametrize("case", CASES)
def test_vectors(case, tmp_path):
    units, embedded, layers = CASES[case]
    weights = drawn(shapes_of(units, embedded, layers), seed=len(case))
    folder = write_checkpoint(tmp_path, weights)
    encoder = load_encoder("unirep-64", weights=folder, device="cpu")
    last = load_encoder("unirep-64", weights=folder, device="cpu", readout={"pooling": "last"})
    assert encoder.spec.dimension == units
    vectors, ends = encoder.embed(TEXTS), last.embed(TEXTS)
    for row, text in enumerate(TEXTS):
        ids = [24, *(ALPHABET.index(letter) if letter in ALPHABET else 23 for letter in text.upper())]
        states = states_of(exact(weights), layers, ids)
        assert difference(vectors[row], states.mean(0)) <= TOLERANCE
        assert difference(ends[row], states[-1]) <= TOLERANCE
