"""Encoders with one fault each, and by the side the honest one that they are made of."""

from __future__ import annotations

import random

import numpy as np
import torch

from genoprot_evaluate.encoders import EncoderSpec

CONTEXT = 64
TABLE = np.random.default_rng(0).normal(size=(256, 8))


class Honest:
    """Mean of a random vector of each residue."""

    spec = EncoderSpec(
        "honest",
        modality="protein",
        dimension=8,
        context=CONTEXT,
        title="Honest",
        readout="mean over residues",
    )

    def embed(self, sequences):
        rows = [self.vector(sequence, sequences) for sequence in sequences]
        return np.array(rows, dtype=np.float32).reshape(len(rows), 8)

    def vector(self, sequence, batch):
        return self.mean(sequence.upper(), max(1, len(sequence)))

    def mean(self, sequence, length):
        return TABLE[np.frombuffer(sequence.encode(), dtype=np.uint8)].sum(axis=0) / length


class Speechless(Honest):
    spec = EncoderSpec("speechless", modality="protein", dimension=8, context=CONTEXT)


class Narrow(Honest):
    spec = EncoderSpec("narrow", modality="protein", dimension=9, title="Narrow", readout="mean")


class Double(Honest):
    def embed(self, sequences):
        return super().embed(sequences).astype(np.float64)


class Infinite(Honest):
    def vector(self, sequence, batch):
        return np.full(8, np.inf) if len(sequence) == 33 else super().vector(sequence, batch)


class Noisy(Honest):
    noise = np.random.default_rng(1)

    def embed(self, sequences):
        return super().embed(sequences) + self.noise.normal(size=(len(sequences), 8)).astype(np.float32)


class Constant(Honest):
    def mean(self, sequence, length):
        return np.ones(8)


class OrderDependent(Honest):
    def vector(self, sequence, batch):
        lengths = [len(other) for other in batch]
        return super().vector(sequence, batch) + 0.01 * (lengths != sorted(lengths, reverse=True))


class SizeDependent(Honest):
    def vector(self, sequence, batch):
        return super().vector(sequence, batch) + 0.01 * len(batch)


class PaddingSensitive(Honest):
    def vector(self, sequence, batch):
        return self.mean(sequence.upper(), max(1, *map(len, batch), 1))


class CaseSensitive(Honest):
    def vector(self, sequence, batch):
        return self.mean(sequence, max(1, len(sequence)))


class Unambiguous(Honest):
    def vector(self, sequence, batch):
        return super().vector(sequence, batch) + (np.nan if "J" in sequence else 0.0)


class Strict(Honest):
    def vector(self, sequence, batch):
        if "*" in sequence:
            raise KeyError("*")
        return super().vector(sequence, batch)


class Dimeric(Honest):
    def vector(self, sequence, batch):
        return super().vector(sequence, batch) / (len(sequence) != 1 or np.nan)


class Doubling(Honest):
    """Takes an empty sequence for two."""

    def embed(self, sequences):
        return super().embed([*sequences, ""] if "" in sequences else sequences)


class Flat(Honest):
    def embed(self, sequences):
        return super().embed(sequences) if sequences else np.zeros(0, dtype=np.float32)


class Truncating(Honest):
    def vector(self, sequence, batch):
        return super().vector(sequence[: CONTEXT // 2], batch)


class FirstWindow(Honest):
    def window_counts(self, sequences):
        return [-(-len(sequence) // CONTEXT) for sequence in sequences]

    def vector(self, sequence, batch):
        return super().vector(sequence[:CONTEXT], batch)


class Lookup(torch.nn.Module):
    """A random vector for each token, smoothed over all positions."""

    def forward(self, ids):
        states = torch.from_numpy(TABLE)[ids]
        return states + states.mean(dim=1, keepdim=True)


class Token(Honest):
    """Reads one special token before and two behind the sequence."""

    margins = (1, 2)

    def __init__(self):
        self.model = Lookup()

    def mean(self, sequence, length):
        before, behind = self.margins
        ids = [1, *sequence.encode(), 2, 3]
        states = self.model(torch.tensor([ids]))[0]
        return states[before : max(before + 1, len(ids) - behind)].mean(dim=0).numpy()


class SpecialPooled(Token):
    margins = (0, 0)


class Mutating(Honest):
    def embed(self, sequences):
        vectors = super().embed(sequences)
        sequences.clear()
        return vectors


class DrawsPython(Honest):
    def vector(self, sequence, batch):
        random.random()
        return super().vector(sequence, batch)


class SeedsNumpy(Honest):
    def vector(self, sequence, batch):
        np.random.seed(0)
        return super().vector(sequence, batch)


class DrawsTorch(Honest):
    def vector(self, sequence, batch):
        torch.rand(1)
        return super().vector(sequence, batch)


class Unrecordable(Honest):
    weights_digest = b"no text"


FAULTS = {
    Speechless: "facts",
    Narrow: "dimension",
    Double: "dtype",
    Infinite: "finite",
    Noisy: "deterministic",
    Constant: "distinct",
    OrderDependent: "order",
    SizeDependent: "batch-size",
    PaddingSensitive: "padding",
    CaseSensitive: "case",
    Unambiguous: "ambiguity",
    Strict: "foreign",
    Dimeric: "one-letter",
    Doubling: "empty-sequence",
    Flat: "empty-batch",
    Truncating: "context",
    FirstWindow: "beyond-context",
    SpecialPooled: "special-tokens",
    Mutating: "arguments",
    DrawsPython: "random-state",
    SeedsNumpy: "random-state",
    DrawsTorch: "random-state",
    Unrecordable: "engine",
}
"""The check that finds each fault."""
