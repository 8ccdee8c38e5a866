"""Asking about referrals: send one, list them, open one, answer it, stop it.

A return and an emergency disclosure are opened, answered and stopped as a referral is; NUMBER is one for all three.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from refbus.core.consent.record import ConsentState
from refbus.core.courses.machine import CourseKind, Role
from refbus.core.ids import OrgId
from refbus.core.vocabulary import CONTROL_EVENTS, STOPS, Action, DataCategory, EventType
from refbus.errors import Code
from refbus_gateway.actions.actor import Actor, Permission
from refbus_gateway.actions.cases import CaseName, named
from refbus_gateway.actions.consent import ConsentBeside, beside_value
from refbus_gateway.actions.desk import Delivery, Desk
from refbus_gateway.actions.status import UnreadCase, UnreadReferral
from refbus_gateway.cases import case_text, casework, companions, retention
from refbus_gateway.cases.retention import EraseDue
from refbus_gateway.courses import opening, referral_steps
from refbus_gateway.courses.opening import Doubt, Opened, Shown
from refbus_gateway.forms.problems import Problem
from refbus_gateway.reports import overview
from refbus_gateway.reports.overview import ReferralLine, Turn
from refbus_gateway.rules import course_state
from refbus_gateway.store import cases, referrals
from refbus_gateway.store.session import Transaction
from refbus_gateway.words.payloads import Sections, Times

Answer = referral_steps.Answer
"""What a person wants to say in a course."""


@dataclass(frozen=True, slots=True)
class ReferralSent:
    """A referral; when it had been sent before it was left alone."""

    case: int
    referral: int
    to: OrgId
    sent_before: bool


@dataclass(frozen=True, slots=True)
class ReferralQueued(ReferralSent):
    """A referral that was not sent before, and was queued."""

    delivery: Delivery


@dataclass(frozen=True, slots=True)
class ReferralListed:
    """A referral in a list. `unseen`: events that nobody here has looked at. Times in ms UTC.

    `file_number`: the worker's own, of an own case. `turn`: who has to do something next. `unopened`: received, and
    nobody here has looked at what it asks. `last_ms`: of the newest event.
    """

    referral: int
    file_number: str | None
    organisation: OrgId
    own: bool
    state: str
    priority: str
    respond_by_ms: int | None
    unseen: int
    withdrawal_to_answer: bool
    turn: Turn
    unopened: bool
    last_ms: int


@dataclass(frozen=True, slots=True)
class ReferralPage:
    """A part of all referrals, the newest last, and how many there are in all.

    What must be stopped or erased is on every page: `withdrawals_to_answer` has the numbers of referrals. When it is
    not `synchronised`, it may be out of date.
    """

    synchronised: bool
    referrals: tuple[ReferralListed, ...]
    erase_due: tuple[EraseDue, ...]
    unread: tuple[UnreadCase | UnreadReferral, ...]
    total: int
    withdrawals_to_answer: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CodeUnknown:
    """A code that no list here has, and where it stands: only its sender can say what it means."""

    path: str
    code: str
    list_: str


@dataclass(frozen=True, slots=True)
class EventShown:
    """One event of a course as a person may see it now; `content` is empty, for the reasons in `hidden`, if not at all.

    Texts of the content are for people, with times in UTC; `times` has those again, in ms UTC at the same places.
    `asked`: what a question is about; `categories`: the kinds of data that it carries; `doubts`: what of it does not go
    together: nothing was refused for it.
    """

    event: int
    type: EventType
    from_: OrgId
    at_ms: int
    hidden: tuple[Code, ...]
    unknown_codes: tuple[CodeUnknown, ...]
    content: Sections
    to: OrgId
    outgoing: bool
    times: Times
    asked: tuple[DataCategory, ...]
    categories: tuple[DataCategory, ...]
    doubts: tuple[Doubt, ...]


@dataclass(frozen=True, slots=True)
class CourseOpened:
    """A referral, a return or an emergency disclosure with everything that was said in it.

    `withdrawal_to_answer`: a withdrawal waits for an answer of ours; it does not reach the cases here that were made
    from this one (`passed_on_as_cases`). `crossed`: how many events changed nothing, because others were faster.
    `possible`: what whoever asks may say in it now; `may_pass_on`: and refer the person on to a third organisation;
    `quiet`: the course is open, and no consent lets anything be told in it; `companions`: who belongs to the person.
    """

    referral: int
    case: int
    organisation: OrgId
    state: str
    withdrawal_to_answer: bool
    custody: Role
    transfer_proposed: bool
    passed_on_as_cases: tuple[int, ...]
    crossed: int
    events: tuple[EventShown, ...]
    own: bool
    turn: Turn
    priority: str
    respond_by_ms: int | None
    file_number: str | None
    consent: ConsentBeside | None
    possible: tuple[EventType, ...]
    may_pass_on: bool
    quiet: bool
    companions: tuple[companions.Companion, ...]


@dataclass(frozen=True, slots=True)
class Answered:
    """An event that was queued in a course."""

    referral: int
    event: int
    type: EventType
    delivery: Delivery


@dataclass(frozen=True, slots=True)
class Stopped(Answered):
    """What stops a course; `left_out` is what was wrong with its form and was not told.

    `waits`: why it cannot be sent yet; it is kept, and told as soon as it can be.
    """

    left_out: tuple[Problem, ...]
    waits: Code | None


def send(
    desk: Desk,
    actor: Actor,
    case: CaseName,
    *,
    to: OrgId | None = None,
    withhold: Collection[DataCategory] = (),
    again: bool = False,
    later: bool = False,
) -> ReferralSent:
    """Refer a case to one organisation; without `again` a repeat changes nothing.

    Raises ConsentError, RuleError, SetupError USAGE when no organisation is named, MalformedError.
    """
    actor.require(Permission.REFER, again=True)
    with desk.write() as tx:
        found = named(desk, actor, tx, case)
        sent = casework.send_case(desk.gateway, tx, found, to=to, withhold=withhold, again=again)
    told = found.id, sent.referral.id, sent.referral.org, sent.again
    return ReferralSent(*told) if sent.again else ReferralQueued(*told, desk.deliver(later=later))


def listed(
    desk: Desk,
    actor: Actor,
    most: int | None = None,
    skip: int = 0,
    *,
    own: bool | None = False,
    offline: bool = False,
) -> ReferralPage:
    """Return so many of the newest referrals (None: all) behind the `skip` newest: received, `own`, or both (None).

    Everything that waits is read first, since a withdrawal may be among it, unless it is `offline`. What cannot be read
    hides no other. Raises UncheckableError NOT_SYNCHRONISED.
    """
    actor.require(Permission.READ_CASES)
    if not offline:
        desk.require_synchronised()
    unread, damaged = list[tuple[int, Code]](), list[tuple[int, Code]]()
    with desk.read() as tx:
        total = referrals.count(tx, own=own)
        lines = overview.referral_lines(tx, own=own, unread=unread, unread_cases=damaged, most=most, skip=skip)
        to_erase = retention.due(desk.gateway, tx, damaged)
        files = case_text.file_numbers(tx, {line.referral.case_id for line in lines if line.referral.own})
        found = referrals.numbers_by_case(tx, referral_steps.cases_to_answer(tx), own=own)
    stop = {number for some in found.values() for number in some}
    return ReferralPage(
        not offline,
        tuple(listed_value(line, files.get(line.referral.case_id), line.referral.id in stop) for line in lines),
        tuple(to_erase),
        (
            *(UnreadCase(*each) for each in sorted(set(damaged))),
            *(UnreadReferral(*each) for each in sorted(set(unread))),
        ),
        total,
        tuple(sorted(stop)),
    )


def open_course(desk: Desk, actor: Actor, number: int, language: str, *, codes: bool = True) -> CourseOpened:
    """Open a referral, its content in the words of a language: consent is checked again, and the sender learns of it.

    Everything that waits is read first. Without `codes` words stand alone, for pages. Raises UncheckableError
    NOT_SYNCHRONISED; RuleError REFERRAL_UNKNOWN, KEY_DESTROYED.
    """
    actor.require(Permission.READ_CASES)
    desk.require_synchronised()
    with desk.write() as tx:
        found = opened_value(desk, actor, tx, opening.open_referral(desk.gateway, tx, number, language, codes=codes))
    desk.deliver()
    return found


def look_again(desk: Desk, actor: Actor, number: int, language: str, *, codes: bool = True) -> CourseOpened:
    """Return a referral with what somebody here saw before, as it may be seen now; nothing is opened by it.

    Raises UncheckableError NOT_SYNCHRONISED; RuleError REFERRAL_UNKNOWN, KEY_DESTROYED.
    """
    actor.require(Permission.READ_CASES)
    desk.require_synchronised()
    with desk.write() as tx:
        return opened_value(desk, actor, tx, opening.seen_words(desk.gateway, tx, number, language, codes=codes))


def own_words(desk: Desk, actor: Actor, number: int, language: str, *, codes: bool = True) -> CourseOpened:
    """Return a referral with what was said here alone; what came in is hidden, and nobody learns of it.

    It needs no line: a withdrawal may be waiting, so what others sent stays closed. Raises RuleError.
    """
    actor.require(Permission.READ_CASES)
    with desk.read() as tx:
        return opened_value(desk, actor, tx, opening.own_words(desk.gateway, tx, number, language, codes=codes))


def require_known(desk: Desk, actor: Actor, number: int) -> None:
    """Raise RuleError REFERRAL_UNKNOWN unless there is such a referral, before anybody writes an answer."""
    actor.require(Permission.READ_CASES)
    with desk.read() as tx:
        referrals.get(tx, number)


def answer(desk: Desk, actor: Actor, number: int, said: Answer, *, later: bool = False) -> Answered:
    """Send an answer in a course.

    Raises RuleError REFERRAL_UNKNOWN, STATE_NOT_ALLOWED, ROLE_NOT_ALLOWED, CODE_PARKED, or a guard of a departure;
    ConsentError; CaseInvalidError with every problem of the fields.
    """
    actor.require(Permission.ANSWER)
    with desk.write() as tx:
        event = referral_steps.act(desk.gateway, tx, number, said)
    return Answered(number, event.id, event.block.event_type, desk.deliver(later=later))


def stop(
    desk: Desk, actor: Actor, number: int, said: Answer, *, unread: Iterable[Problem] = (), later: bool = False
) -> Stopped:
    """Send what stops a course, whatever is wrong with its form: that is left out, as what was `unread` before.

    Raises RuleError REFERRAL_UNKNOWN, STATE_NOT_ALLOWED, ROLE_NOT_ALLOWED.
    """
    actor.require(Permission.STOP)
    with desk.write() as tx:
        done = referral_steps.stop(desk.gateway, tx, number, said)
    delivery = desk.deliver(later=later)
    left_out = (*unread, *done.left_out)
    return Stopped(number, done.event.id, said.event_type, delivery, left_out, done.waits)


def opened_value(desk: Desk, actor: Actor, tx: Transaction, opened: Opened) -> CourseOpened:
    """Return a course that was opened as a value, with what stands beside it and what whoever asks may do."""
    case = cases.get(tx, opened.referral.case_id)
    consent = beside_value(desk.gateway, tx, case, opened.referral.org)
    needed = Action.DISCLOSE if opened.referral.own else Action.REPORT_BACK
    free = opened.view.kind is not CourseKind.REFERRAL or _permits(desk, consent, needed)
    line = overview.referral_line(tx, opened.referral)
    own_number = case_text.file_number(tx, opened.referral.case_id) if opened.referral.own else None
    return CourseOpened(
        referral=opened.referral.id,
        case=opened.referral.case_id,
        organisation=opened.referral.org,
        state=opened.view.status,
        withdrawal_to_answer=opened.withdrawn,
        custody=opened.view.custody,
        transfer_proposed=opened.view.transfer_proposed,
        passed_on_as_cases=opened.passed_on,
        crossed=len(opened.view.crossed),
        events=tuple(_event_shown(each) for each in opened.events),
        own=opened.referral.own,
        turn=line.turn,
        priority=line.priority,
        respond_by_ms=line.respond_by_ms,
        file_number=own_number,
        consent=consent,
        possible=_possible(actor, opened, free=free),
        may_pass_on=_may_pass_on(desk, actor, opened, consent),
        quiet=opened.view.is_open and not free,
        companions=tuple(companions.together(tx, opened.referral, opened.seen)),
    )


def _possible(actor: Actor, opened: Opened, *, free: bool) -> tuple[EventType, ...]:
    """Return what may be said: by the course, by what the person agreed to, and by the role of whoever asks."""
    found = course_state.possible(opened.view, opened.referral, (each.event for each in opened.events))

    def may(kind: EventType) -> bool:
        return actor.may(Permission.STOP if kind in STOPS else Permission.ANSWER) and (free or kind in CONTROL_EVENTS)

    return tuple(filter(may, found))


def _may_pass_on(desk: Desk, actor: Actor, opened: Opened, consent: ConsentBeside | None) -> bool:
    received = not opened.referral.own and opened.view.kind is CourseKind.REFERRAL and not opened.withdrawn
    return received and actor.may(Permission.REFER) and _permits(desk, consent, Action.ONWARD_REFERRAL)


def _permits(desk: Desk, consent: ConsentBeside | None, action: Action) -> bool:
    """Whether the newest word of the person allows an action now; for which data is decided when it is sent."""
    given = consent is not None and consent.state is ConsentState.GIVEN and desk.gateway.now_ms() < consent.until_ms
    return given and consent is not None and action in consent.actions


def _event_shown(shown: Shown) -> EventShown:
    block = shown.event.block
    return EventShown(
        event=shown.event.id,
        type=block.event_type,
        from_=block.sender,
        at_ms=block.occurred_at_ms,
        hidden=shown.hidden,
        unknown_codes=tuple(CodeUnknown(each.path, each.code, each.code_list) for each in shown.unknown),
        content=shown.sections,
        to=block.recipient,
        outgoing=shown.event.outgoing,
        times=shown.times,
        asked=_asked(shown),
        categories=tuple(block.data_categories),
        doubts=shown.doubts,
    )


def _asked(shown: Shown) -> tuple[DataCategory, ...]:
    if shown.hidden or shown.event.block.event_type is not EventType.INFORMATION_REQUESTED:
        return ()
    return tuple(map(DataCategory, course_state.payload_of(shown.event)["asked_categories"]))


def listed_value(line: ReferralLine, file_number: str | None, withdrawal_to_answer: bool) -> ReferralListed:
    """Return a referral of a list as a value."""
    return ReferralListed(
        line.referral.id,
        file_number,
        line.referral.org,
        line.referral.own,
        line.view.status,
        line.priority,
        line.respond_by_ms,
        line.unseen,
        withdrawal_to_answer,
        line.turn,
        line.unopened,
        line.last_ms,
    )
