"""The auditor of a country is killed, frozen, or loses its lock, and a standby on the same home goes on with its log.

Store and log are files of one home, as without a database server: whoever holds the lock of the store leads, and the
other process is started again and again until the lock is free. A frozen leader keeps its lock, so that nobody takes
over; one whose lock was lost wakes up beside its successor, and only the compare-and-swap in the store is left. Each
entry must be in one history, once, with a proof. The negative control has nobody who stands by.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from chaos.auditing import start_auditor
from chaos.auditors import COUNTRIES, POINTS, Watcher, hand_out_directory, judge_log, log_folder, proven, write
from chaos.ground import Ground, wait
from chaos.judging import Tally
from chaos.result import Result
from chaos.stage import KZ, Cast
from demo.gauges import samples
from demo.processes import Service
from kafka.ports import free_ports
from kafka.processes import standing_still

NAME = "an auditor's standby takes over"
CONTROL = "an auditor killed for good, nobody stands by"
_FIRST, _SECOND = f"auditor-{KZ}", f"auditor-{KZ}-standby"
_BATCH = 200
_END_S = 150.0
_ALONE_S = 5.0
_FROZEN_S = 10.0
_STRIKE_S = 5.0
_MOST_BATCHES = 10
_LASTED = "ms until a standby had proven all after kill -9, at most"


@dataclass(frozen=True, slots=True)
class SuccessorsScenario:
    """The scenario of an auditor's standby, in the shape of the others. `alone`: the negative control."""

    alone: bool = False
    share: int = 1

    @property
    def name(self) -> str:
        """The name in the report."""
        return CONTROL if self.alone else NAME

    def run(self, cast: Cast) -> Result:
        """Play it. Whatever happens nothing is left running."""
        began = time.monotonic()
        ground, tally, stuck = Ground.open(cast.folder), Tally(), ""
        watcher = Watcher(log_folder(ground))
        play = _Play(ground, cast, tally)
        try:
            try:
                play.without_any() if self.alone else play.all()
            except Exception as error:  # noqa: BLE001 - judged as it stands, and reported
                stuck = f"{type(error).__name__}: {error}"
            watcher.end()
            ground.collect()
            ground.measured["checkpoints seen"] = len(watcher.seen)
            ground.stop_services()
            if not stuck:
                judge_log(ground, play.leaves, watcher.seen, log_folder(ground), tally)
        finally:
            watcher.end()
            ground.close()
        seconds = time.monotonic() - began
        return Result(self.name, self.alone, len(play.leaves), ground.faults, tally, seconds, stuck, ground.measured)


