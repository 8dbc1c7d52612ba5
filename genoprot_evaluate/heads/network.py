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

_BLOCK = 2048
_ROWS = 1024
# A kernel is made and kept for every shape of a product, for some milliseconds and megabytes each.
_ROW_STEP, _EXAMPLE_STEP = 64, 256

LayerArrays = Sequence[tuple[np.ndarray, np.ndarray]]


def initial_layers(config: HeadConfig, inputs: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Weight, shape=(outputs, inputs), and bias of every layer in turn, the last one with a single output."""
    rng = generator(seed, "initialisation")
    widths = (inputs, *config.hidden, 1)
    layers = []
    for fan_in, outputs in zip(widths, widths[1:]):
        shapes = ((outputs, fan_in), (outputs,))
        if config.initialisation == "normal-he":
            weight = rng.normal(scale=math.sqrt(2 / fan_in), size=shapes[0]).astype(np.float32)
            layers.append((weight, np.zeros(outputs, dtype=np.float32)))
            continue
        glorot = config.initialisation == "uniform-glorot"
        bound = math.sqrt(6 / (fan_in + outputs)) if glorot else 1 / math.sqrt(fan_in)
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
        By head: weight, shape=(outputs, inputs), and bias, shape=(outputs,), of every layer; of the dtype of
        the tables.
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

        self.first = []
        for layers, table in zip(heads, tables):
            # One matrix for each member of an example.
            by_member = np.split(layers[0][0], layers[0][0].shape[1] // table.shape[1], axis=1)
            self.first.append([parameter(part) for part in by_member])
        self.upper = [parameter(np.stack([layers[0][1] for layers in heads]))]
        for number in range(1, len(heads[0])):
            for part in (0, 1):
                self.upper.append(parameter(np.stack([layers[number][part] for layers in heads])))

    def parameters(self) -> list[torch.Tensor]:
        """Every first weight, then bias and stacked weights and biases of the layers above."""
        return [*(part for parts in self.first for part in parts), *self.upper]

    def layers_of(self, head: int) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
        """A copy of the layers of one head, as arrays."""
        first = np.concatenate([part.detach().cpu().numpy() for part in self.first[head]], axis=1)
        arrays = [first, *(stack[head].detach().cpu().numpy().copy() for stack in self.upper)]
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
        import torch

        from genoprot_evaluate.heads.products import linear

        rows = [None if named is None else self._put(_filled(named, _ROW_STEP)) for named in batch.rows]
        places = batch.places
        if rows[0] is not None:
            # The second member's rows start after the rows that the first member's were filled up with.
            places = places + [0, len(rows[0]) - len(batch.rows[0])]
            places = _filled(places, _EXAMPLE_STEP)
        places = self._put(places)
        hidden = []
        for table, parts in zip(self.tables, self.first):
            products = torch.cat(
                [
                    linear(table if named is None else table.index_select(0, named), part)
                    for named, part in zip(rows, parts)
                ]
            )
            hidden.append(torch.nn.functional.embedding_bag(places, products, mode="sum"))
        return self._above(hidden)[:, : len(batch.places)]

    def logits_by_example(self, examples: np.ndarray) -> torch.Tensor:
        """The same logits from the gathered rows of every member of examples, shape=(b, arity)."""
        from genoprot_evaluate.heads.products import linear

        members = [self._put(column) for column in examples.T]
        return self._above(
            [
                sum(linear(table.index_select(0, named), part) for named, part in zip(members, parts))
                for table, parts in zip(self.tables, self.first)
            ]
        )

    def all_logits(self, examples: np.ndarray) -> torch.Tensor:
        """Logits of any number of examples, shape=(heads, m), without gradient, in bounded memory."""
        import torch

        named, places = zip(*(np.unique(column, return_inverse=True) for column in examples.T))
        before = np.cumsum([0, *map(len, named)])
        places = np.stack([place + start for place, start in zip(places, before)], axis=1)
        with torch.no_grad():
            products = [self._products(head, named) for head in range(len(self.first))]
            parts = []
            for start in range(0, len(examples), _BLOCK):
                bag = self._put(places[start : start + _BLOCK])
                sums = [torch.nn.functional.embedding_bag(bag, rows, mode="sum") for rows in products]
                parts.append(self._above(sums))
            return torch.cat(parts, dim=1)

    def _products(self, head: int, named: Sequence[np.ndarray]) -> torch.Tensor:
        """First-layer products of the named rows of each member, one below the other, some at a time."""
        from genoprot_evaluate.heads.products import linear

        table, parts = self.tables[head], self.first[head]
        products = table.new_empty((sum(map(len, named)), len(parts[0])))
        place = 0
        for rows, part in zip(named, parts):
            for start in range(0, len(rows), _ROWS):
                some = table.index_select(0, self._put(rows[start : start + _ROWS]))
                products[place : place + len(some)] = linear(some, part)
                place += len(some)
        return products

    def _above(self, hidden: list[torch.Tensor]) -> torch.Tensor:
        import torch

        from genoprot_evaluate.heads.products import linear

        if len(hidden) == 1:
            flat = [stack[0] for stack in self.upper]
            x = hidden[0].add_(flat[0])
            for weight, bias in zip(flat[1::2], flat[2::2]):
                x = linear(x.relu_(), weight).add_(bias)
            return x.T
        x = torch.stack(hidden) + self.upper[0][:, None]
        for weight, bias in zip(self.upper[1::2], self.upper[2::2]):
            x = torch.baddbmm(bias[:, None], torch.relu(x), weight.transpose(1, 2))
        return x.squeeze(2)

    def _put(self, array: np.ndarray) -> torch.Tensor:
        import torch

        return torch.from_numpy(np.ascontiguousarray(array)).to(self.device)


def _filled(array: np.ndarray, step: int) -> np.ndarray:
    """The array with its first row repeated at the end, up to a multiple of `step` rows."""
    return np.concatenate([array, np.repeat(array[:1], -len(array) % step, axis=0)])
