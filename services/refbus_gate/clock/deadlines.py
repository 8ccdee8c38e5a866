"""Deadlines at the gate: planned in the transaction of every decision, told once when their time has come.

A row per course says when to look at it next and which steps were told. What stands is computed from the facts each
time (`core.courses.deadlines`), so a clock that jumps or a standby that takes over changes nothing: a step is told when
its time has come and the row does not have it yet, and the row is written in the transaction that tells it.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from refbus.audit import AuditOutcome, Stage
from refbus.core.courses.course import CourseView, state_of
from refbus.core.courses.deadlines import ALARMS, DeadlineKind, Level, Step, expired_fact
from refbus.core.courses.machine import Role
from refbus.core.directory import Directory, OrgStatus
from refbus.core.gate.passage import KnownReferral
from refbus.core.gate.verdicts import About, AddReferralFact, Point
from refbus.core.ids import CountryCode, OrgId, ReferralId, gate_id
from refbus.core.units import HOUR_MS
from refbus.each import each
from refbus.errors import Code, RefbusError, RowError, SetupError, StoreError
from refbus.node.store.reads import put_off, read_due
from refbus.node.store.rows import PingRow
from refbus.wire.transport import InboxKind, NoticeKind
from refbus_gate.decide.batch import GateCore, Source
from refbus_gate.decide.effects import Batch
from refbus_gate.decide.receipts import Noted, Said, notice, public_key_of
from refbus_gate.decide.state import CASE, REFERRAL, View
from refbus_gate.decide.timetable import Timetable, country_of, policy_of, step_id, steps_in
from refbus_gate.decide.work import Work

_log = logging.getLogger("refbus.gate.deadlines")
_MOST = 50
"""Courses in one transaction."""
_AGAIN_MS = HOUR_MS
"""When a course that could not be told is looked at again."""
_TURNS = 4
"""Transactions in one call: what is due beyond them is told a second later, and other tasks have their turn."""


@dataclass(frozen=True, slots=True)
class Timekeeper:
    """Tells what is due. `read_until_ms`: up to when (UTC ms) all inputs are read, None when that is not known.

    What became due later is not told yet: an answer may wait among what was not read.
    """

    core: GateCore
    own: Source
    read_until_ms: Callable[[], int | None]

    def tell(self) -> int:
        """Tell the steps whose time has come, each in the transaction that remembers it; return how many."""
        count = 0
        for _ in range(_TURNS):
            until_ms = self.read_until_ms() if self.waits() else None
            if until_ms is None:
                break
            with self.core.turn:
                batch, due = self.core.batch(self.own), self._due(until_ms)
                if not due:  # what waits became due after that moment
                    continue
                try:
                    count += self._together(batch, due, until_ms)
                except (StoreError, SetupError):
                    raise
                except Exception:  # noqa: BLE001 - found again, one by one
                    count += self._one_by_one(batch, due, until_ms)
        return count

    def _one_by_one(self, batch: Batch, due: list[Timetable], until_ms: int) -> int:
        """Tell what is due of each course in a transaction of its own: one that cannot be told keeps back no other."""

        def not_told(one: Timetable, error: RefbusError) -> None:
            key = self.core.parts.store.name(REFERRAL, one.referral_id)
            self._put_off(key, batch.now_ms + _AGAIN_MS, error)

        return sum(each(due, lambda one: self._together(batch, [one], until_ms), not_told))

    def _together(self, batch: Batch, due: list[Timetable], until_ms: int) -> int:
        """Tell what is due of these courses in one transaction; return how many steps."""
        parts = self.core.parts
        view = View(parts.store, parts.keys.country, Point.EGRESS, [], [one.referral_id for one in due])
        work = Work(parts.store, parts.keys.country)
        count = sum(self._course(_Telling(self.core, batch, view, work), timetable, until_ms) for timetable in due)
        self.core.write(view, work, batch.now_ms)
        return count

    def waits(self) -> bool:
        """Whether a step has to be told now."""
        return bool(self._due(self.core.parts.now_ms()))

    def _due(self, until_ms: int) -> list[Timetable]:
        parts = self.core.parts
        with parts.store.database.reading() as connection:
            rows = read_due(connection, parts.store, until_ms, _MOST)
        return each(rows, _timetable, lambda row, error: self._put_off(row[0], None, error))

    def _put_off(self, key: bytes, next_ms: int | None, error: RefbusError) -> None:
        """Set a course aside that cannot be told: it takes no other's turn. Its next event makes its timetable anew."""
        _log.critical("the deadlines of course %s cannot be told (%s): those of others are", _named(key), error)
        with self.core.parts.store.database.writing() as connection:
            put_off(connection, key, next_ms)

    def _course(self, telling: _Telling, timetable: Timetable, until_ms: int) -> int:
        """Tell the due steps of one course, in order; an expiry ends what was due behind it."""
        view, batch = telling.view, telling.batch
        known = view.referral(timetable.referral_id)
        steps = [] if known is None else steps_in(known, batch.directories.latest)
        due = [step for step in steps if step.at_ms <= until_ms and step_id(step) not in timetable.told]
        count = 0
        for step in due:
            if known is None:
                break
            view.tell(timetable.referral_id, step_id(step))
            telling.step(timetable.referral_id, known, step)
            count += 1
            if step.kind is DeadlineKind.EXPIRE:
                break
        if not due:
            view.tell(timetable.referral_id, None)
        return count


