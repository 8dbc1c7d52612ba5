"""Scores encoders of biological sequences on the GENO-PROT benchmark.

The public names are those of the modules; importing the package itself loads neither torch nor pandas.
"""

from __future__ import annotations

__all__: list[str] = []
