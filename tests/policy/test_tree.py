"""Rules of the tree itself."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


def tracked() -> list[Path]:
    done = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip("not a git checkout")
    return [REPOSITORY / line for line in done.stdout.splitlines() if (REPOSITORY / line).is_file()]


def test_modules_stay_short():
    for path in tracked():
        if path.suffix == ".py" and path.relative_to(REPOSITORY).parts[0].startswith("genoprot_"):
            lines = len(path.read_text(encoding="utf-8").splitlines())
            assert lines <= 400, f"{path.relative_to(REPOSITORY)} has {lines} lines"


def test_no_source_data_or_weights_are_tracked():
    golden, archives = REPOSITORY / "tests" / "golden", REPOSITORY / "tests" / "data" / "archives"
    for path in tracked():
        assert path.stat().st_size <= 1_000_000, path
        if path.suffix in {".gz", ".safetensors", ".h5", ".pt", ".pth", ".bin", ".parquet"}:
            sample = archives in path.parents and path.stat().st_size <= 10_000
            assert golden in path.parents or sample, path


def test_no_script_in_dataset_folder():
    # `datasets` refuses a folder that holds a Python file named like the folder.
    assert not list((REPOSITORY / "loading_scripts" / "geno-prot").glob("*.py"))
    assert not (REPOSITORY / "genoprot_datasets" / "genoprot_datasets.py").exists()
