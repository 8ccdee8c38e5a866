"""A return home from an office: beginning it, what only offices can check, and the one risk text that both sign."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from refbus.core.consent.age import AgeGroup
from refbus.core.consent.rules import minor_until
from refbus.core.courses.course import state_of
from refbus.core.courses.facts import in_order
from refbus.core.courses.guards import (
    TAKEN_OVER_FIRST,
    ReturnDetails,
    escort_gap,
    gaps_from_details,
    gaps_from_facts,
)
from refbus.core.courses.machine import CourseKind, Role
from refbus.core.courses.repatriation import BEFORE_JOURNEY, FINAL, MACHINE
from refbus.core.directory import OrgRole
from refbus.core.ids import OrgId, ReferralId
from refbus.core.vocabulary import DataCategory, EventType, Priority, Purpose
from refbus.errors import Code, RuleError, UntrustedError
from refbus.said import joined, said
from refbus.wire.consent import decode_signed
from refbus_gateway.cases import case_text, casework, companions
from refbus_gateway.cases.withheld import without
from refbus_gateway.forms.ages import check_dates
from refbus_gateway.forms.asked import WISH_FROM_CASE, wish_fields
from refbus_gateway.forms.casefile import CaseFile
from refbus_gateway.forms.dates import as_forms_have_it
from refbus_gateway.forms.plausible import check_event
from refbus_gateway.forms.problems import CaseInvalidError, Problem, Problems
from refbus_gateway.forms.values import read_record
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.outbox import envelopes
from refbus_gateway.outbox.envelopes import Draft, Terms
from refbus_gateway.rules import age_check, certificates, course_state, papers, protection
from refbus_gateway.store import cases, referrals
from refbus_gateway.store.cases import Case
from refbus_gateway.store.referrals import Event, EventStatus, Referral
from refbus_gateway.store.session import Transaction

_INFORMED: Final = ("decided_freely", "alternatives_explained", "risks_explained", "may_stop_explained")
_TO_EMBASSY: Final = frozenset({EventType.NATIONALITY_REQUESTED, EventType.DOCUMENT_REQUESTED})
_GUARDED: Final = frozenset({EventType.DEPARTURE_AUTHORISED, EventType.DEPARTED})
_LOWER_RISKS: Final = frozenset({"LOW", "MED"})
_FOR_THE_RETURN: Final = frozenset({"RETURN_TO_FAMILY", "RETURN_TO_CARE"})


def begin(
    gateway: Gateway,
    tx: Transaction,
    case: Case,
    org: OrgId,
    document: Mapping[str, Any],
    *,
    withhold: Collection[DataCategory] = (),
) -> casework.Sent:
    """Begin the return of the person of an own case, to an organisation in the home country.

    The same wish to the same organisation again changes nothing. Raises CaseInvalidError with every problem of
    `document` (AGE_CONTRADICTS when it says another age than the case), ConsentError, RuleError PROTECTED_FROM_EMBASSY,
    UncheckableError ORGANISATION_UNKNOWN.
    """
    problems = Problems(gateway.country)
    problems.refuse_placeholders(document)
    document = as_forms_have_it(wish_fields(), document, gateway.utc_offset_min(), gateway.country)
    wish = read_record(wish_fields(), document, "", problems)
    problems.raise_if_any()
    check_dates(wish_fields(), wish, problems)
    check_event(wish, age_check.rules_here(gateway), gateway.now_ms(), problems)
    problems.raise_if_any()
    _require_age(gateway, tx, case, wish["is_minor"])
    file = casework.file_of(gateway, tx, case)
    protection.require_no_embassy(gateway, org, file.fields)
    fields = {**_taken_over(file, withhold), **wish}
    request = tx.vault.hash("return", org.encode(), repr(sorted(fields.items())).encode())
    known = casework.sent_before(tx, case, request)
    if known is not None:
        return casework.Sent(known, again=True)
    party = cases.counterpart(tx, case, org)
    referral = referrals.create(tx, party, ReferralId(secrets.token_bytes(16)), own=True, now_ms=gateway.now_ms())
    referrals.note_request(tx, referral, request)
    require_safe(gateway, tx, referral, EventType.RETURN_WISH_RECORDED, fields)
    fields |= casework.told_with(tx, case, org, withhold)
    terms = Terms(Purpose.REPATRIATION, Priority.ROUTINE)
    envelopes.send(gateway, tx, referral, Draft(EventType.RETURN_WISH_RECORDED, fields, terms))
    return casework.Sent(referral, again=False)


def require_safe(
    gateway: Gateway, tx: Transaction, referral: Referral, event_type: EventType, fields: Mapping[str, Any]
) -> None:
    """Refuse what would put the person in danger and only the content shows. All else than a return passes.

    Raises RuleError PROTECTED_FROM_EMBASSY, or the first guard that is open before a departure with all in `reasons`.
    """
    to_embassy = gateway.organisation(referral.org).role is OrgRole.EMBASSY
    asks_embassy = event_type in _TO_EMBASSY and fields["embassy_may_be_asked"]
    guarded, handed = event_type in _GUARDED, event_type in TAKEN_OVER_FIRST
    looked_at = to_embassy or asks_embassy or guarded or handed
    events = _counting(referrals.events_of(tx, referral)) if looked_at else []
    details = details_of(events)
    seeks = details.protected or fields.get("seeks_protection") or fields.get("protected_from_return")
    if seeks and (to_embassy or asks_embassy):
        raise RuleError(Code.PROTECTED_FROM_EMBASSY)
    if handed:
        _require_taken_over(events, details)
    missing = gaps(gateway, tx, referral, events) if guarded else ()
    if guarded and not missing:
        _require_companions(gateway, tx, referral)
    if missing:
        advice = said("refbus return show %(number)s says how to settle each", number=referral.id)
        named = _certificate_days(events) if Code.GUARD_CERTIFICATE_NOT_VALID in missing else ()
        raise RuleError(missing[0], joined((*named, advice)), missing)


def _require_taken_over(events: Iterable[Event], details: ReturnDetails) -> None:
    """Raise RuleError GUARD_ESCORT_HANDOVER where a child, or whose plan names an escort, is not taken over yet."""
    if details.minor or details.escorted:
        for missing in escort_gap([course_state.fact_of(event) for event in events]):
            raise RuleError(missing)


def _certificate_days(events: Iterable[Event]) -> tuple[str]:
    """Return the days of the certificate in the newest plan, for whoever is told that it does not count."""
    plan = _Told(events).newest(EventType.PLAN_AGREED) or {}
    days = {"first": plan.get("medical_certificate_on"), "last": plan.get("medical_certificate_until")}
    return (said("the medical certificate counts from %(first)s to %(last)s", **days),)


def _require_companions(gateway: Gateway, tx: Transaction, referral: Referral) -> None:
    """Raise RuleError GUARD_COMPANION with the cases of the children who travel along and are not ready."""
    behind = children_behind(gateway, tx, referral)
    if behind:
        raise RuleError(Code.GUARD_COMPANION, said("case %(case)s", case=", ".join(map(str, behind))))


def children_behind(gateway: Gateway, tx: Transaction, referral: Referral) -> tuple[int, ...]:
    """Return the cases of children who travel along with a person of ours, and whose own return is not ready.

    Ready: their own return to the same organisation has no open guard, or has left. Who may be a child counts as one.
    """
    if not referral.own:
        return ()
    along = companions.travellers(tx, cases.get(tx, referral.case_id))
    return tuple(number for number in along if _is_child_behind(gateway, tx, cases.get(tx, number), referral.org))


def _is_child_behind(gateway: Gateway, tx: Transaction, case: Case, org: OrgId) -> bool:
    if not case.live or not age_check.age_in_case(gateway, tx, case).child:
        return False
    return not any(_is_ready(gateway, tx, each) for each in referrals.of_case(tx, case) if each.org == org)


def _is_ready(gateway: Gateway, tx: Transaction, referral: Referral) -> bool:
    view = course_state.view_of(tx, referral)
    if view.kind is not CourseKind.REPATRIATION or view.state in FINAL:
        return False
    return view.state not in BEFORE_JOURNEY or not gaps(gateway, tx, referral, referrals.events_of(tx, referral))


def gaps(gateway: Gateway, tx: Transaction, referral: Referral, events: Iterable[Event]) -> tuple[Code, ...]:
    """Return every guard of the departure that is open now, sorted. `events`: those of the return."""
    counting = _counting(events)
    own = case_text.document_of(cases.body_of(tx, cases.get(tx, referral.case_id))) if referral.own else {}
    details = details_of(counting, rules_of(gateway, referral), own)
    facts = gaps_from_facts([course_state.fact_of(event) for event in counting], minor=details.minor)
    return tuple(sorted({*facts, *gaps_from_details(details, gateway.now_ms())}))


@dataclass(frozen=True, slots=True)
class RouteRules:
    """What policies say of a journey: the documents that suffice; of the host country its clock, and a waiver."""

    documents: tuple[str, ...] = ()
    utc_offset_min: int = 0
    certificate_waiver: bool = False


def rules_of(gateway: Gateway, referral: Referral) -> RouteRules:
    """Return the rules of a return's journey, as the newest directory has them, in force or not."""
    route, directory = papers.route_to(gateway, referral.org), gateway.newest_directory()
    host = gateway.country if referral.own else route.country
    policy = directory.policies.get(host) if directory else None
    if policy is None:
        return RouteRules(route.documents)
    return RouteRules(route.documents, policy.utc_offset_min, policy.certificate_waiver)


