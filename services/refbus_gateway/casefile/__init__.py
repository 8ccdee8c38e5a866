"""Case files: what a person or another system writes to refer somebody, and how a payload is shown to people again."""

from refbus_gateway.casefile.parse import CaseFile, RecipientQuery, parse_case
from refbus_gateway.casefile.problems import CaseInvalidError, Problem
from refbus_gateway.casefile.template import template
from refbus_gateway.casefile.view import render

__all__ = ["CaseFile", "CaseInvalidError", "Problem", "RecipientQuery", "parse_case", "render", "template"]
