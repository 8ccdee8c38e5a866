"""Gates on buses in memory: the whole node but Faust and Kafka.

world = World(tmp_path)
world.outbox("kz", raw); world.settle()
world.inbox(ngo("uz"))                     # [InboxRecord, ...]
world.notices(agency("kz"))                # [GateNotice, ...] opened with its key
"""

from __future__ import annotations

import copy
import dataclasses
import hashlib
from collections import deque
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import delete

from refbus.bus.memory import Fault, MemoryBus, MemoryProducer
from refbus.bus.port import Producer
from refbus.core.consent.record import ConsentState, Provision
from refbus.core.directory import SigningKey
from refbus.core.ids import ConsentId, CountryCode, KeyId, OrgId
from refbus.core.message import RoutingBlock
from refbus.core.vocabulary import Action, EventType
from refbus.crypto.framing import sha256
from refbus.crypto.secretbox import StateKey
from refbus.crypto.signing import SigningPair
from refbus.envelope.notice import open_notice
from refbus.envelope.stamps import Stamper
from refbus.errors import Code, TransportError
from refbus.node.store.accounting import Balance, balance
from refbus.node.store.audit_keys import AuditKeys
from refbus.node.store.node import NodeStore
from refbus.node.store.outgoing import Waiting, again, fresh
from refbus.node.store.reads import read_record_at
from refbus.node.store.tables import position
from refbus.node.topic_reader import start_together
from refbus.wire.consent import encode_record
from refbus.wire.transport import (
    AuditEntry,
    BorderKind,
    BorderRecord,
    GateNotice,
    InboxKind,
    InboxRecord,
    NoticeOutcome,
)
from refbus_gate.clock.holds import Redecider
from refbus_gate.clock.upkeep import Upkeep
from refbus_gate.decide.batch import GateCore, GateParts, sources_of
from refbus_gate.decide.work import Workers
from refbus_gate.deliver.pump import Pump, PumpSettings
from refbus_gate.home import AUDIT_KEYS, STORE, mark_of
from refbus_gate.names import GateKeys, inbox
from refbus_gate.restored import recognise
from refbus_gate.source import consumer_of
from support.clocks import steady_clock
from support.consents import CATEGORIES, consent_record, provision, signed_bytes
from support.directories import NOW_MS, Federation, agency, federation, gate, inspector, ngo, signing_key, signing_pair
from support.envelopes import NOW_HOUR, block_of, fixed, sealed
from support.moulds import mould
from support.stores import given_up, place

GROUP = "refbus-gate"


