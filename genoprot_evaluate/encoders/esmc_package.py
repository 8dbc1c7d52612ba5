"""The network of ESM C in the package `esm` of its authors, where that is installed.

The package asks for an older transformers than this project, and works with the newer one all the same;
``docs/how-to/get-weights.md`` tells how to install it into an environment of its own.
"""

from __future__ import annotations

from importlib.util import find_spec
from types import SimpleNamespace

import torch
from torch import nn

from genoprot_datasets.errors import GenoProtError
from genoprot_evaluate.encoders.residues import PAD

__all__ = ["PackagedEsmc", "package_is_there"]


def package_is_there() -> bool:
    """Whether the package `esm` has ESM C; nothing of it is imported."""
    try:
        return find_spec("esm.models.esmc") is not None
    except (ImportError, ValueError):
        return False


class PackagedEsmc(nn.Module):
    """The package's network with the interface of `transformers.EsmcModel`, as far as `EsmC` uses it.

    Parameters
    ----------
    width, heads, layers : int

    Raises
    ------
    GenoProtError
        If the package is not installed, or cannot be imported.
    """

    def __init__(self, width: int, heads: int, layers: int) -> None:
        super().__init__()
        if not package_is_there():
            raise GenoProtError("the package esm is not installed here; see docs/how-to/get-weights.md")
        try:
            from esm.models.esmc import ESMC
        except ImportError as error:
            raise GenoProtError(f"the package esm cannot be imported ({error})") from None
        self.config = SimpleNamespace(hidden_size=width)
        # Of the tokenizer the network only asks what padding is.
        self.network = ESMC(width, heads, layers, SimpleNamespace(pad_token_id=PAD), use_flash_attn=False)
        self.network.sequence_head = nn.Identity()

    @property
    def layers(self) -> nn.ModuleList:
        """Blocks of the network."""
        return self.network.transformer.blocks

    def cut(self, layer: int) -> None:
        """Drop the blocks behind a layer, and the final normalisation."""
        stack = self.network.transformer
        stack.blocks, stack.norm = stack.blocks[:layer], nn.Identity()

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> SimpleNamespace:
        """States behind the final normalisation, as the attribute `last_hidden_state`."""
        if not len(self.layers):
            return SimpleNamespace(last_hidden_state=self.network.embed(input_ids))
        output = self.network(sequence_tokens=input_ids, sequence_id=attention_mask.bool())
        return SimpleNamespace(last_hidden_state=output.embeddings)
