"""Hundreds of deadlines pass while gates are killed, a standby takes over and clocks jump: each step is told once.

The recipients never answer. What must be told follows from the policy alone, so the oracle counts it by itself, in the
inboxes of both organisations and both focal points.
"""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from chaos import faults
from chaos.cases import Mix, scripts
from chaos.ground import Ground, wait
from chaos.judging import Tally
from chaos.load import Load
from chaos.logs import read_topic
from chaos.result import Result
from chaos.stage import KZ, UZ, Cast
from chaos.timeline import Fault
from demo.world import PASSPHRASE
from refbus.core.directory import Directory, OrgRole, SigningKey
from refbus.core.ids import KeyId, OrgId
from refbus.core.vocabulary import Priority
from refbus.envelope.notice import open_notice
from refbus.wire.transport import GateNotice, InboxKind, InboxRecord

NAME = "deadlines under kills and clock jumps"
JUMPS_DAYS = (1.2, 1.0, 1.2, -1.5, 3.0, 30.0)
"""How the clock of both countries moves; once back. In the end every referral has expired (30 days)."""
_FIRED_S = 180.0
_Told = tuple[OrgId, str, str, int]
"""Who was told, of which course (hex), which deadline, which step."""


@dataclass(frozen=True, slots=True)
class DeadlinesScenario:
    """The scenario of deadlines, in the shape of the others."""

    name: str = NAME
    share: int = 1

    def run(self, cast: Cast) -> Result:
        """Play it. Whatever happens nothing is left running."""
        began = time.monotonic()
        ground = Ground.open(cast.folder)
        try:
            rests: list[int] = []
            stuck, sent, courses = _play(ground, cast, rests)
            ground.stop_services()
            tally = _judge(ground, courses, rests) if not stuck else Tally()
        finally:
            ground.close()
        return Result(NAME, False, sent, ground.faults, tally, time.monotonic() - began, stuck, ground.measured)


