"""The app of the Space; what it does is in the package."""

from __future__ import annotations

import os

from genoprot_evaluate.hub.space_app import build_interface

if __name__ == "__main__":
    build_interface(os.environ.get("GENOPROT_DATASET", "llnl/geno-prot")).launch(max_file_size="2gb")
