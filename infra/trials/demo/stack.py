"""`python -m demo.stack up|down`: a whole federation on this machine, as real processes that keep running.

`up` writes var/run/state.json: broker addresses, countries, process ids, ports and homes. `down` stops
exactly what is written there.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import signal
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from demo import world as worlds
from demo.gauges import samples
from demo.office import Office
from demo.processes import Command, Service, spawn, start_mark, stop_pids
from demo.world import PASSPHRASE, PROFILES, ROOT, Say, World
from kafka import BrokerFailedError
from kafka.artifacts import ArtifactError
from kafka.patience import wait
from kafka.ports import free_ports
from refbus.core.directory import MEMBER_ROLES
from refbus.core.ids import CountryCode, OrgId
from refbus.errors import RefbusError
from refbus.explain.report import as_lines, exit_code
from refbus.resources import data_dir
from refbus.trust.publisher.ceremony import DEVELOPMENT_KIB
from refbus.trust.reader.log_policy import auditor_of
from refbus_gateway.home.folder import Home as GatewayHome
from refbus_gateway.home.keyring import make_store_key

RUN = ROOT / "var" / "run"
STATE = "state.json"
KEEPER = "keeper.json"
READY_S = 90.0
MOST_RESTARTS = 5


class StackError(Exception):
    """The stack did not come up; the message says which part and where its log is."""


@dataclass(slots=True)
class Stack:
    """The processes of one world: a gate and an auditor for each country, a gateway for each organisation."""

    world: World
    services: dict[str, Service] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)

    @property
    def homes(self) -> dict[OrgId, Path]:
        """Home folders of the organisations that have a gateway."""
        directory = self.world.directory(self.world.now_ms())
        return {
            org.org_id: self.world.paths.home(org.org_id)
            for org in directory.organisations.values()
            if org.role in MEMBER_ROLES
        }

    def start(self, say: Say) -> None:
        """Start every gate, auditor and gateway and wait until each has a verified directory. Raises StackError."""
        homes = self.homes
        for home in homes.values():
            _make_cheap_store_key(home)
        countries = self.world.countries
        nodes = [f"{kind}-{country}" for kind in ("gate", "auditor") for country in countries]
        names = [*nodes, *(f"gateway-{org}" for org in homes)]
        served = [*names, *(f"log-{country}" for country in countries)]
        self.ports = dict(zip(served, free_ports(len(served)), strict=True))
        say(f"gates: {len(self.world.countries)}, one for each country")
        for country in countries:
            self._start(f"gate-{country}", (sys.executable, "-m", "refbus_gate"), self.gate_environment(country))
        say(f"auditors: {len(countries)}, each keeps the log of its country and witnesses those of the others")
        for country in countries:
            self._start(
                f"auditor-{country}", (sys.executable, "-m", "refbus_auditor"), self.auditor_environment(country)
            )
        say(f"gateways: {len(homes)}, one for each organisation")
        echoes = {org.org_id for org in self.world.directory(self.world.now_ms()).organisations.values() if org.echoes}
        for org in homes:
            argv = (str(Path(sys.executable).with_name("refbus")), "run", *(("--echo",) if org in echoes else ()))
            self._start(f"gateway-{org}", argv, self.gateway_environment(org))
        self.wait_ready(names, say)

    def wait_ready(self, names: list[str], say: Say = lambda _line: None) -> None:
        """Wait until each of these services says on its metrics page that it has a directory. Raises StackError.

        It waits as long as one of their logs grows, and gives up on a service that has ended MOST_RESTARTS times.
        """
        for name in names:
            service = self.services[name]
            try:
                wait(f"{name} is ready", partial(self._has_come, name), self._told, still_s=READY_S, say=say)
            except TimeoutError:
                raise StackError(f"{name} is not ready; see {service.command.log}") from None

    def _has_come(self, name: str) -> bool:
        service = self.services[name]
        if service.restarts >= MOST_RESTARTS or service.given_up:
            raise StackError(f"{name} ended {service.restarts} times; see {service.command.log}")
        return _is_ready(self.ports[name])

    def _told(self) -> int:
        """Return how much all logs hold: it grows as long as something happens."""
        return sum(path.stat().st_size for path in (self.world.folder / "log").glob("*.log"))

    def gate_environment(self, country: CountryCode) -> dict[str, str]:
        """Return the settings of a country's gate."""
        own: dict[str, str] = {
            "REFBUS_COUNTRY": country,
            "REFBUS_GATE_HOME": str(self.world.paths.gate(country)),
            "REFBUS_GATE_PASSPHRASE_FILE": str(self.world.passphrase_file),
            "REFBUS_GATE_RESEND_SECONDS": "5",
            "REFBUS_METRICS_PORT": str(self.ports[f"gate-{country}"]),
        }
        return _base() | own | self._profile(country) | self._clusters(f"{country}-gate")

    def auditor_environment(self, country: CountryCode) -> dict[str, str]:
        """Return the settings of a country's auditor."""
        own = {
            "REFBUS_COUNTRY": country,
            "REFBUS_AUDITOR_HOME": str(self.world.paths.home(self.auditor(country))),
            "REFBUS_AUDITOR_PASSPHRASE_FILE": str(self.world.passphrase_file),
            "REFBUS_AUDITOR_PORT": str(self.ports[f"log-{country}"]),
            "REFBUS_METRICS_PORT": str(self.ports[f"auditor-{country}"]),
        }
        return _base() | own | self._profile(country) | self._clusters(self.auditor(country))

    def _profile(self, country: CountryCode) -> dict[str, str]:
        """Return how a node runs: in production its clock cannot be moved."""
        if self.world.is_production(country):
            return {"REFBUS_PROFILE": "production"}
        return {"REFBUS_CLOCK_FILE": str(self.world.clock_file)}

    def auditor(self, country: CountryCode) -> OrgId:
        """Return the id of a country's auditor."""
        return auditor_of(self.world.directory(self.world.now_ms()), country).org_id

    def gateway_environment(self, org: OrgId) -> dict[str, str]:
        """Return the settings of an organisation's gateway, also for a person's commands."""
        country = CountryCode(org[:2])
        own = {
            "REFBUS_HOME": str(self.world.paths.home(org)),
            "REFBUS_PASSPHRASE_FILE": str(self.world.passphrase_file),
            "REFBUS_CLOCK_FILE": str(self.world.clock_file),
            # People wait for what is shown here, so it does not wait as long as it does in use.
            "REFBUS_ANSWER_WAIT_SECONDS": "0.2",
            "REFBUS_AUDIT_INTERVAL_SECONDS": "1",
        }
        port = self.ports.get(f"gateway-{org}")
        if port is not None:
            own["REFBUS_METRICS_PORT"] = str(port)
        return _base() | own | self._cluster(country, org)

    def stop(self) -> None:
        """Stop every service, then the brokers."""
        for service in self.services.values():
            service.signal_stop()
        for service in self.services.values():
            service.stop()
        self.world.stop_brokers()

    def state(self) -> dict[str, Any]:
        """Return what `up` writes down for others."""
        brokers = [broker for each in self.world.brokers.values() for broker in each.each]
        return {
            "federated": self.world.federated,
            "countries": list(self.world.countries),
            "brokers": {country: broker.bootstrap for country, broker in self.world.brokers.items()},
            "tls": str(self.world.folder / "tls") if self.world.federated else None,
            "directory": str(self.world.paths.repository),
            "root": str(self.world.paths.root),
            "passphrase_file": str(self.world.passphrase_file),
            "gates": {country: str(self.world.paths.gate(country)) for country in self.world.countries},
            "auditors": {
                country: str(self.world.paths.home(self.auditor(country))) for country in self.world.countries
            },
            "homes": {org: str(home) for org, home in self.homes.items()},
            "metrics_ports": self.ports,
            "processes": {
                **{name: _process(service.pid) for name, service in self.services.items()},
                **{broker.principal: _process(broker.pid) for broker in brokers},
            },
        }

    def _start(self, name: str, argv: tuple[str, ...], environment: dict[str, str]) -> None:
        command = Command(name, argv, environment, self.world.folder / "log" / f"{name}.log")
        self.services[name] = Service(command, moved=partial(self.ports.__setitem__, name))

    def _clusters(self, principal: str) -> dict[str, str]:
        found = dict[str, str]()
        for country in self.world.countries:
            found |= self._cluster(country, principal)
        return found

    def _cluster(self, country: CountryCode, principal: str) -> dict[str, str]:
        tls = self.world.tls_folder(principal)
        where = {f"REFBUS_BOOTSTRAP_{country.upper()}": self.world.brokers[country].bootstrap}
        return where | ({f"REFBUS_TLS_{country.upper()}": str(tls)} if tls else {})


