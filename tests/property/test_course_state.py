"""Convergence: the state of a course depends on the set of its events and on nothing else (domain.md 4.7)."""

from __future__ import annotations

import dataclasses
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refbus.core.courses.course import BEGINS, MACHINES, may_emit, state_of
from refbus.core.courses.facts import EventFact, SystemEvent, in_order, remember
from refbus.core.courses.machine import CourseKind, Role
from refbus.core.courses.referral import OPEN, State
from refbus.core.courses.repatriation import ReturnState
from refbus.core.gate.passage import Presented
from refbus.core.gate.verdicts import Forward
from refbus.core.ids import EventId, OrgId
from refbus.core.vocabulary import EventType
from support.consents import COLLECTOR, PARTY, evidence, withdrawn
from support.directories import NOW_MS, federation
from support.passages import MemoryNode, block, event_id, passed, presented

HISTORIES = int(os.environ.get("HISTORIES", "0"))
"""How many random histories each test of convergence tries; `make converge` sets 10,000."""
FED = federation(("kz", "uz"))
IDS = st.sampled_from([event_id(str(number)) for number in range(8)])
STOPS = frozenset().union(*(machine.stops for machine in MACHINES.values()))
FACTS = st.builds(
    EventFact,
    event_id=IDS,
    type=st.sampled_from((*EventType, *SystemEvent)),
    sender=st.sampled_from((COLLECTOR, PARTY, OrgId("kz-gate"))),
    recipient=st.sampled_from((COLLECTOR, PARTY)),
    previous=st.one_of(st.none(), IDS),
    occurred_at_ms=st.integers(-2, 5),
)
SETS = st.lists(FACTS, max_size=10, unique_by=lambda fact: fact.event_id)


@given(SETS, st.data())
@settings(deadline=None)
def test_equal_sets_give_equal_views(facts: list[EventFact], data: st.DataObject) -> None:
    """Every order and every repetition, also of forged sets with loops, strangers and missing links."""
    copies = data.draw(st.lists(st.sampled_from(facts), max_size=4)) if facts else []
    assert state_of(data.draw(st.permutations(facts + copies))) == state_of(facts)


@given(SETS, st.data())
@settings(deadline=None)
def test_a_memory_filled_in_any_order_is_the_same_memory(facts: list[EventFact], data: st.DataObject) -> None:
    """What the store keeps of a referral is canonical, with losses delivered later."""
    kept: tuple[EventFact, ...] = ()
    for fact in data.draw(st.permutations(facts + facts[:2])):
        kept = remember(kept, fact)
    assert kept == tuple(sorted(facts, key=lambda fact: fact.event_id))
    assert state_of(kept) == state_of(facts)


@given(SETS)
@settings(deadline=None)
def test_every_event_is_read_once_and_crossed_or_effective(facts: list[EventFact]) -> None:
    """The order loses and doubles nothing, and a view names only events of the set."""
    ids = {fact.event_id for fact in facts}
    ordered = [fact.event_id for fact in in_order(facts, frozenset(BEGINS), STOPS)]
    assert (len(ordered), set(ordered)) == (len(ids), ids)
    view = state_of(facts)
    assert set(view.crossed) <= ids
    assert (view.last is None) == (not facts)
    assert view.state is view.machine.draft or view.state in type(view.machine.draft)


@given(SETS)
@settings(deadline=None)
def test_an_event_follows_what_its_sender_had_seen(facts: list[EventFact]) -> None:
    """Links are kept wherever they lead to a beginning."""
    place = {fact.event_id: index for index, fact in enumerate(in_order(facts, frozenset(BEGINS), STOPS))}
    known = {fact.event_id: fact for fact in facts}
    for fact in facts:
        seen: set[EventId] = set()
        at: EventFact | None = fact
        while at is not None and at.event_id not in seen:
            seen.add(at.event_id)
            at = known.get(at.previous) if at.previous else None
        if at is None and fact.previous in known:
            assert place[fact.previous] < place[fact.event_id]


class Organisation:
    """One side of a course: sends what its rules allow on what it has seen, and receives in any order."""

    def __init__(self, role: Role) -> None:
        """Start knowing nothing."""
        self.role = role
        self.seen: tuple[EventFact, ...] = ()

    def options(self) -> list[EventType]:
        """Return what may be sent now."""
        view = state_of(self.seen)
        return [kind for kind in EventType if not may_emit(view, self.role, kind)]

    def send(self, kind: EventType, number: int) -> EventFact:
        """Send an event that follows what was seen."""
        sender, recipient = (COLLECTOR, PARTY) if self.role is Role.SOURCE else (PARTY, COLLECTOR)
        fact = EventFact(event_id(f"sent {number}"), kind, sender, recipient, state_of(self.seen).last, NOW_MS + number)
        self.seen = remember(self.seen, fact)
        return fact


