"""Stores of gates are brought back from copies of every age while people refer and withdraw.

Copies are taken while the gate works. Each restore stops a gate, puts a copy back by the operator's command and starts
it: the newest, one of the middle, the first that there was. Nothing is lost or doubled, every withdrawal is
acknowledged, no number of an inbox is given twice, and each office is told of the restore and of no hole. The negative
control plays gates that do not notice.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from chaos.ground import Ground
from chaos.judging import Tally
from chaos.logs import read_topic
from chaos.offices import Offices, judge_stores, model_case, opened_offices, refer_next, rest, unsettled
from chaos.result import Result
from chaos.stage import KZ, UZ, Cast
from chaos.timeline import Timeline
from refbus.core.ids import CountryCode
from refbus.errors import Code
from refbus.wire.transport import InboxRecord
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.store import alarms

NAME = "stores brought back from copies"
CONTROL = "stores brought back, gates number on from them"
_HEARTBEAT_S = 2
_AGES = (-1, 0, 0.5, -1)
"""Which copy is brought back: the newest, the first, one of the middle, the newest again."""
_HOLES = frozenset({Code.INBOX_GAP, Code.INBOX_COUNT_BACK, Code.LOG_TRUNCATED})


@dataclass(frozen=True, slots=True)
class CopiesScenario:
    """The scenario of copies, in the shape of the others. `unaware`: the negative control."""

    unaware: bool = False
    share: int = 1

    @property
    def name(self) -> str:
        """The name in the report."""
        return CONTROL if self.unaware else NAME

    def run(self, cast: Cast) -> Result:
        """Play it. Whatever happens nothing is left running."""
        began = time.monotonic()
        ground = Ground.open(cast.folder, settings={"REFBUS_GATE_HEARTBEAT_SECONDS": str(_HEARTBEAT_S)})
        ground.around = "chaos.unaware" if self.unaware else ""
        cases, tally = max(8, min(24, cast.events // 16)), Tally()
        try:
            ground.start_gates((KZ, UZ))
            with opened_offices(ground, cast.rng, ()) as offices:
                stuck = _play(offices, cases)
                rest(ground, offices)
                tally.join(judge_stores(offices, cases))
                _judge_told(ground, offices, tally)
            ground.stop_services()
            _judge_numbers(ground, tally)
        finally:
            ground.close()
        seconds = time.monotonic() - began
        return Result(self.name, self.unaware, cases, ground.faults, tally, seconds, stuck, ground.measured)


@dataclass(slots=True)
class _Copies:
    """The copies of the store of one gate, oldest first."""

    ground: Ground
    country: CountryCode
    taken: list[Path] = field(default_factory=list)

    @property
    def store(self) -> Path:
        """The store itself."""
        return self.ground.world.paths.gate(self.country) / "store" / "node.db"

    def take(self) -> None:
        """Copy the store of the gate that runs."""
        copy = self.ground.folder / f"{self.country}-{len(self.taken)}.db"
        with closing(sqlite3.connect(self.store, timeout=10)) as store, closing(sqlite3.connect(copy)) as target:
            store.backup(target)
        self.taken.append(copy)

    def bring_back(self, age: float) -> None:
        """Stop the gate, put a copy in the place of its store by the operator's command, and start it."""
        ground, name = self.ground, f"gate-{self.country}"
        copy = self.taken[-1] if age < 0 else self.taken[int(age * (len(self.taken) - 1))]
        ground.stack.services[name].stop()
        words = (sys.executable, "-m", "refbus_gate", "restore", str(copy), "--older")
        environment = {**os.environ, **ground.stack.gate_environment(self.country)}
        done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"restore ended with {done.returncode}: {done.stderr[-200:]}")
        ground.count("a store of a gate brought back")
        ground.start_gate(self.country, name)
        ground.stack.wait_ready([name])


def _play(offices: Offices, cases: int) -> str:
    ground, rng = offices.ground, offices.rng
    copies = [_Copies(ground, country) for country in (KZ, UZ)]
    for each in copies:
        each.take()
    faults = [partial(each.bring_back, age) for age in _AGES for each in copies]
    timeline, model = Timeline(rng, faults, cases), model_case(offices)
    try:
        for number in range(cases):
            refer_next(offices, model, number)
            time.sleep(rng.uniform(0.2, 1.0))
            for each in copies:
                each.take()
            timeline.advance(number + 1)
        timeline.finish()
        stuck = unsettled(offices, cases)
        if stuck:
            return stuck
        time.sleep(2 * _HEARTBEAT_S)  # the last generation is told in the next heartbeat
    except Exception as error:  # noqa: BLE001 - judged as it stands, and reported
        return f"{type(error).__name__}: {error}"
    return ""


def _judge_told(ground: Ground, offices: Offices, tally: Tally) -> None:
    """Each office has heard of the restores of its gate, and of no hole in its inbox."""
    for gateway in (offices.agency, offices.shelter):
        codes = _alarms(gateway)
        holes = [code for code in codes if code in _HOLES]
        tally.add("lost", len(holes), f"{gateway.me} was told of holes: {', '.join(sorted(set(holes)))}")
        told = codes.count(Code.GATE_RESTORED)
        ground.measured[f"restores told to {gateway.me[:2]}"] = told
        tally.add("unaccounted", int(told == 0), f"{gateway.me} was not told that its gate was restored")


def _alarms(gateway: Gateway) -> list[str]:
    with gateway.store.read() as tx:
        return [alarm.code for alarm in alarms.standing_alarms(tx)]


def _judge_numbers(ground: Ground, tally: Tally) -> None:
    """No number of an inbox stands for two records."""
    for country, role in ((KZ, "NATIONAL_AGENCY"), (UZ, "NGO")):
        org = ground.member(country, role)
        bodies = defaultdict[int, set[bytes]](set)
        for line in read_topic(ground.world.address(country, org), f"{country}.inbox.{org}"):
            record = InboxRecord.parse(line.value)
            bodies[record.sequence].add(record.body)
        twice = sum(len(found) - 1 for found in bodies.values())
        tally.add("duplicate_effects", twice, f"{twice} numbers of the inbox of {org} were given twice")
