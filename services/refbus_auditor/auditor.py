"""One running auditor: everything of it but Faust, put together from settings, started and stopped in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from refbus import telemetry
from refbus.audit.inspector import inspector_key
from refbus.bus.bundle import write_all
from refbus.bus.certificates import Watch
from refbus.bus.cluster import Cluster
from refbus.bus.port import Producer
from refbus.bus.topicplan import verify
from refbus.bus.topicset import auditor_group, wanted
from refbus.clock import Clock, sources_from, tell
from refbus.core.directory import Directory
from refbus.core.ids import CountryCode
from refbus.errors import Code, SetupError
from refbus.node.directory_follower import DirectoryFollower
from refbus.node.measurement import Measurement
from refbus.node.rest import Rest
from refbus.node.threads import Threads
from refbus.node.topic_reader import Consumer
from refbus.node.watchdog import Watchdog
from refbus.settings import AuditorSettings, Profile, read_secret_file
from refbus.telemetry import catalogue as metric
from refbus.trust.reader.log_policy import audit_keys
from refbus_auditor.core import AuditorCore, Hearers, Lines
from refbus_auditor.home import AuditorHome
from refbus_auditor.meters import Meters
from refbus_auditor.server import LogServer

if TYPE_CHECKING:
    from refbus.database.lead import Lead


class Writer:
    """Writes to one topic and waits until the broker has everything; the connection is kept between two calls."""

    def __init__(self, cluster: Cluster, topic: str) -> None:
        self._producer = cluster.producer()
        self._topic = topic

    def write(self, values: Sequence[bytes]) -> None:
        """Return when the broker has all of `values`, or raise TransportError; some may have been stored then."""
        write_all(self._producer, self._topic, values)

    def close(self) -> None:
        """Free the connection."""
        self._producer.close()


@dataclass(slots=True)
class Auditor:
    """The parts of a running auditor. `start` begins all threads, `stop` ends them; a crash of one ends the process."""

    settings: AuditorSettings
    home: AuditorHome
    clusters: dict[CountryCode, Cluster]
    follower: DirectoryFollower
    end: Callable[[str], None]
    clock: Clock
    metrics: telemetry.Metrics
    meters: Meters
    core: AuditorCore = field(init=False)
    consumers: dict[str, Consumer] = field(init=False)
    watchdog: Watchdog = field(init=False)
    threads: Threads = field(init=False)
    certificates: Watch = field(init=False)
    writer: Writer = field(init=False)
    rest: Rest = field(init=False)
    measurement: Measurement = field(init=False)
    server: LogServer | None = None
    meet: Callable[[], Mapping[CountryCode, Cluster]] = dict
    _producers: dict[CountryCode, Callable[[], Producer]] = field(default_factory=dict)

    @classmethod
    def open(
        cls,
        settings: AuditorSettings,
        clusters: Mapping[CountryCode, Cluster],
        end: Callable[[str], None],
        meet: Callable[[], Mapping[CountryCode, Cluster]] = dict,
        lead: Lead | None = None,
    ) -> Auditor:
        """Open the home, wait for a first directory if there is none yet, and check the topics.

        `meet` gives the clusters that the operator has named since; `lead` is for a store on a server, and its loss
        ends the process. Raises SetupError, StoreError, TransportError; UncheckableError KEY_UNKNOWN while the
        directory does not have the keys of this auditor.
        """
        if lead is not None:
            lead.on_loss = end
        own = clusters[settings.country]
        clock = Clock(sources_from(settings.clock_file), settings.home, tell)
        now_ms = clock.now_ms
        home = AuditorHome.open(settings.home, read_secret_file(settings.passphrase_file).decode(), lead)
        home.trust.load(now_ms())
        metrics = telemetry.Metrics(telemetry.Service.AUDITOR, now_ms, settings.home)
        meters, topic = Meters(metrics), f"{settings.country}.directory"
        follower = DirectoryFollower(home.trust, lambda: own.reader(topic, meters.unread), now_ms)
        clock.directory = follower.newest
        auditor = cls(settings, home, dict(clusters), follower, end, clock, metrics, meters, meet=meet)
        auditor._assemble()
        auditor._measure()  # before anybody is shown the metrics: a 0 from before the first look would end an alert
        return auditor

    @property
    def group(self) -> str:
        """The consumer group that every standby of this auditor shares."""
        return auditor_group(self.settings.country)

    def start(self) -> None:
        """Publish what a stop kept back, start the threads, and check the position against the log of the broker."""
        settings = self.settings
        self.core.publisher.recover()
        if settings.port is not None:
            self.server = LogServer(
                self.home.log_folder, self.core.witness, settings.host, settings.port, public=settings.public
            )
        self.threads.start("directory", lambda stop: self.follower.run(stop, lambda: None))
        self.threads.start("federation", self.core.inbound.run)
        watch = partial(self.meters.watching, self.watchdog)
        self.threads.start("watchdog", lambda stop: self.watchdog.run(stop, self.end, watch))
        admin = self.clusters[settings.country].admin()
        for topic, consumer in self.consumers.items():
            consumer.start(admin.group_offset(self.group, topic))

    def begin_clock(self) -> None:
        """Do what is due, in a thread of its own, once this auditor is the active one."""
        self.threads.start("clock", lambda stop: self.rest.run(stop, self.tick))

    def tick(self) -> None:
        """Do what is due; every second while something is written, else every five."""
        moved = self.follower.moved.is_set()
        self.metrics.keep()
        if self.rest.allows(moved=moved):
            return
        if moved:
            self.follower.moved.clear()
            self.core.log_directory(self.home.trust.files())
        self._meet_others()
        self.core.entries.again(moved=moved)
        self.core.turn()
        self.measurement.now()

    def stop(self) -> None:
        """End all threads, close the store."""
        if self.server is not None:
            self.server.close()
        self.threads.stop.set()
        self.rest.wake()
        self.threads.join()
        self.metrics.keep()
        self.core.outbound.close()
        self.writer.close()
        self.home.close()

    def _assemble(self) -> None:
        directory, country = self.follower.first(), self.settings.country
        self.follower.moved.set()  # what is in force at the start may not be logged yet
        own = self.clusters[country]
        self.writer = Writer(own, f"{country}.proofs")
        self.threads = Threads(self.end)
        self.measurement = Measurement(self.clock, self._measure)
        self.rest = Rest(self.home.database.change_mark, self.clock, self.clock.now_ms)  # witnesses answer when they do
        self.certificates = Watch({name: cluster.certificate_end_ms for name, cluster in self.clusters.items()})
        self._producers |= {other: cluster.producer for other, cluster in self.clusters.items() if other != country}
        lines = Lines(
            federation=lambda: own.reader(f"{country}.federation", self.meters.unread),
            others=self._producers,
            publish=self.writer.write,
        )
        hearers = Hearers(self.meters.counted, self.meters.witnessed, self._alarm)
        self.core = AuditorCore(country, self.home, lambda: self.follower.history().latest, self.clock, lines, hearers)
        self._require_own_keys(directory)
        topic = self.core.topic
        self._verify_topics(directory, topic)
        read = partial(own.reader, topic)
        self.consumers = {topic: Consumer(topic, self.core.entries, read, self.meters.unread)}
        patience_ms = int(self.settings.watchdog_s * 1000)
        self.watchdog = Watchdog(
            list(self.consumers.values()),
            {topic: own.offsets(topic)},
            self.core.entries,
            patience_ms,
            self.clock,
        )

    def _require_own_keys(self, directory: Directory) -> None:
        """Refuse to begin with a secret whose keys are not those in the directory: nobody could check the log."""
        listed = audit_keys(directory, self.settings.country)
        mine = {key.verifier.public for key in self.home.secret.witness_keys(listed.name)}
        if mine != {key.public for key in listed.witness.values()}:
            raise SetupError(Code.KEY_UNKNOWN, "the directory has other keys for this auditor than its home")

    def _verify_topics(self, directory: Directory, topic: str) -> None:
        country = self.settings.country
        own = self.clusters[country]
        verify(
            own.admin(),
            wanted(directory, country, production=self.settings.profile is Profile.PRODUCTION),
            [topic, f"{country}.directory", f"{country}.federation", f"{country}.proofs"],
            plaintext=own.is_plaintext(),
        )

    def _meet_others(self) -> None:
        """Take up the clusters of countries that came since the start, so that they can witness this log."""
        for country, cluster in self.meet().items():
            if country not in self.clusters:
                self.clusters[country] = cluster
                self._producers[country] = cluster.producer
                self.certificates.also(country, cluster.certificate_end_ms)

    def _alarm(self, code: Code) -> None:
        self.meters.alarm(code)
        if code is Code.LOG_ROLLED_BACK:
            self.home.stop_for_good(code)
            self.end("LOG_ROLLED_BACK: a witness has cosigned more of this log than this store knows")

    def _measure(self) -> None:
        directory = self.follower.history().latest
        now_ms = self.clock.now_ms()
        key = inspector_key(directory, self.settings.country, now_ms)
        until_ms = 0 if key is None else key.not_after_ms
        self.meters.directory(directory, self.core.shards_ahead(), until_ms, now_ms)
        self.meters.log(self.core.shards(), self.core.account())
        self.meters.progress(self.watchdog)
        with self.home.database.reading() as connection:
            self.meters.lost_end(connection, now_ms)
        self.metrics.put(metric.CERTIFICATE_LEFT, self.certificates.left_s(self.clock.now_ms()))
        self.metrics.disk()
        self.metrics.put(metric.LEADS, 1)
        self.metrics.clock(self.clock.standing())
