"""The auditors of the countries of a road, on its bus, from the homes that the ceremony made.

auditors = RoadAuditors(road)
auditors.settle()            # gateways, gates and auditors work until nothing moves
"""

from __future__ import annotations

from sqlalchemy import select

from refbus.core.directory import Directory
from refbus.core.ids import CountryCode
from refbus.node.topic_reader import Consumer
from refbus.telemetry.labels import EntryResult
from refbus.trust.reader.log_policy import auditor_of
from refbus_auditor.core import AuditorCore, Lines
from refbus_auditor.home import AuditorHome
from refbus_auditor.ledger import ORDER_WRITER
from refbus_auditor.store.tables import entry
from support.ceremonies import PASSPHRASE
from support.clocks import steady_clock
from support.nodes import Road


class RoadAuditor:
    """The auditor of one country."""

    def __init__(self, road: Road, country: CountryCode) -> None:
        self.road = road
        bus = road.bus
        self.published: list[bytes] = []  # not in the topic of the road, where the log of its directory is
        self.home = AuditorHome.open(road.lab.paths.home(auditor_of(self._directory(), country).org_id), PASSPHRASE)
        lines = Lines(
            federation=lambda: bus.reader(f"{country}.federation"),
            others={other: bus.producer for other in road.gate_countries if other != country},
            publish=self.published.extend,
        )
        self.core = AuditorCore(country, self.home, self._directory, steady_clock(road.clock), lines)
        self.consumer = Consumer(self.core.topic, self.core.entries, lambda: bus.reader(self.core.topic), patience_s=0)
        self.core.publisher.recover()
        self.consumer.start(None)
        self.core.inbound.turn(0)

    def work(self) -> None:
        """Log what is there, publish, cosign, prove."""
        self.consumer.handle(self.road.bus.records(self.core.topic))
        self.core.turn()
        self.core.inbound.turn(0)

    def kept(self) -> set[bytes]:
        """Return the decisions whose sealed record is still here."""
        with self.home.database.reading() as connection:
            chosen = select(entry.c.decision_id).where(entry.c.raw.is_not(None), entry.c.writer != ORDER_WRITER)
            return set(connection.execute(chosen).scalars())

    def results(self) -> dict[EntryResult, int]:
        """Return what became of the records; every record is accounted for."""
        account = self.core.account()
        assert account.difference == 0
        return account.results

    def _directory(self) -> Directory:
        return self.road.kz.directory()


class RoadAuditors:
    """One for each country that has a gate on the road."""

    def __init__(self, road: Road) -> None:
        self.road = road
        self.of = {country: RoadAuditor(road, country) for country in road.gate_countries}

    def settle(self) -> None:
        """Let everybody work until nothing moves any more."""
        moved = True
        while moved:
            before = self._lengths()
            self.road.settle()
            for auditor in self.of.values():
                auditor.work()
            moved = before != self._lengths()

    def close(self) -> None:
        """Close the stores."""
        for auditor in self.of.values():
            auditor.home.close()

    def _lengths(self) -> dict[str, int]:
        return {name: len(self.road.bus.records(name)) for name in self.road.bus.states()}
