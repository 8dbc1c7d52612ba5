"""The network of a head: its parameters and its logits."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from genoprot_datasets.seeding import generator
from genoprot_evaluate.heads.config import HeadConfig

if TYPE_CHECKING:
    import torch

__all__ = [
    "Layers",
    "all_logits",
    "initial_parameters",
    "logits_by_example",
    "logits_by_protein",
    "tensor",
]

Layers = list[tuple["torch.Tensor", "torch.Tensor"]]
"""Weight, shape=(outputs, inputs), and bias, shape=(outputs,), of every layer."""

_BLOCK = 8192


def tensor(array: np.ndarray) -> torch.Tensor:
    """A float32 copy in torch's own memory, whose alignment is always the same.

    Matrix products round differently on arrays that are aligned differently.
    """
    import torch

    return torch.from_numpy(np.asarray(array, dtype=np.float32)).clone(memory_format=torch.contiguous_format)


def initial_parameters(config: HeadConfig, inputs: int, seed: int) -> list[torch.Tensor]:
    """Weight and bias of every layer in turn, the last one with a single output."""
    rng = generator(seed, "initialisation")
    widths = (inputs, *config.hidden, 1)
    parameters = []
    for fan_in, outputs in zip(widths, widths[1:]):
        bound = 1 / math.sqrt(fan_in)
        for shape in ((outputs, fan_in), (outputs,)):
            parameters.append(tensor(rng.uniform(-bound, bound, size=shape)).requires_grad_())
    return parameters


def logits_by_example(layers: Layers, table: torch.Tensor, examples: torch.Tensor) -> torch.Tensor:
    """Logits of examples, shape=(batch, arity), from their gathered and concatenated rows."""
    import torch

    gathered = table.index_select(0, examples.reshape(-1)).view(len(examples), -1)
    weight, bias = layers[0]
    return _upper_layers(layers, torch.nn.functional.linear(gathered, weight, bias))


def logits_by_protein(layers: Layers, table: torch.Tensor, examples: torch.Tensor) -> torch.Tensor:
    """The same logits, with the first layer applied once to each row of the table."""
    import torch

    weight, hidden = layers[0]
    for member, part in enumerate(weight.chunk(examples.shape[1], dim=1)):
        hidden = hidden + torch.nn.functional.linear(table, part).index_select(0, examples[:, member])
    return _upper_layers(layers, hidden)


def _upper_layers(layers: Layers, hidden: torch.Tensor) -> torch.Tensor:
    import torch

    for weight, bias in layers[1:]:
        hidden = torch.nn.functional.linear(torch.relu(hidden), weight, bias)
    return hidden.squeeze(1)


def all_logits(layers: Layers, table: torch.Tensor, examples: torch.Tensor) -> torch.Tensor:
    """Logits of any number of examples, in blocks of bounded memory."""
    import torch

    return torch.cat([logits_by_example(layers, table, block) for block in examples.split(_BLOCK)])
