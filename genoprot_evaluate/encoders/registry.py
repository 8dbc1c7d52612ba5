"""Encoders by name. A new one is a module beside this one and a line in `REGISTRY`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import import_module
from inspect import signature
from pathlib import Path
from types import MappingProxyType
from typing import Any

from genoprot_datasets.errors import GenoProtError, meant
from genoprot_evaluate.encoders.base import Encoder, resolve_view
from genoprot_evaluate.encoders.hub_weights import fetch_weights, is_hub_id, locate_weights
from genoprot_evaluate.encoders.plugins import (
    accepted_readout,
    import_encoder,
    installed_encoders,
    is_object_name,
    loaded,
    made_encoder,
)

__all__ = ["REGISTRY", "encoder_names", "load_encoder"]


REGISTRY: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "kmer-4": ("genoprot_evaluate.encoders.kmer", "KmerFrequencies"),
        "composition": ("genoprot_evaluate.encoders.kmer", "Composition"),
        "dipeptide": ("genoprot_evaluate.encoders.kmer", "Dipeptides"),
        "unirep-64": ("genoprot_evaluate.encoders.unirep", "UniRep64"),
        "spliceai": ("genoprot_evaluate.encoders.spliceai", "SpliceAI"),
        "proteinfer-ec": ("genoprot_evaluate.encoders.proteinfer", "ProteInferEC"),
        "proteinfer-go": ("genoprot_evaluate.encoders.proteinfer", "ProteInferGO"),
        "proteinfer-pfam": ("genoprot_evaluate.encoders.proteinfer", "ProteInferPfam"),
        "esmc-300m": ("genoprot_evaluate.encoders.esmc", "EsmC300M"),
        "esmc-600m": ("genoprot_evaluate.encoders.esmc", "EsmC600M"),
        "lucaone": ("genoprot_evaluate.encoders.lucaone", "LucaOne"),
        "esm2-8m": ("genoprot_evaluate.encoders.esm2", "Esm2M8"),
        "esm2-35m": ("genoprot_evaluate.encoders.esm2", "Esm2M35"),
        "esm2-150m": ("genoprot_evaluate.encoders.esm2", "Esm2M150"),
        "esm2-650m": ("genoprot_evaluate.encoders.esm2", "Esm2M650"),
        "esm2-3b": ("genoprot_evaluate.encoders.esm2", "Esm2B3"),
        "esm2-15b": ("genoprot_evaluate.encoders.esm2", "Esm2B15"),
        "ntv2-50m": ("genoprot_evaluate.encoders.ntv2", "NTv2M50"),
        "ntv2-100m": ("genoprot_evaluate.encoders.ntv2", "NTv2M100"),
        "ntv2-250m": ("genoprot_evaluate.encoders.ntv2", "NTv2M250"),
        "ntv2-500m": ("genoprot_evaluate.encoders.ntv2", "NTv2M500"),
        "prott5": ("genoprot_evaluate.encoders.prott5", "ProtT5"),
        "dnabert2": ("genoprot_evaluate.encoders.dnabert2", "DnaBert2"),
        "hyena-160k": ("genoprot_evaluate.encoders.hyenadna", "Hyena160K"),
        "hyena-450k": ("genoprot_evaluate.encoders.hyenadna", "Hyena450K"),
        "hyena-1m": ("genoprot_evaluate.encoders.hyenadna", "Hyena1M"),
        "caduceus-ps": ("genoprot_evaluate.encoders.caduceus", "CaduceusPs"),
        "caduceus-ph": ("genoprot_evaluate.encoders.caduceus", "CaduceusPh"),
        "generator-1.2b": ("genoprot_evaluate.encoders.llama", "Generator1B"),
        "generator-3b": ("genoprot_evaluate.encoders.llama", "Generator3B"),
        "bsm-110m": ("genoprot_evaluate.encoders.llama", "BSM110M"),
        "bsm-270m": ("genoprot_evaluate.encoders.llama", "BSM270M"),
        "evo": ("genoprot_evaluate.encoders.evo", "Evo"),
        "evo2-7b": ("genoprot_evaluate.encoders.evo2", "Evo2"),
    }
)
"""Module and class of each encoder, imported on first use.

