"""Errors in plain words: the catalogue of all codes, and how a command reports a failure."""

from refbus.explain.catalogue import CATALOGUE, SECTIONS, explanation
from refbus.explain.report import EXIT_CODES, as_lines, as_mapping, exit_code, render, report_errors

__all__ = [
    "CATALOGUE",
    "EXIT_CODES",
    "SECTIONS",
    "as_lines",
    "as_mapping",
    "exit_code",
    "explanation",
    "render",
    "report_errors",
]