def up(folder: Path, *, federated: bool, say: Say, counts: Mapping[str, int] = worlds.ALONE) -> Stack:
    """Make a new world in `folder` (what was there is removed) and start everything; a failure leaves nothing."""
    end_leftovers(folder)
    shutil.rmtree(folder, ignore_errors=True)
    stack = Stack(worlds.create(folder, federated=federated, say=say, counts=counts))
    try:
        stack.start(say)
        _publish_profiles(stack, folder / "profiles", say)
        write_state(folder, stack)
    except BaseException:
        stack.stop()
        raise
    return stack


def _publish_profiles(stack: Stack, folder: Path, say: Say) -> None:
    """Let each organisation sign what others need to call it (keys/profiles.json), as a person does by command."""
    say("profiles: duty telephones, hours and languages of all organisations, signed by each")
    written = json.loads((data_dir("keys") / "profiles.json").read_text(encoding="utf-8"))
    for org in stack.homes:
        office = Office(org, stack.gateway_environment(org), folder)
        office.do("profile", "save", office.file(f"{org}.json", written[org]), "--later")


def write_state(folder: Path, stack: Stack) -> None:
    """Write down what is running, for others, and for whoever must end it should this process be killed."""
    _write(folder / STATE, stack.state())


def end_leftovers(folder: Path) -> None:
    """End what a killed process has left running, by what it wrote down in `folder`."""
    try:
        state = json.loads((folder / STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    stop_pids([(each["pid"], each["started"]) for each in state["processes"].values()])
    (folder / STATE).unlink(missing_ok=True)


def _make_cheap_store_key(home: Path) -> None:
    """Give a gateway the key of its store as its first start would, but quick to open, like its other keys here."""
    found = GatewayHome(home)
    if not found.store_key.exists():
        make_store_key(found, PASSPHRASE, memory_kib=DEVELOPMENT_KIB)


def _base() -> dict[str, str]:
    """Return the environment that every process needs, without any REFBUS_ name of the caller."""
    kept = ("PATH", "HOME", "LANG", "XDG_CACHE_HOME", "TMPDIR")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"PYTHONUNBUFFERED": "1"}


def _process(pid: int) -> dict[str, Any]:
    return {"pid": pid, "started": start_mark(pid)}


def _is_ready(port: int) -> bool:
    """Whether the service on this metrics port answers and has a verified directory."""
    try:
        return any(version > 0 for _, version in samples(port, "refbus_directory_version"))
    except OSError:
        return False


def _up(profile: str) -> int:
    if _keeper() is not None:
        return _fail("a stack is running already", "`make down` stops it")
    RUN.mkdir(parents=True, exist_ok=True)
    end_leftovers(RUN)
    (RUN / STATE).unlink(missing_ok=True)
    log = RUN / "keeper.log"
    with log.open("wb") as output:
        argv = (sys.executable, "-m", "demo.stack", "keep", "--profile", profile)
        keeper = spawn(argv, dict(os.environ), output)
    shown = 0
    while not (RUN / STATE).exists():
        ended = keeper.poll() is not None
        shown = _show(log, shown)
        if ended:
            return _fail("the stack did not come up", f"see {log.relative_to(ROOT)} and var/run/world/log")
        time.sleep(0.1)
    _show(log, shown)
    print(f"running: {(RUN / STATE).relative_to(ROOT)} says where everything is. `make down` stops it")
    print("to sit down at an office: . var/run/desk/kz-agency01   then: refbus status")
    print("to see a referral in two windows, each in a shell of its own:")
    for org, port in (("kz-agency01", 8771), ("uz-she1ter1", 8772)):
        print(f"  (. var/run/desk/{org}; refbus desk --port {port})   then open http://127.0.0.1:{port}/")
    print(f"  passphrase of both, for development alone: {PASSPHRASE}")
    print("  alone at one desk: Office, Practise. An organisation that echoes answers by itself")
    return 0


def _keep(profile: str) -> int:
    """Hold a stack until SIGTERM; restarts what ends on its own."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda _number, _frame: stop.set())
    _write(RUN / KEEPER, _process(os.getpid()))
    federated, counts = PROFILES[profile]
    stack = up(RUN / "world", federated=federated, say=lambda line: print(line, flush=True), counts=counts)
    _set_desks(stack)
    try:
        while not stop.is_set():
            write_state(RUN, stack)  # process ids change when something was started again
            stop.wait(5.0)
    finally:
        stack.stop()
        for name in (STATE, KEEPER):
            (RUN / name).unlink(missing_ok=True)
    return 0


def _set_desks(stack: Stack) -> None:
    """Write, for each organisation, what a shell must know to be at its desk: `. var/run/desk/kz-agency01`."""
    folder = RUN / "desk"
    folder.mkdir(exist_ok=True)
    for org in stack.homes:
        (folder / org).write_text(desk(stack.gateway_environment(org)), encoding="utf-8")


def desk(settings: Mapping[str, str]) -> str:
    """Return what a shell reads to be at the desk of an office with these settings."""
    named = {name: value for name, value in settings.items() if name.startswith("REFBUS_")}
    named.pop("REFBUS_METRICS_PORT", None)
    lines = [f"export {name}={shlex.quote(value)}" for name, value in sorted(named.items())]
    path = f"export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH"
    return "\n".join([path, *lines, ""])


def _down() -> int:
    keeper = _keeper()
    if keeper is not None:
        stop_pids([keeper])
    end_leftovers(RUN)
    print("stopped" if keeper else "nothing was running")
    return 0


def _keeper() -> tuple[int, str] | None:
    try:
        noted = json.loads((RUN / KEEPER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    alive = start_mark(noted["pid"]) == noted["started"]
    return (noted["pid"], noted["started"]) if alive else None


def _show(log: Path, shown: int) -> int:
    text = log.read_bytes()
    sys.stdout.write(text[shown:].decode(errors="replace"))
    sys.stdout.flush()
    return len(text)


def _write(path: Path, value: object) -> None:
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
    fresh.replace(path)


def _fail(what: str, hint: str) -> int:
    print(f"error: {what}\nhint: {hint}", file=sys.stderr)
    return 1


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m demo.stack", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=["up", "down", "keep"])
    parser.add_argument("--profile", choices=list(PROFILES), default="shared")
    given = parser.parse_args(arguments)
    if given.command == "down":
        return _down()
    run = _up if given.command == "up" else _keep
    try:
        return run(given.profile)
    except (StackError, BrokerFailedError, ArtifactError) as failed:
        return _fail(str(failed), "see the logs in var/run")
    except RefbusError as failed:
        print("\n".join(as_lines(failed)), file=sys.stderr)
        return exit_code(failed)


if __name__ == "__main__":
    sys.exit(main())
