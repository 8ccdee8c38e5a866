"""A gate without Faust and Kafka: real keys, its real store on the disk, records handed to it, deliveries caught."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bench.events import Federation
from demo.world import PASSPHRASE
from refbus.bus.port import OnDelivery, OpenTransaction, Record
from refbus.clock import Clock, machine_ms
from refbus.core.ids import CountryCode
from refbus.database.address import Server
from refbus.database.lead import Lead
from refbus.node import collector
from refbus.node.store.rows import Changes
from refbus_gate.decide.batch import GateCore, GateParts, sources_of
from refbus_gate.decide.work import Workers
from refbus_gate.deliver.pump import Pump, PumpSettings
from refbus_gate.home import SERVICE, GateHome
from refbus_gate.source import consumer_of


class EmptyLog:
    """A topic that was never written to, as far as a starting consumer asks. A `Reader` of the bus."""

    def read(self, max_records: int, timeout_s: float) -> list[Record]:
        """Return nothing."""
        return []

    def seek(self, offset: int) -> None:
        """Stay."""

    def position(self) -> int:
        """Return the beginning."""
        return 0

    def begin_offset(self) -> int:
        """Return the beginning."""
        return 0

    def end_offset(self) -> int:
        """Return the beginning."""
        return 0

    def reaches(self, offset: int) -> bool:
        """Return that nothing is lost."""
        return True

    def topic_id(self) -> str:
        """Return a fixed id."""
        return "bench"

    def open_transaction(self) -> OpenTransaction | None:
        """Return that nobody has one."""
        return None

    def close(self) -> None:
        """Free nothing."""


class Catch:
    """A `Producer` that has delivered at once; `caught` are the records by topic."""

    def __init__(self) -> None:
        self.caught: dict[str, list[bytes]] = {}

    def produce(self, topic: str, value: bytes, on_delivery: OnDelivery) -> None:
        """Keep the record and report it stored."""
        self.caught.setdefault(topic, []).append(value)
        on_delivery(None)

    def poll(self, timeout_s: float) -> None:
        """Nothing is under way."""

    def flush(self, timeout_s: float) -> int:
        """Nothing is under way."""
        return 0

    def reported_end(self, topic: str) -> int | None:
        """Return how many records of the topic were caught."""
        return len(self.caught.get(topic, ()))

    def close(self) -> None:
        """Free nothing."""


class StandingGate:
    """The gate of one country on one thread."""

    def __init__(
        self,
        federation: Federation,
        country: CountryCode,
        clock: Callable[[], int] = machine_ms,
        server: Server | None = None,
        mark_ms: int = 0,
    ) -> None:
        """With `server` its stores are there; otherwise they are files. `mark_ms`: of its pumps."""
        lead = None if server is None else Lead.take(server, SERVICE)
        self.home = GateHome.open(federation.paths.gate(country), PASSPHRASE, lead)
        keys = self.home.gate_keys(federation.directory, clock())
        parts = GateParts(keys, self.home.store, self.home.audit_keys, lambda: federation.history, clock, Workers(1))
        countries = federation.directory.countries()
        self._woken = set[str](countries)
        self.core = GateCore(parts, lambda _point, changes, _took: self._wake(changes))
        collector.settle()
        self._consumers = {
            source.topic: consumer_of(self.core, source, EmptyLog) for source in sources_of(country, countries)
        }
        self._catch = Catch()
        settings, hands = PumpSettings(mark_ms=mark_ms), Clock.of(clock)
        self._pumps = {each: Pump(self.home.store, each, lambda: self._catch, hands, settings) for each in countries}
        for consumer in self._consumers.values():
            consumer.start(None)

    def records(self, topic: str, values: Sequence[bytes]) -> list[Record]:
        """Return the next records of a topic."""
        first = self._consumers[topic].next_offset
        return [Record(topic, first + number, value, 0) for number, value in enumerate(values)]

    def decide(self, records: Sequence[Record]) -> None:
        """Decide one batch and have it on the disk."""
        self._consumers[records[0].topic].handle(records)

    def deliver(self) -> dict[str, list[bytes]]:
        """Let the pumps that have something deliver it, and return it by topic."""
        for country, pump in self._pumps.items():
            while country in self._woken and pump.turn():
                pass
        self._woken.clear()
        caught, self._catch.caught = self._catch.caught, {}
        return caught

    def close(self) -> None:
        """Write down what was delivered, and close the store."""
        for pump in self._pumps.values():
            pump.close()
        self.home.close()

    def _wake(self, changes: Changes) -> None:
        """Note which pumps have something to do, as a running gate wakes them."""
        self._woken |= {row.destination for row in changes.outgoing}
