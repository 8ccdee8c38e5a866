"""An office's clock: what gates sign moves nothing, an old floor heals, a jump is told, one command sets it right."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from refbus.clock import Clock, Sources
from refbus.core.ids import KeyId, OrgId
from refbus.core.units import DAY_MS, HOUR_MS
from refbus.envelope.notice import seal_notice
from refbus.errors import Code
from refbus.trust.homes import Home as MemberHome
from refbus.wire.transport import GateNotice, InboxKind, NoticeKind, NoticeOutcome
from refbus_gateway.home.gateway import Gateway, open_gateway
from refbus_gateway.outbox import envelopes
from refbus_gateway.store import outbox
from refbus_gateway.store.outbox import RowState
from support.ceremonies import AGENCY, KZ, PASSPHRASE, UZ
from support.commands import Commands
from support.directories import NOW_MS
from support.gateways import World, alarm_codes, home_health, line, sent


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Give a world, and close the agency's gateway at the end."""
    made = World(tmp_path)
    yield made
    for gateway in _OPEN:
        gateway.close()
    _OPEN.clear()


_OPEN = list[Gateway]()


def agency(world: World, clock: Clock | None = None) -> Gateway:
    """Open the agency's gateway, by the world's clock or another."""
    gateway = open_gateway(world.home(AGENCY), PASSPHRASE, clock or world.clock)
    _OPEN.append(gateway)
    return gateway


def heartbeat(world: World, gateway: Gateway, at_ms: int, country: Any = KZ) -> bytes:
    """Return a heartbeat of a country's gate with this time, for the agency."""
    pair = next(iter(MemberHome(world.lab.paths.gate(country)).signing_pairs(PASSPHRASE).values()))
    told = GateNotice(
        from_gate=OrgId(f"{country}-gate"),
        kid=KeyId(pair.kid),
        kind=NoticeKind.HEARTBEAT,
        envelope_sha256=bytes(32),
        event_id=None,
        outcome=NoticeOutcome.NONE,
        codes=(),
        at_ms=at_ms,
        inbox_count=0,
        inbox_hash=bytes(32),
        decision_id=secrets.token_bytes(16),
    )
    return seal_notice(told, AGENCY, envelopes.recipient_key(gateway, AGENCY).public, pair)


def hear(world: World, gateway: Gateway, at_ms: int, country: Any = KZ) -> None:
    """Let the agency read a heartbeat."""
    world.deliver(AGENCY, InboxKind.NOTICE, heartbeat(world, gateway, at_ms, country))
    world.sync(gateway)


@pytest.mark.parametrize("at_ms", [NOW_MS + 20 * DAY_MS, NOW_MS + 400 * DAY_MS, NOW_MS + 150 * 365 * DAY_MS])
def test_a_notice_with_a_time_ahead_stops_no_office(world: World, at_ms: int) -> None:
    """A time that the own gate signed is told when it is ahead; the office works on by its own clock, and reopens."""
    kz = agency(world)
    world.sync(kz)
    hear(world, kz, at_ms)
    assert kz.now_ms() == world.clock()
    kz.directory()
    assert "CLOCK_SKEW" in alarm_codes(kz)
    again = agency(world)
    assert again.now_ms() == world.clock()
    again.directory()
    assert (home_health(again).heartbeat_ms or 0) <= again.now_ms()


def test_a_time_of_another_countrys_gate_is_no_evidence(world: World) -> None:
    """What the gate of another country signs is not even compared with this clock."""
    kz = agency(world)
    world.sync(kz)
    hear(world, kz, NOW_MS + 400 * DAY_MS, UZ)
    assert kz.clock.standing().gate_ms is None
    assert "CLOCK_SKEW" not in alarm_codes(kz)


@pytest.mark.parametrize("floor_ms", [NOW_MS + 400 * DAY_MS, 2**62])
def test_a_home_with_a_poisoned_floor_heals(world: World, floor_ms: int) -> None:
    """A home in which an older version kept an impossible time opens and works."""
    kz = agency(world)
    world.sync(kz)
    with kz.store.write() as tx:
        tx.put_int("clock-floor", floor_ms)
    again = agency(world)
    again.directory()
    assert again.now_ms() == world.clock()


def moved(world: World, wrong: list[int]) -> Gateway:
    """Return the agency with a wall clock that `wrong` moves, and a monotonic clock that is right."""
    sources = Sources(lambda: world.clock() + wrong[0], world.clock, "one")
    gateway = agency(world, Clock(sources, world.home(AGENCY).path))
    world.sync(gateway)
    return gateway


