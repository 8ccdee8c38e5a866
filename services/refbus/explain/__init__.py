"""Errors in plain words: the catalogue of all codes, and how a command reports a failure."""

from refbus.explain.catalogue import CATALOGUE, SECTIONS, explanation
from refbus.explain.report import exit_code, render, report_errors

__all__ = ["CATALOGUE", "SECTIONS", "exit_code", "explanation", "render", "report_errors"]
