"""One running gate: everything of it but Faust, put together from settings, started and stopped in order."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from refbus import telemetry
from refbus.bus.bundle import write_all
from refbus.bus.certificates import Watch
from refbus.bus.cluster import Cluster
from refbus.bus.port import Reader
from refbus.bus.topicplan import verify
from refbus.bus.topicset import gate_group, wanted
from refbus.clock import Clock, sources_from, tell
from refbus.core.directory import Directory
from refbus.core.gate.verdicts import Point
from refbus.core.ids import CountryCode
from refbus.core.units import HOUR_MS
from refbus.node import collector
from refbus.node.directory_follower import DirectoryFollower
from refbus.node.measurement import Measurement
from refbus.node.rest import Rest
from refbus.node.store.due import next_due
from refbus.node.store.reads import read_position
from refbus.node.store.rows import Changes
from refbus.node.store.sound import earliest
from refbus.node.threads import Threads
from refbus.node.topic_reader import Consumer, start_together
from refbus.node.watchdog import Watchdog
from refbus.notify.book import read_book
from refbus.settings import GateSettings, Profile, read_secret_file
from refbus.telemetry import catalogue as metric
from refbus_gate.clock.deadlines import Timekeeper
from refbus_gate.clock.holds import Redecider
from refbus_gate.clock.lateness import Lateness
from refbus_gate.clock.mail import Pinger
from refbus_gate.clock.replays import Replays
from refbus_gate.clock.upkeep import Upkeep
from refbus_gate.countries import Countries, Sources, gone
from refbus_gate.decide.batch import GateCore, GateParts, Took, sources_of
from refbus_gate.decide.work import Workers
from refbus_gate.deliver.directory_relay import DirectoryRelay
from refbus_gate.deliver.profile_relay import ProfileRelay
from refbus_gate.deliver.pump import LINGER_S, MARK_MS, Pump, PumpSettings
from refbus_gate.home import GateHome
from refbus_gate.meters import Meters
from refbus_gate.names import border
from refbus_gate.restored import recognise
from refbus_gate.source import consumer_of

if TYPE_CHECKING:
    from refbus.database.lead import Lead

_log = logging.getLogger("refbus.gate")
_LOOK_MS = 5_000
"""How often keys and metrics are looked at when the directory did not move, while something is written."""
_ACCOUNT_MS = 60_000
_FORGET_MS = HOUR_MS


def _hand_on(cluster: Cluster, topic: str, values: Sequence[bytes]) -> None:
    producer = cluster.producer()
    try:
        write_all(producer, topic, values)
    finally:
        producer.close()


@dataclass(slots=True)
class Gate:
    """The parts of a running gate. `start` begins all threads, `stop` ends them; a crash of one ends the process."""

    settings: GateSettings
    home: GateHome
    clusters: dict[CountryCode, Cluster]
    follower: DirectoryFollower
    relay: DirectoryRelay
    end: Callable[[str], None]
    clock: Clock
    metrics: telemetry.Metrics
    meters: Meters
    core: GateCore = field(init=False)
    consumers: dict[str, Consumer] = field(init=False)
    pumps: dict[CountryCode, Pump] = field(init=False)
    redecider: Redecider = field(init=False)
    replays: Replays = field(init=False)
    upkeep: Upkeep = field(init=False)
    timekeeper: Timekeeper = field(init=False)
    lateness: Lateness = field(init=False)
    pinger: Pinger = field(init=False)
    watchdog: Watchdog = field(init=False)
    threads: Threads = field(init=False)
    certificates: Watch = field(init=False)
    countries: Countries = field(init=False)
    sources: Sources = field(init=False)
    rest: Rest = field(init=False)
    measurement: Measurement = field(init=False)
    listen: Callable[[str, Consumer], None] = field(default=lambda _topic, _consumer: None)
    """Hands a topic that came while the gate runs to whoever reads for it."""
    _looked_ms: int | None = None
    _forgot_ms: int | None = None
    _accounted_ms: int | None = None

    @classmethod
    def open(
        cls,
        settings: GateSettings,
        clusters: Mapping[CountryCode, Cluster],
        end: Callable[[str], None],
        meet: Callable[[], Mapping[CountryCode, Cluster]] = dict,
        lead: Lead | None = None,
    ) -> Gate:
        """Open the home, wait for a first directory if there is none yet, and check the topics.

        `meet` gives the clusters that the operator has named since; `lead` is for stores on a server, and its loss ends
        the process. Raises SetupError, StoreError, TransportError.
        """
        if lead is not None:
            lead.on_loss = end
        own, clusters = clusters[settings.country], dict(clusters)
        clock = Clock(sources_from(settings.clock_file), settings.home, tell)
        now_ms = clock.now_ms
        home = GateHome.open(settings.home, read_secret_file(settings.passphrase_file).decode(), lead)
        home.trust.load(now_ms())
        metrics = telemetry.Metrics(telemetry.Service.GATE, now_ms, settings.home)
        meters = Meters(metrics)

        def read(family: str) -> Callable[[], Reader]:
            return lambda: own.reader(f"{settings.country}.{family}", meters.unread)

        follower = DirectoryFollower(home.trust, read("directory"), now_ms)
        profiles = ProfileRelay(
            settings.country,
            home.store,
            follower.newest,
            lambda: clusters,
            read("profiles"),
            settings.home / "profiles",
            clock,
        )
        relay = DirectoryRelay(
            home.trust,
            follower.take,
            read("federation"),
            partial(_hand_on, own, f"{settings.country}.directory"),
            settings.home / "handed-on",
            profiles=profiles,
        )
        clock.directory = follower.newest
        gate = cls(settings, home, clusters, follower, relay, end, clock, metrics, meters)
        gate.countries = Countries(clusters, meet, lambda: list(gate.pumps), gate._open_border, gate._close_border)
        gate._assemble()
        profiles.wrote = gate._wake_pumps
        gate._measure()  # before anybody is shown the metrics: a 0 from before the first look would end an alert
        return gate

    @property
    def group(self) -> str:
        """The consumer group that every standby of this gate shares."""
        return gate_group(self.settings.country)

    def start(self) -> None:
        """Check whether the store is a copy, start pumps, follower and watchdog, and check positions against the logs.

        A store that is a copy says so in every inbox before anything else.
        """
        collector.settle()
        country = self.settings.country
        admin = self.clusters[country].admin()
        read = {topic: admin.group_offset(self.group, topic) for topic in self.consumers}
        if recognise(self.home.store, admin.ends(f"{country}.inbox."), read, self.clock.now_ms()):
            self.upkeep.heartbeats()
        self._start_threads()
        start_together(self.consumers.values(), read)

    def begin_clock(self) -> None:
        """Do what is due by the clock, in a thread of its own, once this gate is the active one."""
        self.threads.start("clock", lambda stop: self.rest.run(stop, self.tick))

    def tick(self) -> None:
        """Do what is due by the clock; every second while something is written, else when something is due."""
        moved, steady_ms = self.follower.moved.is_set(), self.clock.steady_ms()
        self.replays.turn()
        self.metrics.keep()
        if self.rest.allows(moved=moved):
            return
        if moved or self._looked_ms is None or steady_ms - self._looked_ms >= _LOOK_MS:
            self.follower.moved.clear()
            self._looked_ms = steady_ms
            self._follow_directory()
            self.measurement.now()
        self.redecider.holds()
        self.upkeep.undelivered()
        if self.follower.caught_up.is_set():
            self.upkeep.heartbeats()
        self.timekeeper.tell()
        self.lateness.note(whole=not self.timekeeper.waits())
        if self._forgot_ms is None or steady_ms - self._forgot_ms >= _FORGET_MS:
            self._forgot_ms = steady_ms
            self.upkeep.forget()
            self.upkeep.forget_cases(self.home.forget_cases)

    def stop(self) -> None:
        """End all threads, take the last delivery reports, close the stores."""
        self.threads.stop.set()
        self.rest.wake()
        self.pinger.wake()
        self._wake_pumps()
        self.threads.join()
        self.metrics.keep()
        with self.core.turn:
            self.core.parts.workers.close()
            self.home.close()

    def _assemble(self) -> None:
        directory = self.follower.first(self.relay.turn)
        settings, home = self.settings, self.home
        self.threads = Threads(self.end)
        self.certificates = Watch({name: cluster.certificate_end_ms for name, cluster in self.clusters.items()})
        threads = settings.threads or os.cpu_count() or 1
        keys = home.gate_keys(directory, self.clock.now_ms())
        parts = GateParts(keys, home.store, home.audit_keys, self.follower.history, self.clock.now_ms, Workers(threads))
        self.core = GateCore(parts, self._wrote)
        self.pinger = Pinger(home.store, read_book(settings.pings), self.clock.now_ms, self.meters.pinged)
        countries = [each for each in self.countries.reachable(directory) if self._is_laid(each)]
        found = {source.topic: source for source in sources_of(settings.country, countries)}
        sources = self.sources = Sources(settings.country, found)
        own = self.clusters[settings.country]
        verify(
            own.admin(),
            wanted(directory, settings.country, production=settings.profile is Profile.PRODUCTION),
            [*sorted(sources), f"{settings.country}.directory", f"{settings.country}.federation"],
            plaintext=own.is_plaintext(),
        )
        self.consumers = {
            topic: consumer_of(self.core, source, partial(own.reader, topic), self.meters.unread)
            for topic, source in sources.items()
        }
        self.pumps = {country: self._pump(country) for country in countries}
        self.redecider = Redecider(self.core, sources)
        accounts = settings.profile is Profile.PRODUCTION
        self.replays = Replays(settings.home, self.redecider, self.clock, accounts)
        self.upkeep = Upkeep(
            self.core,
            sources[f"{settings.country}.outbox"],
            self.clock,
            int(settings.heartbeat_s * 1000),
            self.meters.forgot,
            lambda country: gone(home.trust.history, country),
        )
        self.timekeeper = Timekeeper(self.core, sources[f"{settings.country}.outbox"], self._read_until_ms)
        self.lateness = Lateness(self.clock)
        self.measurement = Measurement(self.clock, self._measure)
        self.rest = Rest(home.store.database.change_mark, self.clock, self._due_ms)
        offsets = {topic: own.offsets(topic) for topic in sources}
        patience_ms = int(settings.watchdog_s * 1000)
        self.watchdog = Watchdog(list(self.consumers.values()), offsets, home.store, patience_ms, self.clock)

    def _is_laid(self, country: CountryCode) -> bool:
        """Whether a border can be read, or was once: one that has no topic yet is opened when it has."""
        own, topic = self.settings.country, border(self.settings.country, country)
        with self.home.store.database.reading() as connection:
            known = country == own or read_position(connection, topic) is not None
        return known or topic in self.clusters[own].admin().topics([topic])

    def _pump(self, country: CountryCode) -> Pump:
        settings = PumpSettings(resend_ms=int(self.settings.resend_s * 1000), mark_ms=MARK_MS)
        # No time-out: a record that was given up could be overtaken by the one behind it.
        connect = partial(self.clusters[country].producer, delivery_timeout_s=0, linger_s=LINGER_S)
        return Pump(self.home.store, country, connect, self.clock, settings)

    def _wake_pumps(self) -> None:
        for pump in list(self.pumps.values()):
            pump.wake()

    def _wrote(self, point: Point, changes: Changes, took: Took) -> None:
        self.meters.wrote(point, changes, took)
        self.rest.wake()
        if changes.pings:
            self.pinger.wake()
        for country in {row.destination for row in changes.outgoing}:
            pump = self.pumps.get(CountryCode(country))
            if pump is not None:
                pump.wake()

    def _follow_directory(self) -> None:
        """Open and close borders; end the process when this gate has other keys, so that the next begins with them."""
        newest = self.follower.newest()
        if newest is None:
            return
        self.countries.look(self.home.trust.history)
        if self.home.has_new_keys(newest, self.core.parts.keys, self.clock.now_ms()):
            self.end("this gate has other keys than at the start")

    def _open_border(self, country: CountryCode, directory: Directory) -> None:
        """Read from a country that has come, and deliver to it; raises when its topic is not there yet."""
        settings, cluster = self.settings, self.clusters[country]
        (source,) = [each for each in sources_of(settings.country, [country]) if each.point is Point.INGRESS]
        topic, own = source.topic, self.clusters[settings.country]
        consumer = self.consumers.get(topic)
        if consumer is None:
            admin = own.admin()
            declared = wanted(directory, settings.country, production=settings.profile is Profile.PRODUCTION)
            verify(admin, declared, [topic], plaintext=own.is_plaintext())
            consumer = consumer_of(self.core, source, partial(own.reader, topic), self.meters.unread)
            consumer.start(admin.group_offset(self.group, topic))
            self.sources[topic] = source
            self.consumers[topic] = consumer
            self.listen(topic, consumer)
        self.watchdog.watch(consumer, own.offsets(topic))
        self.certificates.also(country, cluster.certificate_end_ms)
        pump = self.pumps[country] = self._pump(country)
        self.threads.start(f"pump-{country}", pump.run)

    def _close_border(self, country: CountryCode) -> None:
        """Deliver no more to a country that has left. What it still writes is read and refused; nobody waits for it."""
        self.watchdog.unwatch(border(self.settings.country, country))
        self.pumps.pop(country).leave()

    def _due_ms(self) -> int | None:
        """Return when time alone makes the next thing due, UTC ms; one that is not after now when something is."""
        now_ms = self.clock.now_ms()
        if self.timekeeper.waits():
            return now_ms
        with self.home.store.database.reading() as connection:
            return earliest((self.upkeep.next_beat_ms(connection), next_due(connection, now_ms)))

    def _read_until_ms(self) -> int | None:
        """Return up to when every input is read, and the directory too: an answer may wait among what is not."""
        return self.watchdog.read_until_ms() if self.follower.caught_up.is_set() else None

    def _look_at_lateness(self) -> None:
        """Say when what must be told by the clock is late, from a thread that does not do it."""
        self.lateness.look(self.watchdog.behind)
        self.meters.watching(self.watchdog, self.lateness)

    def _measure(self) -> None:
        self.meters.deliveries(list(self.pumps.values()))
        self.meters.progress(self.watchdog, self.consumers)
        self.meters.directory(self.follower, self.core.parts.keys.org, self.clock.now_ms())
        steady_ms = self.clock.steady_ms()
        self.metrics.put(metric.CERTIFICATE_LEFT, self.certificates.left_s(self.clock.now_ms()))
        self.metrics.disk()
        self.metrics.put(metric.LEADS, 1)
        with self.home.store.database.reading() as connection:
            if self._accounted_ms is None or steady_ms - self._accounted_ms >= _ACCOUNT_MS:
                self._accounted_ms = steady_ms
                self.meters.account(connection)
            self.meters.store(connection, self.clock.now_ms())
        self.meters.damaged(len(self.home.store.damaged) + len(self.home.audit_keys.damaged))
        self.metrics.clock(self.clock.standing())

    def _start_threads(self) -> None:
        for country, pump in self.pumps.items():
            self.threads.start(f"pump-{country}", pump.run)
        self.threads.start("directory", self._follow)
        self.threads.start("pings", self.pinger.run)
        self.threads.start("watchdog", lambda stop: self.watchdog.run(stop, self.end, self._look_at_lateness))

    def _follow(self, stop: threading.Event) -> None:
        def relay() -> None:
            self.relay.turn()
            if self.follower.moved.is_set():
                self.rest.wake()

        try:
            self.follower.run(stop, relay)
        finally:
            self.relay.close()