def details_of(
    events: Iterable[Event], rules: RouteRules | None = None, own: Mapping[str, Any] | None = None
) -> ReturnDetails:
    """Return what the content of a return's events says by the rules of its journey, the newest word counting.

    `own`: the file of the case where it is ours, for what was not told with the wish.
    """
    rules = rules or RouteRules()
    told = _Told(events)
    wish = told.newest(EventType.RETURN_WISH_RECORDED)
    plan = told.newest(EventType.PLAN_AGREED)
    determination = told.newest(EventType.BEST_INTERESTS_DETERMINED)
    signed = (told.newest(EventType.RISK_ASSESSED, role) for role in (Role.SOURCE, Role.TARGET))
    risks = [each for each in signed if each is not None]
    document = told.newest(EventType.DOCUMENT_ISSUED)
    waived = certificates.is_waived(plan, allowed=rules.certificate_waiver)
    return ReturnDetails(
        informed=wish is not None and all(wish[name] for name in _INFORMED),
        risk_texts=frozenset(each["assessment_sha256"] for each in risks),
        risk_valid_until_ms=min((each["valid_until_ms"] for each in risks), default=None),
        risk_high=any(_is_high(risk) for each in risks for risk in each["risks"]),
        legal_status_recorded=plan is not None and plan["legal_status"]["code"] != "NOT_KNOWN",
        documents_valid_until_ms=document["valid_until_ms"] if document else None,
        document_accepted=document is not None and document["kind"]["code"] in rules.documents,
        arrival_ms=max((leg["arrives_ms"] for leg in plan["legs"]), default=None) if plan else None,
        protected=bool(wish and wish["seeks_protection"]) or any(each["protected_from_return"] for each in risks),
        fit_to_travel=plan is not None and plan["fit_to_travel"],
        certificate=None if waived else certificates.window(plan, rules.utc_offset_min),
        certificate_asked=not waived and certificates.asked_for(filter(None, (wish, own)), risks, plan),
        minor=bool(wish and wish["is_minor"]) or told.minor,
        escorted=plan is not None and plan["escort"]["code"] != "NONE",
        best_interests=determination is not None
        and determination["conclusion"]["code"] in _FOR_THE_RETURN
        and determination["guardian_agrees"],
    )


