"""Whatever stands in any column of one row of a gate's store: what is in its other rows passes, returns and is told."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, Table, insert

from refbus import telemetry
from refbus.core.ids import OrgId
from refbus.core.units import DAY_MS, HOUR_MS
from refbus.errors import Code, SetupError, StoreError, TransportError
from refbus.node.store import accounting
from refbus.node.store.tables import metadata, ping
from refbus.notify.message import Ping
from refbus_gate.clock.deadlines import Timekeeper
from refbus_gate.clock.mail import WAITS, Pinger
from refbus_gate.meters import Meters
from refbus_gate.orders.waiting import lines
from support.damage import any_column, write
from support.directories import agency, ngo
from support.gates import Node, World

STOPS = {
    ("position", "topic_id"): Code.LOG_TRUNCATED,
    ("position", "next_offset"): Code.POSITION_CONFLICT,
    ("position", "first_offset"): Code.POSITION_CONFLICT,
    ("position", "gaps"): Code.POSITION_CONFLICT,
    ("position", "shift"): Code.POSITION_CONFLICT,
    ("setting", "value"): Code.KEYFILE_WRONG_PASSPHRASE,
}
"""What keeps a gate from starting until a copy is put back, by its code: how far a topic is decided, since a record
would be decided twice or never; and the proof that the passphrase is the right one, which its damage looks like."""
_RAW: dict[str, bytes] = {}


@dataclass
class Bell:
    """Addresses that ring the second time."""

    tried: set[str] = field(default_factory=set)
    rung: set[str] = field(default_factory=set)

    def of(self, org: OrgId) -> list[str]:
        """Return the addresses of an organisation."""
        return [org]

    def send(self, address: str, _ping: Ping) -> None:
        """Ring."""
        if address not in self.tried:
            self.tried.add(address)
            raise TransportError(Code.BROKER_UNREACHABLE, "fictional")
        self.rung.add(address)


def event(world: World, name: str) -> bytes:
    """Return an event, made once for all tests. Its name says what it is for."""
    if name not in _RAW:
        kind = name.partition(" ")[0]
        changes: dict[str, dict[str, Any]] = {
            "told": {"respond_by_ms": world.now_ms + 2 * DAY_MS},
            "late": {"respond_by_ms": None, "occurred_at_ms": world.now_ms + HOUR_MS},
        }
        _RAW[name] = world.event(name, **changes.get(kind, {}))
    return _RAW[name]


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Fill a world once, and close it: each test goes on from there, on copies."""
    made = World(tmp_path_factory.mktemp("full"))
    fill(made)
    made.nodes["uz"].bus.down = False
    made.close()
    return made


def fill(world: World) -> None:
    """Let two events wait at the gate of kz, two be behind no receipt, two not delivered, and two have deadlines."""
    kz = world.nodes["kz"]
    for raw in (event(world, "told 1"), event(world, "told 2"), b"first", b"second"):
        world.outbox("kz", raw)
    world.settle()
    for name in ("late 1", "late 2", "awaiting 1", "awaiting 2"):
        world.outbox("kz", event(world, name))
    kz.consume()
    kz.pump()
    world.nodes["uz"].bus.down = True
    for name in ("ready 1", "ready 2"):
        world.outbox("kz", event(world, name))
    kz.consume()
    new = {"kind": "ALARM", "created_ms": 0, "attempts": 0, "next_attempt_ms": world.now_ms}
    with kz.store.database.writing() as connection:
        for number, org in enumerate((agency("kz"), ngo("kz"))):
            connection.execute(insert(ping).values(organisation=org, message_id=bytes([number]) * 16, **new))


@pytest.fixture
def world(full: World, tmp_path: Path) -> Iterator[World]:
    """Return kz, where something of everything waits, and uz, whose broker is away."""
    made = full.gone_on(tmp_path)
    made.nodes["uz"].bus.down = True
    yield made
    made.close()


