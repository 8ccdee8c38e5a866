"""The course of a referral, a return home or an emergency disclosure, read from its events (domain.md 4.7).

The state is a function of the *set* of events. Egress enforces `may_emit` on what a node has seen; ingress never
refuses an event for arriving late. What crossed on the way stays visible as `crossed`. See docs/spec/lifecycle.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache

from refbus.core.courses import emergency, referral, repatriation
from refbus.core.courses.facts import EventFact, SystemEvent, in_order, seen_by_all
from refbus.core.courses.machine import BOTH, CourseKind, Machine, Role, Rule, Saying
from refbus.core.ids import EventId, OrgId
from refbus.core.vocabulary import EventType
from refbus.errors import Code

MACHINES: Mapping[CourseKind, Machine] = {
    each.kind: each for each in (referral.MACHINE, repatriation.MACHINE, emergency.MACHINE)
}
BEGINS: Mapping[EventType, CourseKind] = {each.begins: each.kind for each in MACHINES.values()}
"""There is nothing to say in a course before the one event that begins it."""
_CONSENT_AGAIN = frozenset({EventType.CONSENT_GRANTED, EventType.CONSENT_AMENDED})
_HOMES: Mapping[Saying, tuple[Machine, ...]] = {
    saying: tuple(each for each in MACHINES.values() if saying in each.table)
    for machine in MACHINES.values()
    for saying in machine.table
}
_ONE_SIDED: Mapping[CourseKind, Mapping[Saying, Role]] = {
    machine.kind: {
        saying: next(iter(rule.emitters))
        for saying, rule in machine.table.items()
        if len(rule.emitters) == 1 and rule.emitters.keys() <= BOTH
    }
    for machine in MACHINES.values()
}
"""What tells who is source and who is target, since only one of them says it."""


@dataclass(frozen=True, slots=True)
class CourseView:
    """A course as its events tell it. `crossed` are events without effect because another one came in between."""

    source: OrgId | None = None
    target: OrgId | None = None
    state: StrEnum = referral.State.DRAFT
    suspended: bool = False  # consent withdrawn and not given again since
    first_word: frozenset[Role] = frozenset()  # who has said what takes effect only when both say it
    crossed: tuple[EventId, ...] = ()
    last: EventId | None = None  # the `previous` of the next event
    kind: CourseKind = CourseKind.REFERRAL
    custody: Role = Role.SOURCE  # whose case it is
    transfer_proposed: bool = False  # custody was offered and not answered
    resumes_at: StrEnum | None = None  # while suspended: where it goes on
    handing_over: Role | None = None  # whose escort handed the person over, and nobody has said that they took over
    taken_over: bool = False  # somebody has taken the person over from an escort

    def role_of(self, org: OrgId) -> Role | None:
        """Return what `org` is in this course, or None for a stranger."""
        return {self.target: Role.TARGET, self.source: Role.SOURCE}.get(org)

    @property
    def machine(self) -> Machine:
        """The table that this course follows."""
        return MACHINES[self.kind]

    @property
    def is_open(self) -> bool:
        """Whether it was begun and is not over."""
        return self.state not in self.machine.final and self.state is not self.machine.draft

    @property
    def status(self) -> str:
        """The label for people: the state, or what stands over it while consent is withdrawn."""
        return self.machine.overlay if self.suspended and self.state in self.machine.hidden else self.state.value


def statuses(*kinds: CourseKind) -> frozenset[str]:
    """Return every label that a course of these kinds may have for people."""
    machines = [MACHINES[kind] for kind in kinds]
    return frozenset(state.value for each in machines for state in type(each.draft)) | {
        each.overlay for each in machines
    }


def machine_for(saying: Saying) -> Machine:
    """Return the kind of course that an event belongs to; for one that several share, the referral."""
    return _HOMES[saying][0]


def rule_of(saying: Saying) -> Rule:
    """Return the rule of an event in the kind of course that it belongs to."""
    return machine_for(saying).table[saying]


def rule_in(view: CourseView, saying: Saying) -> Rule | None:
    """Return the rule of an event in this course; None when its kind has none. Nothing said yet: any kind."""
    return rule_of(saying) if _is_new(view) else view.machine.table.get(saying)


def _is_new(view: CourseView) -> bool:
    return view.last is None and view.state is view.machine.draft


def may_emit(view: CourseView, role: Role, saying: Saying, *, has_reason: bool = True) -> tuple[Code, ...]:
    """Return why `role` may not send this now, sorted; empty when it may. A gate cannot see reasons."""
    rule = rule_in(view, saying)
    state = machine_for(saying).draft if _is_new(view) else view.state
    if rule is None:
        return (Code.ROLE_NOT_ALLOWED,)
    codes = []
    if role not in rule.emitters:
        codes.append(Code.ROLE_NOT_ALLOWED)
    elif state not in rule.emitters[role] or not (_custody_allows(view, saying) and _escort_allows(view, role, saying)):
        codes.append(Code.STATE_NOT_ALLOWED)
    if rule.reason and not has_reason:
        codes.append(Code.REASON_REQUIRED)
    return tuple(sorted(codes))


def _custody_allows(view: CourseView, saying: Saying) -> bool:
    """Offer custody once, while it is one's own; answer only an offer."""
    if saying is EventType.TRANSFER_PROPOSED:
        return view.custody is Role.SOURCE and not view.transfer_proposed
    if saying in {EventType.TRANSFER_ACCEPTED, EventType.TRANSFER_REJECTED}:
        return view.transfer_proposed
    return True


