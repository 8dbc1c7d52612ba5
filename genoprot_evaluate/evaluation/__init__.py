"""The evaluation: a head for every encoder and task, five ensembles, baselines, one record."""

from genoprot_evaluate.evaluation.command import add_arguments, run
from genoprot_evaluate.evaluation.scoring import (
    DEFAULT_BASELINES,
    MISSING,
    MISSING_SHARE,
    Progress,
    evaluate,
)

__all__ = ["DEFAULT_BASELINES", "MISSING", "MISSING_SHARE", "Progress", "add_arguments", "evaluate", "run"]
