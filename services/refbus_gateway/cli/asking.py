"""Taking consent down by questions, one after the other. The answers make the same form that a file would hold."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any

import click

from refbus.core.age import Age
from refbus.core.consent import Assent, ConsentState, GrantorKind, Informed, Method
from refbus.core.dates import day_text
from refbus.core.vocabulary import Action, DataCategory
from refbus_gateway.casefile.parse import CaseFile
from refbus_gateway.consentfile import FORMAT
from refbus_gateway.consentform import categories
from refbus_gateway.gateway import Gateway

_DAY_MS = 86_400_000


def ask_consent(gateway: Gateway, case: CaseFile, to: str | None, age: Age) -> bytes:
    """Return a filled-in consent form. Questions go to standard error. Raises UncheckableError without a directory."""
    policy = gateway.rules()
    named = case.recipient if isinstance(case.recipient, str) else None
    longest = day_text(gateway.now_ms() + policy.consent_max_days * _DAY_MS)
    permitted = _yes_each("May they receive", categories(case), DataCategory)
    document: dict[str, Any] = {
        "format": FORMAT,
        "organisation": to or named or _text("Which organisation"),
        "state": ConsentState.GIVEN if permitted else ConsentState.REFUSED,
        "valid_until": _text(f"Valid until (a day, at most {longest})"),
        "retain_until": _text("They erase it by (a day)"),
        "notice": {
            "notice_id": _choice("Text that was explained", sorted(policy.notices)),
            "language": _text("Language it was explained in (ISO 639)"),
        },
        "grantor": _grantor(),
        "assent": _choice("Child's own answer", list(Assent)),
        "method": _choice("How the answer was given", list(Method)),
        "interpreter": click.confirm("Was an interpreter present?", err=True),
        "informed": _yes_each("Was this explained or asked", list(Informed), Informed),
        "withdrawal_contact": _text("Where can the person withdraw (no person's name)"),
        "permit": [
            {
                "purposes": [case.purpose],
                "actions": [Action.DISCLOSE, *([Action.REPORT_BACK] if _may_report() else [])],
                "data_categories": permitted,
            }
        ]
        if permitted
        else [],
        "deny": [],
        "denied_recipients": [],
    }
    if age.child and age.majority_ms is None:  # else it follows from the birth date
        document["majority_on"] = _text("The child comes of age on (a day)")
    return json.dumps(document).encode()


def _grantor() -> dict[str, Any]:
    kind = _choice("Who consents", list(GrantorKind))
    if kind == GrantorKind.SELF:
        return {"kind": kind}
    return {
        "kind": kind,
        "authority_evidence": _text("SHA-256 of the document that gives the authority"),
        "authority_until": _text("The authority ends on (a day)"),
        "conflict_checked": click.confirm("Was it asked whether this person took part in the trafficking?", err=True),
    }


def _may_report() -> bool:
    return click.confirm("May they report back how it goes?", err=True)


def _text(question: str) -> str:
    answer: str = click.prompt(question, err=True)
    return answer


def _choice(question: str, options: list[str]) -> str:
    answer: str = click.prompt(question, type=click.Choice([str(option) for option in options]), err=True)
    return answer


def _yes_each(question: str, options: list[Any], kind: type[StrEnum]) -> list[str]:
    return [str(kind(option)) for option in options if click.confirm(f"{question}: {option}?", err=True)]
