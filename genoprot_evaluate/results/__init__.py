"""The result record: what one run of the evaluation found, and the only source of every table."""

from genoprot_evaluate.results.cells import (
    KINDS,
    STATUSES,
    Combination,
    Comparison,
    Dropped,
    Ensemble,
    Gain,
    IdentityBin,
    Interval,
    Score,
    ScoredModel,
)
from genoprot_evaluate.results.further import FURTHER, FURTHER_NAME, FURTHER_VERSION, PARTS, read_further
from genoprot_evaluate.results.record import (
    PREDICTIONS,
    PREDICTIONS_NAME,
    RECORD_NAME,
    SCHEMA_VERSION,
    ResultRecord,
    check_folder,
    read_predictions,
    read_record,
    write_record,
)
from genoprot_evaluate.results.survey import Survey

__all__ = [
    "FURTHER",
    "FURTHER_NAME",
    "FURTHER_VERSION",
    "KINDS",
    "PARTS",
    "PREDICTIONS",
    "PREDICTIONS_NAME",
    "RECORD_NAME",
    "SCHEMA_VERSION",
    "STATUSES",
    "Combination",
    "Comparison",
    "Dropped",
    "Ensemble",
    "Gain",
    "IdentityBin",
    "Interval",
    "ResultRecord",
    "Score",
    "ScoredModel",
    "Survey",
    "check_folder",
    "read_further",
    "read_predictions",
    "read_record",
    "write_record",
]
