"""A case file becomes a payload and its routing facts. The format is docs/integrators/case-file.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from refbus.core.consent.age import AgeRules
from refbus.core.directory import OrgRole
from refbus.core.ids import CountryCode, EventId, OrgId, ReferralId, parse_country, parse_org_id
from refbus.core.vocabulary import DataCategory, EventType, Priority, Purpose
from refbus.wire.fields import FieldSpec
from refbus.wire.payload import categories_of, payload_fields
from refbus_gateway.forms import dates
from refbus_gateway.forms.ages import check_dates, check_fields
from refbus_gateway.forms.case_routing import ROUTING_FIELDS, check_routing, reply_by
from refbus_gateway.forms.plausible import CONFIRMED, check_facts
from refbus_gateway.forms.problems import Problems
from refbus_gateway.forms.text import printable, read_json
from refbus_gateway.forms.values import read_record, unknown_field

MAX_CASE_FILE: Final = 1_048_576
"""Most bytes of a case file, and of a form about consent."""
_NOT_WRITTEN = frozenset({"event_id", "referral_id", "reply_by_ms"})


@dataclass(frozen=True, slots=True)
class RecipientQuery:
    """A recipient by what it is; somebody must choose the organisation. `service` is an htcds.spl_Type code."""

    country: CountryCode
    role: OrgRole | None
    service: str | None


@dataclass(frozen=True, slots=True)
class CaseFile:
    """A case file that can be sent. `categories` are computed from the filled fields.

    `onward_of`: local number of the received referral that it was made from; `revision`: of the case file that it was
    edited from. Both are never sent.
    """

    recipient: OrgId | RecipientQuery
    purpose: Purpose
    priority: Priority
    reply_by_ms: int | None
    fictional: bool
    categories: frozenset[DataCategory]
    fields: Mapping[str, Any] = field(repr=False)
    onward_of: int | None = None
    revision: str | None = None

    def payload(self, event_id: EventId, referral_id: ReferralId) -> dict[str, Any]:
        """Return the payload of the ReferralRequested event with these ids."""
        return {**self.fields, "event_id": event_id, "referral_id": referral_id, "reply_by_ms": self.reply_by_ms}


def case_fields() -> tuple[FieldSpec, ...]:
    """Return the payload fields that a case file may fill."""
    listed = payload_fields(EventType.REFERRAL_REQUESTED)
    return tuple([spec for spec in listed if spec.name not in _NOT_WRITTEN and not spec.computed])


def parse_case(
    data: bytes, *, now_ms: int, desk: AgeRules | None = None, utc_offset_min: int | None = None, country: str = ""
) -> CaseFile:
    """Return the case in `data`, at most 1 MiB of JSON in UTF-8. Raises CaseInvalidError with every problem.

    `desk`: a person brings the file now, so its dates are judged, by these rules of the country; what is stored was.
    `utc_offset_min`: how many minutes the clocks of the country are ahead of UTC, as `desk` says if it is not given.
    `country`: that of a telephone number without the code of one.
    """
    offset_min = utc_offset_min if utc_offset_min is not None else desk.utc_offset_min if desk else 0
    document = as_written(read_json(data), offset_min, country)
    problems = Problems(country)
    if desk is not None:
        problems.refuse_placeholders(document)
    specs = case_fields()
    content = _without_unknown(document, {spec.name for spec in specs}, problems)
    unfit = len(problems.found)
    check_routing(document, problems, desk_ms=None if desk is None else now_ms)
    misrouted = len(problems.found) - unfit
    fields = read_record(specs, content, "", problems)
    if desk is not None and len(problems.found) == misrouted:  # every field has its form
        check_fields(fields, desk, now_ms, problems)
        check_dates(specs, fields, problems)
        check_facts(fields, document.get(CONFIRMED), desk, now_ms, problems)
    problems.raise_if_any()
    return CaseFile(
        recipient=_recipient(document["recipient"]),
        purpose=Purpose(document["purpose"]),
        priority=Priority(document["priority"]),
        reply_by_ms=reply_by(document, now_ms),
        fictional=fields["fictional"],
        categories=categories_of(EventType.REFERRAL_REQUESTED, fields),
        fields=fields,
        onward_of=document.get("onward_of"),
        revision=document.get("revision"),
    )


def as_written(document: Mapping[str, Any], utc_offset_min: int, country: str) -> dict[str, Any]:
    """Return a case file with its days, times and numbers as payloads have them, whichever way people wrote them."""
    made = dates.as_forms_have_it(case_fields(), document, utc_offset_min, country)
    return (
        made if made.get("reply_by") is None else {**made, "reply_by": dates.reply_by(made["reply_by"], utc_offset_min)}
    )


def _without_unknown(document: Mapping[str, Any], known: set[str], problems: Problems) -> dict[str, Any]:
    """Return the payload fields of the file; fields that do not exist are noted."""
    for name in [name for name in document if name not in known | ROUTING_FIELDS]:
        problems.invalid(printable(name), unknown_field(name, known | ROUTING_FIELDS))
    return {name: value for name, value in document.items() if name in known}


def _recipient(value: Mapping[str, str]) -> OrgId | RecipientQuery:
    """Return the recipient of a file that was checked."""
    if "organisation" in value:
        return parse_org_id(value["organisation"])
    role = value.get("role")
    return RecipientQuery(
        parse_country(value["country"]), None if role is None else OrgRole(role), value.get("service")
    )
