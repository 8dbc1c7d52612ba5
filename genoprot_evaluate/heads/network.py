"""The network of one head, or of several side by side: parameters and logits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from genoprot_datasets.seeding import generator
from genoprot_evaluate.heads.batches import Batch
from genoprot_evaluate.heads.config import HeadConfig

if TYPE_CHECKING:
    import torch

__all__ = ["Network", "initial_layers"]

_BLOCK = 8192

LayerArrays = Sequence[tuple[np.ndarray, np.ndarray]]


def initial_layers(config: HeadConfig, inputs: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Weight, shape=(outputs, inputs), and bias of every layer in turn, the last one with a single output."""
    rng = generator(seed, "initialisation")
    widths = (inputs, *config.hidden, 1)
    layers = []
    for fan_in, outputs in zip(widths, widths[1:]):
        bound = 1 / math.sqrt(fan_in)
        shapes = ((outputs, fan_in), (outputs,))
        weight, bias = (rng.uniform(-bound, bound, size=shape).astype(np.float32) for shape in shapes)
        layers.append((weight, bias))
    return layers


class Network:
    """Heads of the same hidden widths, each with its own table of vectors.

    The first layers, whose widths can differ, are applied one after another; the layers above as products of
    stacked matrices. A single head is computed without stacking.

    Parameters
    ----------
    heads : sequence of layers
        By head: weight, shape=(outputs, inputs), and bias, shape=(outputs,), of every layer; float32.
    tables : sequence of Tensor, shape=(proteins, d)
        By head: standardised vectors, on the device of the network.
    """

    def __init__(self, heads: Sequence[LayerArrays], tables: Sequence[torch.Tensor]) -> None:
        import torch

        self.tables = list(tables)
        self.device = tables[0].device

        def parameter(array: np.ndarray) -> torch.Tensor:
            # A copy in torch's own memory: products round differently on arrays that are aligned differently.
            own = torch.from_numpy(array).clone(memory_format=torch.contiguous_format)
            return own.to(self.device).requires_grad_()

        self.first = [parameter(layers[0][0]) for layers in heads]
        self.upper = [parameter(np.stack([layers[0][1] for layers in heads]))]
        for number in range(1, len(heads[0])):
            for part in (0, 1):
                self.upper.append(parameter(np.stack([layers[number][part] for layers in heads])))

    def parameters(self) -> list[torch.Tensor]:
        """Every first weight, then bias and stacked weights and biases of the layers above."""
        return [*self.first, *self.upper]

    def layers_of(self, head: int) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
        """A copy of the layers of one head, as arrays."""
        flat = [self.first[head], *(stack[head] for stack in self.upper)]
        arrays = [parameter.detach().cpu().numpy().copy() for parameter in flat]
        return tuple(zip(arrays[::2], arrays[1::2]))

    def keep(self, heads: Sequence[int], optimiser: torch.optim.Optimizer) -> None:
        """Go on with some of the heads; the optimiser's moments of the others are forgotten too."""
        chosen = list(heads)
        self.tables = [self.tables[head] for head in chosen]
        self.first = [self.first[head] for head in chosen]
        kept = []
        for stack in self.upper:
            smaller = stack.detach()[chosen].clone().requires_grad_()
            moments = optimiser.state.pop(stack)
            optimiser.state[smaller] = {
                name: value[chosen].clone() if value.shape == stack.shape else value
                for name, value in moments.items()
            }
            kept.append(smaller)
        self.upper = kept
        for weight in set(optimiser.state) - set(self.parameters()):
            del optimiser.state[weight]
        optimiser.param_groups[0]["params"] = self.parameters()

    def logits_by_row(self, batch: Batch) -> torch.Tensor:
        """Logits of a batch, shape=(heads, b), with the first layer applied once to each of its rows.

        Since ``W [a; b] = W_a a + W_b b``, and an example's sum is one row of an embedding bag.
        """
        from torch.nn.functional import embedding_bag

        rows = [None if named is None else self._put(named) for named in batch.rows]
        places = self._put(batch.places)
        heads = range(len(self.first))
        return self._above([embedding_bag(places, self._products(h, rows), mode="sum") for h in heads])

    def logits_by_example(self, examples: np.ndarray) -> torch.Tensor:
        """The same logits from gathered and concatenated rows of examples, shape=(b, arity)."""
        import torch

        flat = self._put(examples.reshape(-1))
        gathered = (table.index_select(0, flat).view(len(examples), -1) for table in self.tables)
        return self._above([torch.nn.functional.linear(x, weight) for x, weight in zip(gathered, self.first)])

    def all_logits(self, examples: np.ndarray) -> torch.Tensor:
        """Logits of any number of examples, shape=(heads, m), without gradient, in bounded memory."""
        import torch

        proteins = len(self.tables[0])
        starts = range(0, len(examples), _BLOCK)
        with torch.no_grad():
            if proteins > len(examples):
                parts = [self.logits_by_example(examples[start : start + _BLOCK]) for start in starts]
                return torch.cat(parts, dim=1)
            places = examples + proteins * np.arange(examples.shape[1])
            members = [None] * examples.shape[1]
            products = [self._products(head, members) for head in range(len(self.first))]
            parts = []
            for start in starts:
                bag = self._put(places[start : start + _BLOCK])
                sums = [torch.nn.functional.embedding_bag(bag, rows, mode="sum") for rows in products]
                parts.append(self._above(sums))
            return torch.cat(parts, dim=1)

    def _products(self, head: int, rows: Sequence[torch.Tensor | None]) -> torch.Tensor:
        import torch

        table = self.tables[head]
        parts = self.first[head].chunk(len(rows), dim=1)
        products = [
            torch.nn.functional.linear(table if named is None else table.index_select(0, named), part)
            for named, part in zip(rows, parts)
        ]
        return products[0] if len(products) == 1 else torch.cat(products)

    def _above(self, hidden: list[torch.Tensor]) -> torch.Tensor:
        import torch

        if len(hidden) == 1:
            flat = [stack[0] for stack in self.upper]
            x = hidden[0] + flat[0]
            for weight, bias in zip(flat[1::2], flat[2::2]):
                x = torch.nn.functional.linear(torch.relu(x), weight, bias)
            return x.T
        x = torch.stack(hidden) + self.upper[0][:, None]
        for weight, bias in zip(self.upper[1::2], self.upper[2::2]):
            x = torch.baddbmm(bias[:, None], torch.relu(x), weight.transpose(1, 2))
        return x.squeeze(2)

    def _put(self, array: np.ndarray) -> torch.Tensor:
        import torch

        return torch.from_numpy(np.ascontiguousarray(array)).to(self.device)
