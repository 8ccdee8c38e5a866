"""What must be there before a departure is authorised (domain.md 4.4). Every missing guard is named at once.

A gate sees which events there are, and nothing of their content: `gaps_from_facts`. The two organisations see the
content too: `gaps_from_details`. Each guard says where it comes from and which events can settle it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from refbus.core.courses.course import state_of
from refbus.core.courses.facts import EventFact, in_order
from refbus.core.courses.machine import BOTH, Role
from refbus.core.courses.repatriation import MACHINE, TABLE
from refbus.core.vocabulary import EventType
from refbus.errors import Code

_E = EventType


@dataclass(frozen=True, slots=True)
class ReturnDetails:
    """What the content of a return's events says, as far as guards ask. Times in ms UTC, None where nothing was said.

    `risk_high` counts without a mitigation only; `risk_texts` are the SHA-256 of the assessments that were signed;
    `certificate`: from when until when (half-open) the medical certificate counts, None without one or without both
    days; `certificate_asked`: plan or health ask for one, and nobody waived it where the law lets;
    `best_interests`: the determination is for the return, and the guardian agrees.
    """

    informed: bool = False
    risk_texts: frozenset[bytes] = frozenset()
    risk_valid_until_ms: int | None = None
    risk_high: bool = False
    legal_status_recorded: bool = False
    documents_valid_until_ms: int | None = None
    document_accepted: bool = False
    arrival_ms: int | None = None
    protected: bool = False
    fit_to_travel: bool = False
    certificate: tuple[int, int] | None = None
    certificate_asked: bool = False
    minor: bool = False
    escorted: bool = False
    best_interests: bool = False


@dataclass(frozen=True, slots=True)
class _Said:
    """What was said in a return, in order, by those who may say it; `consent`: not withdrawn."""

    events: tuple[tuple[EventType, Role], ...]
    consent: bool

    def has(self, kind: EventType) -> bool:
        """Return whether this was said at all."""
        return any(each is kind for each, _ in self.events)

    def by_both(self, kind: EventType) -> bool:
        """Return whether both organisations said this."""
        return {role for each, role in self.events if each is kind} == BOTH

    def newest(self, *kinds: tuple[EventType, Role]) -> EventType | None:
        """Return which of these was said last."""
        return next((each for each, role in reversed(self.events) if (each, role) in kinds), None)


@dataclass(frozen=True, slots=True)
class EventGuard:
    """A condition that the events alone can meet. `settled_by`: what to send, the first that fits."""

    code: Code
    met: Callable[[_Said], bool]
    settled_by: tuple[EventType, ...]
    source: str
    minors_only: bool = False


@dataclass(frozen=True, slots=True)
class ContentGuard:
    """A condition that needs the content; `met` gets the details and the time (ms UTC)."""

    code: Code
    met: Callable[[ReturnDetails, int], bool]
    settled_by: tuple[EventType, ...]
    source: str
    minors_only: bool = False


def _nationality(said: _Said) -> bool:
    """Demand nothing where nobody asked (a valid passport tells); a question needs its yes."""
    asked = (_E.NATIONALITY_REQUESTED, Role.SOURCE)
    answers = (_E.NATIONALITY_CONFIRMED, Role.TARGET), (_E.NATIONALITY_NEGATIVE, Role.TARGET)
    return said.newest(asked, *answers) in {None, _E.NATIONALITY_CONFIRMED}


def _reception(said: _Said) -> bool:
    """Demand a reception that its organisation has not taken back by a suspension since."""
    confirmed, taken_back = (_E.RECEPTION_CONFIRMED, Role.TARGET), (_E.REPATRIATION_SUSPENDED, Role.TARGET)
    return said.newest(confirmed, taken_back) is _E.RECEPTION_CONFIRMED


def _covers(window: tuple[int, int], details: ReturnDetails, now_ms: int) -> bool:
    """Return whether something that counts from a time until another does so from now to the arrival."""
    first_ms, end_ms = window
    return first_ms <= now_ms and max(now_ms, details.arrival_ms or 0) < end_ms


EVENT_GUARDS: tuple[EventGuard, ...] = (
    EventGuard(
        Code.GUARD_WISH,
        lambda said: said.has(_E.RETURN_WISH_RECORDED),
        (_E.RETURN_WISH_RECORDED,),
        "nrm.bg 3.2: voluntary, informed decision",
    ),
    EventGuard(
        Code.GUARD_CONSENT,
        lambda said: said.consent,
        (_E.CONSENT_GRANTED, _E.CONSENT_AMENDED),
        "domain.md 4.4: consent active",
    ),
    EventGuard(
        Code.GUARD_RISK_ASSESSMENT,
        lambda said: said.by_both(_E.RISK_ASSESSED),
        (_E.RISK_ASSESSED,),
        "IOM TACT: assessed jointly",
    ),
    EventGuard(Code.GUARD_NATIONALITY, _nationality, (_E.NATIONALITY_CONFIRMED,), "Palermo 8(3)"),
    EventGuard(Code.GUARD_DOCUMENTS, lambda said: said.has(_E.DOCUMENT_ISSUED), (_E.DOCUMENT_ISSUED,), "Palermo 8(4)"),
    EventGuard(Code.GUARD_RECEPTION, _reception, (_E.RECEPTION_CONFIRMED,), "IOM AVRR post-arrival"),
    EventGuard(
        Code.GUARD_PLAN,
        lambda said: said.has(_E.PLAN_AGREED),
        (_E.PLAN_AGREED,),
        "nrm.bg 3.2: the person takes part in planning",
    ),
    EventGuard(
        Code.GUARD_FAMILY_ASSESSMENT,
        lambda said: said.has(_E.FAMILY_ASSESSED),
        (_E.FAMILY_TRACING_REQUESTED, _E.FAMILY_ASSESSED),
        "IOM TACT: no return without family assessment",
        minors_only=True,
    ),
    EventGuard(
        Code.GUARD_BEST_INTERESTS,
        lambda said: said.has(_E.BEST_INTERESTS_DETERMINED),
        (_E.BEST_INTERESTS_DETERMINED,),
        "CRC 3, 12; ODIHR principle 4",
        minors_only=True,
    ),
)
"""Guards that gates and organisations check, in the order of the road."""

CONTENT_GUARDS: tuple[ContentGuard, ...] = (
    ContentGuard(
        Code.GUARD_NOT_INFORMED,
        lambda details, _now_ms: details.informed,
        (_E.RETURN_WISH_RECORDED,),
        "nrm.bg 3.2: informed decision, alternatives explained",
    ),
    ContentGuard(
        Code.GUARD_RISK_DIFFERS,
        lambda details, _now_ms: len(details.risk_texts) <= 1,
        (_E.RISK_ASSESSED,),
        "IOM TACT: one assessment, signed by both",
    ),
    ContentGuard(
        Code.GUARD_RISK_OUT_OF_DATE,
        lambda details, now_ms: (details.risk_valid_until_ms or 0) > now_ms,
        (_E.RISK_ASSESSED,),
        "domain.md 4.4: risk assessment in date",
    ),
    ContentGuard(
        Code.GUARD_RISK_HIGH,
        lambda details, _now_ms: not details.risk_high,
        (_E.RISK_ASSESSED,),
        "ODIHR principle 1: return must be safe",
    ),
    ContentGuard(
        Code.GUARD_LEGAL_STATUS,
        lambda details, _now_ms: details.legal_status_recorded,
        (_E.PLAN_AGREED,),
        "Palermo 8(2): status of legal proceedings",
    ),
    ContentGuard(
        Code.GUARD_DOCUMENTS_OUT_OF_DATE,
        lambda details, now_ms: (details.documents_valid_until_ms or 0) > max(now_ms, details.arrival_ms or 0),
        (_E.DOCUMENT_ISSUED,),
        "IOM: document validity check",
    ),
    ContentGuard(
        Code.GUARD_DOCUMENT_NOT_ACCEPTED,
        lambda details, _now_ms: details.document_accepted or details.documents_valid_until_ms is None,
        (_E.DOCUMENT_ISSUED,),
        "Palermo 8(4); domain.md 4.4: by the policies of both countries",
    ),
    ContentGuard(
        Code.GUARD_NOT_FIT,
        lambda details, _now_ms: details.fit_to_travel,
        (_E.PLAN_AGREED,),
        "IOM AVRR: fit to travel",
    ),
    ContentGuard(
        Code.GUARD_CERTIFICATE,
        lambda details, _now_ms: details.certificate is not None or not details.certificate_asked,
        (_E.PLAN_AGREED,),
        "IOM AVRR: fit to travel; domain.md 4.4",
    ),
    ContentGuard(
        Code.GUARD_CERTIFICATE_NOT_VALID,
        lambda details, now_ms: details.certificate is None or _covers(details.certificate, details, now_ms),
        (_E.PLAN_AGREED,),
        "IOM AVRR: fit to travel; domain.md 4.4",
    ),
    ContentGuard(
        Code.GUARD_PROTECTED,
        lambda details, _now_ms: not details.protected,
        (_E.REPATRIATION_ABORTED,),
        "ODIHR principle 3; nrm.bg 3.2: non-refoulement",
    ),
    ContentGuard(
        Code.GUARD_AGAINST_BEST_INTERESTS,
        lambda details, _now_ms: details.best_interests,
        (_E.BEST_INTERESTS_DETERMINED, _E.REPATRIATION_ABORTED),
        "CRC 3; ODIHR principle 4",
        minors_only=True,
    ),
    ContentGuard(
        Code.GUARD_ESCORT,
        lambda details, _now_ms: details.escorted,
        (_E.PLAN_AGREED,),
        "CRC 3; ODIHR principle 4",
        minors_only=True,
    ),
)
"""Guards that only the two organisations can check."""

SETTLED_BY: Mapping[Code, tuple[EventType, ...]] = {
    **{guard.code: guard.settled_by for guard in EVENT_GUARDS},
    **{guard.code: guard.settled_by for guard in CONTENT_GUARDS},
}
"""Which events can settle a guard, the first to be sent first."""


TAKEN_OVER_FIRST = frozenset({EventType.HANDOVER_CONFIRMED, EventType.REPATRIATION_CLOSED})
"""What is said of somebody with an escort only when the person was taken over from it."""


def gaps_from_facts(facts: Iterable[EventFact], *, minor: bool) -> tuple[Code, ...]:
    """Return the guards that the events alone leave open, sorted. `minor`: the person is not of age now."""
    known = tuple(facts)
    view = state_of(known)
    events = []
    for fact in in_order(known, frozenset({MACHINE.begins}), MACHINE.stops):
        role, rule = view.role_of(fact.sender), TABLE.get(fact.type)
        if isinstance(fact.type, EventType) and rule is not None and role is not None and role in rule.emitters:
            events.append((fact.type, role))
    said = _Said(tuple(events), not view.suspended)
    due = (guard for guard in EVENT_GUARDS if minor or not guard.minors_only)
    return tuple(sorted(guard.code for guard in due if not guard.met(said)))


def escort_gap(facts: Iterable[EventFact]) -> tuple[Code, ...]:
    """Return what is missing before the hand-over of somebody who has an escort is signed, or the return closed.

    Who was handed over is taken over, whatever else was said. Once consent was withdrawn no hand-over is asked for: the
    word of the escort carries data. None either once both have signed the hand-over of the person.
    """
    known = tuple(facts)
    view = state_of(known)
    signed = {view.role_of(fact.sender) for fact in known if fact.type is EventType.HANDOVER_CONFIRMED}
    asked = not view.suspended and not view.taken_over and not signed >= BOTH
    return (Code.GUARD_ESCORT_HANDOVER,) if asked or view.handing_over is not None else ()


def gaps_from_details(details: ReturnDetails, now_ms: int) -> tuple[Code, ...]:
    """Return the guards that the content leaves open at `now_ms` (UTC), sorted."""
    due = (guard for guard in CONTENT_GUARDS if details.minor or not guard.minors_only)
    return tuple(sorted(guard.code for guard in due if not guard.met(details, now_ms)))
