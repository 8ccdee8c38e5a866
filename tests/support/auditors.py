"""Auditors on buses in memory: everything but Faust, Kafka and HTTP.

world = Auditors(tmp_path)                  # kz, kg, uz; two witnesses must cosign
world.log("kz", 3); world.settle()
world.nodes["kz"].note()                    # the published checkpoint
world.nodes["kz"].proofs()                  # [LogProofs, ...] that members get
"""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from refbus.audit import make_entry
from refbus.audit.fsck import check_log
from refbus.audit.record import AuditRecord
from refbus.audit.sources import FolderSource
from refbus.bus.bundle import write_all
from refbus.bus.memory import MemoryBus
from refbus.bus.port import Producer
from refbus.core.directory import OrgRole
from refbus.core.ids import CountryCode
from refbus.database.opening import open_database
from refbus.errors import Code
from refbus.node.topic_reader import Consumer
from refbus.telemetry.labels import WitnessResult
from refbus.tlog.note import Note
from refbus.tlog.shards import origin_of, shard_at
from refbus.trust.homes import Identity
from refbus.trust.reader.loader import TrustStore
from refbus.wire.logs import LogProofs
from refbus.wire.transport import AuditEntry
from refbus_auditor import ledger
from refbus_auditor.core import AuditorCore, Hearers, Lines
from refbus_auditor.home import KIND, MARK, STORE, AuditorHome
from support.audit import audit_entry, audit_record
from support.clocks import steady_clock
from support.directories import (
    NOW_MS,
    Federation,
    auditor,
    federation,
    inspector,
    kem_private,
    log_name_of,
    log_secret,
    signing_pair,
)
from support.moulds import mould
from support.stores import given_up, place

COUNTRIES = ("kg", "kz", "uz")


class AuditNode:
    """The auditor of one country, and the bus of that country."""

    def __init__(self, world: Auditors, country: str, folder: Path, bus: MemoryBus | None = None) -> None:
        self.world = world
        self.country = CountryCode(country)
        self.folder = folder
        self.bus = bus or MemoryBus([f"{country}.{kind}" for kind in ("audit", "federation", "proofs")], world.now)
        self.alarms: list[Code] = []
        self.answers: list[WitnessResult] = []
        self.open()

    def open(self) -> None:
        """Open the store and make everything that lives in memory anew, as a start of the process does."""
        database = open_database(place(self.folder / "store" / STORE), KIND, mark=self.folder / MARK)
        identity = Identity(auditor(self.country), self.country, OrgRole.AUDITOR)
        secret = log_secret(auditor(self.country))
        self.home = AuditorHome(self.folder, identity, secret, database, TrustStore(self.folder / "directory"))
        topic = f"{self.country}.proofs"
        lines = Lines(
            federation=lambda: self.bus.reader(f"{self.country}.federation"),
            others={
                CountryCode(other): partial(self._producer_of, other)
                for other in self.world.countries
                if other != self.country
            },
            publish=lambda values: write_all(self.bus.producer(), topic, values),
        )
        hearers = Hearers(alarm=self.alarms.append, witnessed=self._answered)
        directory = lambda: self.world.fed.directory  # noqa: E731 - read anew each time
        self.core = AuditorCore(self.country, self.home, directory, steady_clock(self.world.now), lines, hearers)
        self.consumer = Consumer(
            self.core.topic, self.core.entries, lambda: self.bus.reader(self.core.topic), patience_s=0
        )
        self.core.publisher.recover()
        self.consumer.start(None)
        self.core.inbound.turn(0)

    def _producer_of(self, country: str) -> Producer:
        return self.world.nodes[country].bus.producer()

    def restart(self) -> None:
        """Stop without a word, as kill -9 does, and start again on the same files."""
        self.home.close()
        given_up(self.folder / "store")
        self.open()

    def consume(self) -> None:
        """Log what is in the audit topic."""
        self.consumer.handle(self.bus.records(self.core.topic))

    def origin(self) -> str:
        """Return the origin of the log of this half-year."""
        return origin_of(log_name_of(self.country), shard_at(self.world.now_ms))

    def log_folder(self) -> Path:
        """Return the folder of the log of this half-year."""
        return self.home.log_folder / shard_at(self.world.now_ms)

    def note(self) -> Note:
        """Return the published checkpoint."""
        return Note.parse((self.log_folder() / "checkpoint").read_bytes())

    def leaves(self) -> list[bytes]:
        """Return what is in the newest log."""
        log = self.core.shards()[-1]
        with self.home.database.reading() as connection:
            return ledger.leaves(connection, log.origin, 0, log.head.size)

    def require_sound(self) -> None:
        """Check the whole log on disk by its format alone, with its quorum."""
        with tempfile.TemporaryFile() as scratch:
            report = check_log(FolderSource(self.log_folder()), self.core.policy(), scratch, self.world.now_ms // 1000)
        assert (report.findings, report.quorum, report.complete) == ((), None, True)

    def proofs(self) -> list[LogProofs]:
        """Return what members of the country were given."""
        return [LogProofs.parse(record.value) for record in self.bus.records(f"{self.country}.proofs")]

    def _answered(self, result: WitnessResult, _code: Code | None) -> None:
        self.answers.append(result)


class Auditors:
    """Auditors of several countries, one directory and one clock."""

    def __init__(self, folder: Path, countries: Sequence[str] = COUNTRIES, quorum: int = 2) -> None:
        self.countries = tuple(countries)
        self.now_ms = NOW_MS
        self.fed: Federation = federation(self.countries).with_audit_keys(quorum=quorum)
        self.nodes: dict[str, AuditNode] = {}
        self._decisions = 0
        for country in self.countries:
            self.nodes[country] = AuditNode(self, country, folder / country)

    def gone_on(self, folder: Path) -> Auditors:
        """Return auditors of their own in `folder` that go on where these, which are closed, came to."""
        made = copy.copy(self)
        made.nodes = {}
        for country, node in self.nodes.items():
            mould(node.folder).pour(folder / country)
            made.nodes[country] = AuditNode(made, country, folder / country, copy.deepcopy(node.bus, {id(self): made}))
        return made

    def now(self) -> int:
        """Return the time, UTC ms."""
        return self.now_ms

    def record(self) -> AuditRecord:
        """Return another decision of the gate of kz."""
        self._decisions += 1
        return audit_record(decision_id=self._decisions.to_bytes(16, "big"))

    def log(self, count: int = 1) -> list[bytes]:
        """Write so many entries into the audit topic of kz; return their leaves."""
        entries = [audit_entry(self.record()) for _ in range(count)]
        for entry in entries:
            self.nodes["kz"].bus.put("kz.audit", entry.encode())
        return [entry.leaf for entry in entries]

    def entry_of(self, name: str, **changes: Any) -> AuditEntry:
        """Return the entry of a decision of the member `name`, sealed to the inspector of kz."""
        return make_entry(
            audit_record(writer=name, **changes),
            audit_key=bytes(32),
            signer=signing_pair(name),
            inspector=kem_private(inspector("kz")).public,
        )

    def close(self) -> None:
        """Give all databases up."""
        for node in self.nodes.values():
            node.home.close()

    def settle(self, turns: int = 6) -> None:
        """Let everybody work until nothing moves any more."""
        for _ in range(turns):
            for node in self.nodes.values():
                node.consume()
                node.core.turn()
            for node in self.nodes.values():
                node.core.inbound.turn(0)
