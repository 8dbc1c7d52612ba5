"""Everything that can run on a GPU runs where tensors of the processor and of a device do not mix."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import apart_device
import pytest

CHECKS = Path(__file__).with_name("apart_checks.py")


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """The device, compiled."""
    from torch.utils import cpp_extension

    if shutil.which(cpp_extension.get_cxx_compiler()) is None:
        pytest.skip("needs a C++ compiler")
    if not cpp_extension.is_ninja_available():
        pytest.skip("needs ninja")
    return apart_device.build(tmp_path_factory.mktemp("device"))


@pytest.mark.slow
def test_heads_encoders_and_runs_are_the_same_on_a_device_of_its_own(library):
    # In a process of its own: torch has a new device from then on.
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(CHECKS)]
    environment = os.environ | {"GENOPROT_DEVICE_APART": str(library), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=CHECKS.parents[2], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-6_000:]
