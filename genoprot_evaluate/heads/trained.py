"""A trained head: its weights, what is known of its training, its predictions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genoprot_evaluate.heads.config import HeadConfig
from genoprot_evaluate.heads.network import Network
from genoprot_evaluate.heads.standardisation import standardised_table, used_rows

__all__ = ["TrainedHead", "scored_orders"]


@dataclass(frozen=True, eq=False)
class TrainedHead:
    """A head with the weights of its best epoch.

    Parameters
    ----------
    config : HeadConfig
    layers : tuple of (ndarray, ndarray)
        Weight, shape=(outputs, inputs), and bias, shape=(outputs,), of every layer; float32, or of the
        precision of the training.
    mean, scale : ndarray, shape=(d,), dtype=float32
        What the columns of the vectors are centred and divided by.
    epochs, best_epoch : int
        Epochs that were run, and the one, counted from 1, whose weights were kept.
    validation_loss, validation_accuracy : float
        Cross-entropy in nats and accuracy on the validation fold, at the best epoch.
    held_out : ndarray, shape=(k,), dtype=int64
        Numbers of the train examples of the validation fold, rising.
    held_out_probability : ndarray, shape=(k,), dtype=float64
        Probability of class 1 of each of them, at the best epoch.
    fitted_examples, validation_examples : int
    validation_note : str or None
        Why the examples were not divided as `HeadConfig.validation` asks.
    """

    config: HeadConfig
    layers: tuple[tuple[np.ndarray, np.ndarray], ...]
    mean: np.ndarray
    scale: np.ndarray
    epochs: int
    best_epoch: int
    validation_loss: float
    validation_accuracy: float
    held_out: np.ndarray
    held_out_probability: np.ndarray
    fitted_examples: int
    validation_examples: int
    validation_note: str | None

    def predict_proba(self, vectors: np.ndarray, examples: np.ndarray, *, device: str = "cpu") -> np.ndarray:
        """Probability of class 1.

        Parameters
        ----------
        vectors : ndarray, shape=(n, d), dtype=float32
            As the encoder gave them; they are standardised here.
        examples : ndarray, shape=(m, arity), dtype=int64
            Rows of `vectors`: one for a question about a record, two for a pair.
        device : str
            Where torch computes.

        Returns
        -------
        ndarray, shape=(m,), dtype=float64
        """
        import torch

        used, local = used_rows(examples)
        precision = str(self.layers[0][0].dtype)
        table = standardised_table(vectors, used, self.mean, self.scale, precision).to(device)
        network = Network([self.layers], [table[None]])
        logits = network.all_logits(network.place(local)).cpu()
        return torch.sigmoid(logits[0].double()).numpy()


def scored_orders(
    head: TrainedHead, vectors: np.ndarray, examples: np.ndarray, *, device: str = "cpu"
) -> np.ndarray:
    """Probability of class 1 in the orders of a pair that `HeadConfig.symmetric` asks for.

    Parameters
    ----------
    head : TrainedHead
    vectors : ndarray, shape=(n, d), dtype=float32
    examples : ndarray, shape=(m, arity), dtype=int64
    device : str

    Returns
    -------
    ndarray, shape=(1 or 2, m), dtype=float64
        One row, or a second one with the members of each pair exchanged; the mean over rows is what counts.
    """
    orders = [examples]
    if head.config.symmetric and examples.shape[1] == 2:
        orders.append(examples[:, ::-1])
    return np.stack([head.predict_proba(vectors, one, device=device) for one in orders])
