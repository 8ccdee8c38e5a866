"""The one order of a set of events."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import pytest

from refbus.core.courses.facts import EventFact, in_order, remember, seen_by_all
from refbus.core.ids import EventId
from refbus.core.vocabulary import EventType, Priority
from support.consents import COLLECTOR, PARTY
from support.passages import event_id

BEGINS = frozenset({EventType.REFERRAL_REQUESTED})
STOPS = frozenset({EventType.REFERRAL_CANCELLED})


def fact(
    name: str, previous: str | None = None, at: int = 0, kind: EventType = EventType.REFERRAL_FEEDBACK
) -> EventFact:
    """Return a fact called `name`."""
    return EventFact(event_id(name), kind, PARTY, COLLECTOR, event_id(previous) if previous else None, at)


def names(facts: tuple[EventFact, ...]) -> str:
    """Return the one-letter names of the facts, in order."""
    return "".join(next(x for x in "abcdefgh" if event_id(x) == each.event_id) for each in facts)


def test_an_event_follows_the_one_its_sender_had_seen() -> None:
    """Links decide before times."""
    assert names(in_order([fact("c", "b", 1), fact("b", "a", 2), fact("a", None, 3)], BEGINS, STOPS)) == "abc"


def test_events_that_crossed_are_read_by_time_and_then_by_id() -> None:
    """Where links say nothing, the senders' times do, and where these are equal, the ids."""
    assert names(in_order([fact("b", "a", 9), fact("c", "a", 8), fact("a")], BEGINS, STOPS)) == "acb"
    tied = in_order([fact("b"), fact("c")], BEGINS, STOPS)
    assert [each.event_id for each in tied] == sorted([event_id("b"), event_id("c")])


def test_a_stop_is_read_with_all_that_its_sender_had_seen_before_what_crossed_it() -> None:
    """The stop `d` came after `b`; `c` crossed it although its time is earlier."""
    crossing = dataclasses.replace(fact("c", "a", 1), sender=COLLECTOR)
    facts = [fact("a"), crossing, fact("b", "a", 5), fact("d", "b", 9, EventType.REFERRAL_CANCELLED)]
    assert names(in_order(facts, BEGINS, STOPS)) == "abdc"
    assert names(in_order(facts, BEGINS, frozenset())) == "acbd"


def test_what_begins_the_course_comes_first() -> None:
    """Whatever the times say and although nothing links to it."""
    begin = fact("b", at=9, kind=EventType.REFERRAL_REQUESTED)
    stop = fact("a", at=1, kind=EventType.REFERRAL_CANCELLED)
    assert names(in_order([stop, begin], BEGINS, STOPS)) == "ba"


def test_what_the_beginning_had_seen_comes_before_it_and_before_all_else() -> None:
    """`a` was said before the beginning `b`, with a clock far ahead; the stop `c` still waits for both."""
    begin = fact("b", "a", 1, EventType.REFERRAL_REQUESTED)
    stop = fact("c", None, 2, EventType.REFERRAL_CANCELLED)
    ahead = dataclasses.replace(fact("a", at=99), sender=COLLECTOR)
    assert names(in_order([stop, begin, ahead], BEGINS, STOPS)) == "abc"


def test_a_sender_of_a_stop_knew_what_it_had_said_itself() -> None:
    """`c` is the stopper's own earlier word without a link to the stop `d`; `b` is the other side's."""
    other = dataclasses.replace(fact("b", "a", 1), sender=COLLECTOR)
    stop = fact("d", "a", 9, EventType.REFERRAL_CANCELLED)
    assert names(in_order([fact("a"), other, fact("c", "a", 5), stop], BEGINS, STOPS)) == "acdb"


def test_an_unknown_predecessor_does_not_keep_an_event_out() -> None:
    """An event whose predecessor is missing is read as a first one."""
    assert names(in_order([fact("b", "z", 1), fact("c", "b", 0)], BEGINS, STOPS)) == "bc"


def test_links_in_a_circle_end() -> None:
    """Two events that name each other are a forgery; every event still comes out once, in a fixed order."""
    circle = [fact("a", "b", 1), fact("b", "a", 2), fact("c", "b", 0), fact("d", "d", 9)]
    outcomes = {names(in_order(order, BEGINS, STOPS)) for order in itertools.permutations(circle)}
    assert outcomes == {"cabd"}
    assert seen_by_all(circle[:1], {each.event_id: each for each in circle}) == {event_id("a"), event_id("b")}


def test_an_event_is_remembered_once() -> None:
    """Remembering again changes nothing, and the order is by id."""
    one, two = fact("a"), fact("b")
    kept = remember(remember((), two), one)
    assert kept == remember(kept, two)
    assert [each.event_id for each in kept] == sorted([one.event_id, two.event_id])


def test_the_canonical_order_is_by_id_whatever_else_the_facts_say() -> None:
    """Types, senders and times do not matter to where a fact is kept."""
    low, high = sorted((event_id("a"), event_id("b")))
    first = EventFact(low, EventType.UNDECRYPTABLE, PARTY, PARTY, low, 9)
    second = EventFact(high, EventType.CONSENT_AMENDED, COLLECTOR, COLLECTOR, None, 0)
    assert remember((second,), first) == (first, second)


@pytest.mark.parametrize(
    "change",
    [
        {"type": EventType.UNDECRYPTABLE},
        {"sender": COLLECTOR},
        {"recipient": PARTY},
        {"previous": event_id("z")},
        {"occurred_at_ms": 1},
        {"reason": "OTHER"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_of_two_facts_under_one_id_the_same_one_stays_whatever_the_order(change: dict[str, Any]) -> None:
    """Gates refuse a reused id; should two ever differ, every node keeps the same."""
    one = fact("a")
    two = dataclasses.replace(one, **change)
    assert remember((one,), two) == remember((two,), one)
    assert len(remember((one,), two)) == 1


@pytest.mark.parametrize("changed", [{"priority": Priority.URGENT}, {"respond_by_ms": 7}])
def test_of_two_that_claim_one_id_every_node_keeps_the_same(changed: dict[str, Any]) -> None:
    """Whatever they differ in, and in whatever order they come."""
    one = EventFact(event_id("same"), EventType.REFERRAL_REQUESTED, COLLECTOR, PARTY, None, 1)
    other = dataclasses.replace(one, **changed)
    assert remember([one], other) == remember([other], one)


class Counting(dict[EventId, EventFact]):
    """Facts by id that count how often one is looked up."""

    asked = 0

    def get(self, *args: Any) -> Any:
        """Look one up."""
        self.asked += 1
        return super().get(*args)


def test_a_long_chain_is_followed_once_however_many_ask() -> None:
    """Each event of a chain had seen all before it; who sends a long one makes nobody walk it again for each."""
    chain = [EventFact(event_id(str(n)), EventType.REFERRAL_FEEDBACK, PARTY, COLLECTOR, None, n) for n in range(200)]
    linked = [chain[0], *(dataclasses.replace(b, previous=a.event_id) for a, b in itertools.pairwise(chain))]
    known = Counting((each.event_id, each) for each in linked)
    assert seen_by_all(linked, known) == known.keys()
    assert known.asked <= len(linked)
