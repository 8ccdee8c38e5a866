"""Who has how much waiting in a gate's store: what an operator looks at when an alarm says that room runs out.

Logs and metrics name no organisation; this is read from the store, with the passphrase of the gate's home.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, select

from refbus.core.directory import Directory
from refbus.core.units import HOUR_MS
from refbus.node.store.holds import owners, urgent_of_senders
from refbus.node.store.node import NodeStore
from refbus.node.store.rows import Taken
from refbus.node.store.sound import is_sound
from refbus.node.store.tables import dropped
from refbus_gate.decide.quotas import KEPT, owner_of_topic, owners_of

_NOTHING: Final = Taken(0, 0)


@dataclass(frozen=True, slots=True)
class Waiting:
    """What one sender, or a topic while nobody is verified, has in the store; `since_ms` of the oldest event held.

    `urgent` are its urgent events that their destination's gate has not signed for.
    """

    name: str
    held: Taken
    kept: Taken
    since_ms: int | None
    urgent: Taken


@dataclass(frozen=True, slots=True)
class DroppedRange:
    """Records of one topic and hour (since the epoch, UTC) that were counted and not kept."""

    topic: str
    hour: int
    first_offset: int
    last_offset: int
    records: int
    size: int


def who_waits(store: NodeStore, directory: Directory, topics: Iterable[str]) -> list[Waiting]:
    """Return everybody with something in the store, the largest number of records first."""
    names = names_of(store, directory, topics)
    with store.database.reading() as connection:
        urgent = urgent_of_senders(connection)
        found = [
            Waiting(name_of(names, owner), held, kept, since, urgent.pop(owner or b"", _NOTHING))
            for owner, held, kept, since in owners(connection)
        ]
    found += [
        Waiting(name_of(names, owner or None), _NOTHING, _NOTHING, None, taken) for owner, taken in urgent.items()
    ]
    return sorted(found, key=lambda each: (-each.held.records - each.kept.records - each.urgent.records, each.name))


def dropped_ranges(connection: Connection, most: int) -> list[DroppedRange]:
    """Return what was dropped, newest first; a damaged row is left out."""
    rows = connection.execute(select(dropped).order_by(dropped.c.hour.desc(), dropped.c.topic).limit(most))
    sound = (row for row in rows if is_sound(row, *dropped.c))
    return [DroppedRange(*(getattr(row, name) for name in DroppedRange.__slots__)) for row in sound]


def lines(store: NodeStore, directory: Directory, topics: Iterable[str], now_ms: int) -> Iterator[str]:
    """Yield the report as lines of text."""
    for each in who_waits(store, directory, topics):
        hours = 0 if each.since_ms is None else (now_ms - each.since_ms) // HOUR_MS
        held = f"{each.held.records} held ({each.held.size} bytes, the oldest for {hours} hours)"
        yield f"{each.name}: {held}, {each.kept.records} of {KEPT.records} kept for a replay ({each.kept.size} bytes)"
        if each.urgent.records:
            yield f"{each.name}: {each.urgent.records} urgent that no gate has signed for ({each.urgent.size} bytes)"
    with store.database.reading() as connection:
        for gone in dropped_ranges(connection, 100):
            offsets = f"{gone.records} between offsets {gone.first_offset} and {gone.last_offset}"
            yield f"{gone.topic}: dropped {offsets} ({gone.size} bytes), {now_ms // HOUR_MS - gone.hour} hours ago"


def names_of(store: NodeStore, directory: Directory, topics: Iterable[str]) -> dict[bytes, str]:
    """Return who an owner in the store is, by its key."""
    return dict(_names(store, directory, topics))


def name_of(names: Mapping[bytes, str], owner: bytes | None) -> str:
    """Return whose room a row takes."""
    return "from before there were quotas" if owner is None else names.get(owner, "no longer in the directory")


def _names(store: NodeStore, directory: Directory, topics: Iterable[str]) -> Iterator[tuple[bytes, str]]:
    for org in directory.organisations:
        sender, stops = owners_of(store, org)
        yield sender.key, org
        yield stops.key, f"{org} (orders to stop)"
    for topic in topics:
        yield owner_of_topic(store, topic).key, f"{topic} (nobody verified)"
