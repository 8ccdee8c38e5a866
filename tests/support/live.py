"""Gates, auditors and offices as they run, threads and metrics pages included, over the bus in memory.

world = LiveWorld(tmp_path)
gate = world.add(LiveGate(world, KZ, port))     # http://127.0.0.1:port/metrics
world.work()                                    # offices do a turn; a service that has ended is started again

Only Faust is not here: a thread hands each topic to its consumer. Everybody has one clock, a file, moved by the world.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from kafka.patience import Patience
from refbus.bus.topicset import wanted
from refbus.clock import Clock as JudgedClock
from refbus.clock import sources_from
from refbus.clock.sources import Sources
from refbus.core.ids import CountryCode, OrgId
from refbus.core.units import HOUR_MS
from refbus.node.topic_reader import Consumer
from refbus.settings import AuditorSettings, GateSettings, from_environment
from refbus.telemetry import Metrics, PageServer, serve
from refbus.trust.reader.log_policy import auditor_of
from refbus.wire.transport import DirectoryFile
from refbus_auditor.auditor import Auditor
from refbus_gate.gate import Gate
from refbus_gateway.home.folder import Config
from refbus_gateway.home.gateway import Gateway, open_gateway
from refbus_gateway.sync.daemon import Daemon
from refbus_gateway.sync.synchroniser import Synchroniser
from support.ceremonies import AGENCY, PASSPHRASE, SHELTER, lab
from support.directories import NOW_MS
from support.firstread import store_of
from support.gateways import COUNTRIES, Clock, World
from support.livebus import LiveBus

_BATCH: Final = 200
_PAUSE_S: Final = 0.2
_TALK: Final = (".federation", ".proofs")
"""Where auditors and their witnesses talk without an end."""
_LOOK_S: Final = 0.1
_STILL_S: Final = 0.5
"""Nothing moves when for so long nothing new was found, in seconds of a machine that has a core for everybody."""


class FileClock(Clock):
    """A clock that runs, and that a file moves: the one of every service of a world."""

    def __init__(self, file: Path, *, ahead_hours: float = 0) -> None:
        """`ahead_hours`: the wall clock is wrong by so much from the start."""
        self.file = file
        self._passed_ms, self._wrong_ms = 0, int(ahead_hours * HOUR_MS)
        self._begun_ms = NOW_MS - sources_from(None).wall_ms()
        self._write()
        self._sources: Sources = sources_from(file)

    def __call__(self) -> int:
        """Return the time, UTC ms."""
        return self._sources.wall_ms() - self._wrong_ms

    @property
    def now_ms(self) -> int:  # type: ignore[override] # a field there: time stands still
        """The time, UTC ms."""
        return self()

    def move(self, *, hours: float = 0, days: float = 0) -> None:
        """Let time pass: on the wall clock and on the monotonic one."""
        self._passed_ms += int((hours + 24 * days) * HOUR_MS)
        self._write()

    def set_wrong(self, *, hours: float) -> None:
        """Set the wall clock of the machine wrong by so much; 0 sets it right."""
        self._wrong_ms = int(hours * HOUR_MS)
        self._write()

    def _write(self) -> None:
        new = self.file.with_suffix(".new")
        new.write_text(f"{self._begun_ms + self._wrong_ms} {self._passed_ms}", encoding="ascii")
        new.replace(self.file)


class LiveService(ABC):
    """A service with its page of metrics on a port. It is ended as a process is, and started again on its files."""

    def __init__(self, world: LiveWorld, port: int) -> None:
        self.world = world
        self.port = port
        self.line = world.bus.line()
        self.ended = ""
        self.metrics: Metrics
        self._page: PageServer | None = None

    @property
    def runs(self) -> bool:
        """Whether it runs."""
        return self._page is not None

    @property
    def has_read(self) -> int:
        """How far it has read the topics that are handed to it."""
        return 0

    def start(self) -> None:
        """Start it and its page."""
        self.ended = ""
        metrics, measure = self._open()
        self.metrics = metrics
        self._page = serve(metrics, self.port, measure=measure)

    def stop(self) -> None:
        """Stop it; nobody serves its page any more."""
        if self._page is not None:
            self._page.close()
            self._page = None
            self._close()

    def end(self, reason: str) -> None:
        """Hear why it must end, as the process would."""
        self.ended = self.ended or reason

    def work(self) -> None:
        """Do what it does in the thread of the test, and start it again when it has ended."""
        if self.runs and self.ended:
            self.stop()
            self.start()

    @abstractmethod
    def _open(self) -> tuple[Metrics, Callable[[], None]]:
        """Open the composition; returns its metrics and what measures them."""

    @abstractmethod
    def _close(self) -> None:
        """Close it."""


_Made = TypeVar("_Made", bound=LiveService)


class Feeder:
    """Hands topics to their consumers, in the place of Faust: in order, each record until it is decided."""

    def __init__(self, service: LiveNode, group: str, consumers: Mapping[str, Consumer]) -> None:
        self._service = service
        self._line, self._group, self._consumers, self._end = service.line, group, consumers, service.end
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feeder", daemon=True)
        self._thread.start()

    @property
    def has_read(self) -> int:
        """How far it is in all topics but those that never end."""
        return sum(each.next_offset for topic, each in list(self._consumers.items()) if not topic.endswith(_TALK))

    def close(self) -> None:
        """End the thread."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                if not (self._service.reads and not self._line.down and self._turn()):
                    with self._line.news:
                        self._line.news.wait(_PAUSE_S)
        except Exception as error:  # noqa: BLE001 - as in the harness: the process ends
            self._end(f"the worker failed: {error!r}")

    def _turn(self) -> bool:
        moved = False
        for topic, consumer in list(self._consumers.items()):
            records = self._line.log(topic).shown(consumer.next_offset - consumer.shift, _BATCH)
            if records:
                consumer.handle(records)
                self._line.group_offsets[self._group, topic] = consumer.next_offset - consumer.shift
                moved = True
        return moved


