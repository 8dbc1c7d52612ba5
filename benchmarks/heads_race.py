"""Races the training of one head against three peers that read every pair, and prints what each learned.

All of them have the same layers, batch, epochs and precision, float32, validate on a tenth of the pairs
after each epoch and end with the weights of the best one. Everybody computes with one thread, and the clock
counts the processor time of the process, so that others on the machine disturb it little. Set
OMP_NUM_THREADS=1 and OPENBLAS_NUM_THREADS=1.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np
from planted_pairs import PlantedPairs, planted_pairs
from racing import in_child

from genoprot_evaluate.heads import HeadConfig, divide_examples, train_head

PAIRS, WIDTH = 200_000, 1_152
HIDDEN = (512, 128, 64)
DIRECT_BATCHES = (1_024, 3_600, 8_192)


def own(data: PlantedPairs, epochs: int, batches: str) -> float:
    """Share of the test pairs that this project's head gets right."""
    config = HeadConfig(epochs=epochs, patience=epochs, batches=batches)
    head = train_head(data.vectors, data.train, data.train_labels, config=config)
    return float(((head.predict_proba(data.vectors, data.test) > 0.5) == data.test_labels).mean())


def divided(data: PlantedPairs) -> tuple[np.ndarray, ...]:
    """Pairs and labels to fit to, pairs and labels to validate on, as this project divides them."""
    fold = divide_examples(data.train, data.train_labels, HeadConfig(), 0)
    parts = (fold.fitted, fold.held_out)
    return tuple(array[rows] for rows in parts for array in (data.train, data.train_labels))


def standardised(data: PlantedPairs) -> np.ndarray:
    """Vectors with columns of mean 0 and standard deviation 1."""
    rows = np.unique(data.train)
    return (data.vectors - data.vectors[rows].mean(axis=0)) / data.vectors[rows].std(axis=0)


