"""Words for what is counted of own cases."""

from __future__ import annotations

from typing import Final

from refbus_gateway.words.catalogue import Catalogue
from refbus_gateway.words.codes import field_name, label

_STATISTICS: Final = "refbus.Statistics"
_NOT_KNOWN: Final = "NOT_KNOWN"
_FIELDS: Final = {
    "SEX": ("prs_Gender", "htcds.prs_Gender"),
    "CITIZENSHIP": ("prs_Citizenship", "iso.3166-1"),
    "EXPLOITATION": ("vic_TypeOfExploitation", "htcds.vic_TypeOfExploitation"),
    "SECTOR": ("vic_ForcedLabourIndustry", "htcds.vic_ForcedLabourIndustry"),
    "REFERRER": ("source_of_referral", "htcds.org_Type"),
}
_STATES: Final = "refbus.ReferralState"


def split_name(words: Catalogue, by: str) -> str:
    """Return by what cases are counted, in a language."""
    if by in _FIELDS:
        return field_name(words, _FIELDS[by][0])
    return label(words.language, _STATISTICS, by) or by


def value_name(words: Catalogue, by: str, value: str) -> str:
    """Return a value by which cases are counted, in a language; a band of ages is its numbers."""
    if value == _NOT_KNOWN:
        return label(words.language, _STATISTICS, value) or value
    listed = _FIELDS[by][1] if by in _FIELDS else _STATES
    return label(words.language, listed, value) or value.replace("-", "–")
