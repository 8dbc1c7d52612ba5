"""Both views of a record: the vector of its DNA and the vector of its protein, one behind the other."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from genoprot_datasets.errors import GenoProtError
from genoprot_evaluate.chunking import chunk_spans
from genoprot_evaluate.encoders.apply import embed_sequences
from genoprot_evaluate.encoders.base import VIEW_BREAK, Encoder

__all__ = ["JoinedViews"]

BATCH_TOKENS = 1 << 16


class JoinedViews:
    """Joined vectors of two encoders, of which one reads the DNA of a record and the other its protein.

    Each view is batched by itself, and split by itself where it is longer than its encoder's context or than
    memory suffices for; `reduced` tells the latter of each record of the last call.

    Parameters
    ----------
    dna, protein : Encoder
        May be the same object.
    name : str
        Name of the configuration.

    Examples
    --------
    >>> from genoprot_evaluate.encoders.kmer import Composition, KmerFrequencies
    >>> both = JoinedViews(KmerFrequencies(), Composition(), "both")
    >>> both.embed([f"ACGTACGT{VIEW_BREAK}MKV"]).shape
    (1, 276)
    """

    reduced: np.ndarray

    def __init__(self, dna: Encoder, protein: Encoder, name: str) -> None:
        self._encoders = (dna, protein)
        digests = [getattr(encoder, "weights_digest", None) for encoder in self._encoders]
        if None not in digests:
            self.weights_digest = hashlib.sha256("\n".join(digests).encode()).hexdigest()
        self.libraries = tuple(
            dict.fromkeys(of for encoder in self._encoders for of in getattr(encoder, "libraries", ()))
        )
        self.batch_tokens = max(getattr(encoder, "batch_tokens", BATCH_TOKENS) for encoder in self._encoders)
        self.spec = replace(
            dna.spec,
            name=name,
            modality="both",
            title="; ".join(dict.fromkeys(encoder.spec.title for encoder in self._encoders)),
            dimension=dna.spec.dimension + protein.spec.dimension,
            context=None,
            readout=f"DNA: {dna.spec.readout}; protein: {protein.spec.readout}; joined",
        )

    @property
    def dtypes(self) -> tuple[str, ...]:
        """Precisions that both encoders compute in."""
        dna, protein = (getattr(encoder, "dtypes", ("float32",)) for encoder in self._encoders)
        return tuple(dtype for dtype in dna if dtype in protein)

    def cast(self, dtype: str) -> None:
        """Let both encoders compute in a precision of `dtypes`."""
        for encoder in self._encoders:
            if dtype != "float32":
                encoder.cast(dtype)

    @property
    def alone(self) -> bool:
        """Whether a vector depends on its record alone, to the last bit."""
        return all(getattr(encoder, "alone", False) for encoder in self._encoders)

    def window_counts(self, sequences: Sequence[str]) -> list[int]:
        """Number of pieces in which each record is read; 1 when both of its sequences are read whole."""
        counts = []
        for texts in self._views(sequences):
            pieces = 0
            for encoder, text in zip(self._encoders, texts):
                windows = getattr(encoder, "window_counts", None)
                pieces += windows([text])[0] if windows else len(chunk_spans(len(text), encoder.spec.context))
            counts.append(pieces - 1)
        return counts

    def embed(self, sequences: Sequence[str]) -> np.ndarray:
        """Map records to vectors, shape=(n, dimension), dtype=float32.

        Parameters
        ----------
        sequences : sequence of str
            DNA and protein of each record with `VIEW_BREAK` in between.

        Raises
        ------
        GenoProtError
            If a record has not these two.
        """
        names = [f"record {row} of the batch" for row in range(len(sequences))]
        applied = [
            embed_sequences(encoder, texts, names, getattr(encoder, "batch_tokens", BATCH_TOKENS))
            for encoder, texts in zip(self._encoders, zip(*self._views(sequences)))
        ]
        if not applied:
            return np.zeros((0, self.spec.dimension), np.float32)
        self.reduced = np.logical_or(*(view.reduced for view in applied))
        return np.concatenate([view.vectors for view in applied], axis=1)

    def _views(self, sequences: Sequence[str]) -> list[tuple[str, ...]]:
        views = [tuple(text.split(VIEW_BREAK)) for text in sequences]
        for row, texts in enumerate(views):
            if len(texts) != 2 or not all(texts):
                raise GenoProtError(
                    f"encoder {self.spec.name}: record {row} of the batch is not DNA, a tab and a protein"
                )
        return views
