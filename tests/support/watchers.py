"""A real Prometheus with its Alertmanager, beside services of a trial: what an operator's phone would ring for."""

from __future__ import annotations

import json
import os
import re
import shutil
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import pytest

from demo.processes import Command, Service
from kafka.patience import wait
from kafka.ports import free_ports
from prometheus import ask, running
from prometheus.server import is_ready
from refbus.core.units import DAY_MS, HOUR_MS
from refbus.telemetry.alerts import RULES, as_yaml
from refbus.telemetry.rules import Burn, Rule

FASTER: Final = 1080
"""So many times shorter is every `for` of a rule here, and one second at least: an hour is four seconds."""
WINDOWS: Final = 240
"""So many times shorter are the durations that a rule looks back: an hour is a quarter of a minute."""
SLOW_WINDOWS: Final = 1080
"""So many times those of a promise that is broken slowly: three days are four minutes, six hours twenty seconds."""
_UNITS: Final = {"m": 60_000, "h": HOUR_MS, "d": DAY_MS}
_DURATION: Final = re.compile(r"(?<=\[)(\d+)([mhd])(?=\])|(?<=offset )(\d+)([mhd])")


@dataclass(slots=True)
class Phone:
    """What an operator's telephone says: a small web server to which the Alertmanager delivers.

    An alert is known by its labels; `world` is the one that the target has here, and missing where a rule drops it.
    """

    _now: dict[str, tuple[dict[str, str], bool]] = field(default_factory=dict)
    _rang: list[tuple[str, str]] = field(default_factory=list)

    def take(self, message: Any) -> None:
        """Take what was delivered."""
        for each in message["alerts"]:
            labels, rings = each["labels"], each["status"] == "firing"
            self._now[each["fingerprint"]] = labels, rings
            if rings:
                self._rang.append((labels["alertname"], labels.get("world", "")))

    @property
    def heard(self) -> int:
        """How often it has rung."""
        return len(self._rang)

    def ringing(self, world: str = "") -> set[str]:
        """Return the names of the alerts that ring now, in a world and in none."""
        known = list(self._now.values())
        return {labels["alertname"] for labels, rings in known if rings and labels.get("world", world) == world}

    def rang(self, world: str = "", since: int = 0) -> set[str]:
        """Return the names of those that have rung after `since` times."""
        return {name for name, where in self._rang[since:] if where in {world, ""}}


@dataclass(frozen=True, slots=True)
class Watchers:
    """Where Prometheus answers, on this machine, and the telephone that the Alertmanager rings."""

    prometheus: int
    alertmanager: int
    phone: Phone

    def ringing(self, world: str = "") -> set[str]:
        """Return the names of the alerts that ring now."""
        return self.phone.ringing(world)

    def rules(self) -> set[str]:
        """Return the names of the rules that Prometheus has loaded."""
        groups = ask(self.prometheus, "rules")["groups"]
        return {
            rule["name"]
            for group in groups
            for rule in group["rules"]
            if rule["health"] != "err" and rule["type"] == "alerting"
        }


@dataclass(frozen=True, slots=True)
class Target:
    """A page of metrics that Prometheus asks: the job that it is, its port, and the world that it is of."""

    job: str
    port: int
    world: str = ""


def programs() -> str:
    """Return the Alertmanager; a test without it or without Prometheus says so and is left out."""
    found = shutil.which("prometheus"), shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    if not all(found):
        pytest.skip("no Prometheus here: install prometheus and prometheus-alertmanager (Debian)")
    return str(found[1])


@contextmanager
def watching(folder: Path, targets: Iterable[Target]) -> Iterator[Watchers]:
    """Run both over services, with the rules as they ship but shorter in time, and a telephone."""
    alertmanager = programs()
    folder.mkdir(parents=True, exist_ok=True)
    phone = Phone()
    hears = ThreadingHTTPServer(("127.0.0.1", 0), _handler(phone))
    threading.Thread(target=hears.serve_forever, name="phone", daemon=True).start()
    (port,) = free_ports(1)
    (folder / "alerts.yml").write_text(shorter(RULES))
    (folder / "alertmanager.yml").write_text(json.dumps(_rings(hears.server_port)))
    line = (
        alertmanager,
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    )
    environment = {"PATH": os.environ["PATH"]}
    beside = Service(Command("alertmanager", line, environment, folder / "alertmanager.log"), restart=False)
    try:
        wait("the Alertmanager answers", lambda: is_ready(port))
        with running(folder, _asks(folder, port, targets)) as prometheus:
            yield Watchers(prometheus, port, phone)
    finally:
        beside.stop()
        hears.shutdown()
        hears.server_close()


def shorter(rules: Iterable[Rule]) -> str:
    """Return the rules as a file, each `for` and each duration that one looks back shorter."""
    given = tuple(rules)
    slow = {rule.expression for rule in given if isinstance(rule, Burn) and rule.name.endswith("Slowly")}
    lines = as_yaml(replace(rule, for_s=-(-rule.for_s // FASTER)) for rule in given).splitlines(keepends=True)

    def line(text: str) -> str:
        factor = SLOW_WINDOWS if any(json.dumps(each) in text for each in slow) else WINDOWS
        return _DURATION.sub(lambda found: _divided(found, factor), text) if "expr:" in text else text

    return "".join(map(line, lines))


def _divided(found: re.Match[str], factor: int) -> str:
    number, unit = (each for each in found.groups() if each is not None)
    return f"{int(number) * _UNITS[unit] // factor}ms"


def _asks(folder: Path, alertmanager: int, targets: Iterable[Target]) -> Any:
    """Return the settings of Prometheus."""
    by_job: dict[str, list[Any]] = {}
    for each in targets:
        labels = {"world": each.world} if each.world else {}
        by_job.setdefault(each.job, []).append({"targets": [f"127.0.0.1:{each.port}"], "labels": labels})
    return {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(folder / "alerts.yml")],
        "scrape_configs": [{"job_name": job, "static_configs": found} for job, found in by_job.items()],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{alertmanager}"]}]}]},
    }


def _rings(phone: int) -> Any:
    """Return the settings of the Alertmanager: each alert for itself, at once."""
    return {
        "route": {"receiver": "phone", "group_by": ["..."], "group_wait": "0s", "group_interval": "1s"},
        "receivers": [{"name": "phone", "webhook_configs": [{"url": f"http://127.0.0.1:{phone}/"}]}],
    }


def _handler(phone: Phone) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Takes what is delivered."""

        def do_POST(self) -> None:
            """Take a message."""
            phone.take(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the library's
            """Say nothing."""

    return Handler
