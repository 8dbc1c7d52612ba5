"""Golden folders as they are: whatever configurations they hold are loaded from them and compared."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import torch
from golden_sets import TOLERANCE, difference
from safetensors.torch import load_file

from genoprot_evaluate.encoders import load_encoder
from genoprot_evaluate.encoders.checkpoint import open_checkpoint
from genoprot_evaluate.encoders.dnabert2 import DnaBert2Network

# Widths and depths of a configuration are nowhere below: they are read from the folder, as users' are.


def highest(io, start):
    """Key with the highest number behind its start."""
    return start + str(max(int(key.removeprefix(start)) for key in io if key.startswith(start)))


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
    states = encoder.model(input_ids=ids, attention_mask=(ids != 1).long()).last_hidden_state
    last = "embeddings.batch" if first else highest(io, "repr.layer")
    yield states[ids != 1], io[last][ids != 1]
    yield encoder.embed(about["sequences"]), io[f"mean_no_special.{'batch' if first else 'last'}"]


def evo(path, about, io):
    second = "hcl_layer_idxs" in about["config"]
    encoder = load_encoder("evo2-7b" if second else "evo", weights=path, device="cpu")
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


def lucaone(path, about, io):
    for number, (kind, sequence) in enumerate(about["sequences"]):
        view = {"gene": "dna", "prot": "protein"}[kind]
        encoder = load_encoder("lucaone", weights=path, modality=view, device="cpu")
        ids = io[f"in.ids.{number}"]
        assert encoder.tokenize(sequence.upper()) == ids[0].tolist()
        yield encoder.model(ids, io[f"in.type.{number}"], ids != 0), io[f"last_hidden.{number}"]
        yield encoder.embed([sequence])[0], io[f"mean_no_special.{number}"]
    mask = io["in.mask.batch"].bool()
    states = encoder.model(io["in.ids.batch"], io["in.type.batch"], mask)
    yield states[mask], io["last_hidden.batch"][mask]


def ntv2(path, about, io):
    mask = io["in.ids"] != 1
    last = highest(io, "embeddings_")
    encoder = load_encoder("ntv2-50m", weights=path, device="cpu")
    yield encoder.model(io["in.ids"], mask)[mask], io[last][mask]


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


@pytest.mark.parametrize("family", FAMILIES)
def test_every_configuration_of_a_folder(family, shared):
    folder, compared = shared / "golden" / family, 0
    meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    for path in sorted(folder.glob("*.weights.safetensors")):
        name = path.name.partition(".")[0]
        kinds = ("fp32.io.safetensors", "io.safetensors")
        outputs = next(folder / f"{name}.{kind}" for kind in kinds if (folder / f"{name}.{kind}").is_file())
        about = meta.get(name, meta)
        if family == "proteinfer" and "sequences" not in about:
            about = next(entry for entry in meta.values() if "sequences" in entry)
        with torch.inference_mode():
            for found, expected in FAMILIES[family](path, about, load_file(outputs)):
                assert difference(found, expected) <= TOLERANCE, (name, compared)
                compared += 1
    assert compared


def test_a_folder_of_one_configuration_is_named_as_a_whole(shared):
    folder = shared / "golden" / "evo1"
    (path,) = folder.glob("*.weights.safetensors")
    whole, single = (load_encoder("evo", weights=place, device="cpu") for place in (folder, path))
    assert np.array_equal(whole.embed(["GATTACA"]), single.embed(["GATTACA"]))
    assert whole.weights_digest == single.weights_digest


def test_what_a_folder_states_is_used(tmp_path, shared):
    """Another entry of meta.json gives other numbers: it is read, not guessed from the weights."""
    (path,) = (shared / "golden" / "evo1").glob("*.weights.safetensors")
    meta = json.loads((path.parent / "meta.json").read_text(encoding="utf-8"))
    name = path.name.partition(".")[0]
    vectors = []
    for scale in (meta[name]["config"].get("rotary_emb_scaling_factor", 1), 3):
        folder = tmp_path / str(scale)
        folder.mkdir()
        (folder / path.name).write_bytes(path.read_bytes())
        config = meta[name]["config"] | {"use_interpolated_rotary_pos_emb": True}
        config["rotary_emb_scaling_factor"] = scale
        (folder / "meta.json").write_text(json.dumps({name: {"config": config}}), encoding="utf-8")
        vectors.append(load_encoder("evo", weights=folder, device="cpu").embed(["GATTACA" * 9]))
    assert difference(*vectors) > 1e-4
