"""Golden folders as they are: whatever configurations they hold are loaded from them and compared."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import torch
from golden_sets import TOLERANCE, difference
from safetensors.torch import load_file

from genoprot_datasets.errors import SourceError
from genoprot_evaluate.encoders import load_encoder
from genoprot_evaluate.encoders.checkpoint import open_checkpoint
from genoprot_evaluate.encoders.dnabert2 import DnaBert2Network

HALF_TOLERANCE = 0.2

# Widths and depths of a configuration are nowhere below: they are read from the folder, as users' are.


def numbered(io, start):
    """Tensors by the number behind the start of their keys."""
    numbers = sorted(int(key.removeprefix(start)) for key in io if key.startswith(start))
    return [io[f"{start}{number}"] for number in numbers]


def of_layer(name, path, layer, **options):
    """The encoder whose states are those of a layer."""
    return load_encoder(name, weights=path, device="cpu", readout={"layer": layer}, **options)


def caduceus(path, about, io):
    kind = "ps" if about["config"]["rcps"] else "ph"
    encoder = load_encoder(f"caduceus-{kind}", weights=path, device="cpu")
    for key in [key for key in io if key.startswith("in")]:
        states = encoder.model(io[key])
        yield states, io[key.replace("in", "last_hidden", 1)]
        if f"mean.{key.removeprefix('in.')}" in io:
            yield states.mean(1), io[f"mean.{key.removeprefix('in.')}"]


def dnabert2(path, about, io):
    mask = io["in.mask"].bool()
    states = DnaBert2Network.load(open_checkpoint(path))(io["in.ids"], mask)
    yield states[mask], io["last_hidden"][mask]


def esm(path, about, io):
    first = "in.batch" in io
    ids = io["in.batch" if first else "in.ids"]
    encoder = load_encoder("esmc-300m" if first else "esm2-8m", weights=path, device="cpu")
    real = ids != 1
    states = encoder.model(input_ids=ids, attention_mask=real.long(), output_hidden_states=True)
    of_layers = io["hidden_states.batch"][:-1] if first else numbered(io, "repr.layer")
    # ESM C's first release counts from the first block on, and its last entry is not normalised.
    for found, expected in zip(states.hidden_states[first:], of_layers, strict=not first):
        yield found[real], expected[real]
    if first:
        yield states.last_hidden_state[real], io["embeddings.batch"][real]
    yield encoder.embed(about["sequences"]), io[f"mean_no_special.{'batch' if first else 'last'}"]


def evo(path, about, io, dtype="float32"):
    second = "hcl_layer_idxs" in about["config"]
    encoder = load_encoder("evo2-7b" if second else "evo", weights=path, device="cpu", dtype=dtype)
    for key, expected in io.items():
        found = re.fullmatch(r"(norm|block(\d+)(?:\.mlp\.l3)?)\.(.+)", key)
        if not found:
            continue
        layer, case = found[1].replace("block", "blocks."), found[3]
        ids = io[f"in.{case}"]
        padded = re.match(r"rightpad(\d+)of", case)
        real = int(padded[1]) if padded else ids.shape[1]
        mask = torch.arange(ids.shape[1]).expand_as(ids) < real if padded else None
        yield encoder.model(ids, layer, mask)[:, :real], expected[:, :real]


def hyenadna(path, about, io):
    encoder = load_encoder("hyena-160k", weights=path, device="cpu")
    for key in [key for key in io if key.startswith("in.")]:
        states, case = encoder.model(io[key]), key.removeprefix("in.")
        yield states, io[f"out.{case}"]
        yield states.mean(1), io[f"mean.{case}"]
        for layer, stream in enumerate(numbered(io, f"stream.{case}.layer"), start=1):
            yield of_layer("hyena-160k", path, layer).model(io[key]), stream


def lucaone(path, about, io):
    for number, (kind, sequence) in enumerate(about["sequences"]):
        view = {"gene": "dna", "prot": "protein"}[kind]
        encoder = load_encoder("lucaone", weights=path, modality=view, device="cpu")
        ids = io[f"in.ids.{number}"]
        assert encoder.tokenize(sequence.upper()) == ids[0].tolist()
        yield encoder.model(ids, io[f"in.type.{number}"], ids != 0), io[f"last_hidden.{number}"]
        yield encoder.embed([sequence])[0], io[f"mean_no_special.{number}"]
        for layer, states in enumerate(numbered(io, f"hidden_states.{number}.")):
            earlier = of_layer("lucaone", path, layer, modality=view)
            yield earlier.model(ids, io[f"in.type.{number}"], ids != 0), states
    mask = io["in.mask.batch"].bool()
    states = encoder.model(io["in.ids.batch"], io["in.type.batch"], mask)
    yield states[mask], io["last_hidden.batch"][mask]


def ntv2(path, about, io):
    mask = io["in.ids"] != 1
    for layer, states in enumerate(numbered(io, "embeddings_"), start=1):
        yield of_layer("ntv2-50m", path, layer).model(io["in.ids"], mask)[mask], states[mask]


def proteinfer(path, about, io):
    encoder = load_encoder("proteinfer-go", weights=path, device="cpu")
    mask = torch.arange(io["one_hot"].shape[1]) < io["lengths"][:, None]
    yield encoder.model(io["one_hot"], mask)[mask], io["representation"][mask]
    yield encoder.embed(about["sequences"]), io["pooled_representation"]


FAMILIES = {
    "caduceus": caduceus,
    "dnabert2": dnabert2,
    "esm2": esm,
    "esmc": esm,
    "evo1": evo,
    "evo2": evo,
    "hyenadna": hyenadna,
    "lucaone": lucaone,
    "ntv2": ntv2,
    "proteinfer": proteinfer,
}


def configurations(folder):
    """Weights, what `meta.json` says of them, and the file of the outputs in fp32."""
    meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    for path in sorted(folder.glob("*.weights.safetensors")):
        name = path.name.partition(".")[0]
        about = meta.get(name, meta)
        if "sequences" not in about and folder.name == "proteinfer":
            about = next(entry for entry in meta.values() if "sequences" in entry)
        kinds = ("fp32.io.safetensors", "io.safetensors")
        yield path, about, next(p for p in (folder / f"{name}.{kind}" for kind in kinds) if p.is_file())


@pytest.mark.parametrize("family", FAMILIES)
def test_every_configuration_of_a_folder(family, shared):
    compared = 0
    for path, about, outputs in configurations(shared / "golden" / family):
        with torch.inference_mode():
            for found, expected in FAMILIES[family](path, about, load_file(outputs)):
                assert difference(found, expected) <= TOLERANCE, (path.name, compared)
                compared += 1
    assert compared


@pytest.mark.parametrize("family", ["evo1", "evo2"])
def test_half_precision_of_every_configuration(family, shared):
    for path, about, outputs in configurations(shared / "golden" / family):
        official = outputs.with_name(outputs.name.replace("fp32", "bf16_official"))
        with torch.inference_mode():
            for found, expected in evo(path, about, load_file(official), dtype="bfloat16"):
                assert found.dtype == torch.bfloat16
                assert difference(found.float(), expected.float()) <= HALF_TOLERANCE


@pytest.fixture
def alone(shared, tmp_path):
    """The first configuration of Evo in a folder of its own, and its file."""
    path, about, _ = next(configurations(shared / "golden" / "evo1"))
    (tmp_path / "alone").mkdir()
    (tmp_path / "alone" / path.name).write_bytes(path.read_bytes())
    (tmp_path / "alone" / "outputs.io.safetensors").write_bytes(path.read_bytes())
    return tmp_path / "alone" / path.name, about["config"]


def write_meta(path, config):
    entry = {path.name.partition(".")[0]: {"config": config}}
    (path.parent / "meta.json").write_text(json.dumps(entry), encoding="utf-8")


def test_a_folder_of_one_configuration_is_named_as_a_whole(alone):
    path, config = alone
    write_meta(path, config)
    whole, single = (load_encoder("evo", weights=place, device="cpu") for place in (path.parent, path))
    assert np.array_equal(whole.embed(["GATTACA"]), single.embed(["GATTACA"]))
    assert whole.weights_digest == single.weights_digest


def test_what_a_folder_states_is_used(alone):
    """Another entry of meta.json gives other numbers, and the digest tells them apart."""
    path, config = alone
    encoders = []
    for scale in (16, 3):
        stated = {"use_interpolated_rotary_pos_emb": True, "rotary_emb_scaling_factor": scale}
        write_meta(path, config | stated)
        encoders.append(load_encoder("evo", weights=path, device="cpu"))
    assert difference(*(encoder.embed(["GATTACA" * 9]) for encoder in encoders)) > 1e-4
    assert encoders[0].weights_digest != encoders[1].weights_digest
    (path.parent / "config.json").write_text(json.dumps(config | stated), encoding="utf-8")
    write_meta(path, config)
    first = load_encoder("evo", weights=path, device="cpu")
    assert np.array_equal(first.embed(["GATTACA"]), encoders[1].embed(["GATTACA"]))


def test_an_entry_that_says_nothing_is_refused(alone):
    path, _ = alone
    write_meta(path, [1])
    with pytest.raises(SourceError, match=r"meta\.json: says of .* no JSON object"):
        load_encoder("evo", weights=path, device="cpu")
