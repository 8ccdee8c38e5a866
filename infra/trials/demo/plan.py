"""The fictional cases of the demonstration, who sends each to whom, and the consent that goes with it."""

from __future__ import annotations

import json
import time
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from refbus.core.directory import Directory, OrgRole
from refbus.core.ids import CountryCode, EventId, OrgId, ReferralId
from refbus.core.vocabulary import Action, DataCategory
from refbus_gateway.forms.casefile import CaseFile, RecipientQuery, parse_case

CASES = Path(__file__).resolve().parent / "cases"
ANSWERED = "ANSWERED"
_YEARS_TO_GO = 6
"""Until a child of unknown age is certainly an adult, as its guardian says."""
INFORMED = (
    "INTERVIEW_AGREED",
    "PURPOSE",
    "ACTUAL_AND_POTENTIAL_USE",
    "NON_IDENTIFYING_RESEARCH",
    "RIGHT_TO_REQUEST_DATA",
    "STORAGE_PERIOD",
    "HOW_TO_WITHDRAW",
)


@dataclass(frozen=True, slots=True)
class PlannedCase:
    """One case file and what must become of it: ANSWERED, or the code with which it is refused.

    `child_of`: the name of the case of its mother, "" for most.
    """

    name: str
    content: bytes
    file: CaseFile
    sender: OrgId
    recipient: OrgId
    minor: bool
    withhold: tuple[DataCategory, ...]
    expect: str
    child_of: str = ""


def planned_cases(directory: Directory) -> list[PlannedCase]:
    """Return every case of `cases/plan.toml`; the sender is the country's agency, the recipient is chosen by role."""
    entries = tomllib.loads((CASES / "plan.toml").read_text(encoding="utf-8"))["case"]
    return [_planned(entry, directory) for entry in entries]


def organisations(directory: Directory, country: CountryCode, role: OrgRole, service: str | None = None) -> list[OrgId]:
    """Return the ids of a country's organisations with this role, those that offer `service` when it is given."""
    found = [
        org.org_id
        for org in directory.organisations.values()
        if org.country == country and org.role is role and (service is None or service in org.services)
    ]
    return sorted(found)


def agency(directory: Directory, country: CountryCode) -> OrgId:
    """Return the national referral agency of a country."""
    return organisations(directory, country, OrgRole.NATIONAL_AGENCY)[0]


def consent_form(case: PlannedCase, party: OrgId | None = None, *, expired: bool = False) -> dict[str, Any]:
    """Return the consent file of a case as a case-worker fills it in: all that the case tells, less what is withheld.

    With `expired` the person agreed to one conversation, and that is over.
    """
    now = datetime.now(UTC)
    said, until = (
        (now - timedelta(seconds=2), now - timedelta(seconds=1)) if expired else (now, now + timedelta(days=90))
    )
    told = sorted(case.file.categories - set(case.withhold))
    form: dict[str, Any] = {
        "format": "refbus-consent/1",
        "organisation": party or case.recipient,
        "state": "GIVEN",
        "said_at": said.isoformat(timespec="milliseconds"),
        "valid_until": until.isoformat(timespec="milliseconds"),
        "retain_until": (until + timedelta(days=180)).date().isoformat(),
        "notice": {"notice_id": "referral-1", "language": "ru"},
        "grantor": {"kind": "SELF"},
        "assent": "NOT_REQUIRED",
        "method": "WRITTEN",
        "interpreter": False,
        "informed": list(INFORMED),
        "withdrawal_contact": "the agency's office, any working day",
        "permit": [
            {
                "purposes": [case.file.purpose],
                "actions": [Action.DISCLOSE, Action.REPORT_BACK],
                "data_categories": told,
            }
        ],
        "statistics": True,
    }
    if case.withhold:
        form["deny"] = [
            {
                "purposes": [case.file.purpose],
                "actions": [Action.DISCLOSE],
                "data_categories": sorted(case.withhold),
            }
        ]
    if not case.minor:
        return form
    person = case.file.fields["person"]
    born = person.get("prs_Birthdate") or person.get("stated_age")
    years_on = {"majority_on": (now + timedelta(days=_YEARS_TO_GO * 365)).date().isoformat()}
    return form | _guardian(now) | ({} if born else years_on)


def smallest_case(event_id: EventId, referral_id: ReferralId) -> dict[str, Any]:
    """Return a ReferralRequested payload that tells nothing but which services are asked for."""
    document = {
        "format": "refbus-case/1",
        "fictional": True,
        "recipient": {"country": "uz", "role": "NGO", "service": "SocialCare"},
        "purpose": "REFERRAL_SERVICES",
        "priority": "ROUTINE",
        "reply_within_hours": 72,
        "reason": "AdditionalServicesRequired",
        "source_of_referral": "NGO",
        "services_requested": ["SocialCare"],
        "responsible_worker_role": "CASE_MANAGER",
        "person": {},
    }
    content = json.dumps(document).encode()
    return parse_case(content, now_ms=int(time.time() * 1000)).payload(event_id, referral_id)


def _planned(entry: dict[str, Any], directory: Directory) -> PlannedCase:
    content = (CASES / entry["file"]).read_bytes()
    file = parse_case(content, now_ms=int(time.time() * 1000))
    return PlannedCase(
        name=entry["file"].removesuffix(".json"),
        content=content,
        file=file,
        sender=agency(directory, CountryCode(entry["sender"])),
        recipient=_recipient(file.recipient, directory),
        minor=entry["minor"],
        withhold=tuple(DataCategory(name) for name in entry["withhold"]),
        expect=entry["expect"],
        child_of=entry.get("child_of", ""),
    )


def _recipient(wanted: OrgId | RecipientQuery, directory: Directory) -> OrgId:
    if isinstance(wanted, str):
        return wanted
    role = wanted.role or OrgRole.NGO
    found = (
        organisations(directory, wanted.country, role, wanted.service)
        or organisations(directory, wanted.country, OrgRole.NATIONAL_AGENCY, wanted.service)
        or organisations(directory, wanted.country, role)
    )
    return found[0]


def _guardian(now: datetime) -> dict[str, Any]:
    """Return what a minor's form says differently. The evidence is the SHA-256 of a document that does not exist."""
    return {
        "grantor": {
            "kind": "COURT_APPOINTED",
            "authority_evidence": "00" * 31 + "01",
            "authority_until": (now + timedelta(days=365)).date().isoformat(),
            "conflict_checked": True,
        },
        "assent": "GIVEN",
    }
