"""Counts what heads ask of a device per epoch, one after another and side by side: operations, copies, waits.

No time is measured. The numbers of examples, proteins and encoders are the paper's, and so are which encoders
have vectors of the same width; vectors and layers are narrow, since how wide they are does not change what is
counted. Without a GPU it counts on the tests' device apart from the processor, which has to be compiled.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from nine_tasks import PAPER_WIDTHS, data_of, sources_of
from torch.utils._python_dispatch import TorchDispatchMode

from genoprot_datasets.tasks import TASKS
from genoprot_evaluate.heads import HeadConfig, one_thread_per_head, train_heads

NARROWER = 32
ALLOCATIONS = {
    "aten::empty",
    "aten::empty_like",
    "aten::empty_strided",
    "aten::new_empty",
    "aten::pin_memory",
}
COPIES = {"aten::_to_copy", "aten::copy_"}
FETCHES = {"aten::_local_scalar_dense", "aten::nonzero", "aten::masked_select"}


class Counted(TorchDispatchMode):
    """Counts operations that launch kernels, copies between processor and device, and waits for the device.

    An operation is one of torch's: some launch several kernels, views and allocations none.
    """

    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        name, returned = func._schema.name, func._schema.returns
        view = any(one.alias_info is not None and not one.alias_info.is_write for one in returned)
        if name in COPIES:
            source = args[1] if name == "aten::copy_" else args[0]
            if (source.device.type == "cpu") != (result.device.type == "cpu"):
                waits = result.device.type == "cpu" or not kwargs.get("non_blocking", False)
                self.found.update(copies=1, waits=int(waits))
                return result
        if name in FETCHES:
            self.found.update(waits=1)
        tensors = [one for one in (*args, result) if isinstance(one, torch.Tensor)]
        on_device = not tensors or any(one.device.type != "cpu" for one in tensors)
        if on_device and not view and name not in ALLOCATIONS:
            self.found.update(operations=1)
        return result


def per_epoch(sources: list[np.ndarray], data, device: str, stacked: bool) -> Counter[str]:
    """What the second and third epoch of training take, each."""
    counts = []
    for epochs in (1, 3):
        config = HeadConfig(hidden=(8, 8, 8), epochs=epochs, patience=epochs)
        with Counted() as counted:
            train_heads(sources, data.train, data.train_labels, config=config, device=device, stacked=stacked)
        counts.append(counted.found)
    return Counter({name: (counts[1][name] - counts[0][name]) / 2 for name in counts[1]})


def load_device_apart() -> str:
    """Compile the tests' device; returns its name."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "evaluate"))
    import apart_device

    with tempfile.TemporaryDirectory() as folder:
        apart_device.load(apart_device.build(Path(folder)))
    return apart_device.NAME


def main() -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", help="default: the tests' device apart from the processor")
    parser.add_argument("--encoders", type=int, default=len(PAPER_WIDTHS))
    args = parser.parse_args()
    device = args.device or load_device_apart()
    widths = [width // NARROWER for width in PAPER_WIDTHS[: args.encoders]]
    print(f"{len(widths)} encoders of {len(set(widths))} widths, on {device}; by epoch:")
    print(f"{'':<12}{'one after another':^36}{'side by side':^36}{'ratio':>10}")
    heading = "".join(f"{name:>12}" for name in ("operations", "copies", "waits"))
    print(f"{'':<12}{heading}{heading}{'operations':>11}{'waits':>8}")
    totals = [Counter(), Counter()]
    with one_thread_per_head():
        for task in TASKS:
            data = data_of(task, max(widths), 1.0)
            sources = sources_of(data, widths)
            one = per_epoch(sources[:1], data, device, stacked=False)
            # One head takes what any other does.
            alone = Counter({name: len(sources) * count for name, count in one.items()})
            beside = per_epoch(sources, data, device, stacked=True)
            print_row(task, alone, beside)
            for total, found in zip(totals, (alone, beside)):
                total.update(found)
    print_row("all tasks", *totals)


def print_row(name: str, alone: Counter[str], beside: Counter[str]) -> None:
    """One line of the table."""
    numbers = [counts[kind] for counts in (alone, beside) for kind in ("operations", "copies", "waits")]
    ratios = [alone[kind] / beside[kind] for kind in ("operations", "waits")]
    row = "".join(f"{number:12,.0f}" for number in numbers)
    print(f"{name:<12}{row}{ratios[0]:11.1f}{ratios[1]:8.1f}", flush=True)


if __name__ == "__main__":
    main()
