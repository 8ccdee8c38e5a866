"""What is due in a course, and who hears of it when it is late (domain.md 4.2 and 4.4).

A pure function of the set of facts and of the signed policy of the source's country, so both gates compute the same
steps, and each tells the organisations of its own country. The ladder: a reminder, then the organisation that is
responsible, then the focal point of its country, then that of the other country. A person who travels and does not
arrive is an alarm: everybody at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum, StrEnum

from refbus.core.courses.course import CourseView, state_of
from refbus.core.courses.facts import EventFact, SystemEvent, in_order
from refbus.core.courses.machine import BOTH, CourseKind, Role
from refbus.core.courses.referral import UNDECIDED
from refbus.core.courses.repatriation import AT_HOME, ReturnState
from refbus.core.directory import CountryPolicy
from refbus.core.ids import EventId, OrgId, ReferralId
from refbus.core.units import DAY_MS, HOUR_MS
from refbus.core.vocabulary import EventType, Priority


class DeadlineKind(StrEnum):
    """What is waited for."""

    DELIVER = "DELIVER"  # the first sign of the recipient
    DECIDE = "DECIDE"  # its answer
    EXPIRE = "EXPIRE"  # any answer at all: then the referral expires
    TRANSFER = "TRANSFER"  # the answer to an offer of custody
    WITHDRAWAL_ACK = "WITHDRAWAL_ACK"  # what was done after a withdrawal
    LEG = "LEG"  # the next word of a person on the road
    ESCORT = "ESCORT"  # the word of who took the person over from an escort
    HANDOVER = "HANDOVER"  # both signatures after the arrival
    MONITORING = "MONITORING"  # how the person fares, months after the return
    EMERGENCY_REVIEW = "EMERGENCY_REVIEW"  # the independent review of an emergency disclosure


class Level(IntEnum):
    """Who hears of it."""

    REMINDER = 0
    ORGANISATION = 1
    FOCAL_POINT = 2
    PEER_FOCAL_POINT = 3


SOURCES = {
    DeadlineKind.DELIVER: "Primero: 15 min, 1 h, 24 h",
    DeadlineKind.DECIDE: "Primero: 1 h, 24 h, 3 d; or the sender's own time",
    DeadlineKind.EXPIRE: "domain.md 4.2",
    DeadlineKind.TRANSFER: "Primero transfer",
    DeadlineKind.WITHDRAWAL_ACK: "GDPR 12(3), 19",
    DeadlineKind.LEG: "IOM AVRR travel; domain.md 4.4: timer per leg",
    DeadlineKind.ESCORT: "Lao flow; CRC 3: hand-over of an escort",
    DeadlineKind.HANDOVER: "domain.md 4.4: PersonNotArrived",
    DeadlineKind.MONITORING: "domain.md 4.4: 1, 3, 6, 12 months",
    DeadlineKind.EMERGENCY_REVIEW: "domain.md 2.4: independent review",
}
ALARMS = frozenset({DeadlineKind.LEG, DeadlineKind.ESCORT, DeadlineKind.HANDOVER})
"""Late here means that a person who travels may be in danger: no ladder, everybody at once."""
_LEGS = (EventType.DEPARTED, EventType.CHECKPOINT_REACHED, EventType.TRANSIT_DELAYED)
EXPECTING = frozenset({*_LEGS, EventType.ESCORT_HANDED_OVER, EventType.ARRIVED})
"""Events of the road: each says when the person is expected next, which sets the timer of the alarm."""
MOST_EXPECTED_DAYS = 30
"""A time further away is a slip of the pen: nobody would be looked for before it."""


@dataclass(frozen=True, slots=True, order=True)
class Step:
    """One step of a ladder: at `at_ms` (UTC) `level` hears that what was due at `due_ms` is not there.

    `number` is the month of a monitoring contact, else 0; `responsible` is whose turn it is.
    """

    at_ms: int
    kind: DeadlineKind
    number: int
    due_ms: int
    level: Level
    responsible: Role


@dataclass(frozen=True, slots=True)
class _Due:
    """Something that stands: since when, until when, whose turn it is. `remind_ms` None: no reminder."""

    kind: DeadlineKind
    due_ms: int
    responsible: Role
    remind_ms: int | None
    number: int = 0


def steps_of(facts: Iterable[EventFact], policy: CountryPolicy, view: CourseView | None = None) -> tuple[Step, ...]:
    """Return all steps of everything that is waited for now, past and to come, by time.

    `policy` is that of the country of the source, `view` that of the facts when it is known. What has been answered has
    no steps any more.
    """
    known = tuple(facts)
    view = view or state_of(known)
    ordered = in_order(known, frozenset({view.machine.begins}), view.machine.stops)
    began = next((fact for fact in ordered if fact.type is view.machine.begins), None)
    if began is None:
        return ()
    ladder_ms = policy.clocks[began.priority or Priority.ROUTINE].step_s * 1000
    standing = _standing(_Course(view, ordered, began), policy)
    return tuple(sorted(step for due in standing for step in _ladder(due, ladder_ms)))


def expects_too_late(event_type: EventType, occurred_at_ms: int, respond_by_ms: int | None) -> bool:
    """Return whether an event of the road says no time, or one so far away that the alarm would come too late."""
    latest_ms = occurred_at_ms + MOST_EXPECTED_DAYS * DAY_MS
    return event_type in EXPECTING and (respond_by_ms is None or respond_by_ms > latest_ms)


def expired_fact(referral_id: ReferralId, due_ms: int, source_gate: OrgId) -> EventFact:
    """Return the REFERRAL_EXPIRED that a timer states: the same at both gates and offices, since all is derived."""
    digest = hashlib.sha256(b"refbus/v1/expired\0" + referral_id + due_ms.to_bytes(8, "big")).digest()
    return EventFact(EventId(digest[:16]), SystemEvent.REFERRAL_EXPIRED, source_gate, source_gate, None, due_ms)


@dataclass(frozen=True, slots=True)
class _Course:
    view: CourseView
    ordered: tuple[EventFact, ...]
    began: EventFact

    def said(self, *kinds: EventType, by: Role | None = None) -> list[EventFact]:
        """Return the events of these kinds, in order."""
        return [
            fact for fact in self.ordered if fact.type in kinds and (by is None or self.view.role_of(fact.sender) is by)
        ]


def _standing(course: _Course, policy: CountryPolicy) -> Iterator[_Due]:
    yield from _withdrawals(course, policy)
    match course.view.kind:
        case CourseKind.REFERRAL:
            yield from _delivery(course, policy)
            yield from _decision(course, policy)
            yield from _transfer(course, policy)
        case CourseKind.REPATRIATION:
            yield from _delivery(course, policy)
            yield from _journey(course)
            yield from _monitoring(course, policy)
        case CourseKind.EMERGENCY:  # pragma: no branch - there is no fourth kind
            yield from _delivery(course, policy)
            yield from _review(course, policy)


def _reminder(since_ms: int, due_ms: int, policy: CountryPolicy) -> int:
    return since_ms + (due_ms - since_ms) * policy.pace.reminder_percent // 100


def _delivery(course: _Course, policy: CountryPolicy) -> Iterator[_Due]:
    began, view = course.began, course.view
    heard = any(view.role_of(fact.sender) is Role.TARGET for fact in course.ordered)
    if view.is_open and not view.suspended and not heard:
        due_ms = began.occurred_at_ms + policy.clocks[began.priority or Priority.ROUTINE].deliver_s * 1000
        yield _Due(DeadlineKind.DELIVER, due_ms, Role.TARGET, None)


def _decision(course: _Course, policy: CountryPolicy) -> Iterator[_Due]:
    began, view = course.began, course.view
    if view.state not in UNDECIDED or view.suspended:
        return
    clock, since_ms = policy.clocks[began.priority or Priority.ROUTINE], began.occurred_at_ms
    due_ms = began.respond_by_ms or since_ms + clock.decide_s * 1000
    yield _Due(DeadlineKind.DECIDE, due_ms, Role.TARGET, _reminder(since_ms, due_ms, policy))
    yield _Due(DeadlineKind.EXPIRE, max(since_ms + clock.expire_s * 1000, due_ms), Role.SOURCE, None)


def _transfer(course: _Course, policy: CountryPolicy) -> Iterator[_Due]:
    offers = course.said(EventType.TRANSFER_PROPOSED, by=Role.SOURCE)
    if course.view.transfer_proposed and course.view.is_open and not course.view.suspended:
        since_ms = offers[-1].occurred_at_ms
        due_ms = since_ms + policy.pace.transfer_decide_s * 1000
        yield _Due(DeadlineKind.TRANSFER, due_ms, Role.TARGET, _reminder(since_ms, due_ms, policy))


def _withdrawals(course: _Course, policy: CountryPolicy) -> Iterator[_Due]:
    """Wait for the acknowledgement of each withdrawal, by its recipient; one that came since answers all before."""
    for withdrawal in course.said(EventType.CONSENT_WITHDRAWN):
        told = course.view.role_of(withdrawal.recipient)
        answers = course.said(EventType.WITHDRAWAL_ACKNOWLEDGED, by=told)
        if told is None or any(answer.occurred_at_ms >= withdrawal.occurred_at_ms for answer in answers):
            continue
        since_ms = withdrawal.occurred_at_ms
        due_ms = since_ms + policy.pace.withdrawal_ack_s * 1000
        yield _Due(DeadlineKind.WITHDRAWAL_ACK, due_ms, told, _reminder(since_ms, due_ms, policy))


def _journey(course: _Course) -> Iterator[_Due]:
    """Expect a person on the road at the time that was said last, who takes over from an escort, both signatures."""
    giver = course.view.handing_over
    if giver is not None:  # in whatever state: a return that ended takes nobody over
        taker = Role.TARGET if giver is Role.SOURCE else Role.SOURCE
        yield _Due(DeadlineKind.ESCORT, _expected(course.said(EventType.ESCORT_HANDED_OVER, by=giver)[-1]), taker, None)
    if course.view.state is ReturnState.IN_TRANSIT:
        last = course.said(*_LEGS)[-1]
        yield _Due(DeadlineKind.LEG, _expected(last), Role.TARGET, None)
    arrivals = course.said(EventType.ARRIVED, by=Role.TARGET)
    signed = {course.view.role_of(fact.sender) for fact in course.said(EventType.HANDOVER_CONFIRMED)}
    if course.view.state in AT_HOME and not signed >= BOTH:
        late = Role.SOURCE if Role.TARGET in signed else Role.TARGET
        yield _Due(DeadlineKind.HANDOVER, _expected(arrivals[-1]), late, None)


def _expected(said: EventFact) -> int:
    """Return when the next word of the road is due; a day later where a gate let none be said, never never."""
    return said.occurred_at_ms + DAY_MS if said.respond_by_ms is None else said.respond_by_ms


def _monitoring(course: _Course, policy: CountryPolicy) -> Iterator[_Due]:
    """Wait for the contacts of the policy, counted from the arrival; months of 30 days.

    One is answered by whatever was recorded since half of the time from the one before: a further contact in between,
    because of a worry, takes none of the later ones away.
    """
    arrivals = course.said(EventType.ARRIVED, by=Role.TARGET)
    followed = {ReturnState.HANDED_OVER, ReturnState.REINTEGRATION, ReturnState.MONITORING}
    if course.view.state not in followed or course.view.suspended:
        return
    arrived_ms = before_ms = arrivals[-1].occurred_at_ms
    recorded = [fact.occurred_at_ms for fact in course.said(EventType.MONITORING_RECORDED, by=Role.TARGET)]
    for month in policy.pace.monitoring_months:
        asked_ms = arrived_ms + month * 30 * DAY_MS
        if max(recorded, default=arrived_ms) < (before_ms + asked_ms) // 2:
            due_ms = asked_ms + policy.pace.monitoring_grace_days * DAY_MS
            yield _Due(DeadlineKind.MONITORING, due_ms, Role.TARGET, asked_ms, month)
        before_ms = asked_ms


def _review(course: _Course, policy: CountryPolicy) -> Iterator[_Due]:
    if course.view.is_open:
        since_ms = course.began.occurred_at_ms
        due_ms = since_ms + policy.emergency_review_hours * HOUR_MS
        yield _Due(DeadlineKind.EMERGENCY_REVIEW, due_ms, Role.SOURCE, _reminder(since_ms, due_ms, policy))


def _ladder(due: _Due, step_ms: int) -> Iterator[Step]:
    def step(level: Level, at_ms: int) -> Step:
        return Step(at_ms, due.kind, due.number, due.due_ms, level, due.responsible)

    if due.remind_ms is not None:
        yield step(Level.REMINDER, due.remind_ms)
    yield step(Level.ORGANISATION, due.due_ms)
    if due.kind is DeadlineKind.EXPIRE:
        return
    wait_ms = 0 if due.kind in ALARMS else step_ms
    yield step(Level.FOCAL_POINT, due.due_ms + wait_ms)
    yield step(Level.PEER_FOCAL_POINT, due.due_ms + 2 * wait_ms)
