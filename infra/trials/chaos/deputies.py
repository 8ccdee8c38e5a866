"""The auditor of a country on a database server: its leader is killed or frozen, a standby goes on with the log.

The standby has a copy of the home, and a log folder of its own. A frozen leader is woken up in the middle of the work
of its successor: it ends, and signs nothing beside it. Both folders are watched: every checkpoint that anybody saw must
be a beginning of the last, so that nothing was signed twice, and each entry is there once, with a proof.
"""

from __future__ import annotations

import shutil
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from chaos.auditing import start_auditor
from chaos.auditors import COUNTRIES, Watcher, hand_out_directory, judge_log, log_folder, proven, write
from chaos.ground import Ground, wait
from chaos.judging import Tally
from chaos.result import Result
from chaos.stage import KZ, Cast
from demo.gauges import samples
from kafka.ports import free_ports
from kafka.processes import standing_still
from refbus.errors import Code

NAME = "an auditor's standby on a database server takes over"
_FIRST, _SECOND = f"auditor-{KZ}", f"auditor-{KZ}-standby"
_BATCH = 200
_END_S = 150.0


@dataclass(frozen=True, slots=True)
class DeputiesScenario:
    """The scenario of an auditor's standby on a server, in the shape of the others."""

    name: str = NAME
    share: int = 1

    def run(self, cast: Cast) -> Result:
        """Play it. Whatever happens nothing is left running."""
        began = time.monotonic()
        ground, tally, stuck = Ground.open(cast.folder, server=True), Tally(), ""
        play = _Play(ground, tally, {_FIRST: log_folder(ground)})
        play.logs[_SECOND] = ground.folder / _SECOND / "log" / play.logs[_FIRST].name
        watchers = [Watcher(folder) for folder in play.logs.values()]
        try:
            try:
                play.all()
            except Exception as error:  # noqa: BLE001 - judged as it stands, and reported
                stuck = f"{type(error).__name__}: {error}"
            seen = {text: each for watcher in watchers for text, each in watcher.end().items()}
            ground.measured["checkpoints seen"] = len(seen)
            ground.stop_services()
            if not stuck:
                judge_log(ground, play.leaves, seen, play.logs[play.last], tally)
        finally:
            for watcher in watchers:
                watcher.end()
            ground.close()
        seconds = time.monotonic() - began
        return Result(NAME, False, len(play.leaves), ground.faults, tally, seconds, stuck, ground.measured)


@dataclass(slots=True)
class _Play:
    """The two auditors of kz, the log folder of each, what was written so far, and who led in the end."""

    ground: Ground
    tally: Tally
    logs: dict[str, Path]
    leaves: list[bytes] = field(default_factory=list)
    last: str = _FIRST

    def all(self) -> None:
        """Kill and freeze each of the two while it leads, with entries flowing."""
        self._begin()
        for number in (signal.SIGKILL, signal.SIGSTOP, signal.SIGKILL, signal.SIGSTOP):
            self._strike(number)
        self._live()
        self.last, _ = self._leader()

    def _begin(self) -> None:
        hand_out_directory(self.ground)
        others = [country for country in COUNTRIES if country != KZ]
        for country in others:
            start_auditor(self.ground, country)
        own = self.ground.world.paths.home(self.ground.stack.auditor(KZ))
        self._start(_FIRST, own)
        self.ground.stack.wait_ready([_FIRST, *(f"auditor-{country}" for country in others)])
        self._live()
        home = self.ground.folder / _SECOND
        shutil.copytree(own, home, ignore=shutil.ignore_patterns("store", "faust"))
        self._start(_SECOND, home)
        self._until_stands_by(_SECOND)

    def _start(self, name: str, home: Path) -> None:
        """Start one of the two on a home of its own, with the stores that both have."""
        if self.ground.server is None:
            raise TypeError("this ground has no database server")
        ports = self.ground.stack.ports
        ports[name], served = free_ports(2)
        ports.setdefault(f"auditor-{KZ}", ports[name])
        ports.setdefault(f"log-{KZ}", served)
        own = {
            "REFBUS_AUDITOR_HOME": str(home),
            "REFBUS_DATABASE": self.ground.server.url(KZ),
            "REFBUS_METRICS_PORT": str(ports[name]),
            "REFBUS_AUDITOR_PORT": str(served),
        }
        self.ground.start(name, ("refbus_auditor",), {**self.ground.stack.auditor_environment(KZ), **own})

    def _strike(self, number: signal.Signals) -> None:
        """Strike the leader while entries come; wake it up late if it is frozen, and wait until it has ended."""
        leader, other = self._leader()
        service = self.ground.stack.services[leader]
        pid, began = service.pid, time.monotonic()
        if number is signal.SIGKILL:
            service.signal(number)
            self.ground.count("kill -9 of the leading auditor")
            self._live()
            self.ground.lasted("ms until a standby had proven all after kill -9, at most", began)
        else:
            with standing_still(pid):
                self.ground.count("SIGSTOP of the leading auditor")
                self._live()
                self.ground.lasted("ms until a standby had proven all after SIGSTOP, at most", began)
                self.leaves += write(self.ground, _BATCH)
            self.ground.count("a leading auditor woken up late")
            if not wait(lambda: service.pid != pid, _END_S):
                raise TimeoutError(f"{leader} went on beside {other}")
            told = Code.STORE_TAKEN_OVER in service.command.log.read_text(encoding="utf-8", errors="replace")
            self.tally.add("unaccounted", int(not told), f"{leader} did not say STORE_TAKEN_OVER")
            self._live()
        self._until_stands_by(leader)

    def _live(self) -> None:
        """Let entries come, and wait until somebody has proven each."""
        self.leaves += write(self.ground, _BATCH)
        if not wait(lambda: proven(self.ground) >= len(self.leaves), _END_S):
            raise TimeoutError(f"only {proven(self.ground)} of {len(self.leaves)} entries were proven")

    def _leader(self) -> tuple[str, str]:
        """Return the name of whoever leads, and of the other. Raises TimeoutError."""
        if not wait(lambda: any(map(self._leads, self.logs)), _END_S):
            raise TimeoutError("no auditor leads")
        return (_FIRST, _SECOND) if self._leads(_FIRST) else (_SECOND, _FIRST)

    def _until_stands_by(self, name: str) -> None:
        if not wait(lambda: self._leads(name) is False, _END_S):
            raise TimeoutError(f"{name} does not stand by")

    def _leads(self, name: str) -> bool | None:
        """Whether an auditor leads, by its page; None while it serves none."""
        with suppress(OSError):
            return ({}, 1.0) in samples(self.ground.stack.ports[name], "refbus_leads")
        return None