@dataclass(slots=True)
class _Play:
    """The two auditors of kz, and what was written for their log so far."""

    ground: Ground
    cast: Cast
    tally: Tally
    leaves: list[bytes] = field(default_factory=list)

    def without_any(self) -> None:
        """Kill the only auditor for good."""
        self._begin()
        self._live()
        service = self.ground.stack.services[_FIRST]
        service.signal(signal.SIGKILL)
        service.stop()
        self.ground.count("kill -9 of the leading auditor")
        self.leaves += write(self.ground, _BATCH)
        wait(self._is_proven, _ALONE_S)

    def all(self) -> None:
        """Play every way of losing the leader, with entries flowing between."""
        self._begin()
        self._start(_SECOND)
        self._live()
        self._kill()
        self._freeze()
        self._lose_lock()
        self._at_points()
        self._kill()
        self._live()

    def _begin(self) -> None:
        hand_out_directory(self.ground)
        for country in COUNTRIES:
            start_auditor(self.ground, country)
        self.ground.stack.wait_ready([f"auditor-{country}" for country in COUNTRIES])

    def _start(self, name: str, plan: Sequence[tuple[str, int]] = (), *, restart: bool = True) -> Service:
        """Start one of the two on the home that both have, sabotaged when there is a plan."""
        ports = self.ground.stack.ports
        ports.setdefault(name, free_ports(1)[0])
        (served,) = free_ports(1)
        own = {"REFBUS_METRICS_PORT": str(ports[name]), "REFBUS_AUDITOR_PORT": str(served)}
        environment = {**self.ground.stack.auditor_environment(KZ), **own}
        return self.ground.start(name, ("refbus_auditor",), environment, plan, restart=restart)

    def _live(self) -> None:
        """Let entries come, and wait until somebody has proven each."""
        self.leaves += write(self.ground, _BATCH)
        if not wait(self._is_proven, _END_S):
            raise TimeoutError(f"only {proven(self.ground)} of {len(self.leaves)} entries were proven")

    def _is_proven(self) -> bool:
        return proven(self.ground) >= len(self.leaves)

    def _leader(self) -> tuple[str, str]:
        """Return the name of whoever leads, and of the other. Raises TimeoutError."""
        if not wait(lambda: any(map(self._leads, (_FIRST, _SECOND))), _END_S):
            raise TimeoutError("no auditor leads")
        return (_FIRST, _SECOND) if self._leads(_FIRST) else (_SECOND, _FIRST)

    def _leads(self, name: str) -> bool:
        """Whether this process has the store: only such a one serves its page."""
        with suppress(OSError):
            return bool(samples(self.ground.stack.ports[name], "refbus_directory_version"))
        return False

    def _kill(self) -> None:
        """Kill the leader for good while entries come; start it again when the other has proven them."""
        leader, _other = self._leader()
        self.leaves += write(self.ground, _BATCH)
        service, began = self.ground.stack.services[leader], time.monotonic()
        service.signal(signal.SIGKILL)
        service.stop()
        self.ground.count("kill -9 of the leading auditor")
        self._live()
        self.ground.lasted(_LASTED, began)
        self._start(leader)

    def _freeze(self) -> None:
        """Let the leader stand still: it keeps the lock, and nobody may sign beside it."""
        leader, _other = self._leader()
        before = proven(self.ground)
        with standing_still(self.ground.stack.services[leader].pid):
            self.ground.count("SIGSTOP of the leading auditor")
            self.leaves += write(self.ground, _BATCH)
            time.sleep(_FROZEN_S)
            beside = proven(self.ground) - before
            self.tally.add("unaccounted", beside, f"{beside} entries proven beside a leader that stands still")
        self._live()

    def _lose_lock(self) -> None:
        """Let two auditors own one log for a moment, as on a disk whose locks do not hold."""
        leader, other = self._leader()
        with standing_still(self.ground.stack.services[leader].pid):
            self.leaves += write(self.ground, _BATCH)
            (self.ground.world.paths.home(self.ground.stack.auditor(KZ)) / "store" / "auditor.db.lock").unlink()
            self.ground.count("second owner of a log")
            if not wait(self._is_proven, _END_S):
                raise TimeoutError(f"{other} did not take over from one that had lost its lock")
            self.leaves += write(self.ground, _BATCH)
        self._live()

    def _at_points(self) -> None:
        """Let the leader die for good at each step from the topic to the proof, and the other go on from there."""
        plan = [(point, self.cast.rng.randint(1, 2)) for point in self.cast.rng.sample(POINTS, len(POINTS))]
        for number in range(1, len(plan) + 1):
            self._strike(plan[:number])
        self._stop_both()
        for name in (_FIRST, _SECOND):
            self._start(name)

    def _strike(self, plan: Sequence[tuple[str, int]]) -> None:
        """Let the leader die at the last point of `plan`: those before it have struck already."""
        self._stop_both()
        service = self._start(_FIRST, plan, restart=False)
        if not wait(lambda: self._leads(_FIRST) or not service.running, _END_S):
            raise TimeoutError("no auditor leads")
        self._start(_SECOND)
        for _ in range(_MOST_BATCHES):
            self.leaves += write(self.ground, _BATCH // 5)
            if wait(lambda: not service.running, _STRIKE_S):
                return self._live()
        raise TimeoutError(f"nothing struck {plan[-1][0]}")

    def _stop_both(self) -> None:
        for name in (_FIRST, _SECOND):
            self.ground.stack.services[name].stop()
