"""Whether a published folder keeps its promises, and what it would let a model guess."""

from genoprot_datasets.audit.assessment import audit

__all__ = ["audit"]
