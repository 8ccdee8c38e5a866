"""Gates on buses in memory: the whole node but Faust and Kafka.

world = World(tmp_path)
world.outbox("kz", raw); world.settle()
world.inbox(ngo("uz"))                     # [InboxRecord, ...]
world.notices(agency("kz"))                # [GateNotice, ...] opened with its key
"""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

from refbus.bus.memory import MemoryBus
from refbus.bus.port import Producer
from refbus.core.directory import SigningKey
from refbus.core.ids import CountryCode, KeyId, OrgId
from refbus.core.message import RoutingBlock
from refbus.core.vocabulary import EventType
from refbus.crypto.secretbox import StateKey
from refbus.envelope.notice import open_notice
from refbus.store.audit_keys import AuditKeys
from refbus.store.node import NodeStore
from refbus.wire.transport import AuditEntry, GateNotice, InboxKind, InboxRecord
from refbus.store.accounting import Balance, balance
from refbus_gate.consuming import Consumer
from refbus_gate.core import GateCore, GateParts, sources_of
from refbus_gate.names import GateKeys, inbox
from refbus_gate.opening import Opened
from refbus_gate.pump import Pump, PumpSettings
from refbus_gate.work import Workers
from support.consents import CATEGORIES, consent_record, signed_bytes
from support.directories import NOW_MS, Federation, agency, federation, gate, ngo
from support.envelopes import block_of, fixed, sealed


class Node:
    """The gate of one country with its store, and the bus of that country."""

    def __init__(self, world: World, country: str, folder: Path) -> None:
        self.world = world
        self.country = CountryCode(country)
        self.folder = folder
        self.bus = MemoryBus(topics_of(country, world.countries), world.now)
        self.open()

    def open(self) -> None:
        """Open the store and make everything that lives in memory anew, as a start of the process does."""
        fed = self.world.fed
        secret = hashlib.sha256(f"state {self.country}".encode()).digest()
        self.store = NodeStore.open(self.folder / "node.db", StateKey(secret))
        self.audit_keys = AuditKeys(self.folder / "audit-keys.db", StateKey(secret))
        keys = GateKeys(self.country, fed.pairs[gate(self.country)], [fed.kems[gate(self.country)]])
        parts = GateParts(keys, self.store, self.audit_keys, lambda: self.world.fed.history, self.world.now, Workers(1))
        self.core = GateCore(parts)
        self.consumers = {
            source.topic: Consumer(self.core, source, lambda topic=source.topic: self.bus.reader(topic))
            for source in sources_of(self.country, self.world.countries)
        }
        self.pumps = {
            other: Pump(
                self.store, other, lambda bus=other: self.world.producer(bus), self.world.now, self.world.pumping
            )
            for other in self.world.countries
        }
        for consumer in self.consumers.values():
            consumer.start(None)

    def restart(self) -> None:
        """Stop without a word, as kill -9 does, and start again on the same files."""
        self.store.close()
        self.audit_keys.close()
        self.open()

    def consume(self) -> int:
        """Read every source to its end; return how many records were decided."""
        before = sum(consumer.next_offset for consumer in self.consumers.values())
        for topic, consumer in self.consumers.items():
            consumer.handle(self.bus.records(topic))
        return sum(consumer.next_offset for consumer in self.consumers.values()) - before

    def pump(self) -> None:
        """Let every pump work until it has nothing under way."""
        for pump in self.pumps.values():
            while pump.turn():
                pass

    def balance(self) -> Balance:
        """Return the account of this node."""
        with self.store.database.reading() as connection:
            return balance(connection)


class World:
    """Countries with one gate each. Time stands still unless a test moves `now_ms`."""

    def __init__(self, folder: Path, countries: tuple[str, ...] = ("kz", "uz"), fed: Federation | None = None) -> None:
        self.countries = tuple(CountryCode(country) for country in countries)
        self.fed = fed or federation(countries)
        self.now_ms = NOW_MS
        self.pumping = PumpSettings()
        self.nodes: dict[str, Node] = {}
        for country in countries:
            (folder / country).mkdir()
            self.nodes[country] = Node(self, country, folder / country)

    def now(self) -> int:
        """Return the time that all nodes see."""
        return self.now_ms

    def producer(self, country: str) -> Producer:
        """Return a producer to the bus of a country."""
        return self.nodes[country].bus.producer()

    def outbox(self, country: str, raw: bytes) -> None:
        """Write a record into the outbox of a country."""
        self.nodes[country].bus.put(f"{country}.outbox", raw)

    def settle(self) -> None:
        """Let all gates and pumps work until nothing moves."""
        moved = 1
        while moved:
            moved = 0
            for node in self.nodes.values():
                moved += node.consume()
                node.pump()

    def close(self) -> None:
        """Close all stores."""
        for node in self.nodes.values():
            node.store.close()
            node.audit_keys.close()

    def inbox(self, org: OrgId) -> list[InboxRecord]:
        """Return what is in an inbox."""
        return [InboxRecord.parse(each.value) for each in self.nodes[org[:2]].bus.records(inbox(org))]

    def events(self, org: OrgId) -> list[bytes]:
        """Return the envelopes in an inbox."""
        return [each.body for each in self.inbox(org) if each.kind is InboxKind.EVENT]

    def notices(self, org: OrgId) -> list[GateNotice]:
        """Return the notices in an inbox, opened by their owner."""
        bodies = [each.body for each in self.inbox(org) if each.kind is InboxKind.NOTICE]
        return [open_notice(body, org, [self.fed.kems[org]], self._gate_key) for body in bodies]

    def audit(self, country: str) -> list[AuditEntry]:
        """Return the audit entries of a country."""
        return [AuditEntry.parse(each.value) for each in self.nodes[country].bus.records(f"{country}.audit")]

    def event(self, name: str = "event", **changes: Any) -> bytes:
        """Return an envelope with valid consent from the kz agency to the uz shelter; `name` gives it its id."""
        return sealed(self.fed, self.block(name, **changes))

    def block(self, name: str = "event", **changes: Any) -> RoutingBlock:
        """Return a routing block with valid consent from the kz agency to the uz shelter."""
        usual: dict[str, Any] = {
            "event_id": fixed(name),
            "referral_id": fixed(f"referral {name}"),
            "case_handle": fixed(f"case {name}", 32),
            "data_categories": CATEGORIES,
            "consent_record": self.consent(),
        }
        return block_of(self.fed, **{**usual, **changes})

    def consent(self, **changes: Any) -> bytes:
        """Return the signed consent record that covers `event`."""
        return signed_bytes(self.fed, consent_record(**changes))

    def _gate_key(self, org: OrgId, kid: KeyId) -> SigningKey | None:
        found = self.fed.directory.find(org)
        return None if found is None else found.signing_key(kid)


def topics_of(country: str, countries: tuple[str, ...]) -> list[str]:
    """Return the topics of a country's cluster."""
    single = ("outbox", "refused", "quarantine", "audit", "directory", "federation")
    orgs = (agency(country), ngo(country), OrgId(f"{country}-1ega1a1d"))
    return [
        *(f"{country}.{name}" for name in single),
        *(f"{country}.border.{other}" for other in countries if other != country),
        *(inbox(org) for org in orgs),
    ]