The class has the attribute `spec`; it is called without arguments when it needs no weights, and otherwise
through ``load(weights, device)``. One whose modality is "both" is given ``modality=`` as well, and what it
returns has the view in its name, `lucaone-dna` say.
"""


def encoder_names() -> tuple[str, ...]:
    """Names of the built-in encoders.

    Examples
    --------
    >>> encoder_names()[:2]
    ('kmer-4', 'composition')
    """
    return tuple(REGISTRY)


def load_encoder(
    name: str | Path,
    *,
    weights: str | Path | None = None,
    modality: str | None = None,
    device: str | None = None,
    batch_tokens: int | None = None,
    trust_remote_code: bool = False,
    readout: Mapping[str, Any] | None = None,
    dtype: str | None = None,
) -> Encoder:
    """Load an encoder: built-in, installed, at ``module:Class``, or a checkpoint folder of `transformers`.

    Parameters
    ----------
    name : str or Path
        A name of `encoder_names` or of an entry point of the group ``geno_prot.encoders``, ``module:Class``,
        a folder that holds ``config.json``, or a Hub id of such a one with its revision,
        ``owner/name@revision``.
    weights : str or Path, optional
        Folder or safetensors file with the weights of a built-in encoder, or a Hub id, ``owner/name`` or
        ``owner/name@revision``. Left out, they are fetched from the encoder's own repository.
    modality : {"dna", "protein"}, optional
        What a checkpoint folder, a function or an encoder of both reads; for the others only a check.
    device : str, optional
        Device in torch's notation; the processor when left out.
    batch_tokens : int, optional
        Tokens per forward pass of a checkpoint folder.
    trust_remote_code : bool
        Whether Python code in a checkpoint folder may run.
    readout : mapping, optional
        Options of `choices.READOUT_OPTIONS` that differ from the encoder's own.
    dtype : str, optional
        Precision, for the encoders that choose one when they are loaded; others are turned to one by `cast`.

    Raises
    ------
    GenoProtError
        If there is no such encoder, the weights are missing, unwanted or unusable, or the encoder has no such
        readout.

    Examples
    --------
    >>> load_encoder("kmer-4").embed(["ACGTACGT"]).shape
    (1, 256)
    """
    if str(name) in REGISTRY:
        module, attribute = REGISTRY[str(name)]
        family = getattr(import_module(module), attribute)
        view = resolve_view(family.spec, modality)
        if not family.spec.weights_needed:
            if weights is not None:
                raise GenoProtError(f"encoder {name} has no weights; leave out --weights")
            accepted_readout(str(name), None, readout, family.spec.readout)
            return family()
        options = accepted_readout(str(name), family.load, readout, family.spec.readout)
        if dtype is not None and "dtype" in signature(family.load).parameters:
            options |= {"dtype": family.torch_dtype(dtype)}
        if weights is None and not family.spec.repository:
            raise GenoProtError(
                f"encoder {name} needs --weights, a folder, safetensors file or Hub id ({family.spec.source})"
            )
        path = fetch_weights(family.spec.repository) if weights is None else locate_weights(weights)
        chosen = {"modality": view} if family.spec.modality == "both" else {}
        return family.load(path, device, **chosen, **options)
    called = None
    if is_hub_id(name):
        called = str(name).partition("@")[0].rpartition("/")[2]
        name = fetch_weights(str(name), code=trust_remote_code)
    folder = Path(name)
    if is_object_name(name):
        return import_encoder(str(name), weights, device, modality, readout)
    if not folder.is_dir() and str(name) in (installed := installed_encoders()):
        return made_encoder(str(name), loaded(installed[str(name)]), weights, device, modality, readout)
    if not folder.is_dir():
        raise GenoProtError(f"encoder {str(name)!r}: {_unknown(str(name))}")
    if weights is not None:
        raise GenoProtError(f"encoder {name}: the folder itself holds the weights; leave out --weights")
    from genoprot_evaluate.encoders.auto import AutoEncoder

    return AutoEncoder.load(
        folder,
        modality=modality,
        device=device,
        batch_tokens=batch_tokens,
        trust_remote_code=trust_remote_code,
        name=called,
        **accepted_readout(str(name), AutoEncoder.load, readout),
    )


def _unknown(name: str) -> str:
    kind = "no such folder" if os.sep in name else "unknown"
    if close := meant(name, [*REGISTRY, *installed_encoders()]):
        return f"{kind}{close}; `genoprot encoders` lists what there is"
    return (
        f"{kind}; the built-in encoders are {', '.join(REGISTRY)}, any folder or Hub id owner/name@revision "
        "with config.json, a tokenizer and safetensors weights is one, and so is module:Class"
    )
