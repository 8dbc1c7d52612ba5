"""The result record: what one run of the evaluation found, and the only source of every table."""

from genoprot_evaluate.results.cells import (
    KINDS,
    STATUSES,
    Combination,
    CombinedRecord,
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
from genoprot_evaluate.results.predictions import (
    PREDICTIONS,
    PREDICTIONS_NAME,
    PREDICTIONS_VERSION,
    read_predictions,
)
from genoprot_evaluate.results.record import (
    RECORD_NAME,
    SCHEMA_VERSION,
    ResultRecord,
    check_folder,
    read_record,
    write_record,
)
from genoprot_evaluate.results.survey import Survey
from genoprot_evaluate.results.united import (
    NOT_ASKED,
    NOT_SCORED,
    Results,
    refuse_other_examples,
    unite,
    with_pair_columns,
)

__all__ = [
    "FURTHER",
    "FURTHER_NAME",
    "FURTHER_VERSION",
    "KINDS",
    "NOT_ASKED",
    "NOT_SCORED",
    "PARTS",
    "PREDICTIONS",
    "PREDICTIONS_NAME",
    "PREDICTIONS_VERSION",
    "RECORD_NAME",
    "SCHEMA_VERSION",
    "STATUSES",
    "Combination",
    "CombinedRecord",
    "Comparison",
    "Dropped",
    "Ensemble",
    "Gain",
    "IdentityBin",
    "Interval",
    "ResultRecord",
    "Results",
    "Score",
    "ScoredModel",
    "Survey",
    "check_folder",
    "read_further",
    "read_predictions",
    "read_record",
    "refuse_other_examples",
    "unite",
    "with_pair_columns",
    "write_record",
]
