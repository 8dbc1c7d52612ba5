"""The leaderboard: many result records on one page, and the check that a record has to pass first."""

from genoprot_evaluate.leaderboard.boards import Board, make_boards
from genoprot_evaluate.leaderboard.site import write_site
from genoprot_evaluate.leaderboard.submissions import Submission, read_submissions
from genoprot_evaluate.leaderboard.validation import validate_record

__all__ = ["Board", "Submission", "make_boards", "read_submissions", "validate_record", "write_site"]
