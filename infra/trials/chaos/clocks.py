"""Clocks of services jump by seconds to years, forth and back, alone and together, while people work.

A clock that jumps and comes back changes nothing but an alarm: no event and no stop is lost or delayed, nothing falls
due, nothing is purged, heartbeats go on. The negative control plays services that believe their clock.
"""

from __future__ import annotations

import signal
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from chaos.evidence import examine, need_rows
from chaos.ground import Ground, wait
from chaos.judging import Tally
from chaos.logs import ends, read_topic
from chaos.offices import SETTLE_S, Offices, judge_stores, model_case, opened_offices, refer_next, rest, unsettled
from chaos.outboxes import journal_of_log
from chaos.result import Result
from chaos.stage import KZ, UZ, Cast
from chaos.timeline import Fault, Timeline
from kafka.ports import free_ports
from refbus.bus.address import BrokerAddress

NAME = "clocks jump, alone and together"
CONTROL = "clocks jump, services believe them"
SERVICES = ("gate-kz", "gate-uz", "gateway-kz", "gateway-uz", "auditor-kz")
"""Whose clocks jump; the auditor of uz keeps a right one beside, until it is left wrong for an hour by itself."""
JUMPS_S = (5, 300, 5 * 3600, 20 * 86_400, 6 * 365 * 86_400)
_STAY_S = (0.5, 3.0)
_WRONG_S = (("gate-uz", 300), ("auditor-uz", 5 * 3600))
"""How wrong a clock stays for an hour: at a gate within what its neighbours bear, at an auditor beyond it."""
_HOUR_MS = 3_700_000
_HEARTBEAT_S = 2
_LONG_S = 10.0
"""So long the gates stand in 2032 in the end, as the clock of one did."""


