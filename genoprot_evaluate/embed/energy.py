"""Energy that the device reports, where it does."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

__all__ = ["EnergyMeter", "accelerator_meter", "processor_meter"]

POWERCAP = Path("/sys/class/powercap")


class EnergyMeter:
    """Joules since the last reading.

    Parameters
    ----------
    source : str
        Where the numbers come from.
    read : callable
        Joules since some moment; None when the device does not tell.
    """

    def __init__(self, source: str, read: Callable[[], float | None]) -> None:
        self.source = source
        self._read = read
        self._last = read()

    def lap(self) -> float | None:
        """Joules since the last call; None when the device does not tell."""
        now = self._read()
        spent = None if now is None or self._last is None else max(0.0, now - self._last)
        self._last = now
        return spent


def processor_meter(root: Path = POWERCAP) -> EnergyMeter | None:
    """Meter of the processor packages of this machine, with all that runs on them (RAPL).

    Parameters
    ----------
    root : Path
        Folder of the kernel's powercap interface.

    Returns
    -------
    EnergyMeter or None
        None when the machine has no counters that may be read.
    """
    counters = [_Counter(path) for path in sorted(root.glob("intel-rapl:*")) if path.name.count(":") == 1]

    def read() -> float | None:
        values = [counter.joules() for counter in counters]
        return None if None in values else sum(values)

    return EnergyMeter("RAPL, processor packages, other work included", read) if _readable(counters) else None


def accelerator_meter(device: object) -> EnergyMeter | None:
    """Meter of a CUDA device: its power at every reading, summed over time (NVML).

    Parameters
    ----------
    device : torch.device

    Returns
    -------
    EnergyMeter or None
        None when the driver does not tell; NVML needs the package `nvidia-ml-py`.
    """
    import torch

    joules, last_watts, last_time = 0.0, None, time.monotonic()

    def read() -> float | None:
        nonlocal joules, last_watts, last_time
        try:
            watts = torch.cuda.power_draw(device) / 1e3
        except Exception:  # a missing package, driver or permission raises a class of its own each
            return None
        now = time.monotonic()
        if last_watts is not None:
            joules += (now - last_time) * (watts + last_watts) / 2
        last_watts, last_time = watts, now
        return joules

    meter = EnergyMeter("NVML, power of the device over time", read)
    return meter if last_watts is not None else None


class _Counter:
    """A counter that starts again at zero when it is full."""

    def __init__(self, folder: Path) -> None:
        self._energy = folder / "energy_uj"
        self._range = folder / "max_energy_range_uj"
        self._last: int | None = None
        self._total = 0

    def joules(self) -> float | None:
        try:
            now = int(self._energy.read_text())
            full = int(self._range.read_text())
        except (OSError, ValueError):
            return None
        if self._last is not None:
            self._total += now - self._last if now >= self._last else now + full - self._last
        self._last = now
        return self._total / 1e6


def _readable(counters: list[_Counter]) -> bool:
    return bool(counters) and all(counter.joules() is not None for counter in counters)