class Node:
    """The gate of one country with its store, and the bus of that country."""

    def __init__(self, world: World, country: str, folder: Path, bus: MemoryBus | None = None) -> None:
        self.world = world
        self.country = CountryCode(country)
        self.folder = folder
        self.bus = bus or MemoryBus(topics_of(country, world.countries), world.now)
        self.open()

    def open(self) -> None:
        """Open the store and make everything that lives in memory anew, as a start of the process does."""
        fed = self.world.fed
        secret = hashlib.sha256(f"state {self.country}".encode()).digest()
        self.store = NodeStore.open(place(self.folder / STORE), StateKey(secret), mark_of(self.folder, STORE))
        self.audit_keys = AuditKeys(place(self.folder / AUDIT_KEYS), StateKey(secret), mark_of(self.folder, AUDIT_KEYS))
        keys = GateKeys(self.country, fed.pairs[gate(self.country)], [fed.kems[gate(self.country)]])
        self.wrong_ms = 0
        self.clock = steady_clock(self.world.now, lambda: self.wrong_ms)
        history = lambda: self.world.fed.history  # noqa: E731
        parts = GateParts(keys, self.store, self.audit_keys, history, self.clock.now_ms, Workers(1))
        self.core = GateCore(parts)
        self.sources = {source.topic: source for source in sources_of(self.country, self.world.countries)}
        self.consumers = {
            topic: consumer_of(self.core, source, partial(self.bus.reader, topic), patience_s=0)
            for topic, source in self.sources.items()
        }
        self.pumps = {
            other: Pump(
                self.store,
                other,
                partial(self.world.producer, other),
                self.clock,
                self.world.pumping,
            )
            for other in self.world.countries
        }
        self.redecider = Redecider(self.core, self.sources, slice_s=60)
        self.upkeep = Upkeep(self.core, self.sources[f"{self.country}.outbox"], self.clock)
        admin = self.bus.admin()
        read = {topic: admin.group_offset(GROUP, topic) for topic in self.sources}
        if recognise(self.store, admin.ends(f"{self.country}.inbox."), read, self.clock.now_ms()):
            self.upkeep.heartbeats()
        start_together(self.consumers.values(), read)

    def close(self) -> None:
        """Give the stores up, as the end of the process does."""
        self.store.close()
        self.audit_keys.close()
        given_up(self.folder)

    def restart(self) -> None:
        """Stop without a word, as kill -9 does, and start again on the same files."""
        self.close()
        self.open()

    def start_anew(self) -> None:
        """Start on an empty store, as after the restore of a backup from before everything."""
        self.close()
        for path in self.folder.glob("node.db*"):
            path.unlink()
        self.open()

    def restart_reading(self, topic: str) -> None:
        """Accept that a topic was made anew, as an operator does after looking into it."""
        with self.store.database.writing() as connection:
            connection.execute(delete(position).where(position.c.topic == topic))
        self.consumers[topic] = consumer_of(self.core, self.sources[topic], lambda: self.bus.reader(topic))
        self.consumers[topic].start(None)

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

    def waiting(self, destination: str) -> list[Waiting]:
        """Return the rows for a destination that are not ended, whether or not its broker has them."""
        later_ms = self.world.now_ms + 10**12
        return fresh(self.store, destination, 0, 1000) + again(self.store, destination, later_ms, 1000)

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

    def gone_on(self, folder: Path) -> World:
        """Return a world of its own in `folder` that goes on where this one, which is closed, came to.

        Its nodes start on copies of the stores, at buses with the same records.
        """
        made = copy.copy(self)
        made.nodes = {}
        for country, node in self.nodes.items():
            mould(node.folder).pour(folder / country)
            bus = copy.deepcopy(node.bus, {id(self): made})
            made.nodes[country] = Node(made, country, folder / country, bus)
        return made

    def now(self) -> int:
        """Return the time that all nodes see."""
        return self.now_ms

    def producer(self, country: str) -> Producer:
        """Return a producer to the bus of a country."""
        return WholeBatches(self.nodes[country].bus)

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
            node.close()

    def inbox(self, org: OrgId) -> list[InboxRecord]:
        """Return what is in an inbox."""
        return [InboxRecord.parse(each.value) for each in self.nodes[org[:2]].bus.records(inbox(org))]

    def events(self, org: OrgId) -> list[bytes]:
        """Return the envelopes in an inbox."""
        return [each.body for each in self.inbox(org) if each.kind is InboxKind.EVENT]

    def notices(self, org: OrgId) -> list[GateNotice]:
        """Return the notices of decisions and heartbeats in an inbox."""
        return [each for each in self.all_notices(org) if each.outcome is not NoticeOutcome.TAKEN]

    def crossings(self, org: OrgId) -> list[GateNotice]:
        """Return the receipts in an inbox which say that the other country's gate has signed for an envelope."""
        return [each for each in self.all_notices(org) if each.outcome is NoticeOutcome.TAKEN]

    def all_notices(self, org: OrgId) -> list[GateNotice]:
        """Return the notices in an inbox, opened by their owner."""
        bodies = [each.body for each in self.inbox(org) if each.kind is InboxKind.NOTICE]
        return [open_notice(body, org, [self.fed.kems[org]], self._gate_key) for body in bodies]

    def outcome(self, country: str, offset: int) -> tuple[str, str]:
        """Return outcome and first code of a record of a country's outbox."""
        with self.nodes[country].store.database.reading() as connection:
            row = read_record_at(connection, self.nodes[country].store, f"{country}.outbox", offset)
        return ("", "") if row is None else (row.outcome, row.code)

    def audit(self, country: str) -> list[AuditEntry]:
        """Return the audit entries of a country."""
        return [AuditEntry.parse(each.value) for each in self.nodes[country].bus.records(f"{country}.audit")]

    def event(self, name: str = "event", **changes: Any) -> bytes:
        """Return an envelope with valid consent from the kz agency to the uz shelter; `name` gives it its id."""
        return sealed(self.fed, self.block(name, **changes))

    def block(self, name: str = "event", **changes: Any) -> RoutingBlock:
        """Return a routing block with valid consent from the kz agency to the uz shelter; a case has one of its own."""
        case_handle = changes.get("case_handle", fixed(f"case {name}", 32))
        usual: dict[str, Any] = {
            "event_id": fixed(name),
            "referral_id": fixed(f"referral {name}"),
            "case_handle": case_handle,
            "data_categories": CATEGORIES,
            "consent_record": self.consent(consent_id=ConsentId(sha256(case_handle)[:16])),
        }
        return block_of(self.fed, **{**usual, **changes})

    def consent(self, **changes: Any) -> bytes:
        """Return the signed consent record that covers `event`."""
        return signed_bytes(self.fed, consent_record(**changes))

    def stamped(self, raw: bytes, *, hour: int = NOW_HOUR, pair: SigningPair | None = None) -> bytes:
        """Return the border record by which the gate of kz lets `raw` out to uz."""
        pair = pair or self.fed.pairs[gate("kz")]
        passed = Stamper(pair, (CountryCode("kz"), CountryCode("uz")), hour).passed(raw)
        return BorderRecord(BorderKind.PASSED, passed.encode()).encode()

    def new_gate_pair(self, country: str) -> SigningPair:
        """Return the signing pair that the gate of a country will have next."""
        return signing_pair(f"{country}-gate next")

    def with_new_gate_pair(self, country: str) -> Federation:
        """Return the federation one version later, in which the gate's next signing pair counts too."""
        before = self.fed.directory.organisations[gate(country)].signing_keys
        keys = (*before, signing_key(self.new_gate_pair(country)))
        return self.fed.changed(gate(country), signing_keys=keys)

    def inspector(self, country: str) -> OrgId:
        """Return the inspector of a country."""
        return inspector(country)

    def provision(self, **changes: Any) -> Provision:
        """Return the provision of `consent`, changed."""
        return provision(**changes)

    def answer(self, name: str, event_type: EventType, **changes: Any) -> bytes:
        """Return what the uz shelter answers to the event `name`."""
        usual: dict[str, Any] = {
            "sender": ngo("uz"),
            "recipient": agency("kz"),
            "event_type": event_type,
            "event_id": fixed(f"{event_type} {name}"),
            "referral_id": fixed(f"referral {name}"),
            "case_handle": fixed(f"case {name}", 32),
            "previous": fixed(name),
            "actions": (Action.REPORT_BACK,),
            "data_categories": (),
            "respond_by_ms": None,
        }
        return sealed(self.fed, self.block(name, **{**usual, **changes}))

    def withdrawal(self, name: str, **changes: Any) -> bytes:
        """Return the withdrawal of the consent that `event` of this name relied on."""
        case_handle = changes.get("case_handle", fixed(f"case {name}", 32))
        before = consent_record(consent_id=ConsentId(sha256(case_handle)[:16]))
        gone: dict[str, Any] = {
            "version": 2,
            "prev_hash": sha256(encode_record(before)),
            "state": ConsentState.WITHDRAWN,
        }
        record = dataclasses.replace(before, **gone, event_time_ms=before.event_time_ms + 1, provisions=())
        usual: dict[str, Any] = {
            "event_type": EventType.CONSENT_WITHDRAWN,
            "event_id": fixed(f"withdrawal {name}"),
            "referral_id": fixed(f"referral {name}"),
            "case_handle": fixed(f"case {name}", 32),
            "previous": fixed(name),
            "data_categories": (),
            "consent_record": signed_bytes(self.fed, record),
        }
        return sealed(self.fed, self.block(name, **{**usual, **changes}))

    def _gate_key(self, org: OrgId, kid: KeyId) -> SigningKey | None:
        found = self.fed.directory.find(org)
        return None if found is None else found.signing_key(kid)