def _play(ground: Ground, cast: Cast, rests: list[int]) -> tuple[str, int, list[str]]:
    """Send, and move the clock step by step; `rests` gets the times by which all that was due must have been told."""
    ground.start_gates((KZ, UZ))
    agency, shelter = ground.member(KZ, "NATIONAL_AGENCY"), ground.member(UZ, "NGO")
    outboxes = {country: partial(ground.world.address, country, f"{country}-operator") for country in (KZ, UZ)}
    cases = list(scripts(cast.rng, [(agency, shelter)], max(60, cast.events // 2), Mix(steps=1)))
    load = Load(outboxes, ground.journal, cast.rng)
    try:
        load.run(cast.sealer.seal(ground.world.paths, iter(cases)))
        if not ground.settle((KZ, UZ)):
            return "the gates did not come to rest", load.sent, []
        strikes = _faults(ground, cast)
        for days in JUMPS_DAYS:
            _jump(ground, days)
            time.sleep(cast.rng.uniform(0.2, 2.0))  # somewhere among the steps that are due now
            next(strikes)()
            began = time.monotonic()
            if not wait(partial(_all_told, ground), _FIRED_S):
                return "what was due was not told", load.sent, []
            took, slowest = round(time.monotonic() - began), "most seconds until all was told after a fault"
            ground.measured[slowest] = max(took, ground.measured[slowest])
            if ground.world.true_ms() > max(rests, default=0):  # not where the clock went back
                rests.append(ground.world.true_ms())
        if not ground.settle((KZ, UZ)):
            return "the gates did not come to rest at the end", load.sent, []
    except Exception as error:  # noqa: BLE001 - judged as it stands, and reported
        return f"{type(error).__name__}: {error}", load.sent, []
    finally:
        load.close()
    return "", load.sent, [case.referral_id.hex() for case in cases]


def _faults(ground: Ground, cast: Cast) -> Iterator[Fault]:
    """Yield a fault for each jump: kills at both ends, a broker that stands still, a standby that takes over."""

    def kill(country: str) -> None:
        ground.stack.services[f"gate-{country}"].signal(signal.SIGKILL)
        ground.count("kill -9 of a gate")

    def take_over() -> None:
        ground.start_gate(KZ, "gate-kz-standby")
        ground.stack.services["gate-kz"].signal(signal.SIGKILL)
        ground.stack.services["gate-kz"].stop()
        ground.count("kill -9 of the active gate")

    def stall() -> None:
        faults.still(ground, KZ, 20.0)  # longer than the sessions of gates and of the broker itself

    order: list[Fault] = [partial(kill, "kz"), stall, take_over, partial(kill, "uz")]
    cast.rng.shuffle(order)
    killed: list[Fault] = [partial(faults.freeze, ground, UZ), partial(kill, "uz")]
    yield from (*order, *killed)


def _jump(ground: Ground, days: float) -> None:
    world = ground.world
    if days > 0:
        world.right_clock()  # one that stays wrong for an hour is believed (docs/adr/0036-a-clock-is-evidence.md)
        world.pass_time(days)
    else:
        world.move_clock(days)
    ground.count("clock jump")


def _all_told(ground: Ground) -> bool:
    text = f"SELECT count(*) FROM deadline WHERE next_ms <= {ground.world.true_ms()}"  # noqa: S608  a number of ours
    return all(ground.query(country, text)[0][0] == 0 for country in (KZ, UZ))


def _judge(ground: Ground, courses: list[str], rests: list[int]) -> Tally:
    """Count what each inbox was told against what the policy says of a referral that nobody answers."""
    tally, told = Tally(), Counter[_Told]()
    directory = ground.world.directory(ground.world.true_ms())
    for org in (_agency(ground), _shelter(ground), _focal_point(ground)):
        for notice in _notices(ground, org, directory):
            if notice.referral_id is None:
                continue
            told[org, notice.referral_id.hex(), notice.deadline, notice.level] += 1
            early = notice.level > 0 and notice.at_ms < notice.due_ms
            tally.add("reordered", int(early), f"{notice.deadline} {notice.level} told before it was due")
            step_ms = (
                notice.due_ms + max(0, notice.level - 1) * directory.policies[KZ].clocks[Priority.ROUTINE].step_s * 1000
            )
            late = notice.level > 0 and any(step_ms < rest_ms < notice.at_ms for rest_ms in rests)
            tally.add("reordered", int(late), f"{notice.deadline} {notice.level} told a jump of the clock too late")
    expected = {(org, course, kind, level) for course in courses for org, kind, level in _ladder(ground)}
    for each in expected:
        tally.add("lost", int(told[each] == 0), f"not told: {each}")
    for each, times in told.items():
        tally.add("duplicate_effects", times - 1, f"told {times} times: {each}")
        tally.add("unaccounted", int(each not in expected), f"nothing was due: {each}")
    ground.measured["steps told"] = sum(told.values())
    return tally


def _ladder(ground: Ground) -> list[tuple[OrgId, str, int]]:
    """Return what a silent recipient causes: who hears of which deadline at which step."""
    source, target, focal = _agency(ground), _shelter(ground), _focal_point(ground)
    return [
        (target, "DECIDE", 0),
        *((org, kind, 1) for kind in ("DELIVER", "DECIDE", "EXPIRE") for org in (source, target)),
        *((focal, kind, 2) for kind in ("DELIVER", "DECIDE")),
        *((source, kind, 3) for kind in ("DELIVER", "DECIDE")),  # the agency is its country's focal point as well
    ]


def _agency(ground: Ground) -> OrgId:
    return ground.member(KZ, "NATIONAL_AGENCY")


def _shelter(ground: Ground) -> OrgId:
    return ground.member(UZ, "NGO")


def _focal_point(ground: Ground) -> OrgId:
    return ground.member(UZ, "NATIONAL_AGENCY")


def _notices(ground: Ground, org: OrgId, directory: Directory) -> Iterator[GateNotice]:
    """Read an inbox as its owner does: a number that was there before is skipped."""

    def gate_key(gate: OrgId, kid: KeyId) -> SigningKey | None:
        found = directory.find(gate)
        return found.signing_key(kid) if found is not None and found.role is OrgRole.GATE else None

    keys = list(ground.world.home(org).kem_keys(PASSPHRASE).values())
    country, last = org[:2], 0
    for line in read_topic(ground.world.brokers[KZ].address(), f"{country}.inbox.{org}"):
        record = InboxRecord.parse(line.value)
        if record.sequence > last and record.kind is InboxKind.NOTICE:
            yield open_notice(record.body, org, keys, gate_key)
        last = max(last, record.sequence)
