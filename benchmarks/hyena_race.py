"""Races HyenaDNA of the 160k shape against a plain forward pass by its equations, one length a batch."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from racing import in_child
from torch.nn import functional

from genoprot_evaluate.encoders.hyena_network import HyenaDNANetwork
from genoprot_evaluate.encoders.hyenadna import Hyena160K, tokenize

LENGTHS = (1_000, 2_000, 5_000, 10_000, 20_000, 40_000, 80_000, 160_000)
SHAPE = {"vocabulary": 16, "width": 256, "inner": 1_024, "taps": 3, "features": 5, "hidden": 64}
SHAPE |= {"filter_linears": 3, "longest": 160_002, "layers": 8}
TOLERANCE = 2e-5
SHORT = 10_000


def network() -> HyenaDNANetwork:
    """The network with random weights of the size of trained ones, the same in every process."""
    torch.manual_seed(0)
    made = HyenaDNANetwork(**SHAPE).requires_grad_(False).eval()
    for name, tensor in made.state_dict().items():
        if name.endswith("pos_emb.t"):
            tensor.copy_(torch.linspace(0, 1, SHAPE["longest"])[None, :, None])
        elif name.endswith("pos_emb.z"):
            angles = 2 * np.pi * torch.arange(SHAPE["longest"])[:, None] / SHAPE["longest"]
            waves = angles * torch.linspace(1e-4, 1, 2)
            time = torch.linspace(0, 1, SHAPE["longest"])[:, None]
            tensor.copy_(torch.cat([time, waves.cos(), -waves.sin()], dim=-1)[None])
        elif name.endswith("deltas"):
            tensor.copy_(torch.linspace(np.log(1e-2) / 1.5, np.log(1e-2) / 0.3, SHAPE["width"])[None, None])
        elif name.endswith("freq"):
            tensor.fill_(10.0)
        elif not name.endswith("norm1.weight") and "norm" not in name and "ln_f" not in name:
            tensor.copy_(tensor.shape[-1] ** -0.5 * torch.randn_like(tensor))
    return made


def published(weights: dict[str, torch.Tensor], ids: torch.Tensor) -> torch.Tensor:
    """States of one batch, by the equations: transforms of twice the length, filters as a whole."""
    length = ids.shape[1]
    states, residual = weights["embeddings.word_embeddings.weight"][ids], 0
    width = states.shape[-1]

    def norm(name: str, values: torch.Tensor) -> torch.Tensor:
        return functional.layer_norm(values, (width,), weights[f"{name}.weight"], weights[f"{name}.bias"])

    def linear(name: str, values: torch.Tensor) -> torch.Tensor:
        return functional.linear(values, weights[f"{name}.weight"], weights.get(f"{name}.bias"))

    for number in range(SHAPE["layers"]):
        place = f"layers.{number}."
        mixer, made = f"{place}mixer.", f"{place}mixer.filter_fn."
        residual = states + residual
        streams = linear(f"{mixer}in_proj", norm(f"{place}norm1", residual)).transpose(1, 2)
        short = weights[f"{mixer}short_filter.weight"]
        streams = functional.conv1d(
            streams, short, weights[f"{mixer}short_filter.bias"], padding=2, groups=3 * width
        )
        outer, inner, value = streams[..., :length].split(width, dim=1)
        hidden = weights[f"{made}pos_emb.z"][:, :length]
        for part in (0, 2, 4):
            hidden = torch.sin(weights[f"{made}freq"] * linear(f"{made}implicit_filter.{part}", hidden))
        kernel = linear(f"{made}implicit_filter.6", hidden)
        decay = -weights[f"{made}pos_emb.t"][:, :length] * weights[f"{made}modulation.deltas"].abs()
        kernel = (kernel * (torch.exp(decay) + 0.05))[0].T
        signal = value * inner
        spectrum = torch.fft.rfft(kernel, n=2 * length) / (2 * length)
        mixed = torch.fft.irfft(
            torch.fft.rfft(signal, n=2 * length) * spectrum, n=2 * length, norm="forward"
        )[..., :length]
        mixed = (mixed + signal * weights[f"{made}bias"][:, None]) * outer
        states = linear(f"{mixer}out_proj", mixed.transpose(1, 2))
        residual = states + residual
        inner = functional.gelu(
            linear(f"{place}mlp.fc1", norm(f"{place}norm2", residual)), approximate="tanh"
        )
        states = linear(f"{place}mlp.fc2", inner)
    return norm("ln_f", states + residual)


def sequences(lengths: Sequence[int]) -> list[str]:
    """Random bases of each length."""
    rng = np.random.default_rng(0)
    return ["".join(rng.choice(list("ACGT"), size=length)) for length in lengths]


def best(work: Callable[[list[str]], np.ndarray], texts: list[str]) -> tuple[float, np.ndarray]:
    """Least seconds on the processor of a few calls, and the vectors."""
    seconds = []
    for _ in range(8 if sum(map(len, texts)) <= SHORT else 2):
        started = time.process_time()
        vectors = work(texts)
        seconds.append(time.process_time() - started)
    return min(seconds), vectors


def genoprot(lengths: Sequence[int]) -> tuple[float, np.ndarray]:
    """Seconds and vectors, by this project."""
    encoder = Hyena160K(network(), device="cpu")
    return best(encoder.embed, sequences(lengths))


def plain(lengths: Sequence[int]) -> tuple[float, np.ndarray]:
    """Seconds and vectors, by the plain pass over one sequence after the other."""
    weights = network().state_dict()

    def embed(texts: list[str]) -> np.ndarray:
        with torch.inference_mode():
            return np.stack(
                [published(weights, torch.tensor([tokenize(text)])).mean(dim=1)[0].numpy() for text in texts]
            )

    return best(embed, sequences(lengths))


def nothing(lengths: Sequence[int]) -> tuple[float, np.ndarray]:
    """What a process has in memory before it computes: the weights and the sequences."""
    kept = (network(), sequences(lengths))
    return 0.0, np.array([len(kept)])


def main() -> None:
    """Run the race and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lengths", type=int, nargs="+", default=LENGTHS)
    args = parser.parse_args()
    for lengths in [*([length] for length in args.lengths), list(args.lengths)]:
        (_, _), base = in_child(nothing, lengths)
        (seconds, found), peak = in_child(genoprot, lengths)
        (other, expected), other_peak = in_child(plain, lengths)
        difference = float(np.abs(found - expected).max())
        assert difference <= TOLERANCE, f"vectors differ by {difference:.1e}"
        name = f"{lengths[0]:,} bases" if len(lengths) == 1 else "all together"
        print(
            f"{name:>16}  {seconds:7.2f} s, {peak / 1e9:5.2f} GB   plain {other:7.2f} s, "
            f"{other_peak / 1e9:5.2f} GB   ratio {other / seconds:4.1f}, memory beyond the weights "
            f"{(other_peak - base) / max(peak - base, 1):4.1f}   difference {difference:.0e}"
        )


if __name__ == "__main__":
    main()