def test_a_jump_of_the_offices_clock_is_an_alarm_with_both_times(world: World) -> None:
    """A clock that jumps is told with both times and work goes on by the time from before; set back, it is over."""
    wrong = [0]
    kz = moved(world, wrong)
    wrong[0] = 5 * HOUR_MS
    world.sync(kz)
    assert "CLOCK_JUMPED" in alarm_codes(kz)
    assert home_health(kz).clock.codes == (Code.CLOCK_JUMPED,)
    assert kz.now_ms() == world.clock()
    wrong[0] = 0
    assert home_health(kz).clock.codes == ()


def test_what_is_due_by_a_timer_is_due_whatever_the_clock_says(world: World) -> None:
    """A clock that is set back by years delays no timer of an office: they run on the monotonic clock."""
    wrong = [0]
    kz = moved(world, wrong)
    hear(world, kz, world.clock())
    before = kz.steady_ms()
    wrong[0] = -3 * 365 * DAY_MS
    world.clock.move(hours=1)
    assert kz.steady_ms() == before + HOUR_MS
    assert kz.now_ms() == world.clock()


def test_a_jump_is_believed_when_the_own_gate_says_so(world: World) -> None:
    """A clock that was set right while the office works is followed with the next heartbeat of the own gate."""
    wrong = [2 * HOUR_MS]
    kz = moved(world, wrong)
    wrong[0] = 0
    assert kz.now_ms() == world.clock() + 2 * HOUR_MS
    hear(world, kz, world.clock())
    assert kz.now_ms() == world.clock()


def test_a_person_says_that_the_clock_is_right(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`refbus clock show` names every time; `refbus clock accept` makes this computer's clock count at once."""
    world = World(tmp_path)
    world.gateway(AGENCY).close()
    refbus = Commands(world, capsys)
    shown = refbus.json(AGENCY, "clock", "show")
    assert shown["now_ms"] == shown["machine_ms"] == world.clock()
    world.clock.move(days=-2)
    assert refbus.json(AGENCY, "clock", "show")["now_ms"] == world.clock() + 2 * DAY_MS
    assert "refbus clock accept" in refbus.run(AGENCY, "clock", "show").out
    assert "refbus clock" in refbus.run(AGENCY, "status").out
    assert refbus.json(AGENCY, "clock", "accept")["now_ms"] == world.clock()
    world.clock.move(hours=1)
    assert refbus.json(AGENCY, "clock", "show")["codes"] == ["CLOCK_SKEW"]  # the directory is of later: told, no more


@pytest.mark.parametrize("where", ["office", "gate"])
def test_what_waits_under_a_consent_of_a_fast_clock_is_sent_later(world: World, where: str) -> None:
    """After the clock was set right the consent begins in the future: nothing is refused for good, a person hears."""
    gateway = agency(world)
    world.sync(gateway)
    world.clock.move(hours=2)
    _, number = sent(gateway)
    world.clock.move(hours=-2)
    event = line(gateway, number).event.id
    with gateway.store.write() as tx:
        row = outbox.of_event(tx, event)[-1]
        if where == "office":
            outbox.set_state(tx, row.id, RowState.STALE)
            outbox.postpone(tx, row.id, gateway.now_ms())
    if where == "gate":
        world.deliver(AGENCY, InboxKind.NOTICE, refusal(world, gateway, row.sha256))
    world.sync(gateway)
    assert Code.NOT_YET_VALID in alarm_codes(gateway)
    with gateway.store.read() as tx:
        assert [each.state for each in outbox.of_event(tx, event)] == [RowState.STALE]
    world.clock.move(hours=2)
    world.sync(gateway)
    with gateway.store.read() as tx:
        assert [each.state for each in outbox.of_event(tx, event)] == [RowState.REPLACED, RowState.READY]


def refusal(world: World, gateway: Gateway, envelope_sha256: bytes) -> bytes:
    """Return the refusal of the agency's own gate, for a consent that has not begun."""
    pair = next(iter(MemberHome(world.lab.paths.gate(KZ)).signing_pairs(PASSPHRASE).values()))
    told = GateNotice(
        from_gate=OrgId("kz-gate"),
        kid=KeyId(pair.kid),
        kind=NoticeKind.REFUSAL,
        envelope_sha256=envelope_sha256,
        event_id=None,
        outcome=NoticeOutcome.REFUSED,
        codes=(Code.NOT_YET_VALID,),
        at_ms=world.clock(),
        inbox_count=0,
        inbox_hash=bytes(32),
        decision_id=secrets.token_bytes(16),
    )
    return seal_notice(told, AGENCY, envelopes.recipient_key(gateway, AGENCY).public, pair)
