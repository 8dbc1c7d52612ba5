"""Every choice made in training a head."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from genoprot_datasets.errors import GenoProtError

__all__ = [
    "BATCHES",
    "INITIALISATIONS",
    "OPTIMISERS",
    "STANDARDISATIONS",
    "VALIDATIONS",
    "HeadConfig",
]

BATCHES = ("blocks", "shuffled")
"""How the examples of an epoch can be divided into batches."""

INITIALISATIONS = ("uniform-fan-in", "uniform-glorot", "normal-he")
"""What the first weights can be drawn from."""

OPTIMISERS = ("adam", "adamw", "sgd")
"""What can follow the gradient."""

STANDARDISATIONS = ("train-proteins", "none")
"""How the columns of the vectors can be centred and scaled."""

VALIDATIONS = ("pairs", "proteins")
"""What can be held out for validation."""


@dataclass(frozen=True)
class HeadConfig:
    """Every choice made in training a head.

    Width, depth, activation, epochs and patience are the paper's; it leaves the others open.

    Parameters
    ----------
    hidden : tuple of int
        Widths of the hidden layers, each followed by a ReLU.
    epochs : int
        Epochs at most.
    patience : int
        Training stops after so many epochs without a lower validation loss; the weights of the epoch
        with the lowest one are kept.
    optimiser : {"adam", "adamw", "sgd"}
        Name of the optimiser. The moments of the first two decay with 0.9 and 0.999; gradient descent has a
        momentum of 0.9.
    learning_rate : float
    weight_decay : float
        L2 penalty, added to the gradient; with ``adamw`` the share of a weight, times the learning rate,
        that each step takes away.
    batch_fraction : float
        Share of the examples that make a batch, kept within `smallest_batch` and `largest_batch`.
    smallest_batch, largest_batch : int
    batches : {"blocks", "shuffled"}
        How pairs are divided into batches: the pairs between two random groups of proteins, or random pairs;
        see `heads.batches`. Where blocks save nothing, and for single records, batches are shuffled.
    initialisation : {"uniform-fan-in", "uniform-glorot", "normal-he"}
        Weights and biases are uniform within 1/sqrt(inputs) of zero, or within sqrt(6/(inputs + outputs)); or
        weights are normal with variance 2/inputs and biases zero.
    standardisation : {"train-proteins", "none"}
        Columns are centred and scaled with the mean and standard deviation over the proteins of the
        train examples, each counted once; a column without variance is centred only. Or they are left alone.
    validation : {"pairs", "proteins"}
        What is held out to stop early: examples, or proteins with all their pairs; see `heads.folds`.
    validation_fraction : float
        Share of the train examples held out, stratified by label; of the pairs whose two proteins are
        held out, as near to it as proteins allow.
    seeds : int
        Heads that are trained for a cell, each with a validation fold, first weights and batches of its own.
        The first one's predictions count; the others show how much the score depends on chance in training.
    symmetric : bool
        Whether a pair is scored in both orders and the two probabilities are averaged.

    Examples
    --------
    >>> HeadConfig().batch_size(800), HeadConfig().batch_size(40_000), HeadConfig().batch_size(200_000)
    (32, 800, 4000)
    """

    hidden: tuple[int, ...] = (512, 128, 64)
    epochs: int = 50
    patience: int = 5
    optimiser: str = "adam"
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    batch_fraction: float = 0.02
    smallest_batch: int = 32
    largest_batch: int = 4096
    batches: str = "blocks"
    initialisation: str = "uniform-fan-in"
    standardisation: str = "train-proteins"
    validation: str = "pairs"
    validation_fraction: float = 0.1
    seeds: int = 1
    symmetric: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "hidden", tuple(self.hidden))
        rules = {
            "hidden": bool(self.hidden) and min(self.hidden) >= 1,
            "epochs": self.epochs >= 1,
            "patience": self.patience >= 1,
            "optimiser": self.optimiser in OPTIMISERS,
            "learning_rate": self.learning_rate > 0,
            "weight_decay": self.weight_decay >= 0,
            "batch_fraction": 0 < self.batch_fraction <= 1,
            "smallest_batch": self.smallest_batch >= 1,
            "largest_batch": self.largest_batch >= self.smallest_batch,
            "batches": self.batches in BATCHES,
            "initialisation": self.initialisation in INITIALISATIONS,
            "standardisation": self.standardisation in STANDARDISATIONS,
            "validation": self.validation in VALIDATIONS,
            "validation_fraction": 0 < self.validation_fraction < 1,
            "seeds": self.seeds >= 1,
            "symmetric": isinstance(self.symmetric, bool),
        }
        for name, holds in rules.items():
            if not holds:
                raise GenoProtError(f"head: {name} cannot be {getattr(self, name)!r}")

    def batch_size(self, examples: int) -> int:
        """Examples per batch when a head is fitted to `examples` of them."""
        return min(self.largest_batch, max(self.smallest_batch, round(self.batch_fraction * examples)))

    def to_dict(self) -> dict[str, Any]:
        """The choices as JSON values."""
        return asdict(self) | {"hidden": list(self.hidden)}

    @classmethod
    def from_dict(cls, choices: Mapping[str, Any]) -> HeadConfig:
        """The inverse of `to_dict`; choices left out take their defaults.

        Raises
        ------
        GenoProtError
            If a choice is unknown or its value cannot be used.
        """
        known = {field.name for field in fields(cls)}
        for name in choices:
            if name not in known:
                raise GenoProtError(f"head: unknown choice {name!r}; there are {', '.join(sorted(known))}")
        return cls(**choices)