def _escort_allows(view: CourseView, role: Role, saying: Saying) -> bool:
    """Take over only what the other side handed over; hand over nobody whom oneself has not taken over yet."""
    if saying is EventType.ESCORT_HANDED_OVER:
        return view.handing_over in {None, role}
    return saying is not EventType.ESCORT_TAKEN_OVER or view.handing_over not in {None, role}


def state_of(facts: Iterable[EventFact]) -> CourseView:
    """Return the one view that this set of events gives, in whatever order and however often they came."""
    return _state_of(tuple(facts))


@lru_cache(maxsize=256)
def _state_of(known: tuple[EventFact, ...]) -> CourseView:
    """Return the view; that of the same facts is there: what stood after an event stands before the next one."""
    machine = _machine_of(known)
    ordered = in_order(known, frozenset({machine.begins}), machine.stops)
    source, target = _parties(ordered, machine)
    view = CourseView(source, target, machine.draft, _suspended(ordered), kind=machine.kind)
    for fact in ordered:
        view = replace(_step(view, fact), last=fact.event_id)
    return view


def _machine_of(facts: tuple[EventFact, ...]) -> Machine:
    """Choose by what began the course; before that came, by an event that only one kind of course knows."""
    kinds = {fact.type for fact in facts}
    begun = [machine for machine in MACHINES.values() if machine.begins in kinds]
    if begun:
        return begun[0]
    own = [_HOMES[kind][0] for kind in kinds if len(_HOMES[kind]) == 1]
    return min(own, key=lambda machine: machine.kind, default=referral.MACHINE)


def _step(view: CourseView, fact: EventFact) -> CourseView:
    rule = view.machine.table.get(fact.type)
    role = Role.SYSTEM if isinstance(fact.type, SystemEvent) else view.role_of(fact.sender)
    if rule is None or role is None:
        return replace(view, crossed=(*view.crossed, fact.event_id))
    moves = rule.moves is None or view.state in rule.moves
    stands = fact.type in view.machine.stands and role in rule.emitters and moves
    if not stands and may_emit(view, role, fact.type):
        return replace(view, crossed=(*view.crossed, fact.event_id))
    view = _escort(_custody(view, fact.type), role, fact.type)
    if rule.both and moves:
        return _with_both(view, role, rule)
    return _moved(view, rule)


def _moved(view: CourseView, rule: Rule) -> CourseView:
    """Follow the rule. While suspended, preparing goes on beneath: it changes where the course resumes."""
    suspended = view.machine.suspended
    if rule.resumes:
        return replace(view, state=view.resumes_at or view.state, resumes_at=None)
    if rule.to is None:
        return view
    if rule.to is suspended and view.state in (rule.moves or {view.state}):
        return replace(view, state=rule.to, resumes_at=view.machine.undone.get(view.state, view.state))
    if rule.moves is None or view.state in rule.moves:
        return replace(view, state=rule.to, first_word=frozenset(), resumes_at=None)
    if view.state is suspended and view.resumes_at in rule.moves:
        return replace(view, resumes_at=rule.to)
    return view


def _with_both(view: CourseView, role: Role, rule: Rule) -> CourseView:
    """Take effect for four eyes only: the second organisation's word counts, the first one's waits."""
    said = view.first_word | {role}
    return _moved(view, rule) if said == BOTH else replace(view, first_word=said)


def _custody(view: CourseView, saying: Saying) -> CourseView:
    match saying:
        case EventType.TRANSFER_PROPOSED:
            return replace(view, transfer_proposed=True)
        case EventType.TRANSFER_ACCEPTED:
            return replace(view, transfer_proposed=False, custody=Role.TARGET)
        case EventType.TRANSFER_REJECTED:
            return replace(view, transfer_proposed=False)
        case _:
            return view


def _escort(view: CourseView, role: Role, saying: Saying) -> CourseView:
    match saying:
        case EventType.ESCORT_HANDED_OVER:
            return replace(view, handing_over=role)
        case EventType.ESCORT_TAKEN_OVER:
            return replace(view, handing_over=None, taken_over=True)
        case _:
            return view


def _parties(ordered: Iterable[EventFact], machine: Machine) -> tuple[OrgId | None, OrgId | None]:
    """Find source and target: from what began the course; before it came, from an event that only one of them sends."""
    sides = _ONE_SIDED[machine.kind]
    first = min(
        (fact for fact in ordered if fact.type in sides), key=lambda fact: fact.type is not machine.begins, default=None
    )
    if first is None:
        return None, None
    by_source = sides[first.type] is Role.SOURCE
    return (first.sender, first.recipient) if by_source else (first.recipient, first.sender)


def _suspended(ordered: tuple[EventFact, ...]) -> bool:
    """Tell whether some withdrawal was not followed by consent given again by one who knew of that withdrawal."""
    known = {fact.event_id: fact for fact in ordered}
    again = [fact for fact in ordered if fact.type in _CONSENT_AGAIN]
    seen = seen_by_all(again, known)
    last_ms: dict[OrgId, int] = {}
    for fact in again:
        last_ms[fact.sender] = max(fact.occurred_at_ms, last_ms.get(fact.sender, fact.occurred_at_ms))

    def answered(withdrawal: EventFact) -> bool:
        later_ms = last_ms.get(withdrawal.sender)
        return withdrawal.event_id in seen or (later_ms is not None and later_ms > withdrawal.occurred_at_ms)

    return any(fact.type is EventType.CONSENT_WITHDRAWN and not answered(fact) for fact in ordered)
