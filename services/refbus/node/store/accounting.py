"""The account of a node: every record that came in is exactly one of five things, by a query, at any moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, bindparam, insert, select, update

from refbus.core.gate.passage import Outcome
from refbus.node.store.prepared import Prepared
from refbus.node.store.sound import is_sound, whole
from refbus.node.store.tables import hold, position, quarantine, record, tally

_OF_TALLY = (tally.c.topic == bindparam("its_topic")) & (tally.c.outcome == bindparam("its_outcome"))
_GROW = Prepared(update(tally).where(_OF_TALLY).values(records=tally.c.records + bindparam("more")))
_BEGIN = Prepared(
    insert(tally).values(topic=bindparam("its_topic"), outcome=bindparam("its_outcome"), records=bindparam("more"))
)
_OUTCOME = Prepared(
    select(record.c.outcome).where(record.c.topic == bindparam("its_topic"), record.c.offset == bindparam("its_offset"))
)
_OUTCOMES = frozenset(Outcome)


@dataclass(frozen=True, slots=True)
class Balance:
    """What came in and what became of it, per topic, since the store was made."""

    received: Mapping[str, int]
    accounted: Mapping[tuple[str, Outcome], int]

    @property
    def difference(self) -> Mapping[str, int]:
        """Received less accounted for, per topic: anything but 0 is an alarm."""
        counted: Counter[str] = Counter()
        for (topic, _), records in self.accounted.items():
            counted[topic] += records
        return {topic: self.received.get(topic, 0) - counted[topic] for topic in self.received.keys() | counted.keys()}

    def total(self, outcome: Outcome) -> int:
        """Return how many records ended like this, over all topics."""
        return sum(records for (_, each), records in self.accounted.items() if each is outcome)


def balance(connection: Connection) -> Balance:
    """Return the account. `in = forwarded + held + refused + duplicate + quarantined` holds for every topic.

    What a damaged row counted is missing in it, and shows as a difference.
    """
    positions = (row for row in connection.execute(select(position)) if is_sound(row, *position.c))
    received = {row.topic: row.next_offset - row.first_offset - row.gaps for row in positions}
    accounted: Counter[tuple[str, Outcome]] = Counter()
    for topic, outcome, records in connection.execute(select(tally.c.topic, tally.c.outcome, tally.c.records)):
        if outcome in _OUTCOMES:
            accounted[topic, Outcome(outcome)] += whole(records, 0)
    return Balance(received, {ended: records for ended, records in accounted.items() if records})


def count(connection: Connection, topic: str, outcome: str, records: int) -> None:
    """Count records in the transaction that decides them, whether they get a row or not; less than 0 takes back."""
    row = {"its_topic": topic, "its_outcome": outcome, "more": records}
    if _GROW.once(connection, row).rowcount == 0:
        _BEGIN.once(connection, row)


def move(connection: Connection, topic: str, offset: int, outcome: str) -> None:
    """Count a record under another outcome, while its row still has the one that it had before."""
    before = _OUTCOME.once(connection, {"its_topic": topic, "its_offset": offset}).scalar()
    if before is not None:
        count(connection, topic, before, -1)
        count(connection, topic, outcome, 1)


@dataclass(frozen=True, slots=True)
class Stopped:
    """A record that waits for an operator: where it came from, why, since when (ms UTC), and its decision id."""

    decision_id: bytes
    topic: str
    offset: int
    outcome: Outcome
    code: str
    at_ms: int


def stopped(connection: Connection, most: int = 1000) -> list[Stopped]:
    """Return the refused and quarantined records that are kept for a replay, newest first."""
    same = (quarantine.c.topic == record.c.topic) & (quarantine.c.offset == record.c.offset)
    return _stopped(connection, select(record).join(quarantine, same), most)


def held(connection: Connection, most: int = 1000) -> list[Stopped]:
    """Return the records that wait for a newer directory, the clock, or an earlier event, newest first."""
    same = (hold.c.topic == record.c.topic) & (hold.c.offset == record.c.offset)
    return _stopped(connection, select(record).join(hold, same), most)


def _stopped(connection: Connection, chosen: Select[Any], most: int) -> list[Stopped]:
    chosen = chosen.where(record.c.outcome.in_(_OUTCOMES))
    rows = connection.execute(chosen.order_by(record.c.at_ms.desc(), record.c.offset.desc()).limit(most))
    return [Stopped(row.decision_id, row.topic, row.offset, Outcome(row.outcome), row.code, row.at_ms) for row in rows]