@pytest.mark.parametrize("begins", BEGINS)
@given(data=st.data())
@settings(max_examples=HISTORIES or 150, deadline=None)
def test_two_sides_that_keep_to_the_rules_agree_when_all_has_arrived(begins: EventType, data: st.DataObject) -> None:
    """Random courses with crossings, losses and later delivery: one view in the end, what was ended stays ended."""
    source, target = Organisation(Role.SOURCE), Organisation(Role.TARGET)
    under_way: list[tuple[Organisation, EventFact]] = [(target, source.send(begins, 0))]
    for number in range(1, data.draw(st.integers(2, 14))):
        sender, other = data.draw(st.sampled_from(((source, target), (target, source))))
        arrives: bool = data.draw(st.booleans()) if under_way else False
        if arrives:
            receiver, fact = under_way.pop(data.draw(st.integers(0, len(under_way) - 1)))
            receiver.seen = remember(receiver.seen, fact)
        elif sender.options():
            under_way.append((other, sender.send(data.draw(st.sampled_from(sender.options())), number)))
    for receiver, fact in data.draw(st.permutations(under_way)):
        receiver.seen = remember(receiver.seen, fact)
    assert source.seen == target.seen
    view = state_of(source.seen)
    assert view == state_of(target.seen)
    assert view.kind is BEGINS[begins]
    said = {fact.type for fact in source.seen}
    if view.kind is CourseKind.REPATRIATION:
        gone = {EventType.DEPARTED, EventType.ARRIVED} & said
        before = view.state in view.machine.hidden
        assert not (gone and before), "a person on the road is never shown as waiting"
        assert not (EventType.ARRIVED in said and view.state is ReturnState.IN_TRANSIT)
    elif EventType.ENTERED_IN_ERROR in said:
        assert view.state.value == State.ENTERED_IN_ERROR.value
    elif EventType.REFERRAL_CANCELLED in said and EventType.REFERRAL_REOPENED not in said:
        assert view.state not in OPEN


def send_all(events: list[Presented], origin: MemoryNode, destination: MemoryNode) -> None:
    """Send events of one country through both gates, as far as they let them."""
    for event in events:
        if isinstance(origin.egress(event, FED.history), Forward):
            destination.ingress(passed(event, origin.country), FED.history)


@given(st.data())
@settings(max_examples=HISTORIES or 60, deadline=None)
def test_both_nodes_end_with_the_same_facts_however_events_cross(data: st.DataObject) -> None:
    """Through the real decisions: nothing that left is missing at the other node, whatever came first."""
    kz, uz = MemoryNode("kz"), MemoryNode("uz")
    send_all([presented()], kz, uz)
    replies = [
        EventType.REFERRAL_DELIVERED,
        EventType.REFERRAL_OPENED,
        EventType.REFERRAL_ACCEPTED,
        EventType.REFERRAL_IN_PROGRESS,
    ]
    outward = [EventType.INFORMATION_PROVIDED, EventType.REFERRAL_CANCELLED, EventType.CONSENT_WITHDRAWN]
    north = [event_of(kind, back=False) for kind in data.draw(st.permutations(outward))]
    south = [event_of(kind, back=True) for kind in replies]
    left: list[tuple[Presented, MemoryNode, MemoryNode]] = []
    while north or south:
        out_of_kz = bool(north) and (not south or data.draw(st.booleans()))
        event, here, there = (north.pop(0), kz, uz) if out_of_kz else (south.pop(0), uz, kz)
        if isinstance(here.egress(event, FED.history), Forward):
            left.append((event, here, there))
    for event, here, there in data.draw(st.permutations(left + left[:2])):
        there.ingress(passed(event, here.country), FED.history)
    assert kz.referral(presented().block.referral_id) == uz.referral(presented().block.referral_id)
    assert kz.consents == uz.consents


def event_of(kind: EventType, *, back: bool) -> Presented:
    """Return an event of the course."""
    event = presented(block(kind, reply=back))
    if kind is EventType.CONSENT_WITHDRAWN and event.consent is not None:
        return dataclasses.replace(event, consent=evidence(withdrawn(event.consent.record)))
    return event


def test_the_tables_are_complete() -> None:
    """Each event type that exists has a rule, so that `state_of` is total."""
    assert {saying for machine in MACHINES.values() for saying in machine.table} == {*EventType, *SystemEvent}
