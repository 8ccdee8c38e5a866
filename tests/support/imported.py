"""Files of other systems, read as the product reads them, without a home."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from refbus.core.consent.age import AgeRules
from refbus_gateway.exchange import records, tables, translation
from refbus_gateway.exchange.translation import Draft
from refbus_gateway.forms.casefile import parse_case
from refbus_gateway.forms.problems import CaseInvalidError, Problem
from support.tree import ROOT

FILES = ROOT / "tests/unit/gateway/exchange/files"
SOURCES = sorted(
    path
    for path in FILES.iterdir()
    if path.suffix in {".csv", ".json", ".xlsx", ".xlsm"}
    and not path.name.endswith(".mapping.json")
    and path.name != "report.json"
)
NOW_MS = 1_796_000_000_000
RULES = AgeRules(18, 300)
ANSWERS: dict[str, Any] = {
    "fictional": True,
    "recipient": {"country": "uz"},
    "purpose": "REFERRAL_SERVICES",
    "priority": "URGENT",
    "reason": "Other",
    "source_of_referral": "NGO",
    "responsible_worker_role": "SOCIAL_WORKER",
}
"""What other systems do not say, but for the services."""
SERVICES = {**ANSWERS, "services_requested": ["SocialCare"]}

TWICE = "\n".join(
    (
        "fictional,responsible_worker_role,file_number,person.prs_FirstName,person.is_minor,services_requested",
        "true,CASE_MANAGER,A-1,Fictional,false,SocialCare",
        "true,CASE_MANAGER,A-1,Sample,false,SocialCare",
        "true,CASE_MANAGER,A-2,Another,false,SocialCare",
    )
)
"""A table in which two of three persons have the same file number."""


def judge(content: bytes) -> tuple[Problem, ...]:
    """Return what is wrong with a case file that somebody brings now, in Kazakhstan."""
    try:
        parse_case(content, now_ms=NOW_MS, desk=RULES, country="kz")
    except CaseInvalidError as error:
        return error.problems
    return ()


def mapping_of(path: Path) -> tables.Format | None:
    """Return the mapping that stands beside a file, None for a file of a format that is known."""
    beside = path.with_suffix("").with_suffix(".mapping.json")
    return tables.read_mapping(beside.read_bytes()) if beside.exists() else None


def drafts(path: Path, answers: dict[str, Any] | None = None) -> list[Draft]:
    """Return what a file becomes."""
    return drafts_of(path.read_bytes(), mapping_of(path), answers)


def drafts_of(
    content: bytes,
    one: tables.Format | None = None,
    answers: dict[str, Any] | None = None,
    *,
    at_ms: int = NOW_MS,
) -> list[Draft]:
    """Return what the content of a file becomes at a moment in ms UTC."""
    source = records.read_source(content, one)
    return [
        translation.draft(each, source.format, ANSWERS if answers is None else answers, judge, rules=RULES, at_ms=at_ms)
        for each in source.records
    ]


def summary(path: Path) -> Any:
    """Return what comes over of a file, what is lost and what is refused, as JSON has it."""
    source = records.read_source(path.read_bytes(), mapping_of(path))
    return {
        "format": source.format.name,
        "lost": {lost.source: lost.reason for lost in source.lost},
        "persons": [
            _person(translation.draft(each, source.format, ANSWERS, judge, rules=RULES, at_ms=NOW_MS))
            for each in source.records
        ],
    }


def _person(one: Draft) -> Any:
    return {
        "place": one.place,
        "file_number": one.file_number,
        "taken": [f"{each.source} -> {each.to}" for each in one.taken],
        "lost": {lost.source: lost.reason for lost in one.lost},
        "refused": [[each.source, each.value, each.code] for each in one.refused],
        "problems": [[each.path, each.code] for each in one.problems],
    }
