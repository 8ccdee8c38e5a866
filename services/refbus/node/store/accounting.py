"""The account of a node: every record that came in is exactly one of five things, by a query, at any moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, Table, bindparam, insert, select, update

from refbus.core.gate.passage import Outcome
from refbus.database.prepared import Prepared
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
    """A record that was not passed on: its decision, where it was, whose room it takes, why, since when (ms UTC)."""

    decision_id: bytes
    topic: str
    offset: int
    outcome: Outcome
    code: str
    since_ms: int
    owner_key: bytes | None


def stopped(connection: Connection, most: int = 1000) -> list[Stopped]:
    """Return the refused and quarantined records that are kept for a replay, newest first."""
    return _stopped(connection, quarantine, quarantine.c.at_ms, most)


def held(connection: Connection, most: int = 1000) -> list[Stopped]:
    """Return the records that wait for a newer directory, the clock, or an earlier event, newest first."""
    return _stopped(connection, hold, hold.c.since_ms, most)


def _stopped(connection: Connection, kept: Table, since: Column[Any], most: int) -> list[Stopped]:
    """Begin with the few that are kept: of all records only theirs are looked at. What is damaged is left out."""
    few = select(kept.c.topic, kept.c.offset, kept.c.owner_key, since.label("since_ms")).order_by(since.desc())
    these = few.limit(most).subquery()
    same = (record.c.topic == these.c.topic) & (record.c.offset == these.c.offset)
    columns = (record.c.decision_id, record.c.outcome, record.c.code)
    chosen = select(these, *columns).select_from(these.outerjoin(record, same))
    rows = connection.execute(chosen.order_by(these.c.since_ms.desc(), these.c.offset.desc()))
    sound = (row for row in rows if is_sound(row, kept.c.topic, kept.c.offset, kept.c.owner_key, *columns))
    return [
        Stopped(
            row.decision_id,
            row.topic,
            row.offset,
            Outcome(row.outcome),
            row.code,
            whole(row.since_ms, 0),
            row.owner_key,
        )
        for row in sound
        if row.outcome in _OUTCOMES
    ]
