"""Checks that every encoder has to pass, those of others included: `genoprot check-encoder`."""

from __future__ import annotations

from genoprot_evaluate.conformance.checks import CHECKS, check_conformance
from genoprot_evaluate.conformance.outcome import Outcome
from genoprot_evaluate.conformance.subject import LONGEST, TOLERANCE

__all__ = ["CHECKS", "LONGEST", "TOLERANCE", "Outcome", "check_conformance"]