def risk_text_sha256(fields: Mapping[str, Any]) -> bytes:
    """Return what both organisations sign of a risk assessment: SHA-256 (32 bytes) of its canonical JSON."""
    said = [fields["risks"], fields.get("summary"), fields["valid_until_ms"], fields["protected_from_return"]]
    risks = [{key: value for key, value in risk.items() if value is not None} for risk in said[0]]
    text = json.dumps([risks, *said[1:]], ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(b"refbus/v1/risk-assessment\0" + text.encode()).digest()


def require_own_hash(payload: Mapping[str, Any]) -> None:
    """Raise UntrustedError DECLARATION_MISMATCH when a risk assessment that came in is not the text it names."""
    if payload["assessment_sha256"] != risk_text_sha256(payload):
        raise UntrustedError(Code.DECLARATION_MISMATCH, said("the hash of the risk assessment"))


def other_assessment(tx: Transaction, referral: Referral) -> dict[str, Any]:
    """Return the fields of the risk assessment that the other organisation signed last.

    Raises RuleError STATE_NOT_ALLOWED when there is none.
    """
    theirs = Role.TARGET if referral.own else Role.SOURCE
    found = _Told(_counting(referrals.events_of(tx, referral))).newest(EventType.RISK_ASSESSED, theirs)
    if found is None:
        raise RuleError(Code.STATE_NOT_ALLOWED, said("the other organisation has not recorded a risk assessment"))
    return found


def open_guards(gateway: Gateway, tx: Transaction, referral: Referral) -> tuple[Code, ...]:
    """Return what stands in the way of the departure of a return that has not left; nothing for anything else."""
    view = course_state.view_of(tx, referral)
    if view.kind is not CourseKind.REPATRIATION or view.state not in BEFORE_JOURNEY:
        return ()
    behind = {Code.GUARD_COMPANION} if children_behind(gateway, tx, referral) else set()
    return tuple(sorted({*gaps(gateway, tx, referral, referrals.events_of(tx, referral)), *behind}))


def _require_age(gateway: Gateway, tx: Transaction, case: Case, is_minor: bool) -> None:
    """Hold a wish to the age that the case tells: the guards for minors follow from it."""
    age_check.require_clear(gateway, tx, case)
    age = age_check.age_in_case(gateway, tx, case)
    if is_minor is not age.child:
        code = Code.AGE_UNKNOWN if age.group is AgeGroup.UNKNOWN else Code.AGE_CONTRADICTS
        raise CaseInvalidError([Problem("is_minor", code, said("the case says otherwise: correct one of them"))])


def _taken_over(file: CaseFile, withhold: Collection[DataCategory]) -> dict[str, Any]:
    kept = without(EventType.REFERRAL_REQUESTED, file.fields, withhold)
    return {name: value for name, value in kept.items() if name in WISH_FROM_CASE}


def _is_high(risk: Mapping[str, Any]) -> bool:
    """Whether a risk forbids the journey; a level that no list here knows counts as high."""
    return risk["level"]["code"] not in _LOWER_RISKS and not risk["mitigation"]


def _counting(events: Iterable[Event]) -> list[Event]:
    return [event for event in events if event.status is not EventStatus.REFUSED]


class _Told:
    """The payloads of a return in the one order of its events."""

    def __init__(self, events: Iterable[Event]) -> None:
        by_id = {event.block.event_id: event for event in events}
        facts = [course_state.fact_of(event) for event in by_id.values()]
        self._view = state_of(facts)
        order = in_order(facts, frozenset({MACHINE.begins}), MACHINE.stops)
        self._events = [by_id[fact.event_id] for fact in order]

    def newest(self, kind: EventType, role: Role | None = None) -> dict[str, Any] | None:
        """Return the payload that was said last, by one side or by any."""
        for event in reversed(self._events):
            same_role = role is None or self._view.role_of(event.block.sender) is role
            if event.block.event_type is kind and same_role:
                return course_state.payload_of(event)
        return None

    @property
    def minor(self) -> bool:
        """Whether a consent record that rode in these events is that of a child, at the time of the newest event."""
        newest_ms = max((event.block.occurred_at_ms for event in self._events), default=0)
        ends = (minor_until(decode_signed(raw).record) for event in self._events if (raw := event.block.consent_record))
        return any(of_age_ms is not None and of_age_ms > newest_ms for of_age_ms in ends)
