"""Same inputs and seed, same bytes: whatever the processor's instructions and the libraries' kernels."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from genoprot_datasets.published import MANIFEST_NAME

PROGRAM = """
import json, sys, threadpoolctl, scipy.linalg
from genoprot_datasets.build import build
build(sys.argv[1], sys.argv[2])
print(json.dumps(threadpoolctl.threadpool_info()))
"""


def processor(kernels: str, threads: int, numba: str, *, numpy: str, arrow: str) -> dict[str, str]:
    """Environment in which the libraries take a processor for another one.

    Parameters
    ----------
    kernels : str
        Processor by the names of OpenBLAS, numpy's and scipy's alike.
    threads : int
        Threads of their products.
    numba : str
        Processor by the names of LLVM.
    numpy : str
        Which of the extensions beyond its baseline numpy may not use: ``all``, ``AVX512`` or ``none``.
    arrow : str
        Extensions by the names of Arrow.
    """
    found = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    newest = [name for name in found if "AVX512" in name or name == "X86_V4"]
    return {
        "OPENBLAS_CORETYPE": kernels,
        "OPENBLAS_NUM_THREADS": str(threads),
        "NPY_DISABLE_CPU_FEATURES": " ".join({"all": found, "AVX512": newest, "none": []}[numpy]),
        "NUMBA_CPU_NAME": numba,
        "NUMBA_CPU_FEATURES": "",
        "ARROW_USER_SIMD_LEVEL": arrow,
        "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-FMA,-AVX512F" if numpy == "all" else "",
    }


PROCESSORS = {
    "SSE": processor("Prescott", 1, "generic", numpy="all", arrow="NONE"),
    "SSE4": processor("Nehalem", 2, "nehalem", numpy="all", arrow="SSE4_2"),
    "AVX2": processor("Haswell", 2, "haswell", numpy="AVX512", arrow="AVX2"),
    "AVX512": processor("SkylakeX", 2, "skylake-avx512", numpy="none", arrow="AVX512"),
}
"""Environments of processors that a 64-bit x86 of today can stand in for."""


def has(extension: str) -> bool:
    """Whether this processor has an extension, by Linux's name."""
    listing = Path("/proc/cpuinfo")
    return listing.is_file() and extension in listing.read_text(encoding="ascii").split()


NEEDED = {"AVX2": "avx2", "AVX512": "avx512vl"}


@pytest.mark.slow
@pytest.mark.skipif(platform.machine() not in {"x86_64", "AMD64"}, reason="pretends to be an x86 processor")
@pytest.mark.parametrize("name", PROCESSORS)
def test_processor_does_not_matter(synthetic_sources, synthetic_dataset, tmp_path, name):
    if name in NEEDED and not has(NEEDED[name]):
        pytest.skip(f"this processor has no {NEEDED[name]}")
    out = tmp_path / "llnl" / "geno-prot"
    environment = {**os.environ, **PROCESSORS[name]}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(synthetic_sources), str(out)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    used = {
        library["architecture"]
        for library in json.loads(done.stdout)
        if library["internal_api"] == "openblas"
    }
    # OpenBLAS calls Prescott's kernels Katmai's.
    assert used <= {PROCESSORS[name]["OPENBLAS_CORETYPE"].replace("Prescott", "Katmai")}
    found, expected = (
        json.loads((folder / MANIFEST_NAME).read_text()) for folder in (out, synthetic_dataset)
    )
    for key in ("files", "provenance"):
        assert {path: entry["sha256"] for path, entry in found[key].items()} == {
            path: entry["sha256"] for path, entry in expected[key].items()
        }
    assert found == expected
