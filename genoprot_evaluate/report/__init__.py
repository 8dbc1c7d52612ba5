"""The report on a result record: figure, tables and one page."""

from genoprot_evaluate.report.command import write_report

__all__ = ["write_report"]