class WholeBatches(MemoryProducer):
    """A producer to a broker that takes or refuses what was queued for a topic as a whole, as a real one does."""

    def poll(self, timeout_s: float) -> None:
        """Store what is queued; a REJECT that is due for a topic is for all its records."""
        refused = {topic for topic, _, _ in self._queue if self._is_refused(topic)}
        kept = deque(each for each in self._queue if each[0] not in refused)
        gone = [each for each in self._queue if each[0] in refused]
        self._queue = kept
        for topic in refused:
            self._bus.log(topic).faults.popleft()
        for topic, _, on_delivery in gone:
            on_delivery(TransportError(Code.BROKER_REFUSED, topic))
        super().poll(timeout_s)

    def _is_refused(self, topic: str) -> bool:
        faults = self._bus.log(topic).faults
        return not self._bus.down and bool(faults) and faults[0] is Fault.REJECT


def topics_of(country: str, countries: tuple[str, ...]) -> list[str]:
    """Return the topics of a country's cluster."""
    single = ("outbox", "refused", "quarantine", "audit", "directory", "federation")
    orgs = (agency(country), ngo(country), OrgId(f"{country}-1ega1a1d"))
    return [
        *(f"{country}.{name}" for name in single),
        *(f"{country}.border.{other}" for other in countries if other != country),
        *(inbox(org) for org in orgs),
    ]
