"""The ground of one scenario: a fresh federation, fresh brokers, real gates under an external restarter.

With `own_clocks` each service has a clock of its own that can be set wrong; `around` is a module of ours that is
started in the place of each service and plays it; `odd` is what a fault wrote into an audit topic and is no record.
Whatever happens, `close` ends every process that was started here.
"""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

from chaos import logs
from chaos.journal import Journal
from demo import world as worlds
from demo.processes import Command, Service
from demo.stack import Stack
from demo.world import TOOLS_PATH, World
from kafka.patience import Patience
from kafka.ports import free_ports
from postgresql import PostgresServer
from refbus.clock import machine_ms
from refbus.core.ids import CountryCode, OrgId
from refbus.files import write_whole

WORK_S = 30.0
"""How long a fault waits until its target works, before it strikes all the same."""
SETTLE_S = 150.0
"""How long the product may take, after the last fault, until nothing is under way."""


_STANDING: list[Stack] = []


class GivenUpError(BaseException):
    """A service is not started again: no scenario can go on, and none may take it for what it looks for."""


@dataclass(slots=True)
class Ground:
    """Where a scenario happens. `faults` counts what was truly injected."""

    folder: Path
    world: World
    stack: Stack
    journal: Journal
    faults: Counter[str] = field(default_factory=Counter)
    settings: Mapping[str, str] = field(default_factory=dict)
    plans: dict[str, Path] = field(default_factory=dict)
    measured: Counter[str] = field(default_factory=Counter)
    server: PostgresServer | None = None
    own_clocks: bool = False
    around: str = ""
    struck_at: Counter[str] = field(default_factory=Counter)
    passed: Counter[str] = field(default_factory=Counter)
    odd: set[bytes] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        _STANDING.append(self.stack)

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        federated: bool = False,
        settings: Mapping[str, str] | None = None,
        server: bool = False,
        brokers: Mapping[str, int] = worlds.ALONE,
        lists: bool = True,
    ) -> Ground:
        """Make a new federation and its brokers in `folder`; what was there is removed.

        With `server` the stores of gates are on a database server, in a database for each country. Without `lists` the
        brokers of a cluster of three do not look who was withdrawn.
        """
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        world = worlds.create(
            folder / "world", federated=federated, say=lambda _line: None, counts=brokers, lists=lists
        )
        ground = cls(folder, world, Stack(world), Journal(folder / "journal.jsonl"), settings=settings or {})
        if server:
            ground.server = PostgresServer(folder / "postgresql")
            ground.server.start()
            for country in world.countries:
                ground.server.new_database(name=country)
        return ground

    @property
    def gates(self) -> dict[CountryCode, Service]:
        """The gates that were started, by country."""
        found = {name.removeprefix("gate-"): service for name, service in self.stack.services.items()}
        return {CountryCode(name): found[name] for name in found if len(name) == 2}

    def start_gates(
        self, countries: Sequence[str], sabotage: Mapping[str, Sequence[tuple[str, int]]] | None = None
    ) -> None:
        """Start the gates of these countries and wait until they serve; `sabotage` has points and calls per country."""
        plans = sabotage or {}
        for country in countries:
            self.start_gate(CountryCode(country), f"gate-{country}", plans.get(country, ()))
        self.stack.wait_ready([f"gate-{country}" for country in countries])

    def start_gate(
        self,
        country: CountryCode,
        name: str,
        plan: Sequence[tuple[str, int]] = (),
        *,
        restart: bool = True,
        home: Path | None = None,
    ) -> Service:
        """Start one gate process under its restarter. A second one of a country is a standby, also in another home."""
        own = f"gate-{country}"
        self.stack.ports.setdefault(own, free_ports(1)[0])
        self.stack.ports.setdefault(name, free_ports(1)[0])
        environment = self._gate_environment(country, name)
        if home is not None:
            environment["REFBUS_GATE_HOME"] = str(home)
        return self.start(name, ("refbus_gate",), environment, plan, restart=restart)

    def _gate_environment(self, country: CountryCode, name: str) -> dict[str, str]:
        """Return the settings of one gate process of a country."""
        environment = self.stack.gate_environment(country) | dict(self.settings)
        environment["REFBUS_METRICS_PORT"] = str(self.stack.ports[name])
        return environment if self.server is None else {**environment, "REFBUS_DATABASE": self.server.url(country)}

    def start(
        self,
        name: str,
        module: tuple[str, ...],
        environment: Mapping[str, str],
        plan: Sequence[tuple[str, int]] = (),
        *,
        restart: bool = True,
    ) -> Service:
        """Start a Python module, sabotaged when there is a plan for it."""
        settings = dict(environment)
        argv = _argv(module)
        if self.own_clocks:
            self.set_clock(name, 0)
            settings["REFBUS_CLOCK_FILE"] = str(self._clock_file(name))
        if self.around:
            settings["PYTHONPATH"] = TOOLS_PATH
            argv = (sys.executable, "-m", self.around, *module)
        if plan:
            self.plans[name] = self.folder / f"{name}.struck"
            settings |= {
                "PYTHONPATH": TOOLS_PATH,
                "CHAOS_PLAN": json.dumps([list(each) for each in plan]),
                "CHAOS_STRUCK": str(self.plans[name]),
            }
            argv = (sys.executable, "-m", "chaos.sabotage", *module)
        log = self.folder / "log" / f"{name}.log"
        moved = partial(self.stack.ports.__setitem__, name)
        self.stack.services[name] = Service(Command(name, argv, settings, log), restart=restart, moved=moved)
        return self.stack.services[name]

    def set_clock(self, name: str, wrong_ms: int, pass_ms: int = 0) -> None:
        """Set the clock of one service wrong by so much; time goes on as it does.

        `pass_ms` passes for this service alone, by every clock that it has, before its wall clock is set.
        """
        self.passed[name] += pass_ms
        line = f"{wrong_ms - self.passed[name]} {self.passed[name]}\n"
        write_whole(self._clock_file(name), line.encode(), flush=False)

    def _clock_file(self, name: str) -> Path:
        return self.folder / f"{name}.clock"

    def count(self, fault: str, times: int = 1) -> None:
        """Note a fault that was injected just now."""
        with self._lock:
            self.faults[fault] += times
        self.journal.fault(fault)

    def lasted(self, what: str, began: float) -> None:
        """Note how many ms (`what` says of what) have passed since `began` by the monotonic clock; the most counts."""
        self.measured[what] = max(self.measured[what], round((time.monotonic() - began) * 1000))

    def kill(self, country: CountryCode, name: str = "") -> None:
        """Kill the gate of a country once it works; its restarter starts it again."""
        self.wait_working(country)
        self.stack.services[name or f"gate-{country}"].signal(signal.SIGKILL)
        self.count("kill -9 of a gate")

    def wait_working(self, country: CountryCode) -> None:
        """Wait, at most WORK_S, until the gate has decided something since it was hit last, or all there is."""

        def works() -> bool:
            return self.decided(country) > self.struck_at[country] or self._is_calm(country)

        wait(works, WORK_S)
        self.struck_at[country] = self.decided(country)

    def decided(self, country: CountryCode) -> int:
        """Return how many records the gate of a country has decided, by its positions."""
        with suppress(sqlite3.Error):
            return sum(row[0] for row in self.query(country, "SELECT next_offset FROM position"))
        return 0

    def query(self, country: CountryCode, text: str) -> list[tuple[Any, ...]]:
        """Ask the node store of a country, read only, past the product's own code. Raises sqlite3.Error."""
        if self.server is not None:
            return _ask(self.server, country, text)
        path = self.world.paths.gate(country) / "store" / "node.db"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as connection:
            return connection.execute(text).fetchall()

    def settle(self, countries: Iterable[CountryCode], seconds: float = SETTLE_S) -> bool:
        """Wait until every record is decided and nothing is held or on its way; False when time ran out."""
        chosen = list(countries)
        calm = 0

        def settled() -> bool:
            nonlocal calm
            calm = calm + 1 if all(self._is_calm(country) for country in chosen) else 0
            return calm >= 3  # what one gate sends last is another's input

        return wait(settled, seconds)

    def sources(self, country: CountryCode) -> list[str]:
        """Return the topics that a gate decides."""
        borders = [f"{country}.border.{other}" for other in self.world.countries if other != country]
        return [f"{country}.outbox", *borders]

    def member(self, country: str, role: str) -> OrgId:
        """Return an organisation of a country by its role's name."""
        directory = self.world.directory(machine_ms())
        found = [each.org_id for each in directory.organisations.values() if each.country == country]
        return min(org for org in found if directory.organisations[org].role.value == role)

    def collect(self) -> None:
        """Add what sabotaged processes have written down of their own end to the faults."""
        for path in self.plans.values():
            lines = path.read_text(encoding="ascii").splitlines() if path.exists() else []
            for point in lines:
                self.count(point)
        self.plans.clear()

    def stop_services(self) -> None:
        """Ask every service to end, and wait; the brokers go on."""
        for service in self.stack.services.values():
            service.signal_stop()
        for service in self.stack.services.values():
            service.stop()

    def close(self) -> None:
        """End every process of this ground."""
        _STANDING.remove(self.stack)
        self.stack.stop()
        self.journal.close()
        if self.server is not None:
            self.server.close()

    def _is_calm(self, country: CountryCode) -> bool:
        try:
            positions = dict(self.query(country, "SELECT topic, next_offset FROM position"))
            waiting = self.query(country, "SELECT (SELECT count(*) FROM outgoing) + (SELECT count(*) FROM hold)")[0][0]
            ends = logs.ends(self.world.address(country, f"{country}-gate"), self.sources(country))
        except (sqlite3.Error, logs.TopicUnreadableError):
            return False
        return waiting == 0 and all(positions.get(topic, 0) == end for topic, end in ends.items())


def _ask(server: PostgresServer, country: CountryCode, text: str) -> list[tuple[Any, ...]]:
    try:
        with server.address(country).connect(called="chaos", search_path="refbus_gate") as raw:
            return raw.execute(text.encode()).fetchall()
    except psycopg.Error as error:
        raise sqlite3.OperationalError(error.sqlstate) from error


def _argv(module: tuple[str, ...]) -> tuple[str, ...]:
    """Return the command line of "module" or "module:function" with its arguments."""
    if ":" not in module[0]:
        return (sys.executable, "-m", *module)
    name, _, function = module[0].partition(":")
    call = f"import sys; from {name} import {function}; sys.exit({function}())"
    return (sys.executable, "-c", call, *module[1:])


def wait(holds: Callable[[], bool], seconds: float) -> bool:
    """Ask again until `holds`; False when it did not in so many seconds of a machine that has a core for everybody.

    Raises GivenUpError, naming the service, as soon as one is not started again.
    """
    patience = Patience(seconds)
    while not holds():
        for service in [each for stack in _STANDING for each in stack.services.values()]:
            if service.given_up:
                raise GivenUpError(service.given_up)
        if not patience.holds():
            return False
        time.sleep(0.1)
    return True
