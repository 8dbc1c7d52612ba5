"""The network of one head, or of several side by side: parameters and logits."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from genoprot_datasets.seeding import generator
from genoprot_evaluate.heads.batches import Batch
from genoprot_evaluate.heads.config import HeadConfig
from genoprot_evaluate.heads.transfer import placed

if TYPE_CHECKING:
    import torch

__all__ = ["Examples", "Network", "Stack", "initial_layers"]

# Rows and examples at a time where no gradient is needed. A processor's caches hold few, a device is only
# busy with many.
_ROWS, _ROWS_APART = 1024, 4096
_EXAMPLES, _EXAMPLES_APART = 2048, 8192
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


class Examples(NamedTuple):
    """Examples on the device of a network, to be scored any number of times.

    Parameters
    ----------
    rows : sequence of Tensor, shape=(k,), dtype=int64
        By member: rows of the table that the first layer is applied to.
    places : Tensor, shape=(m, arity), dtype=int64
        Where the members of each example are among the rows of that member.
    """

    rows: Sequence[torch.Tensor]
    places: torch.Tensor


class Stack(NamedTuple):
    """A parameter of several heads.

    Parameters
    ----------
    key : tuple
        Tells it from the other stacks of the network, also of one from which heads were taken away.
    heads : list of int
        Places of the heads in the network.
    values : Tensor, shape=(heads, outputs, inputs) or (heads, outputs)
    """

    key: tuple[str, int, int]
    heads: list[int]
    values: torch.Tensor


class _Group(NamedTuple):
    """Heads of one width, with their vectors, shape=(heads, proteins, d), and a weight for each member."""

    heads: int
    table: torch.Tensor
    first: list[torch.Tensor]


class Network:
    """Heads of the same hidden widths, each with its own table of vectors.

    Several heads are computed as products of stacked matrices, the first layers of those with vectors of the
    same width; how many operations that takes does not depend on how many heads there are, but on how many
    widths. A single head is computed without stacking.

    Parameters
    ----------
    heads : sequence of layers
        By head: weight, shape=(outputs, inputs), and bias, shape=(outputs,), of every layer; of the dtype of
        the tables. Heads of the same width stand side by side.
    tables : sequence of Tensor, shape=(heads, proteins, d)
        By width: standardised vectors of its heads, on the device of the network.
    """

    def __init__(self, heads: Sequence[LayerArrays], tables: Sequence[torch.Tensor]) -> None:
        import torch

        self.device = tables[0].device
        self.single = len(heads) == 1

        def parameter(arrays: Sequence[np.ndarray]) -> torch.Tensor:
            # A copy in torch's own memory: products round differently on arrays that are aligned differently.
            stacked = torch.from_numpy(arrays[0] if self.single else np.stack(arrays))
            # Stacked weights lie with the inputs first, as their gradients come out of a stack's products.
            ordered = stacked.transpose(1, 2) if stacked.ndim == 3 else stacked
            own = ordered.clone(memory_format=torch.contiguous_format)
            return own.to(self.device).requires_grad_()

        self.groups: list[_Group] = []
        place = 0
        for table in tables:
            some, width = heads[place : place + len(table)], table.shape[2]
            # One matrix for each member of an example.
            members = range(some[0][0][0].shape[1] // width)
            first = [
                parameter([layers[0][0][:, m * width : (m + 1) * width] for layers in some]) for m in members
            ]
            self.groups.append(_Group(len(some), table, first))
            place += len(some)
        self.upper = [parameter([layers[0][1] for layers in heads])]
        for number in range(1, len(heads[0])):
            for part in (0, 1):
                self.upper.append(parameter([layers[number][part] for layers in heads]))

    def parameters(self) -> list[torch.Tensor]:
        """Every first weight, then bias and stacked weights and biases of the layers above."""
        return [*(part for group in self.groups for part in group.first), *self.upper]

    def stacks(self) -> Iterator[Stack]:
        """The parameters, and whose they are: first weights by width and member, then the layers above."""
        place = 0
        for group in self.groups:
            heads = list(range(place, place + group.heads))
            for member, part in enumerate(group.first):
                yield Stack(("first", group.table.shape[2], member), heads, self._stacked(part))
            place += group.heads
        for number, part in enumerate(self.upper):
            yield Stack(("upper", number, 0), list(range(place)), self._stacked(part))

    def keep(self, heads: Sequence[int], optimiser: torch.optim.Optimizer) -> None:
        """Go on with some of the heads; the optimiser's moments of the others are forgotten too.

        Parameters
        ----------
        heads : sequence of int
            Their places, rising.
        optimiser : torch.optim.Optimizer
        """
        import torch

        def smaller(stack: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
            moments = optimiser.state.pop(stack)
            kept = stack.detach().index_select(0, rows).requires_grad_()
            optimiser.state[kept] = {
                name: value.index_select(0, rows) if value.shape == stack.shape else value
                for name, value in moments.items()
            }
            return kept

        groups, place = [], 0
        for group in self.groups:
            own = [head - place for head in heads if place <= head < place + group.heads]
            place += group.heads
            if len(own) in (0, group.heads):
                groups += [group] if own else []
                continue
            rows = torch.tensor(own, device=self.device)
            table = group.table.index_select(0, rows)
            groups.append(_Group(len(own), table, [smaller(part, rows) for part in group.first]))
        rows = torch.tensor(list(heads), device=self.device)
        self.groups, self.upper = groups, [smaller(stack, rows) for stack in self.upper]
        for weight in set(optimiser.state) - set(self.parameters()):
            del optimiser.state[weight]
        optimiser.param_groups[0]["params"] = self.parameters()

    def logits_by_row(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits of a batch, with the first layer applied once to each of its rows.

        Since ``W [a; b] = W_a a + W_b b``, and an example's sum is one row of an embedding bag.

        Returns
        -------
        logits : Tensor, shape=(heads, b)
        chosen : Tensor, shape=(b,)
            `Batch.chosen` on the device.
        """
        import torch

        places, chosen = batch.places, batch.chosen
        proteins = self.groups[0].table.shape[1]
        named, sizes = [None] * len(batch.rows), [proteins] * len(batch.rows)
        if batch.rows[0] is None:
            places, offsets, chosen = placed([places, self._offsets(sizes, sizes), chosen], self.device)
        else:
            filled = [_filled(rows, _ROW_STEP) for rows in batch.rows]
            sizes = [len(rows) for rows in filled]
            offsets = self._offsets(sizes, [len(rows) for rows in batch.rows])
            *named, places, offsets, chosen = placed(
                [*filled, _filled(places, _EXAMPLE_STEP), offsets, chosen], self.device
            )
        products = [
            self._product(group, member, rows) for group in self.groups for member, rows in enumerate(named)
        ]
        sums = self._sums(
            torch.cat(products if self.single else [p.flatten(0, 1) for p in products]), places, offsets
        )
        return self._above(sums)[:, : len(chosen)], chosen

    def logits_by_example(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """The same from the gathered rows of every member of the examples, which `Batch.places` names."""
        import torch

        *members, chosen = placed([*batch.places.T, batch.chosen], self.device)
        hidden = [
            sum(self._product(group, member, rows) for member, rows in enumerate(members))
            for group in self.groups
        ]
        return self._above(hidden[0] if len(hidden) == 1 else torch.cat(hidden)), chosen

    def place(self, examples: np.ndarray) -> Examples:
        """Examples, shape=(m, arity), on the device, for `all_logits`."""
        named, places = zip(*(np.unique(column, return_inverse=True) for column in examples.T))
        *rows, places = placed([*named, np.stack(places, axis=1)], self.device)
        return Examples(rows, places)

    def all_logits(self, examples: Examples) -> torch.Tensor:
        """Logits of any number of examples, shape=(heads, m), without gradient, in bounded memory."""
        import torch

        apart = self.device.type != "cpu"
        sizes = [len(rows) for rows in examples.rows]
        (offsets,) = placed([self._offsets(sizes, [0] * len(sizes))], self.device)
        with torch.no_grad():
            products = self._all_products(examples.rows, _ROWS_APART if apart else _ROWS)
            some = examples.places.split(_EXAMPLES_APART if apart else _EXAMPLES)
            return torch.cat([self._above(self._sums(products, one, offsets)) for one in some], dim=1)

    def _product(self, group: _Group, member: int, rows: torch.Tensor | None) -> torch.Tensor:
        """First-layer products of some rows, or all, of a group's tables."""
        import torch

        from genoprot_evaluate.heads.products import linear

        weight = group.first[member]
        if self.single:
            table = group.table[0]
            return linear(table if rows is None else table.index_select(0, rows), weight)
        some = group.table if rows is None else group.table.index_select(1, rows)
        return torch.bmm(some, weight)

    def _all_products(self, named: Sequence[torch.Tensor], step: int) -> torch.Tensor:
        """First-layer products of the named rows of each member, one below the other, some at a time."""
        table, outputs = self.groups[0].table, self.upper[0].shape[-1]
        heads = sum(group.heads for group in self.groups)
        products = table.new_empty((heads * sum(map(len, named)), outputs))
        place = 0
        for group in self.groups:
            for member, rows in enumerate(named):
                own = products[place : place + group.heads * len(rows)].view(group.heads, len(rows), outputs)
                for start in range(0, len(rows), step):
                    some = slice(start, start + step)
                    own[:, some] = self._product(group, member, rows[some])
                place += group.heads * len(rows)
        return products

    def _offsets(self, sizes: Sequence[int], given: Sequence[int]) -> np.ndarray:
        """What to add to a place to find it in the products of a head, shape=(heads, arity).

        Parameters
        ----------
        sizes : sequence of int
            Rows of each member; products are ordered by group, member, head of the group and row.
        given : sequence of int
            Rows of each member among which the places count from the first member's first row; zeros where
            each member's places count from its own first row.
        """
        before, counted = (np.cumsum([0, *some[:-1]]) for some in (sizes, given))
        found, place = [], 0
        for group in self.groups:
            own = np.arange(group.heads)[:, None] * np.array(sizes)
            found.append(place * sum(sizes) + group.heads * before + own - counted)
            place += group.heads
        return np.concatenate(found)

    def _sums(self, products: torch.Tensor, places: torch.Tensor, offsets: torch.Tensor) -> torch.Tensor:
        """Sum over the members of each example, shape=([heads,] b, outputs)."""
        from torch.nn.functional import embedding_bag

        if self.single:
            return embedding_bag(places + offsets, products, mode="sum")
        bags = (places + offsets[:, None]).flatten(0, 1)
        return embedding_bag(bags, products, mode="sum").view(len(offsets), -1, products.shape[1])

    def _above(self, x: torch.Tensor) -> torch.Tensor:
        """Logits, shape=(heads, b), from the sums of the first layer, which are overwritten."""
        import torch

        from genoprot_evaluate.heads.products import linear

        first, *above = self.upper
        if self.single:
            x = x.add_(first)
            for weight, bias in zip(above[::2], above[1::2]):
                x = linear(x.relu_(), weight).add_(bias)
            return x.T
        x = x.add_(first[:, None])
        for weight, bias in zip(above[::2], above[1::2]):
            x = torch.baddbmm(bias[:, None], x.relu_(), weight)
        return x.squeeze(2)

    def _stacked(self, values: torch.Tensor) -> torch.Tensor:
        values = values.detach()
        if self.single:
            return values[None]
        return values.transpose(1, 2) if values.ndim == 3 else values


def _filled(array: np.ndarray, step: int) -> np.ndarray:
    """The array with its first row repeated at the end, up to a multiple of `step` rows."""
    return np.concatenate([array, np.repeat(array[:1], -len(array) % step, axis=0)])
