"""The parts of a real stack that a measurement needs: brokers, some gates and gateways as processes of their own."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.events import DESTINATION, ORIGIN, Federation
from bench.pinned import module_argv
from demo import world as worlds
from demo.processes import Command, Service
from demo.stack import Stack
from demo.world import Say, World
from kafka.ports import free_ports
from refbus.bus.address import BrokerAddress
from refbus.bus.cluster import KafkaCluster
from refbus.bus.port import TopicState
from refbus.core.ids import CountryCode, OrgId


class EndedError(Exception):
    """A process ended while it was measured, and may have begun again: nothing can be said of it."""


_FOR_SHOW = ("REFBUS_CLOCK_FILE", "REFBUS_GATE_RESEND_SECONDS")


@dataclass(slots=True)
class Stage:
    """A world whose services are started and stopped one by one.

    Only where the clock is `movable` do they have what a demonstration needs: no service in use pays for it.
    """

    world: World
    stack: Stack
    federation: Federation
    movable: bool = False

    def start_gate(self, country: CountryCode, *, pinned: bool = False) -> Service:
        """Start the gate of a country and wait until it is ready; `pinned` keeps it on the measured core."""
        argv = module_argv("refbus_gate") if pinned else (sys.executable, "-m", "refbus_gate")
        return self._start(f"gate-{country}", argv, country)

    def start_auditor(self, country: CountryCode) -> Service:
        """Start the auditor of a country and wait until it is ready."""
        self.stack.ports[f"log-{country}"] = free_ports(1)[0]
        return self._start(f"auditor-{country}", (sys.executable, "-m", "refbus_auditor"), country)

    def start_gateway(self, org: OrgId) -> Service:
        """Start the gateway of an organisation and wait until it is ready."""
        return self._start(f"gateway-{org}", (str(Path(sys.executable).with_name("refbus")), "run"), org)

    def stop(self, names: Sequence[str] | None = None) -> None:
        """Stop these services, all of them by default."""
        for name in list(self.stack.services) if names is None else names:
            self.stack.services.pop(name).stop()

    @property
    def pids(self) -> dict[str, tuple[int, ...]]:
        """The processes that run: each service by name, and all brokers as one."""
        services = {name: (service.pid,) for name, service in self.stack.services.items()}
        return services | {"brokers": tuple(each.pid for one in set(self.world.brokers.values()) for each in one.each)}

    @contextmanager
    def unbroken(self) -> Iterator[None]:
        """Raise EndedError when a process that runs now has ended meanwhile, whatever else went wrong by that."""
        before = self.pids
        try:
            yield
        finally:
            gone = [name for name, pids in before.items() if self.pids.get(name) != pids or not all(map(_runs, pids))]
            if gone:
                raise EndedError(f"{', '.join(gone)} ended meanwhile")

    def operator(self, country: CountryCode) -> BrokerAddress:
        """Return how the operator reaches the cluster of a country."""
        return self.world.brokers[country].address()

    def make_topic(self, country: CountryCode, name: str) -> str:
        """Make a topic in the cluster of a country, dated by its broker, and return its name."""
        topic = TopicState(name, 1, 1, {"message.timestamp.type": "LogAppendTime"})
        KafkaCluster(self.operator(country)).admin().create_topic(topic)
        return name

    def environment(self) -> dict[str, str]:
        """Return the environment of a process that needs no settings."""
        path = {"PYTHONPATH": worlds.TOOLS_PATH}
        return {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ} | path

    def _start(self, name: str, argv: tuple[str, ...], member: str) -> Service:
        self.stack.ports[name] = free_ports(1)[0]
        if name.startswith("gate-"):
            environment = self.stack.gate_environment(CountryCode(member))
        elif name.startswith("auditor-"):
            environment = self.stack.auditor_environment(CountryCode(member))
        else:
            environment = self.stack.gateway_environment(OrgId(member))
        environment = environment if self.movable else without_show(environment)
        service = Service(Command(name, argv, environment, self.world.folder / "log" / f"{name}.log"))
        self.stack.services[name] = service
        self.stack.wait_ready([name])
        return service


def _runs(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def without_show(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the settings without those that only a demonstration has."""
    return {name: value for name, value in environment.items() if name not in _FOR_SHOW}


@contextmanager
def staged(folder: Path, *, federated: bool, say: Say, movable: bool = False) -> Iterator[Stage]:
    """Give a fresh stage in `folder`; whatever happens, nothing of it is left running.

    A federated one has a cluster for each end of the measured way, and no more.
    """
    world = worlds.create(folder, federated=federated, say=say, apart=(ORIGIN, DESTINATION))
    stack = Stack(world)
    try:
        yield Stage(world, stack, Federation.of(world.paths), movable)
    finally:
        stack.stop()
