"""The evaluation: a head for every encoder and task, five ensembles, baselines, one record."""

from genoprot_evaluate.evaluation.command import add_arguments, run
from genoprot_evaluate.evaluation.progress import Progress
from genoprot_evaluate.evaluation.scoring import DEFAULT_BASELINES, MISSING, MISSING_SHARE, evaluate
from genoprot_evaluate.evaluation.ticker import Ticker

__all__ = [
    "DEFAULT_BASELINES",
    "MISSING",
    "MISSING_SHARE",
    "Progress",
    "Ticker",
    "add_arguments",
    "evaluate",
    "run",
]
