"""`genoprot convert-weights`: a torch or TensorFlow checkpoint becomes safetensors; no code in it is run."""

from __future__ import annotations

import argparse
import io
import json
import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genoprot_datasets.errors import GenoProtError, SourceError
from genoprot_datasets.files import atomic_file, sha256_of
from genoprot_evaluate.encoders.tensor_bundle import SAVED_MODEL, bundle_prefix, read_bundle
from genoprot_evaluate.encoders.weights import PICKLES, list_names, refuse_pointer

if TYPE_CHECKING:
    import torch

__all__ = ["add_arguments", "convert_weights", "run"]

SCHEMA_VERSION = 1
WEIGHTS = "model.safetensors"
WRAPPERS = ("state_dict", "model_state_dict", "model", "module")
PARALLEL = "module."
EXTRA_STATE = "_extra_state"
KERAS = (".pb", ".h5", ".hdf5", ".keras")
_REASON_LENGTH = 200


def convert_weights(source: str | Path, out: str | Path, *, overwrite: bool = False) -> Path:
    """Write the tensors of a checkpoint as safetensors, in the data types that they have.

    Of torch, the state dict may be wrapped, as trainers do, and its keys may begin with ``module.``, which
    is left out. Tensors that share memory are written each under its own name. The extra state that
    TransformerEngine keeps beside its layers is dropped. A file ``model.source.json`` beside the weights
    tells what they were made from.

    Parameters
    ----------
    source : str or Path
        A ``.pt``, ``.pth``, ``.bin`` or ``.ckpt`` file, or a folder that holds one such file. Of TensorFlow,
        the folder of a SavedModel, its folder of variables, or an ``.index`` file of a checkpoint.
    out : str or Path
        Path that ends in ``.safetensors``, or a folder, into which ``model.safetensors`` is written.
    overwrite : bool
        Whether weights that are there are replaced.

    Returns
    -------
    Path
        The safetensors file.

    Raises
    ------
    GenoProtError
        If the source is missing, damaged, no such checkpoint, or holds anything but tensors; a pickle that
        asks for code is refused. If the weights are there already.
    """
    prefix = bundle_prefix(Path(source))
    file = _source_file(Path(source)) if prefix is None else prefix.with_name(f"{prefix.name}.index")
    path = Path(out) if Path(out).suffix == ".safetensors" else Path(out) / WEIGHTS
    if path.exists() and not overwrite:
        raise GenoProtError(f"{path}: exists already; choose another OUT, or --overwrite replaces it")
    if prefix is None:
        state, dropped = _state(file, _unwrapped(file, _load(file)))
    else:
        state, dropped = read_bundle(prefix)
    record = {
        "schema_version": SCHEMA_VERSION,
        "source": {"file": file.name, "bytes": file.stat().st_size, "sha256": sha256_of(file)},
        "tensors": len(state),
        "dropped": dropped,
    }
    _write(path, state, record)
    return path


def _source_file(source: Path) -> Path:
    if source.suffix in KERAS or (source / SAVED_MODEL).exists():
        raise SourceError(
            source,
            "looks like a graph of TensorFlow or a file of Keras, which is not read here; of TensorFlow the "
            "variables are read, a folder `variables` with an .index file, or a checkpoint's .index file",
        )
    if source.is_dir():
        found = sorted(file for file in source.iterdir() if file.suffix in PICKLES)
        if len(found) != 1:
            names = f": {list_names(file.name for file in found)}" if found else ""
            raise SourceError(
                source, f"expected one file that ends in {', '.join(PICKLES)}, found {len(found)}{names}"
            )
        source = found[0]
    if not source.is_file():
        raise SourceError(source, "no such file or folder")
    if source.suffix == ".safetensors":
        raise SourceError(source, "is a safetensors file already; give it to --weights as it is")
    refuse_pointer(source)
    return source