class LiveNode(LiveService):
    """A service of a country. While it `reads` not, no record is handed to it."""

    def __init__(self, world: LiveWorld, country: CountryCode, port: int, home: Path, settings: dict[str, str]) -> None:
        super().__init__(world, port)
        self.country = country
        self.home = home
        self.reads = True
        self._feeder: Feeder
        self._settings = settings

    @property
    def has_read(self) -> int:
        """How far it has read the topics of its country."""
        return self._feeder.has_read

    def environment(self, service: str) -> dict[str, str]:
        """Return the settings of the service."""
        names = {f"REFBUS_{service}_HOME": self.home, f"REFBUS_{service}_PASSPHRASE_FILE": self.world.passphrase}
        usual = {"REFBUS_COUNTRY": self.country, "REFBUS_CLOCK_FILE": self.world.clock.file, **names}
        return {name: str(each) for name, each in usual.items()} | self._settings


class LiveGate(LiveNode):
    """The gate of one country."""

    def __init__(self, world: LiveWorld, country: CountryCode, port: int, **settings: str) -> None:
        super().__init__(world, country, port, world.lab.paths.gate(country), settings)
        self.gate: Gate

    def _open(self) -> tuple[Metrics, Callable[[], None]]:
        settings = from_environment(GateSettings, self.environment("GATE"))
        clusters = dict.fromkeys(self.world.with_gates, self.line)
        self.gate = Gate.open(settings, clusters, self.end)
        self.gate.start()
        self.gate.begin_clock()
        self._feeder = Feeder(self, self.gate.group, self.gate.consumers)
        return self.gate.metrics, self.gate.measurement.lately

    def _close(self) -> None:
        self._feeder.close()
        self.gate.stop()


class LiveAuditor(LiveNode):
    """The auditor of one country."""

    def __init__(self, world: LiveWorld, country: CountryCode, port: int, **settings: str) -> None:
        home = world.lab.paths.home(auditor_of(store_of(world).history.latest, country).org_id)
        super().__init__(world, country, port, home, settings)
        self.auditor: Auditor

    def _open(self) -> tuple[Metrics, Callable[[], None]]:
        settings = from_environment(AuditorSettings, self.environment("AUDITOR"))
        self.auditor = Auditor.open(settings, dict.fromkeys(self.world.with_auditors, self.line), self.end)
        self.auditor.start()
        self.auditor.begin_clock()
        self._feeder = Feeder(self, self.auditor.group, self.auditor.consumers)
        return self.auditor.metrics, self.auditor.measurement.lately

    def _close(self) -> None:
        self._feeder.close()
        self.auditor.stop()


