"""What ``python -m genoprot_evaluate.evaluation`` starts, alone or under a launcher of several processes."""

from __future__ import annotations

import sys

from genoprot_evaluate.cli import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main(["evaluate", *sys.argv[1:]]))