def _load(path: Path) -> Any:
    import torch

    try:
        # What TransformerEngine keeps as extra state; the pickle of an empty one calls `bytes`.
        with warnings.catch_warnings(), torch.serialization.safe_globals([io.BytesIO, bytes]):
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except pickle.UnpicklingError as error:
        wanted = re.search(r"GLOBAL ([\w.]+)", str(error))
        if wanted is None:
            raise SourceError(path, f"not a whole torch checkpoint ({_line(error)})") from None
        raise SourceError(
            path,
            f"is a pickle that asks for {wanted[1]}, which could run code; only tensors are read. Where its "
            "origin is beyond doubt, save its state dict alone by torch.save and convert that",
        ) from None
    except Exception as error:  # torch raises a different class for every kind of damage
        raise SourceError(path, f"not a whole torch checkpoint ({_line(error)})") from None


def _unwrapped(path: Path, content: Any) -> Mapping[str, Any]:
    while isinstance(content, Mapping):
        wrapped = [name for name in WRAPPERS if isinstance(content.get(name), Mapping)]
        if not wrapped:
            break
        content = content[wrapped[0]]
    if not isinstance(content, Mapping) or not content:
        raise SourceError(path, f"holds a {type(content).__name__}, not a state dict of tensors by name")
    return content


def _state(path: Path, content: Mapping[str, Any]) -> tuple[dict[str, torch.Tensor], list[str]]:
    """Tensors by name, each with memory of its own, and the names that were dropped."""
    import torch

    dropped = sorted(str(key) for key in content if str(key).endswith(EXTRA_STATE))
    kept = {str(key): value for key, value in content.items() if str(key) not in dropped}
    odd = sorted(key for key, value in kept.items() if not _dense(value))
    if odd or not kept:
        raise SourceError(
            path, f"holds entries that are no dense tensors: {list_names(odd) or 'all of them'}"
        )
    if all(key.startswith(PARALLEL) for key in kept):
        kept = {key.removeprefix(PARALLEL): value for key, value in kept.items()}
    state, seen = {}, set()
    for key, tensor in sorted(kept.items()):
        storage = tensor.untyped_storage()
        whole = tensor.is_contiguous() and tensor.nbytes == storage.nbytes()
        if not whole or storage.data_ptr() in seen:
            tensor = tensor.clone(memory_format=torch.contiguous_format)
        seen.add(storage.data_ptr())
        state[key] = tensor.detach()
    return state, dropped


def _dense(value: Any) -> bool:
    import torch

    return isinstance(value, torch.Tensor) and value.layout == torch.strided and not value.is_quantized


def _write(path: Path, state: dict[str, torch.Tensor], record: dict[str, Any]) -> None:
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    try:
        with atomic_file(path.with_suffix(".source.json")) as about, atomic_file(path) as weights:
            about.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
            save_file(state, weights, metadata={"format": "pt"})
    except (OSError, SafetensorError) as error:
        raise GenoProtError(f"{path}: cannot be written ({_line(error)})") from None


def _line(error: Exception) -> str:
    return (" ".join(str(error).split()) or type(error).__name__)[:_REASON_LENGTH]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `genoprot convert-weights`."""
    parser.add_argument(
        "source",
        metavar="IN",
        help="a .pt, .pth, .bin or .ckpt file or a folder that holds one, or a SavedModel of TensorFlow",
    )
    parser.add_argument(
        "out", metavar="OUT", help="a .safetensors file, or a folder, which gets model.safetensors"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace weights that are there")


def run(args: argparse.Namespace) -> int:
    """Run `genoprot convert-weights`."""
    path = convert_weights(args.source, args.out, overwrite=args.overwrite)
    record = json.loads(path.with_suffix(".source.json").read_text(encoding="utf-8"))
    dropped = f", {len(record['dropped'])} entries that are no numbers dropped" if record["dropped"] else ""
    print(f"{path}: {record['tensors']:,} tensors, {path.stat().st_size:,} bytes{dropped}")
    return 0