class LiveOffice(LiveService):
    """The gateway of one organisation. It works in the thread of the test, which does at it what people do."""

    def __init__(self, world: LiveWorld, org_id: OrgId, port: int, clock: FileClock | None = None) -> None:
        """`clock` is that of its own machine, when it is not the one of the world."""
        super().__init__(world, port)
        self.org_id = org_id
        self.syncs = True
        self.clock = clock or world.clock
        self.gateway: Gateway
        self._daemon: Daemon

    def _open(self) -> tuple[Metrics, Callable[[], None]]:
        clock = JudgedClock(sources_from(self.clock.file))
        self.gateway = open_gateway(self.world.home(self.org_id), PASSPHRASE, clock)
        self._daemon = Daemon(self.gateway, self.line, Config())
        return self._daemon.metrics, self._daemon.measurement.lately

    def work(self) -> None:
        """Do one round."""
        if self.syncs and not self.line.down:
            synchroniser = Synchroniser(self.gateway, self.line)
            try:
                synchroniser.once()
            finally:
                synchroniser.close()

    def _close(self) -> None:
        self._daemon.close()
        self.gateway.close()


@dataclass
class LiveWorld(World):
    """One federation with services that run. `with_gates` and `with_auditors` are the countries that have them."""

    clock: FileClock = field(init=False)
    bus: LiveBus = field(init=False)
    with_gates: tuple[CountryCode, ...] = (CountryCode("kz"), CountryCode("uz"))
    with_auditors: tuple[CountryCode, ...] = (CountryCode("kz"), CountryCode("kg"), CountryCode("uz"))
    services: list[LiveService] = field(init=False, default_factory=list)
    agency: OrgId = AGENCY
    shelter: OrgId = SHELTER

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.clock = FileClock(self.folder / "clock")
        self.passphrase = self.folder / "passphrase"
        self.passphrase.write_text(PASSPHRASE, encoding="utf-8")
        self.passphrase.chmod(0o600)
        self.lab = lab(self.folder)
        self.bus = LiveBus(self.clock)
        self._sequence, self._carried = {}, {}
        for country in COUNTRIES:
            for topic in wanted(store_of(self).history.latest, CountryCode(country), production=False).topics:
                self.bus.create_topic(topic)
        self.publish()

    def publish(self, *, logged: bool = True) -> None:
        """Send the directory, as it is published now, to every country; the auditors log it."""
        for country in COUNTRIES:
            for path, content in self.lab.files():
                self.bus.put(f"{country}.directory", DirectoryFile(path, content).encode())

    def pass_time(self, *, hours: float = 0, days: float = 0) -> None:
        """Let time pass under a directory that is kept fresh."""
        self.clock.move(hours=hours, days=days)
        if days:
            self.lab.republish(self.clock())
            self.publish()

    def add(self, service: _Made) -> _Made:
        """Start a service that stays until the world ends."""
        service.start()
        self.services.append(service)
        return service

    def work(self) -> None:
        """Let offices do a turn, and start again what has ended."""
        for each in self.services:
            each.work()

    def settle(self) -> None:
        """Let everybody work until nothing is read or written any more, as long as that takes on a busy machine."""
        patience = Patience(_STILL_S)
        while patience.holds(self._moved()):
            self.work()
            time.sleep(_LOOK_S)

    def _moved(self) -> tuple[int, ...]:
        """Return how much is written, and how far each service has read."""
        written = (len(self.bus.records(topic)) for topic in self.bus.states() if not topic.endswith(_TALK))
        return sum(written), *(each.has_read for each in self.services)

    def of(self, org_id: OrgId) -> Gateway:
        """Return the gateway of a member."""
        return next(each.gateway for each in self.services if isinstance(each, LiveOffice) and each.org_id == org_id)

    @property
    def kz(self) -> Gateway:
        """The agency's gateway."""
        return self.of(AGENCY)

    @property
    def uz(self) -> Gateway:
        """The shelter's gateway."""
        return self.of(SHELTER)

    def close(self) -> None:
        """Stop everything."""
        for each in self.services:
            each.stop()
