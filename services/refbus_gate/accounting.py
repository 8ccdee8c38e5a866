"""The account of a node: every record that came in is exactly one of five things, by a query, at any moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from refbus.core.passage import Outcome
from refbus.store.tables import position, record, tally


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
    """Return the account. `in = forwarded + held + refused + duplicate + quarantined` holds for every topic."""
    positions = connection.execute(select(position)).all()
    received = {row.topic: row.next_offset - row.first_offset - row.gaps for row in positions}
    accounted: Counter[tuple[str, Outcome]] = Counter()
    live = select(record.c.topic, record.c.outcome, func.count()).group_by(record.c.topic, record.c.outcome)
    for query in (live, select(tally.c.topic, tally.c.outcome, tally.c.records)):
        for topic, outcome, records in connection.execute(query):
            accounted[topic, Outcome(outcome)] += records
    return Balance(received, dict(accounted))
