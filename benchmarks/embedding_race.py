"""Races the embedding engine against plain loops over batches, with the same weights, on the same proteins.

On a processor the encoder has the shape of ESM-2 8M, and the peers are a loop in input order with batches of
16, and batches of 32 of sequences sorted by length, as `sentence-transformers` has them. With
``--device cuda`` it has the shape of ESM C 300M in bfloat16, and the first peer is the official loop, one
sequence at a time.
"""

from __future__ import annotations

import argparse
import gzip
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from racing import in_child, timed
from safetensors.torch import save_file

from genoprot_evaluate.embed.budget import calibrate, set_budget
from genoprot_evaluate.embed.precision import matrix_rates
from genoprot_evaluate.encoders import load_encoder
from genoprot_evaluate.encoders.apply import embed_sequences

RESIDUES = "ACDEFGHIKLMNPQRSTVWY"
MEDIAN, SPREAD = 360, 0.8
"""Of a log-normal distribution that is close to the lengths of human proteins."""

ENCODERS = {"cpu": "esm2-8m", "cuda": "esmc-300m"}
DTYPES = {"cpu": "float32", "cuda": "bfloat16"}
LOOPS = {"cpu": {"input order": (16, False), "sorted": (32, True)}}
LOOPS["cuda"] = {"input order": (1, False), "sorted": (32, True)}
TOLERANCE = {"float32": 2e-5, "bfloat16": 5e-2}


def proteins(count: int, longest: int, fasta: str | None) -> list[str]:
    """Proteins of a FASTA file, or of drawn lengths and residues; the same for the same arguments."""
    rng = np.random.default_rng(0)
    if fasta is not None:
        with gzip.open(fasta, "rt") if fasta.endswith(".gz") else open(fasta) as handle:
            records = handle.read().split(">")[1:]
        texts = ["".join(record.splitlines()[1:]) for record in records]
        return [texts[row][:longest] for row in rng.permutation(len(texts))[:count]]
    lengths = rng.lognormal(np.log(MEDIAN), SPREAD, size=count).clip(30, longest).astype(int)
    return ["".join(rng.choice(list(RESIDUES), size=length)) for length in lengths]


def write_weights(name: str, folder: Path) -> None:
    """Random weights of the released shape."""
    torch.manual_seed(0)
    if name == "esm2-8m":
        from transformers import EsmConfig, EsmModel

        config = EsmConfig(
            vocab_size=33,
            hidden_size=320,
            intermediate_size=1280,
            num_hidden_layers=6,
            num_attention_heads=20,
            position_embedding_type="rotary",
            token_dropout=True,
            pad_token_id=1,
            mask_token_id=32,
        )
        model = EsmModel(config, add_pooling_layer=False)
    else:
        from transformers import EsmcConfig, EsmcModel

        config = EsmcConfig(
            vocab_size=64,
            hidden_size=960,
            intermediate_size=2560,
            num_hidden_layers=30,
            num_attention_heads=15,
        )
        model = EsmcModel(config)
    save_file(model.state_dict(), folder / "model.safetensors")


def loop(encoder, sequences: Sequence[str], size: int, by_length: bool) -> np.ndarray:
    """Padded batches of so many sequences through the model, and the mean over residues."""
    order = np.arange(len(sequences))
    if by_length:
        order = np.argsort([-len(sequence) for sequence in sequences], kind="stable")
    vectors = np.empty((len(sequences), encoder.spec.dimension), dtype=np.float32)
    device = encoder.device
    for start in range(0, len(order), size):
        rows = [torch.tensor(encoder.tokenize(sequences[row])) for row in order[start : start + size]]
        ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=1).to(device)
        lengths = torch.tensor([len(row) for row in rows], device=device)[:, None]
        place = torch.arange(ids.shape[1], device=device)
        with torch.inference_mode():
            states = encoder.model(
                input_ids=ids, attention_mask=(place < lengths).long()
            ).last_hidden_state.float()
            counted = ((place > 0) & (place < lengths - 1))[:, :, None]
            means = (states * counted).sum(dim=1) / counted.sum(dim=1)
        vectors[order[start : start + size]] = means.cpu().numpy()
    return vectors


def contest(
    contender: str, device: str, weights: str, sequences: list[str]
) -> tuple[float, np.ndarray, dict]:
    """Seconds, vectors, and what is known of the run."""
    encoder = load_encoder(ENCODERS[device], weights=weights, device=device)
    encoder.cast(DTYPES[device])
    longest = sorted(sequences, key=len)[-2:]
    if contender != "genoprot":
        size, by_length = LOOPS[device][contender]
        loop(encoder, longest, size, by_length)
        before = time.process_time()
        seconds, vectors = timed(loop, encoder, sequences, size, by_length)
        facts = {"processor": round(time.process_time() - before, 1)}
        return seconds, vectors, facts | device_peak(device)
    lengths = np.array([len(sequence) for sequence in sequences])
    budget = calibrate(encoder, lengths, lambda rows: [sequences[row] for row in rows])
    set_budget(encoder, budget.tokens)
    encoder.embed(longest)
    before = time.process_time()
    seconds, applied = timed(embed_sequences, encoder, sequences, sequences, budget.tokens)
    facts = {"processor": round(time.process_time() - before, 1)}
    facts |= {
        "budget": budget.tokens,
        "origin": budget.origin,
        "padding": 1 - applied.read / applied.computed,
    }
    if device != "cpu":
        operations = 2.0 * encoder.spec.parameters * applied.read
        rates = matrix_rates(encoder.device, 4096)
        facts |= device_peak(device)
        facts["share of the matrix rate"] = operations / seconds / getattr(rates, DTYPES[device])
    return seconds, applied.vectors, facts


def device_peak(device: str) -> dict[str, float]:
    """Memory of the GPU that was in use at once; what is printed beside it is the processor's."""
    if device == "cpu":
        return {}
    return {"GB on the device": round(torch.cuda.max_memory_allocated() / 1e9, 2)}


def main() -> None:
    """Run the race and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", choices=sorted(ENCODERS), default="cpu")
    parser.add_argument("--proteins", type=int, default=400)
    parser.add_argument("--longest", type=int, default=1_022)
    parser.add_argument("--fasta", metavar="FILE", help="proteins to draw from instead of random ones")
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()

    sequences = proteins(args.proteins, args.longest, args.fasta)
    lengths = np.array([len(sequence) for sequence in sequences])
    print(f"{len(sequences)} proteins, median {np.median(lengths):.0f}, {lengths.sum():,} residues")
    with tempfile.TemporaryDirectory() as folder:
        write_weights(ENCODERS[args.device], Path(folder))
        for _ in range(args.repeats):
            seconds, vectors = {}, {}
            for name in ("genoprot", *LOOPS[args.device]):
                found, peak = in_child(contest, name, args.device, folder, sequences)
                seconds[name], vectors[name], facts = found
                rate = f"{lengths.sum() / seconds[name]:9,.0f} residues/s"
                print(f"  {name:<12}{seconds[name]:8.2f} s {rate}  {peak / 1e9:.2f} GB  {facts}", flush=True)
            for name in LOOPS[args.device]:
                scale = np.abs(vectors[name]).max()
                worst = np.abs(vectors[name] - vectors["genoprot"]).max() / scale
                assert worst <= TOLERANCE[DTYPES[args.device]], worst
                ratio = seconds[name] / seconds["genoprot"]
                print(f"  ratio to {name}: {ratio:.2f}, largest difference {worst:.1e}", flush=True)


if __name__ == "__main__":
    main()