def network(inputs: int):
    """The head as anybody would write it."""
    import torch

    widths = (inputs, *HIDDEN, 1)
    layers = []
    for fan_in, outputs in zip(widths, widths[1:]):
        layers += [torch.nn.Linear(fan_in, outputs), torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def direct(data: PlantedPairs, epochs: int, batch: int) -> float:
    """A loop that gathers the rows of each pair and multiplies."""
    import torch

    torch.manual_seed(0)
    table = torch.from_numpy(standardised(data))
    pairs, labels, held_out, held_out_labels = (torch.from_numpy(a) for a in divided(data))
    model = network(2 * data.vectors.shape[1])
    optimiser = torch.optim.Adam(model.parameters(), fused=True)
    loss = torch.nn.BCEWithLogitsLoss()

    def logits_of(some):
        with torch.no_grad():
            return torch.cat([model(table[rows].flatten(1)).squeeze(1) for rows in some.split(4_096)])

    best = Best(model)
    for _ in range(epochs):
        for rows in torch.randperm(len(pairs)).split(batch):
            optimiser.zero_grad()
            logits = model(table[pairs[rows]].flatten(1)).squeeze(1)
            loss(logits, labels[rows].float()).backward()
            optimiser.step()
        best.see(loss(logits_of(held_out), held_out_labels.float()))
    best.restore()
    return float(((logits_of(torch.from_numpy(data.test)) > 0).numpy() == data.test_labels).mean())


def loader(data: PlantedPairs, epochs: int, batch: int) -> float:
    """A `DataLoader` over a matrix with a row per pair."""
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    torch.manual_seed(0)
    table = standardised(data)
    pairs, labels, held_out, held_out_labels = divided(data)

    def dataset(some: np.ndarray, classes: np.ndarray) -> TensorDataset:
        matrix = torch.from_numpy(table[some].reshape(len(some), -1))
        return TensorDataset(matrix, torch.from_numpy(classes.astype(np.float32)))

    fit = DataLoader(dataset(pairs, labels), batch_size=batch, shuffle=True)
    validation = DataLoader(dataset(held_out, held_out_labels), batch_size=4_096)
    model = network(2 * data.vectors.shape[1])
    optimiser = torch.optim.Adam(model.parameters())
    loss = torch.nn.BCEWithLogitsLoss()
    best = Best(model)
    for _ in range(epochs):
        for features, wanted in fit:
            optimiser.zero_grad()
            loss(model(features).squeeze(1), wanted).backward()
            optimiser.step()
        with torch.no_grad():
            best.see(sum(loss(model(some).squeeze(1), wanted) * len(some) for some, wanted in validation))
    best.restore()
    test = DataLoader(dataset(data.test, data.test_labels), batch_size=4_096)
    with torch.no_grad():
        logits = torch.cat([model(rows).squeeze(1) for rows, _ in test])
    return float(((logits > 0).numpy() == data.test_labels).mean())


class Best:
    """The weights of the epoch with the lowest validation loss."""

    def __init__(self, model) -> None:
        self.model, self.loss, self.weights = model, float("inf"), None

    def see(self, loss) -> None:
        """Keep the weights if the loss is the lowest so far."""
        if float(loss) < self.loss:
            self.loss = float(loss)
            self.weights = {name: weight.clone() for name, weight in self.model.state_dict().items()}

    def restore(self) -> None:
        """Give the model the weights that were kept."""
        self.model.load_state_dict(self.weights)


def scikit_learn(data: PlantedPairs, epochs: int, batch: int) -> float:
    """`MLPClassifier` on a matrix with a row per pair; it divides the pairs by itself, in the same shares."""
    import warnings

    from sklearn.neural_network import MLPClassifier

    table = standardised(data)
    model = MLPClassifier(
        HIDDEN,
        alpha=0.0,
        batch_size=batch,
        max_iter=epochs,
        early_stopping=True,
        validation_fraction=0.1,
        n_iter_no_change=epochs + 1,
        random_state=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(table[data.train].reshape(len(data.train), -1), data.train_labels)
    return float((model.predict(table[data.test].reshape(len(data.test), -1)) == data.test_labels).mean())


CONTENDERS = {
    "blocks": lambda data, epochs, batch: own(data, epochs, "blocks"),
    "shuffled": lambda data, epochs, batch: own(data, epochs, "shuffled"),
    "direct loop": direct,
    "DataLoader": loader,
    "MLPClassifier": scikit_learn,
}


def contest(name: str, pairs: int, width: int, epochs: int, batch: int) -> tuple[float, float, int]:
    """Processor seconds, accuracy, and by how many bytes training raised the peak of resident memory."""
    import torch

    torch.set_num_threads(1)
    data = planted_pairs(pairs, width)
    # Modules that a contender needs anyway are loaded before its memory counts.
    CONTENDERS[name](planted_pairs(2_000, 16, 300, 100), 1, 200)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.process_time()
    accuracy = CONTENDERS[name](data, epochs, batch)
    seconds = time.process_time() - started
    return seconds, accuracy, 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)


def main() -> None:
    """Run the race and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--width", type=int, default=WIDTH)
    parser.add_argument("--epochs", type=int, default=5)
    args = parser.parse_args()

    batch = HeadConfig().batch_size(round(0.9 * args.pairs))
    tried = {}
    for size in DIRECT_BATCHES:
        (tried[size], _, _), _ = in_child(contest, "direct loop", args.pairs, args.width, 1, size)
    best = min(tried, key=tried.get)
    print("direct loop, one epoch: " + ", ".join(f"{t:.1f} s at batch {size:,}" for size, t in tried.items()))
    results = {}
    for name in CONTENDERS:
        size = best if name == "direct loop" else batch
        results[name], _ = in_child(contest, name, args.pairs, args.width, args.epochs, size)
        seconds, accuracy, grown = results[name]
        print(
            f"{name:<14} batch {size:5,} {seconds:8.1f} s  accuracy {accuracy:.4f}  "
            f"memory +{grown / 1e6:7,.0f} MB  ratio {seconds / results['blocks'][0]:5.2f}",
            flush=True,
        )
    seconds, accuracy, grown = results["blocks"]
    for name, (_, other, more) in results.items():
        points = 100 * (accuracy - other)
        print(f"{name:<14} difference in accuracy {points:+.2f} points, memory x {more / grown:.1f}")


if __name__ == "__main__":
    main()
