"""Puts the `evaluate` module where `evaluate.load("genoprot")` finds it without a network."""

from __future__ import annotations

import argparse
import os
import shutil
import time
from pathlib import Path

from genoprot_datasets.files import atomic_folder, sha256_of
from genoprot_datasets.resources import loading_script

__all__ = ["add_arguments", "install_metric", "metric_script", "run"]

_NAMESPACE = ("metrics", "evaluate-metric--genoprot")
_SCRIPT = "genoprot.py"
# Filesystems that count whole (or even) seconds must still see the new copy as the newest.
_CLOCK_STEP_NS = 2_000_000_000


def metric_script() -> Path:
    """Path of the `evaluate` module's script, `loading_scripts/genoprot/genoprot.py`.

    Raises
    ------
    GenoProtError
        If the installation lacks it.
    """
    return loading_script("genoprot", _SCRIPT)


def install_metric() -> Path:
    """Copy the `evaluate` module into the Hugging Face modules cache.

    `evaluate.load("genoprot")` looks there when no folder of that name is at hand and the Hub has no
    such metric, and takes the copy with the latest modification time. The folder of a copy is named by
    the script's SHA-256, so copies of different versions lie side by side; the one that was installed
    last is loaded. Installing the same version again changes only its modification time.

    Returns
    -------
    Path
        The installed script, below ``HF_MODULES_CACHE`` (by default ``HF_HOME/modules``).

    Raises
    ------
    GenoProtError
        If the installation lacks the script.
    """
    from evaluate.loading import init_dynamic_modules

    source = metric_script()
    digest = sha256_of(source)
    versions = Path(init_dynamic_modules(), *_NAMESPACE)
    versions.mkdir(parents=True, exist_ok=True)
    for package in (versions.parent, versions):
        (package / "__init__.py").touch()
    installed = versions / digest / _SCRIPT
    if not installed.is_file() or sha256_of(installed) != digest:
        with atomic_folder(versions / digest) as folder:
            shutil.copyfile(source, folder / _SCRIPT)
            (folder / "__init__.py").touch()
    others = [path.stat().st_mtime_ns for path in versions.glob(f"*/{_SCRIPT}") if path != installed]
    newest = max([time.time_ns(), *(stamp + _CLOCK_STEP_NS for stamp in others)])
    os.utime(installed, ns=(newest, newest))
    return installed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `genoprot metric`."""
    parser.add_argument("action", choices=["install"], help="install: copy the module to the modules cache")


def run(args: argparse.Namespace) -> int:
    """Run `genoprot metric` with parsed arguments; returns the exit status."""
    print(f"installed {install_metric()}")
    print("evaluate.load('genoprot') now works everywhere; HF_EVALUATE_OFFLINE=1 keeps it off the network")
    return 0
