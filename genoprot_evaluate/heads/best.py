"""The weights of the best epoch of each head, kept where they are computed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from genoprot_evaluate.heads.network import Network

if TYPE_CHECKING:
    import torch

__all__ = ["BestWeights"]


class BestWeights:
    """Copies of the weights of heads, each from an epoch of its own, on the device of their network."""

    def __init__(self) -> None:
        self._stacks: dict[tuple[str, int, int], tuple[list[int], torch.Tensor]] = {}

    def store(self, network: Network, heads: Sequence[int], places: Sequence[int]) -> None:
        """Keep the present weights of some heads.

        Parameters
        ----------
        network : Network
        heads : sequence of int
            By place in the network: number of the head that is there. The first call has all of them.
        places : sequence of int
            Of the heads whose weights are kept.
        """
        first = not self._stacks
        for key, own, values in network.stacks():
            if first:
                self._stacks[key] = [heads[place] for place in own], values.clone()
                continue
            whose, kept = self._stacks[key]
            for row, place in enumerate(own):
                if place in places:
                    kept[whose.index(heads[place])].copy_(values[row])

    def fetch(self) -> dict[int, tuple[tuple[np.ndarray, np.ndarray], ...]]:
        """By head: weight and bias of every layer."""
        first: dict[int, list[np.ndarray]] = {}
        upper: dict[int, list[np.ndarray]] = {}
        for (kind, _, _), (whose, kept) in self._stacks.items():
            parts = first if kind == "first" else upper
            for head, array in zip(whose, kept.cpu().numpy()):
                parts.setdefault(head, []).append(array)
        found = {}
        for head, above in upper.items():
            arrays = [np.concatenate(first[head], axis=1), *above]
            arrays = [np.array(array, order="C") for array in arrays]
            found[head] = tuple(zip(arrays[::2], arrays[1::2]))
        return found
