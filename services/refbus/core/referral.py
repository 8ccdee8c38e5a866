"""The course of a referral: who may say what, in which state, and what it leads to (domain notes 4.2 and 4.7).

The state is a function of the *set* of events. Egress enforces `may_emit` on what a node has seen; ingress never
refuses an event for arriving late. What crossed on the way stays visible as `crossed`. See docs/spec/lifecycle.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from refbus.core.facts import EventFact, SystemEvent, in_order, seen_by
from refbus.core.ids import EventId, OrgId
from refbus.core.vocabulary import EventType
from refbus.errors import Code


class Role(StrEnum):
    """What an organisation is in one referral."""

    SOURCE = "SOURCE"
    TARGET = "TARGET"
    SYSTEM = "SYSTEM"


class State(StrEnum):
    """Where a referral stands. Withdrawal of consent is shown over a state that is not closed, see `Status`."""

    DRAFT = "DRAFT"
    REQUESTED = "REQUESTED"
    DELIVERED = "DELIVERED"
    UNDER_REVIEW = "UNDER_REVIEW"
    ACCEPTED = "ACCEPTED"
    REJECTED = "REJECTED"
    REDIRECTED = "REDIRECTED"
    IN_PROGRESS = "IN_PROGRESS"
    ON_HOLD = "ON_HOLD"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    ENTERED_IN_ERROR = "ENTERED_IN_ERROR"


UNDECIDED = frozenset({State.REQUESTED, State.DELIVERED, State.UNDER_REVIEW})
"""Sent, and not yet answered."""
HELPING = frozenset({State.ACCEPTED, State.IN_PROGRESS, State.ON_HOLD})
"""Accepted, and not yet ended."""
OPEN = UNDECIDED | HELPING
"""Not final."""
REOPENABLE = frozenset({State.COMPLETED, State.FAILED, State.CANCELLED})
"""Closed states that source and target can reopen together."""
CONSENT_SUSPENDED = "CONSENT_SUSPENDED"
"""The label shown instead of an open state while consent is withdrawn."""
_ANY = frozenset(State)
_SENT = _ANY - {State.DRAFT}
_ANSWERABLE = UNDECIDED | {State.EXPIRED}  # a late answer still helps the person


@dataclass(frozen=True, slots=True)
class Rule:
    """What one event type does. `emitters`: who may send it, and in which states; `to` None leaves the state alone.

    `moves` are the states that it changes (all of its emitter's, unless said); `reason` is compulsory where true.
    """

    emitters: Mapping[Role, frozenset[State]]
    to: State | None = None
    moves: frozenset[State] = _ANY
    reason: bool = False


def _rule(
    role: Role,
    states: frozenset[State],
    to: State | None = None,
    *,
    reason: bool = False,
    moves: frozenset[State] = _ANY,
) -> Rule:
    return Rule({role: states}, to, moves, reason)


def _both(states: frozenset[State], *, reason: bool = False) -> Rule:
    return Rule({Role.SOURCE: states, Role.TARGET: states}, reason=reason)


_S, _T = Role.SOURCE, Role.TARGET
TABLE: Mapping[EventType | SystemEvent, Rule] = {
    EventType.REFERRAL_REQUESTED: _rule(_S, frozenset({State.DRAFT}), State.REQUESTED),
    EventType.REFERRAL_DELIVERED: _rule(_T, _SENT, State.DELIVERED, moves=frozenset({State.REQUESTED})),
    EventType.REFERRAL_OPENED: _rule(
        _T, _SENT, State.UNDER_REVIEW, moves=frozenset({State.REQUESTED, State.DELIVERED})
    ),
    EventType.REFERRAL_ACCEPTED: _rule(_T, _ANSWERABLE, State.ACCEPTED),
    EventType.REFERRAL_REJECTED: _rule(_T, _ANSWERABLE, State.REJECTED, reason=True),
    EventType.REFERRAL_REDIRECTED: _rule(_T, _ANSWERABLE, State.REDIRECTED),
    EventType.INFORMATION_REQUESTED: _rule(_T, OPEN),
    EventType.INFORMATION_PROVIDED: _rule(_S, OPEN),
    EventType.APPOINTMENT_BOOKED: _rule(_T, HELPING),
    EventType.APPOINTMENT_MISSED: _rule(_T, HELPING),
    EventType.REFERRAL_IN_PROGRESS: _rule(_T, frozenset({State.ACCEPTED}), State.IN_PROGRESS),
    EventType.REFERRAL_ON_HOLD: _rule(_T, frozenset({State.IN_PROGRESS}), State.ON_HOLD, reason=True),
    EventType.REFERRAL_RESUMED: _rule(_T, frozenset({State.ON_HOLD}), State.IN_PROGRESS),
    EventType.REFERRAL_FEEDBACK: _rule(_T, HELPING),
    EventType.REFERRAL_COMPLETED: _rule(_T, HELPING, State.COMPLETED),
    EventType.REFERRAL_FAILED: _rule(_T, HELPING, State.FAILED, reason=True),
    EventType.REFERRAL_CANCELLED: Rule({_S: UNDECIDED, _T: OPEN}, State.CANCELLED, OPEN, reason=True),
    EventType.REFERRAL_REOPENED: _both(REOPENABLE, reason=True),  # both must: see `_Course.reopen`
    EventType.ENTERED_IN_ERROR: _rule(_S, _SENT, State.ENTERED_IN_ERROR, reason=True, moves=_SENT),
    EventType.CONSENT_GRANTED: _rule(_S, _ANY),
    EventType.CONSENT_AMENDED: _rule(_S, _ANY),
    EventType.CONSENT_WITHDRAWN: _both(_ANY),
    EventType.WITHDRAWAL_ACKNOWLEDGED: _both(_ANY),
    EventType.UNDECRYPTABLE: _both(_ANY),
    SystemEvent.REFERRAL_EXPIRED: _rule(Role.SYSTEM, UNDECIDED, State.EXPIRED),
}
"""The whole state machine. A new event type is a new line."""

BEGINS = frozenset({EventType.REFERRAL_REQUESTED})
"""There is nothing to say about a referral before it was asked for."""
STOPS = frozenset({EventType.REFERRAL_CANCELLED, EventType.ENTERED_IN_ERROR})
"""When these cross another event, they win: their sender's gate let them go, so what was stopped stays stopped."""
_CONSENT_AGAIN = frozenset({EventType.CONSENT_GRANTED, EventType.CONSENT_AMENDED})


@dataclass(frozen=True, slots=True)
class ReferralView:
    """A referral as its events tell it. `crossed` are events without effect because another one came in between."""

    source: OrgId | None = None
    target: OrgId | None = None
    state: State = State.DRAFT
    suspended: bool = False  # consent withdrawn and not given again since
    reopening: frozenset[Role] = frozenset()  # who has asked to reopen it, while the other has not
    crossed: tuple[EventId, ...] = ()
    last: EventId | None = None  # the `previous` of the next event

    def role_of(self, org: OrgId) -> Role | None:
        """Return what `org` is in this referral, or None for a stranger."""
        return {self.target: Role.TARGET, self.source: Role.SOURCE}.get(org)

    @property
    def status(self) -> str:
        """The label for people: the state, or CONSENT_SUSPENDED over one that is not final."""
        return CONSENT_SUSPENDED if self.suspended and self.state in OPEN else self.state.value


def may_emit(
    view: ReferralView, role: Role, event_type: EventType | SystemEvent, *, has_reason: bool = True
) -> tuple[Code, ...]:
    """Return why `role` may not send `event_type` now, sorted; empty when it may. A gate cannot see reasons."""
    rule = TABLE[event_type]
    codes = []
    if role not in rule.emitters:
        codes.append(Code.ROLE_NOT_ALLOWED)
    elif view.state not in rule.emitters[role]:
        codes.append(Code.STATE_NOT_ALLOWED)
    if rule.reason and not has_reason:
        codes.append(Code.REASON_REQUIRED)
    return tuple(sorted(codes))


def state_of(facts: Iterable[EventFact]) -> ReferralView:
    """Return the one view that this set of events gives, in whatever order and however often they came."""
    ordered = in_order(facts, BEGINS, STOPS)
    source, target = _parties(ordered)
    view = ReferralView(source, target, suspended=_suspended(ordered))
    for fact in ordered:
        view = replace(_step(view, fact), last=fact.event_id)
    return view


def _step(view: ReferralView, fact: EventFact) -> ReferralView:
    rule = TABLE[fact.type]
    role = Role.SYSTEM if isinstance(fact.type, SystemEvent) else view.role_of(fact.sender)
    stops = fact.type in STOPS and role in rule.emitters and view.state in rule.moves
    if role is None or (not stops and may_emit(view, role, fact.type)):
        return replace(view, crossed=(*view.crossed, fact.event_id))
    if fact.type is EventType.REFERRAL_REOPENED:
        return _reopen(view, role)
    if rule.to is None or view.state not in rule.moves:
        return view
    return replace(view, state=rule.to, reopening=frozenset())


def _reopen(view: ReferralView, role: Role) -> ReferralView:
    """Reopen for four eyes only: the second organisation's word puts it in progress, the first one's waits."""
    asked = view.reopening | {role}
    if asked == {Role.SOURCE, Role.TARGET}:
        return replace(view, state=State.IN_PROGRESS, reopening=frozenset())
    return replace(view, reopening=asked)


def _parties(ordered: Iterable[EventFact]) -> tuple[OrgId | None, OrgId | None]:
    """Find source and target: from the request; before it came, from any event that only one of them sends."""
    telling = [fact for fact in ordered if fact.type in _ONE_SIDED]
    first = min(telling, key=lambda fact: fact.type is not EventType.REFERRAL_REQUESTED, default=None)
    if first is None:
        return None, None
    if Role.SOURCE in TABLE[first.type].emitters:
        return first.sender, first.recipient
    return first.recipient, first.sender


_ONE_SIDED = frozenset(
    kind for kind, rule in TABLE.items() if len(rule.emitters) == 1 and Role.SYSTEM not in rule.emitters
)


def _suspended(ordered: tuple[EventFact, ...]) -> bool:
    """Tell whether some withdrawal was not followed by consent given again by one who knew of that withdrawal."""
    known = {fact.event_id: fact for fact in ordered}
    again = [fact for fact in ordered if fact.type in _CONSENT_AGAIN]

    def answered(withdrawal: EventFact) -> bool:
        return any(
            withdrawal.event_id in seen_by(fact, known)
            or (fact.sender == withdrawal.sender and fact.occurred_at_ms > withdrawal.occurred_at_ms)
            for fact in again
        )

    return any(fact.type is EventType.CONSENT_WITHDRAWN and not answered(fact) for fact in ordered)