@dataclass(frozen=True, slots=True)
class ClocksScenario:
    """The scenario of clocks, in the shape of the others. `believing`: the negative control."""

    believing: bool = False
    share: int = 1

    @property
    def name(self) -> str:
        """The name in the report."""
        return CONTROL if self.believing else NAME

    def run(self, cast: Cast) -> Result:
        """Play it. Whatever happens nothing is left running."""
        began = time.monotonic()
        settings = {"REFBUS_GATE_HEARTBEAT_SECONDS": str(_HEARTBEAT_S)}
        ground = Ground.open(cast.folder, settings=settings)
        ground.own_clocks, ground.around = True, "chaos.believing" if self.believing else ""
        tally, events, stuck = Tally(), 0, ""
        try:
            _start(ground)
            cases = max(8, min(24, cast.events // 16))
            with opened_offices(ground, cast.rng, ()) as offices:
                stuck = _play(offices, cases, 10.0 if self.believing else SETTLE_S)
                if not self.believing:  # it does not come to rest
                    rest(ground, offices)
                    tally.join(judge_stores(offices, cases))
                _judge_heartbeats(ground, tally)
            _judge_alarms(ground, tally, believing=self.believing)
            ground.stop_services()
            events = cases
            if not self.believing:
                events = journal_of_log(ground, (offices.agency.me, offices.shelter.me), offices.nature)
                tally.join(examine(ground, (KZ, UZ)))
            _judge_kept(ground, tally)
        finally:
            ground.close()
        if self.believing and stuck:  # that is what it is for
            tally.add("lost", 1, stuck)
            stuck = ""
        seconds = time.monotonic() - began
        return Result(self.name, self.believing, events, ground.faults, tally, seconds, stuck, ground.measured)


def _start(ground: Ground) -> None:
    ground.start_gates((KZ, UZ))
    for country in (KZ, UZ):
        name = f"auditor-{country}"
        ground.stack.ports[name], ground.stack.ports[f"log-{country}"] = free_ports(2)
        ground.start(name, ("refbus_auditor",), ground.stack.auditor_environment(country))


def _play(offices: Offices, cases: int, patience_s: float) -> str:
    ground, rng = offices.ground, offices.rng
    faults: list[Fault] = []
    for seconds in JUMPS_S:
        faults += [
            partial(_jump, ground, (rng.choice(SERVICES),), sign * seconds, rng.uniform(*_STAY_S)) for sign in (1, -1)
        ]
        faults.append(partial(_jump, ground, SERVICES, rng.choice((1, -1)) * seconds, rng.uniform(*_STAY_S)))
    rng.shuffle(faults)
    faults.insert(len(faults) // 2, partial(_start_anew_in_another_year, ground))
    faults += [partial(_jump, ground, ("auditor-kz",), sign * JUMPS_S[-2], _STAY_S[1]) for sign in (1, -1)]
    faults += [partial(_stay_wrong, ground, name, sign * seconds) for name, seconds in _WRONG_S for sign in (1, -1)]
    faults.append(partial(_jump, ground, ("gate-kz", "gate-uz"), JUMPS_S[-1], _LONG_S))
    timeline, model = Timeline(rng, faults, cases), model_case(offices)
    try:
        for number in range(cases):
            refer_next(offices, model, number)
            timeline.advance(number + 1)
        timeline.finish()
        return unsettled(offices, cases, patience_s)
    except Exception as error:  # noqa: BLE001 - judged as it stands, and reported
        return f"{type(error).__name__}: {error}"


def _jump(ground: Ground, names: Sequence[str], seconds: float, stay_s: float) -> None:
    """Move the clocks of these services, and back after a while."""
    for name in names:
        ground.set_clock(name, int(seconds * 1000))
    ground.count("a clock jumped" if len(names) == 1 else "clocks jumped together")
    time.sleep(stay_s)
    for name in names:
        ground.set_clock(name, 0)


def _stay_wrong(ground: Ground, name: str, seconds: float) -> None:
    """Leave the clock of one service wrong for more than an hour of its own, then right for as long.

    After an hour that nothing speaks against a jump is believed, and so is the way back.
    """
    for wrong_ms in (int(seconds * 1000), 0):
        ground.set_clock(name, wrong_ms - _HOUR_MS)  # behind, so that it is not ahead of the others after the hour
        time.sleep(_STAY_S[1])
        ground.set_clock(name, wrong_ms, _HOUR_MS)
        time.sleep(_STAY_S[1])
    ground.count("a clock was wrong for an hour")


def _start_anew_in_another_year(ground: Ground) -> None:
    """Let a gate be killed while its clock is wrong: the next life begins with the wrong time."""
    ground.set_clock("gate-kz", JUMPS_S[-1] * 1000)
    ground.stack.services["gate-kz"].signal(signal.SIGKILL)
    ground.count("a gate started in another year")
    ground.stack.wait_ready(["gate-kz"])
    time.sleep(_STAY_S[1])
    ground.set_clock("gate-kz", 0)


def _judge_heartbeats(ground: Ground, tally: Tally) -> None:
    """Every inbox goes on getting heartbeats after the last jump."""
    for country, role in ((KZ, "NATIONAL_AGENCY"), (UZ, "NGO")):
        address = ground.world.address(country, f"{country}-gate")
        topic = f"{country}.inbox.{ground.member(country, role)}"
        beats = wait(partial(_reaches, address, topic, ends(address, [topic])[topic] + 2), 30.0)
        tally.add("lost", int(not beats), f"no heartbeat any more in the inbox of {country}")


def _reaches(address: BrokerAddress, topic: str, end: int) -> bool:
    return ends(address, [topic])[topic] >= end


def _judge_alarms(ground: Ground, tally: Tally, *, believing: bool) -> None:
    """Each node has said that its clock jumped, with both times."""
    for name in ("gate-kz", "gate-uz", "auditor-kz", "auditor-uz"):
        text = (ground.folder / "log" / f"{name}.log").read_text(encoding="utf-8", errors="replace")
        told = text.count("CLOCK_JUMPED")
        ground.measured[f"jumps told by {name}"] = told
        tally.add("unaccounted", int(told == 0 and not believing), f"{name} told nobody that its clock jumped")


def _judge_kept(ground: Ground, tally: Tally) -> None:
    """Nothing was purged and nothing fell due: no deadline of these cases is within the time that truly passed."""
    for country in (KZ, UZ):
        address = ground.world.address(country, f"{country}-operator")
        purged = -int(ground.query(country, "SELECT count(*) FROM record")[0][0])
        for topic in ground.sources(country):  # what is only counted was never kept
            purged += sum(need_rows(topic, read_topic(address, topic)))
        tally.add("unaccounted", purged, f"{purged} records of evidence were purged at the gate of {country}")
        told = _told(ground.folder / "log" / f"gate-{country}.log")
        tally.add("reordered", told, f"{told} deliveries were given up at the gate of {country} before their time")
        refused = _refused(ground.world.paths.home(ground.stack.auditor(country)))
        tally.add("unaccounted", refused, f"{refused} audit entries of {country} were refused by the clock")


def _told(log: Path) -> int:
    return log.read_text(encoding="utf-8", errors="replace").count("were not taken by their destination in time")


def _refused(home: Path) -> int:
    found = next(iter(sorted(home.rglob("*.db"))), None)
    if found is None:
        return 0
    with sqlite3.connect(f"file:{found}?mode=ro", uri=True, timeout=10) as connection:
        query = "SELECT coalesce(sum(records), 0) FROM tally WHERE result = 'REFUSED'"
        return int(connection.execute(query).fetchone()[0])