@any_column(metadata)
def test_one_damaged_value_of_any_column_holds_up_no_other(
    world: World, table: Table, column: Column[Any], value: object
) -> None:
    """Four events arrive, a deadline is told, an organisation is rung, all lists are shown and old rows forgotten."""
    kz = world.nodes["kz"]
    if not write(kz.folder / "node.db", table, column, value, "state, destination" if table.name == "outgoing" else ""):
        return
    stops = STOPS.get((table.name, column.name))
    if stops is not None:
        with pytest.raises((SetupError, StoreError)) as stopped:
            kz.restart()
        assert stopped.value.code is stops
        return
    kz.restart()
    world.nodes["uz"].bus.down = False
    world.outbox("kz", event(world, "fresh"))
    world.settle()
    world.now_ms += HOUR_MS
    while kz.redecider.holds():
        pass
    world.settle()
    arrive = {event(world, name) for name in ("late 2", "awaiting 2", "ready 2", "fresh")}
    assert arrive <= set(world.events(ngo("uz")))
    by_the_clock(world, kz)
    looked_at(world, kz)


@pytest.mark.parametrize("value", ["damaged", b"damaged", b"", 2**62])
def test_a_damaged_setting_holds_up_nothing(world: World, value: object) -> None:
    """Each but the proof of the passphrase: the gate starts, events arrive, and it beats."""
    kz = world.nodes["kz"]
    kz.upkeep.heartbeats()
    kz.start_anew()
    names = "UPDATE setting SET value = ? WHERE name <> 'state_key'"
    with closing(sqlite3.connect(kz.folder / "node.db")) as opened:
        assert opened.execute(names, (value,)).rowcount > 1
        opened.commit()
    kz.restart()
    world.nodes["uz"].bus.down = False
    world.now_ms += HOUR_MS
    assert kz.upkeep.heartbeats() > 0
    world.outbox("kz", event(world, "fresh"))
    world.settle()
    assert event(world, "fresh") in world.events(ngo("uz"))
    looked_at(world, kz)


def by_the_clock(world: World, kz: Node) -> None:
    """Tell deadlines, ring, and beat."""
    world.now_ms += 3 * DAY_MS
    timekeeper = Timekeeper(kz.core, kz.sources["kz.outbox"], world.now)
    timekeeper.tell()
    assert not timekeeper.waits()
    assert kz.upkeep.heartbeats() > 0
    world.settle()
    reminded = {each.referral_id for each in world.notices(agency("kz")) if each.deadline}
    assert len(reminded) >= 1
    bell = Bell()
    pinger = Pinger(kz.store, bell, world.now)  # type: ignore[arg-type]
    for _ in range(2):
        while pinger.turn():
            pass
        world.now_ms += WAITS.longest_ms
    assert ngo("kz") in bell.rung


def looked_at(world: World, kz: Node) -> None:
    """Show what an operator and the monitoring look at, then let years pass and forget."""
    kz.balance()
    meters = Meters(telemetry.Metrics(telemetry.Service.GATE, world.now))
    with kz.store.database.reading() as connection:
        accounting.stopped(connection)
        accounting.held(connection)
        meters.account(connection)
        meters.store(connection, world.now_ms)
    assert list(lines(kz.store, world.fed.directory, kz.sources, world.now_ms))
    world.now_ms += 14 * DAY_MS
    while kz.upkeep.undelivered():
        pass
    world.now_ms += 6 * 366 * DAY_MS
    assert kz.upkeep.forget() > 0
    gone = list[bytes]()
    assert kz.upkeep.forget_cases(gone.extend) == len(gone) > 0


@pytest.mark.parametrize("name", ["next_offset", "first_offset", "gaps", "shift"])
@pytest.mark.parametrize("number", [2**63 - 1, 10**12 + 1, -(2**63)])
def test_a_position_that_no_topic_has_stops_a_gate_by_its_code(world: World, name: str, number: int) -> None:
    """It says POSITION_CONFLICT when it starts, and computes with no such number."""
    kz, table = world.nodes["kz"], metadata.tables["position"]
    assert write(kz.folder / "node.db", table, table.c[name], number)
    with pytest.raises(StoreError) as stopped:
        kz.restart()
    assert stopped.value.code is Code.POSITION_CONFLICT
