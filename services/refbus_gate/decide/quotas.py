"""How much of one sender may wait in a gate's store, so that nobody's flood takes the room or the time of others.

Whose room a record takes is a keyed name: its sender's once a signature is verified, else the topic's that it came in.
Consent withdrawals and other orders to stop have an account of their own, so that no flood ever stands in their way.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from refbus.core.gate.rules import STOP_ORDERS
from refbus.core.gate.verdicts import Hold, Quarantine, Refuse, Verdict
from refbus.core.ids import OrgId
from refbus.errors import Code
from refbus.node.store.holds import held_by, kept_by, owners, urgent_of_senders
from refbus.node.store.node import NodeStore
from refbus.node.store.rows import Taken
from refbus_gate.decide.opening import Opened

_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Quota:
    """The most records, and bytes as received, that one owner may have waiting."""

    records: int
    size: int

    def has_room(self, taken: Taken, size: int) -> bool:
        """Whether another record of `size` bytes fits."""
        return taken.records < self.records and taken.size + size <= self.size

    def share(self, taken: Taken) -> float:
        """Return how full it is, 0 to 1 and a little more."""
        return max(taken.records / self.records, taken.size / self.size)


HELD = Quota(1_000, 128 * _MIB)
"""Events of one sender that wait. A busy office sends fifty a day; with a clock that is wrong for two weeks, 700 wait.
The largest envelopes fill the bytes with 140."""
STOPS = Quota(10_000, 256 * _MIB)
"""Orders to stop of one sender that wait for a directory: more than all referrals that an office makes in years."""
UNVERIFIED = Quota(1_000, 128 * _MIB)
"""Events of one topic that wait and whose sender nobody can check yet. Honest ones come again until answered."""
KEPT = Quota(1_000, 128 * _MIB)
"""Stopped records of one sender, or unverified ones of one topic, whose bytes are kept for a replay."""
AWAITED = Quota(1_000, 128 * _MIB)
"""Urgent events of one sender that the destination's gate has not signed for: above it, somebody must look. Nothing is
refused for it. Beyond its share of what is sent again a sender waits for everybody else's."""
_BY_KIND = {"sender": HELD, "stops": STOPS, "topic": UNVERIFIED}


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose room a record takes. `kind` is "sender", "stops" or "topic"."""

    kind: str
    key: bytes

    @property
    def quota(self) -> Quota:
        """How much of it may be held."""
        return _BY_KIND[self.kind]


def owner_of(store: NodeStore, opened: Opened) -> Owner:
    """Return whose room a record takes."""
    block = opened.signed_block
    if block is None:
        return owner_of_topic(store, opened.record.topic)
    kind = "stops" if block.event_type in STOP_ORDERS else "sender"
    return Owner(kind, store.name(f"owner/{kind}", block.sender.encode()))


def owner_of_topic(store: NodeStore, topic: str) -> Owner:
    """Return the account of everything in a topic whose sender nobody could verify."""
    return Owner("topic", store.name("owner/topic", topic.encode()))


def owners_of(store: NodeStore, org: OrgId) -> tuple[Owner, Owner]:
    """Return the two accounts of an organisation: what it sends, and its orders to stop."""
    return sender_of(store, org), Owner("stops", store.name("owner/stops", org.encode()))


def sender_of(store: NodeStore, org: OrgId) -> Owner:
    """Return the account of what an organisation sends, and of its urgent events that nobody has signed for."""
    return Owner("sender", store.name("owner/sender", org.encode()))


def fullest(connection: Connection) -> float:
    """Return how full the room of the one is whose room is fullest; 1 is full."""
    shares = [max(HELD.share(held), KEPT.share(kept)) for owner, held, kept, _ in owners(connection) if owner]
    shares += [AWAITED.share(taken) for taken in urgent_of_senders(connection).values()]
    return max(shares, default=0.0)


class Room:
    """What is taken while one batch is decided: read once for each owner, and counted on."""

    def __init__(self, store: NodeStore) -> None:
        self._store = store
        self._held: dict[bytes, Taken] = {}
        self._kept: dict[bytes, Taken] = {}

    def bounded(self, verdict: Verdict, opened: Opened) -> Verdict | None:
        """Return the verdict, or what is said in its place when there is no room; None when nobody can be told.

        A sender that is known hears TOO_MANY_WAITING, and its gateway sends the event again later.
        """
        if isinstance(verdict, Hold):
            return self._bounded_hold(verdict, opened)
        unverified = isinstance(verdict, Quarantine) or (isinstance(verdict, Refuse) and verdict.notify is None)
        return None if unverified and not self.keeps(opened) else verdict

    def keeps(self, opened: Opened) -> bool:
        """Whether there is room to keep the bytes of a stopped record."""
        return KEPT.has_room(self._kept_by(owner_of(self._store, opened)), len(opened.record.value))

    def holds(self, opened: Opened) -> bool:
        """Whether there is room for a record to wait."""
        owner = owner_of(self._store, opened)
        return owner.quota.has_room(self._held_by(owner), len(opened.record.value))

    def note_held(self, opened: Opened) -> Owner:
        """Count a record that waits from now on; return whose it is."""
        owner = owner_of(self._store, opened)
        self._held[owner.key] = self._held_by(owner) + Taken(1, len(opened.record.value))
        return owner

    def note_kept(self, opened: Opened) -> Owner:
        """Count a stopped record that is kept from now on; return whose it is."""
        owner = owner_of(self._store, opened)
        self._kept[owner.key] = self._kept_by(owner) + Taken(1, len(opened.record.value))
        return owner

    def _bounded_hold(self, verdict: Hold, opened: Opened) -> Verdict | None:
        if self.holds(opened):
            return verdict
        if verdict.notify is None:
            return None
        return Refuse(verdict.about, (Code.TOO_MANY_WAITING,), verdict.notify, verdict.effects)

    def _held_by(self, owner: Owner) -> Taken:
        if owner.key not in self._held:
            with self._store.database.reading() as connection:
                self._held |= held_by(connection, [owner.key])
        return self._held[owner.key]

    def _kept_by(self, owner: Owner) -> Taken:
        if owner.key not in self._kept:
            with self._store.database.reading() as connection:
                self._kept |= kept_by(connection, [owner.key])
        return self._kept[owner.key]
