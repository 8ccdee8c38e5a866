"""What is remembered of an event, and the one order in which a set of events is read.

Events of two organisations cross on the way, so arrival order means nothing. The order comes from the events alone:
what begins a course comes first; an event follows the one that its sender had last seen (`previous`); what stops a
course is read, with everything its sender had seen or said, before what crossed it; the rest by the senders' time, then
by id. Equal sets, equal order.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from refbus.core.ids import EventId, OrgId
from refbus.core.vocabulary import EventType, Priority


class SystemEvent(StrEnum):
    """What a gate's own timer states; no organisation can send it."""

    REFERRAL_EXPIRED = "ReferralExpired"


@dataclass(frozen=True, slots=True, order=True)
class EventFact:
    """An event as a store keeps it: enough to compute the state again, nothing about the person."""

    event_id: EventId
    type: EventType | SystemEvent
    sender: OrgId
    recipient: OrgId
    previous: EventId | None
    occurred_at_ms: int
    reason: str | None = None  # a code; known to gateways, never to gates
    priority: Priority | None = None
    respond_by_ms: int | None = None  # when the sender expects the next word (UTC), or the person on the road


def remember(facts: Iterable[EventFact], fact: EventFact) -> tuple[EventFact, ...]:
    """Return the facts with `fact` added, in canonical order (by id), each event once."""
    return _once((*facts, fact))


def _once(facts: Iterable[EventFact]) -> tuple[EventFact, ...]:
    """Keep one fact per id, whatever the order of arrival; which one, if two ever differ, is fixed too."""
    unique = {fact.event_id: fact for fact in sorted(facts, key=_key, reverse=True)}
    return tuple(sorted(unique.values(), key=_key))


def _key(fact: EventFact) -> tuple[bytes, str, str, str, bytes, int, str, str, int]:
    return (
        fact.event_id,
        fact.type,
        fact.sender,
        fact.recipient,
        fact.previous or b"",
        fact.occurred_at_ms,
        fact.reason or "",
        fact.priority or "",
        fact.respond_by_ms or 0,
    )


def in_order(
    facts: Iterable[EventFact], begins: frozenset[EventType], stops: frozenset[EventType]
) -> tuple[EventFact, ...]:
    """Return the set of facts in its one order: types `begins` first, types `stops` before what they crossed."""
    known = {fact.event_id: fact for fact in _once(facts)}
    early = seen_by_all((fact for fact in known.values() if fact.type in begins), known)
    urgent = _seen_by_stops(known, stops)
    children: defaultdict[EventId | None, list[EventFact]] = defaultdict(list)
    for fact in known.values():
        children[fact.previous if fact.previous in known else None].append(fact)

    def entry(fact: EventFact) -> tuple[bool, bool, int, EventId]:
        return fact.event_id not in early, fact.event_id not in urgent, fact.occurred_at_ms, fact.event_id

    ordered: dict[EventId, EventFact] = {}
    ready = [entry(fact) for fact in children[None]]
    heapq.heapify(ready)
    while len(ordered) < len(known):
        if not ready:  # links in a circle: only a forger makes one; start it at its first member
            ready.append(min(entry(fact) for fact in known.values() if fact.event_id not in ordered))
        event_id = heapq.heappop(ready)[-1]
        if event_id not in ordered:
            ordered[event_id] = known[event_id]
            for child in children[event_id]:
                heapq.heappush(ready, entry(child))
    return tuple(ordered.values())


def seen_by_all(facts: Iterable[EventFact], known: dict[EventId, EventFact]) -> frozenset[EventId]:
    """Return the ids of what the senders of these had seen, by following `previous`; themselves included.

    Each link is followed once, however long a chain somebody sends.
    """
    seen: set[EventId] = set()
    for fact in facts:
        at: EventFact | None = fact
        while at is not None and at.event_id not in seen:
            seen.add(at.event_id)
            at = known.get(at.previous) if at.previous else None
    return frozenset(seen)


def _seen_by_stops(known: dict[EventId, EventFact], stops: frozenset[EventType]) -> frozenset[EventId]:
    """Collect what the senders of stops knew: by their links, and because they had said it themselves before."""
    last_ms: dict[OrgId, int] = {}
    for fact in known.values():
        if fact.type in stops:
            last_ms[fact.sender] = max(fact.occurred_at_ms, last_ms.get(fact.sender, fact.occurred_at_ms))
    own = (each for each in known.values() if each.sender in last_ms)
    return seen_by_all((each for each in own if each.occurred_at_ms <= last_ms[each.sender]), known)