def _named(key: object) -> str:
    return key.hex() if isinstance(key, bytes) else "with a damaged key"


def _timetable(row: tuple[bytes, bytes | None]) -> Timetable:
    if row[1] is None:
        raise RowError("a timetable")
    return Timetable.parse(row[1])


@dataclass(frozen=True, slots=True)
class _Telling:
    """One transaction of the timekeeper."""

    core: GateCore
    batch: Batch
    view: View
    work: Work

    def step(self, referral_id: ReferralId, known: KnownReferral, step: Step) -> None:
        """Tell one step to whom it concerns in this country, and leave word of it in the audit."""
        course = state_of(known.facts)
        said = _notice(referral_id, course, step)
        addressees = _addressees(course, step, self.batch)
        for org in addressees:
            self._tell(org, said)
        country = country_of(course.source, self.batch.directories.latest)
        if step.kind is DeadlineKind.EXPIRE and country is not None:
            fact = expired_fact(referral_id, step.due_ms, gate_id(country))
            self.view.apply(AddReferralFact(referral_id, known.case_handle, known.subject_ref, fact))
        if addressees or step.kind is DeadlineKind.EXPIRE:
            self._audit(referral_id, known, said)
        self.work.changes.steps.append((step.kind.value, step.level.name))

    def _tell(self, org: OrgId, said: Said) -> None:
        public = public_key_of(self.batch.directories.latest, org, self.batch.now_ms)
        to = replace(said, to=org)
        if public is not None:
            make = partial(notice, self.batch.keys, to, public, self.batch.now_ms)
            self.work.to_inbox(org, InboxKind.NOTICE, make)
        message_id = self.core.parts.store.name("ping", said.decision_id + org.encode())[:16]
        self.work.changes.pings.append(PingRow(org, said.kind.value, message_id))

    def _audit(self, referral_id: ReferralId, known: KnownReferral, said: Said) -> None:
        about = About(Point.EGRESS, referral_id=referral_id, case_handle=known.case_handle)
        outcome = AuditOutcome.DONE if said.kind is NoticeKind.REMINDER else AuditOutcome.FAILED
        codes = tuple(Code(code) for code in said.codes)
        noted = Noted(about, Stage.DEADLINE, outcome, codes, said.decision_id, None)
        decider = self.core.decider(self.batch, self.view, self.work)
        decider.audit(noted, self.view.key(CASE, known.case_handle))


def _notice(referral_id: ReferralId, course: CourseView, step: Step) -> Said:
    if step.kind is DeadlineKind.EXPIRE:
        kind, code = NoticeKind.EXPIRED, Code.REFERRAL_EXPIRED
    elif step.level is Level.REMINDER:
        kind, code = NoticeKind.REMINDER, Code.DEADLINE_NEAR
    elif step.kind in ALARMS:
        kind, code = NoticeKind.ALARM, Code.PERSON_NOT_ARRIVED
    else:
        kind, code = NoticeKind.ESCALATION, Code.DEADLINE_PASSED
    responsible = course.source if step.responsible is Role.SOURCE else course.target
    return Said(
        to=OrgId(""),
        kind=kind,
        codes=(code,),
        decision_id=_decision_id(referral_id, step),
        referral_id=referral_id,
        deadline=step.kind.value,
        level=step.level.value,
        due_ms=step.due_ms,
        responsible=responsible or "",
    )


def _decision_id(referral_id: ReferralId, step: Step) -> bytes:
    text = "\0".join(str(part) for part in step_id(step)).encode()
    return hashlib.sha256(b"refbus/v1/deadline\0" + referral_id + text).digest()[:16]


def _addressees(course: CourseView, step: Step, batch: Batch) -> tuple[OrgId, ...]:
    """Return who hears of a step here: organisations of this country that are active, each once."""
    directory, here = batch.directories.latest, batch.keys.country
    return tuple(dict.fromkeys(org for org in _ladder(course, step, directory) if _is_here(org, directory, here)))


def _ladder(course: CourseView, step: Step, directory: Directory) -> Iterator[OrgId]:
    late, other = course.target, course.source
    if step.responsible is Role.SOURCE:
        late, other = other, late
    match step.level:
        case Level.REMINDER:
            yield from _known(late)
        case Level.ORGANISATION:
            yield from _known(late, other)
        case Level.FOCAL_POINT:
            yield from _focal_point(late, directory)
        case Level.PEER_FOCAL_POINT:
            yield from _focal_point(other, directory)


def _known(*orgs: OrgId | None) -> Iterable[OrgId]:
    return [org for org in orgs if org is not None]


def _focal_point(org: OrgId | None, directory: Directory) -> Iterable[OrgId]:
    policy = policy_of(org, directory)
    return [] if policy is None else _known(policy.focal_point)


def _is_here(org: OrgId, directory: Directory, here: CountryCode) -> bool:
    found = directory.find(org)
    return found is not None and found.country == here and found.status is OrgStatus.ACTIVE
