"""The app of the leaderboard's Space; what it does is in the package."""

from __future__ import annotations

from genoprot_evaluate.leaderboard.space_app import serve

if __name__ == "__main__":
    serve("space.env")
