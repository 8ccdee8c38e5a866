"""How gate, gateway and auditor start on a store that holds much: processor time until the first turn, and memory.

Each start is a process of its own, on a bus in memory. What does not depend on the store (loading the program, reading
the directory) is done before and not timed, so that it does not hide what grows. The least of some starts counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from bench.events import DESTINATION, ORIGIN, Federation
from bench.pinned import in_child
from bench.report import Aim, Measure
from bench.standing import StandingGate
from bench.trips import Hands, Office, once
from bench.usage import resident_mb
from demo.plan import organisations
from demo.world import PASSPHRASE
from refbus.bus.bundle import write_all
from refbus.bus.memory import MemoryBus
from refbus.clock import Clock, machine_ms
from refbus.core.directory import OrgRole
from refbus.core.ids import OrgId
from refbus.node.store.accounting import balance
from refbus.telemetry import Metrics, Service
from refbus.trust.publisher.ceremony import FederationPaths
from refbus_auditor.core import AuditorCore, Lines
from refbus_auditor.home import AuditorHome
from refbus_gate.clock.deadlines import Timekeeper
from refbus_gate.clock.holds import Redecider
from refbus_gate.clock.upkeep import Upkeep
from refbus_gate.decide.batch import sources_of
from refbus_gate.meters import Meters
from refbus_gateway.sync.daemon import Daemon

AIM: Final = Aim("ratio", "<=", 1.15)
ROUNDS: Final = 3
Start = Callable[[], Callable[[], None]]
"""Starts a service, and returns what closes it."""


def measure(kind: str, folders: Mapping[int, Path]) -> Iterator[Measure]:
    """Yield the cost of a start and the memory after it for each store but the smallest, which is the baseline."""
    for folder in folders.values():
        in_child(opened, kind, folder)  # what a first start writes is not what every start does
    found = {size: list[tuple[float, float]]() for size in folders}
    for _ in range(ROUNDS):
        for size, folder in folders.items():
            found[size].append(in_child(opened, kind, folder))
    least = {size: tuple(map(min, zip(*each, strict=True))) for size, each in found.items()}
    first, *others = least
    for size in others:
        for what, unit, now, before in zip(("start", "memory"), ("ms", "MB"), least[size], least[first], strict=True):
            yield Measure(f"{kind}, {what}, {size:,} events", now, unit, f"{first:,} events", before, AIM)


def opened(kind: str, folder: Path) -> tuple[float, float]:
    """Start a service on its store in `folder`; return processor time in ms and memory in MB; for a fresh process."""
    start = KINDS[kind](folder)
    began = time.process_time()
    close = start()
    took = time.process_time() - began
    memory = resident_mb()
    close()
    return took * 1000, memory


def _gate(folder: Path) -> Start:
    federation = Federation.of(FederationPaths(folder))

    def start() -> Callable[[], None]:
        gate = StandingGate(federation, ORIGIN)
        sources = {each.topic: each for each in sources_of(ORIGIN, federation.directory.countries())}
        own, clock = sources[f"{ORIGIN}.outbox"], Clock.of(machine_ms)
        meters = Meters(Metrics(Service.GATE, machine_ms))
        with gate.home.store.database.reading() as connection:
            meters.account(connection)
            meters.store(connection, machine_ms())
            balance(connection)
        gate.deliver()
        upkeep = Upkeep(gate.core, own, clock)
        Redecider(gate.core, sources).holds()
        upkeep.undelivered()
        upkeep.heartbeats()
        Timekeeper(gate.core, own, machine_ms).tell()
        upkeep.forget()
        return gate.close

    return start


def _gateway(folder: Path) -> Start:
    hands = Hands()
    federation = Federation.of(FederationPaths(folder), hands())
    office = Office.at(federation.paths, federation.sender, federation.recipient, hands)

    def start() -> Callable[[], None]:
        gateway = office.open()
        daemon = Daemon(gateway, office.bus, gateway.home.config())
        daemon.run(once())

        def close() -> None:
            daemon.close()
            gateway.close()

        return close

    return start


def auditor_home(federation: Federation) -> AuditorHome:
    """Open the home of the auditor of the origin."""
    return AuditorHome.open(federation.paths.home(_auditor_of(federation)), PASSPHRASE)


def _auditor_of(federation: Federation) -> OrgId:
    (org,) = organisations(federation.directory, ORIGIN, OrgRole.AUDITOR)
    return org


def auditor_core(federation: Federation) -> AuditorCore:
    """Put the auditor of the origin together, on a bus in memory that has one witness. Its home is to be closed."""
    bus = MemoryBus([f"{ORIGIN}.federation", f"{ORIGIN}.proofs", f"{DESTINATION}.federation"], machine_ms)
    lines = Lines(
        federation=lambda: bus.reader(f"{ORIGIN}.federation"),
        others={DESTINATION: bus.producer},
        publish=lambda values: write_all(bus.producer(), f"{ORIGIN}.proofs", values),
    )
    return AuditorCore(ORIGIN, auditor_home(federation), lambda: federation.directory, Clock.of(machine_ms), lines)


def publish(core: AuditorCore) -> None:
    """Write the files of the log as the auditor does once its witnesses have confirmed what was there before."""
    for log in core.shards():
        core.publisher.publish(log)


def _auditor(folder: Path) -> Start:
    federation = Federation.of(FederationPaths(folder))

    def start() -> Callable[[], None]:
        core = auditor_core(federation)
        core.publisher.recover()
        core.turn()
        core.account()

        def close() -> None:
            publish(core)
            core.home.close()

        return close

    return start


KINDS: Final[Mapping[str, Callable[[Path], Start]]] = {"gate": _gate, "gateway": _gateway, "auditor": _auditor}


def folders(part: Path, sizes: Sequence[int]) -> dict[int, Path]:
    """Return where the stores of these sizes are."""
    return {size: part / str(size) for size in sizes}
