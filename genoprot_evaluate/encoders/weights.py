"""Weights of encoders: found, checked and read from safetensors files, never from a pickle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from genoprot_datasets.errors import SourceError

if TYPE_CHECKING:
    import torch

__all__ = [
    "PICKLES",
    "check_keys",
    "check_safetensors",
    "find_weights",
    "list_names",
    "read_tensors",
    "refuse_pointer",
]

PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
"""Suffixes of files that are pickles, or hold one."""

_SHOWN = 5


def find_weights(path: str | Path, preferred: str) -> Path:
    """Locate the safetensors file of an encoder.

    Parameters
    ----------
    path : str or Path
        The file itself, or a folder that holds it.
    preferred : str
        Name of the file in a folder that holds several; without it, the one whose name ends in
        ``.weights.safetensors``.

    Returns
    -------
    Path

    Raises
    ------
    GenoProtError
        If there is no such path, no safetensors file, several with none of the preferred name, or only a
        pickle.
    """
    path = Path(path)
    if path.is_file():
        if path.suffix != ".safetensors":
            raise SourceError(path, _refusal(path.suffix))
        return path
    if not path.is_dir():
        raise SourceError(path, "no such file or folder of weights")
    found = sorted(path.glob("*.safetensors"))
    if (path / preferred) in found:
        return path / preferred
    named = [file for file in found if file.name.endswith(".weights.safetensors")]
    if len(found) == 1 or len(named) == 1:
        return (named or found)[0]
    if found:
        names = list_names(file.name for file in found)
        raise SourceError(
            path, f"holds {len(found)} safetensors files ({names}) and no {preferred}; name one of them"
        )
    pickles = sorted(file for file in path.iterdir() if file.suffix in PICKLES)
    if pickles:
        raise SourceError(pickles[0], _refusal(pickles[0].suffix))
    raise SourceError(path, f"no safetensors file in this folder; expected {preferred}")


def check_safetensors(path: Path) -> dict[str, tuple[int, ...]]:
    """Shapes of the tensors in a safetensors file, after a check that the file is whole.

    Raises
    ------
    SourceError
        If the file is a Git LFS pointer, truncated, or no safetensors file.
    """
    from safetensors import SafetensorError, safe_open

    refuse_pointer(path)
    try:
        with safe_open(path, framework="np") as tensors:
            return {key: tuple(tensors.get_slice(key).get_shape()) for key in tensors.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        reason = " ".join(str(error).split())
        raise SourceError(
            path, f"not a whole safetensors file ({reason}, {path.stat().st_size:,} bytes); download it again"
        ) from None


def refuse_pointer(path: Path) -> None:
    """Refuse a file that only says where the weights are.

    Raises
    ------
    SourceError
        If the file is a Git LFS pointer.
    """
    with open(path, "rb") as handle:
        if handle.read(40).startswith(b"version https://git-lfs"):
            raise SourceError(
                path,
                "is a Git LFS pointer, not the weights; fetch the file itself, for example `git lfs pull`",
            )


def check_keys(
    path: Path,
    *,
    missing: Sequence[str] = (),
    unexpected: Sequence[str] = (),
    misshapen: Sequence[str] = (),
) -> None:
    """Refuse weights that do not fit an architecture.

    Parameters
    ----------
    path : Path
        What the message names.
    missing, unexpected, misshapen : sequence of str
        Keys at fault.

    Raises
    ------
    SourceError
        If there is a key at fault; the message lists them.
    """
    faults = {"missing": missing, "unexpected": unexpected, "of another shape": misshapen}
    found = [f"{kind} {list_names(keys)}" for kind, keys in faults.items() if keys]
    if found:
        raise SourceError(path, f"weights of another architecture: {'; '.join(found)}")


def read_tensors(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, torch.Tensor]:
    """Read exactly the expected tensors.

    Parameters
    ----------
    path : Path
        Safetensors file.
    shapes : mapping of str to tuple of int
        Expected shape of every key.

    Returns
    -------
    dict of str to torch.Tensor, dtype=float32

    Raises
    ------
    SourceError
        If the file is not whole, a key is missing or unexpected, or a shape differs.
    """
    found = check_safetensors(path)
    check_keys(
        path,
        missing=sorted(shapes.keys() - found.keys()),
        unexpected=sorted(found.keys() - shapes.keys()),
        misshapen=[
            f"{key} {list(found[key])} instead of {list(shape)}"
            for key, shape in sorted(shapes.items())
            if key in found and found[key] != tuple(shape)
        ],
    )
    from safetensors.torch import load_file

    return {key: tensor.float() for key, tensor in load_file(path).items()}


def list_names(names: Iterable[str]) -> str:
    """The first few names, and how many more there are.

    Examples
    --------
    >>> list_names("abcdefg")
    'a, b, c, d, e and 2 more'
    """
    names = list(names)
    rest = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + rest


def _refusal(suffix: str) -> str:
    if suffix in PICKLES:
        return (
            "is a pickle, which can run code when it is opened; convert it once to safetensors by "
            "`genoprot convert-weights IN OUT`"
        )
    return f"is a {suffix or 'nameless'} file; weights are read from .safetensors files only"
