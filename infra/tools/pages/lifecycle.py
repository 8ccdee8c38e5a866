"""docs/reference/lifecycle.md: every kind of course with its picture and its table, and the guards of a departure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum

from refbus.core.courses import referral, repatriation
from refbus.core.courses.course import MACHINES
from refbus.core.courses.deadlines import SOURCES, DeadlineKind
from refbus.core.courses.facts import SystemEvent
from refbus.core.courses.guards import CONTENT_GUARDS, EVENT_GUARDS, ContentGuard, EventGuard
from refbus.core.courses.machine import CourseKind, Machine, Role, Rule
from tools.pages.markdown import code, document, table

_INTRO = """\
A course is everything that two organisations say under one id. SOURCE began it (a return: the host country), TARGET
receives it (a return: the home country). What an event means for a set of events is in
[the specification](../spec/lifecycle.md). SENT is every state but DRAFT, ANY every state."""
_TITLES = {
    CourseKind.REFERRAL: "Referral",
    CourseKind.REPATRIATION: "Return home",
    CourseKind.EMERGENCY: "Emergency disclosure",
}
_GUARDS = """\
DepartureAuthorised is refused with every guard that is missing. *Events*: the gate of the host country and both
organisations check it. *Content*: only the two organisations can, since a gate cannot open the content."""

_DEADLINES = """\
Counted from the events themselves, by the signed policy of the source's country, at both gates alike
([how](../case-workers/deadlines.md)). *Ladder*: reminder, both organisations, focal point, focal point of the other
country."""
_TIMES: Mapping[DeadlineKind, tuple[str, str, str, str]] = {
    DeadlineKind.DELIVER: (
        "the first sign of the recipient",
        "TARGET",
        "`deliver_s` of the priority",
        "ladder, no reminder",
    ),
    DeadlineKind.DECIDE: ("the answer", "TARGET", "the sender's own time, else `decide_s`", "ladder"),
    DeadlineKind.EXPIRE: ("any answer at all", "SOURCE", "`expire_s`, never before the answer is due", "both: EXPIRED"),
    DeadlineKind.TRANSFER: ("the answer to an offer of custody", "TARGET", "`transfer_decide_s`", "ladder"),
    DeadlineKind.WITHDRAWAL_ACK: ("what was done after a withdrawal", "who was told", "`withdrawal_ack_s`", "ladder"),
    DeadlineKind.LEG: (
        "the next word of the road",
        "TARGET",
        "as said by Departed and its followers",
        "alarm: all at once",
    ),
    DeadlineKind.ESCORT: (
        "who took the person over from an escort",
        "to whom the person was handed over",
        "as said by EscortHandedOver",
        "alarm: all at once",
    ),
    DeadlineKind.HANDOVER: ("both signatures", "whose is missing", "as said by Arrived", "alarm: all at once"),
    DeadlineKind.MONITORING: (
        "how the person fares",
        "TARGET",
        "each of `monitoring_months` after the arrival, and `monitoring_grace_days`",
        "ladder; reminder in the month",
    ),
    DeadlineKind.EMERGENCY_REVIEW: ("the independent review", "SOURCE", "`emergency_review_hours`", "ladder"),
}
_Sets = Mapping[str, frozenset[StrEnum]]
_OWN_SETS: Mapping[CourseKind, _Sets] = {
    CourseKind.REFERRAL: {
        "UNDECIDED": referral.UNDECIDED,
        "HELPING": referral.HELPING,
        "REOPENABLE": referral.REOPENABLE,
    },
    CourseKind.REPATRIATION: {
        "RUNNING": repatriation.RUNNING,
        "BEFORE_JOURNEY": repatriation.BEFORE_JOURNEY,
        "PREPARING": repatriation.PREPARING,
        "AT_HOME": repatriation.AT_HOME,
    },
    CourseKind.EMERGENCY: {},
}

_BOXES = {"UNDECIDED", "HELPING", "PREPARING"}


def page() -> str:
    """Return the page."""
    blocks = [_INTRO]
    for machine in MACHINES.values():
        blocks += [
            f"## {_TITLES[machine.kind]}",
            _picture(machine),
            *_legend(machine),
            _states_of(machine),
            _rows(machine),
        ]
    guards = [_guard(guard, "events") for guard in EVENT_GUARDS] + [
        _guard(guard, "content") for guard in CONTENT_GUARDS
    ]
    blocks += ["## Guards of a departure", _GUARDS, table(("guard", "seen in", "for", "settled by", "source"), guards)]
    blocks += [
        "## Deadlines",
        _DEADLINES,
        table(("deadline", "waits for", "whose turn", "due", "told", "source"), _due()),
    ]
    return document("Lifecycles", *blocks)


def _rows(machine: Machine) -> str:
    sets = _sets(machine)
    rows = [
        (
            code(saying.value),
            _states(rule, Role.SOURCE, sets),
            "timer, in " + _states(rule, Role.SYSTEM, sets)
            if isinstance(saying, SystemEvent)
            else _states(rule, Role.TARGET, sets),
            _effect(rule),
            "yes" if rule.reason else "",
            rule.source,
        )
        for saying, rule in machine.table.items()
    ]
    return table(("event", "SOURCE in", "TARGET in", "leads to", "reason", "source"), rows)


def _states_of(machine: Machine) -> str:
    rows = [
        (
            code(state.value),
            meaning.text,
            ", ".join(code(saying.value) for saying, rule in machine.table.items() if rule.to is state),
            "yes" if state in machine.final else "",
            meaning.source,
        )
        for state, meaning in machine.states.items()
    ]
    return table(("state", "means", "entered by", "final", "source"), rows)


def _effect(rule: Rule) -> str:
    if rule.resumes:
        return "where it was suspended"
    return (rule.to or "") + (" (when both said it)" if rule.both else "")


def _states(rule: Rule, role: Role, sets: _Sets) -> str:
    states = rule.emitters.get(role)
    return "" if states is None else ", ".join(_named(states, sets))


def _named(states: frozenset[StrEnum], sets: _Sets) -> Iterator[str]:
    """Name states by the sets that they are made of, the rest one by one in the order of the road."""
    left = states
    for name, members in sets.items():
        if members <= left:
            left -= members
            yield name
    if left:
        yield from (state.value for state in type(next(iter(left))) if state in left)


def _sets(machine: Machine) -> _Sets:
    every = frozenset(type(machine.draft))
    return {"ANY": every, "SENT": every - {machine.draft}, **_OWN_SETS[machine.kind]}


def _legend(machine: Machine) -> Iterator[str]:
    for name, members in _OWN_SETS[machine.kind].items():
        yield f"{name}: " + ", ".join(state.value for state in type(machine.draft) if state in members) + "."


def _picture(machine: Machine) -> str:
    """Draw the state diagram in Mermaid: sets of states that share an event are one box with its states inside."""
    groups = {name: members for name, members in _OWN_SETS[machine.kind].items() if name in _BOXES}
    lines = ["stateDiagram-v2"]
    for name, members in groups.items():
        inside = (state for state in type(machine.draft) if state in members)
        lines += [f"    state {name} {{", *(f"        {state}" for state in inside), "    }"]
    for saying, rule in machine.table.items():
        lines += [f"    {line}: {saying}" for line in _edges(machine, rule, groups)]
    lines += [f"    {state} --> [*]" for state in type(machine.draft) if state in machine.final]
    return "```mermaid\n" + "\n".join(lines) + "\n```"


def _edges(machine: Machine, rule: Rule, groups: _Sets) -> Iterator[str]:
    said_in = frozenset[StrEnum]().union(*rule.emitters.values())
    starts = said_in if rule.moves is None else said_in & rule.moves
    if rule.resumes:
        yield f"{machine.suspended} --> PREPARING"
    if rule.to is None:
        return
    if starts == {machine.draft}:
        yield f"[*] --> {rule.to}"
        return
    one = next((members for members in groups.values() if rule.to in members and starts < members), None)
    order = list(type(machine.draft))
    for start in [max(starts, key=order.index).value] if one else _named(starts, groups):
        yield f"{start} --> {rule.to}"


def _due() -> Iterator[tuple[str, ...]]:
    for kind in DeadlineKind:
        waits, turn, due, told = _TIMES[kind]
        yield code(kind.value), waits, turn, due, told, SOURCES[kind]


def _guard(guard: EventGuard | ContentGuard, seen: str) -> tuple[str, ...]:
    settled = ", ".join(code(kind.value) for kind in guard.settled_by)
    return (
        f"[{guard.code}](errors.md#{guard.code.lower()})",
        seen,
        "minors" if guard.minors_only else "all",
        settled,
        guard.source,
    )
