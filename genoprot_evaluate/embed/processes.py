"""This process among those that were launched together, which may lie on several nodes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from genoprot_datasets.errors import GenoProtError

__all__ = ["Processes", "await_file"]

_PATIENCE_SECONDS = 300.0


@dataclass(frozen=True)
class Processes:
    """This process among those that were launched together.

    Parameters
    ----------
    rank, count : int
        This process, from 0, and how many there are over all nodes.
    local_rank : int
        This process on its node, from 0.
    wait : callable
        Returns when all processes have called it.
    """

    rank: int = 0
    count: int = 1
    local_rank: int = 0
    wait: Callable[[], None] = lambda: None

    @property
    def first(self) -> bool:
        """Whether this process does what is done once."""
        return self.rank == 0

    @classmethod
    def here(cls, device: str | None) -> Processes:
        """Find the other processes through the environment that the launcher has set.

        Parameters
        ----------
        device : str, optional
            Where to compute; decides how the processes wait for one another.

        Raises
        ------
        GenoProtError
            If they do not find one another.
        """
        count = int(os.environ.get("WORLD_SIZE", "1"))
        if count == 1:
            return cls()
        import torch
        from accelerate import PartialState

        accelerator = torch.accelerator.current_accelerator()
        processors = device == "cpu" or accelerator is None or accelerator.type == "mps"
        # Processes wait for the slowest one at the end, which may be hours away.
        state = PartialState(cpu=processors, timeout=timedelta(days=7))
        if state.num_processes != count:
            raise GenoProtError(f"{count} processes were launched, but they do not find one another")
        return cls(state.process_index, count, state.local_process_index, state.wait_for_everyone)


def await_file(path: Path, seconds: float = _PATIENCE_SECONDS) -> bool:
    """Wait for a file that another process has written.

    On a shared file system a file may be seen on other nodes only a while after it was written.

    Parameters
    ----------
    path : Path
    seconds : float
        How long to wait.

    Returns
    -------
    bool
        Whether it is there.
    """
    deadline = time.monotonic() + seconds
    while not path.is_file():
        if time.monotonic() > deadline:
            return False
        # Listing the folder makes network file systems look again.
        if path.parent.is_dir():
            os.listdir(path.parent)
        time.sleep(0.1)
    return True
