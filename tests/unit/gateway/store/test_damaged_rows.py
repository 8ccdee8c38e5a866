"""One row of the store cannot be opened any more: every list shows the others and names it, and the work goes on."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, Integer, LargeBinary, Table, func, select, update

from refbus.core.vocabulary import EventType
from refbus.crypto.secretbox import StateKey
from refbus.each import each
from refbus.errors import Code
from refbus_gateway.consent import withdrawals
from refbus_gateway.erasure import demand
from refbus_gateway.home.confirmation import ANNOUNCED
from refbus_gateway.home.gateway import Gateway, open_gateway
from refbus_gateway.inbox import repetitions
from refbus_gateway.people import users
from refbus_gateway.people.roles import Role
from refbus_gateway.people.users import Person, State
from refbus_gateway.store import alarms, cases, doings, drafts, outbox, tellings
from refbus_gateway.store.doings import Doing
from refbus_gateway.store.schema import metadata
from refbus_gateway.store.tellings import Kind
from refbus_gateway.store.vault import Vault, join, split
from refbus_gateway.sync import synchroniser, unreadable
from support.ceremonies import AGENCY, PASSPHRASE, SHELTER
from support.commands import Commands
from support.gateways import World, case_file, consent_file, line, new_case, refer, sent, take_consent

SEALED = sorted(
    (table.name, column.name)
    for table in metadata.tables.values()
    for column in table.columns
    if column.name in {"body", "wrapped_key"}
)
LISTS = (
    ("status",),
    ("case", "list"),
    ("inbox", "list", "--offline"),
    ("inbox", "list", "--offline", "--all"),
    ("erase", "--status"),
    ("alarms",),
    ("audit", "report", "--from", "2026-01-01", "--to", "2027-01-01"),
)


def damage(gateway: Gateway, table: str, column: str) -> None:
    """Spoil the first row of a table that has something in this column."""
    found = metadata.tables[table]
    sealed, (key,) = found.columns[column], found.primary_key.columns
    with gateway.store.write() as tx:
        first = tx.connection.execute(select(func.min(key)).where(func.length(sealed) > 0)).scalar_one()
        tx.connection.execute(update(found).where(key == first).values({column: b"damaged"}))


OF_A_CASE = {"cases", "counterparts", "referrals"}
"""What is looked through every hour."""


@dataclass(frozen=True, slots=True)
class Full:
    """A world whose agency has something in its tables, closed, and the number of its last case."""

    world: World
    last: int


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Full:
    """Fill a world once: each test goes on from there, on copies."""
    world = World(tmp_path_factory.mktemp("full"))
    kz, last = filled(world)
    kz.close()
    return Full(world, last)


@pytest.fixture
def world(full: Full, tmp_path: Path) -> World:
    """Return a world that goes on from there."""
    return full.world.gone_on(tmp_path)


def opened(world: World) -> Gateway:
    """Open the agency's gateway as it was left."""
    return open_gateway(world.home(AGENCY), PASSPHRASE, world.clock)


def filled(world: World) -> tuple[Gateway, int]:
    """Return a gateway with a row in each table, the first of each about its first case, and its last case."""
    kz = world.gateway(AGENCY)
    first, _ = sent(kz)
    last, _ = sent(kz, case_file(about="Fictional: another"))
    world.sync(kz)
    with kz.store.write() as tx:
        tellings.add(tx, cases.get(tx, first), SHELTER, Kind.VERSION, now_ms=kz.now_ms())
        for number in ("1", "2"):
            users.save(tx, somebody(number))
        doings.append(tx, [Doing(number, "SERVICE", "status.show", None) for number in "12"], 1, may_forget=False)
    return kz, last


def somebody(number: str) -> Person:
    """Return a person whom the store knows."""
    return Person(number, f"fictional{number}", "Fictional", Role.CASE_WORKER, "ru", State.ACTIVE, int(number))


@pytest.mark.parametrize(("table", "column"), SEALED)
def test_each_list_shows_the_others(
    world: World, full: Full, capsys: pytest.CaptureFixture[str], table: str, column: str
) -> None:
    """Whichever sealed column of the store: no list ends, all others are in it, and a damaged case is named."""
    kz, last = opened(world), full.last
    damage(kz, table, column)
    kz.close()
    commands = Commands(world, capsys)
    shown = {arguments: commands.run(AGENCY, *arguments).out for arguments in LISTS}
    assert f"Referral 2, case {last}, {SHELTER}" in shown["status",]
    assert f"   {last}  own " in shown["case", "list"]
    assert f"   2  {SHELTER}" in shown["inbox", "list", "--offline", "--all"]
    if column == "wrapped_key":
        assert "Case 1 cannot be read here" in shown["status",]
        assert "cannot be read here" in shown["case", "list"]
        assert [row["unread"] is None for row in commands.json(AGENCY, "case", "list")] == [False, True]


@pytest.mark.parametrize(("table", "column"), SEALED)
def test_the_work_of_the_others_goes_on(world: World, full: Full, table: str, column: str) -> None:
    """A turn of `refbus run` sends, another case is referred, stopped and erased, and a person hears of the damage."""
    kz, last = opened(world), full.last
    damage(kz, table, column)
    fresh = new_case(kz, case_file(about="Fictional: a third"))
    take_consent(kz, fresh, consent_file())
    number = refer(kz, fresh)
    world.sync(kz)
    assert outbox_of(kz, number) == [True]
    (done,) = withdrawals.stop(kz, last, None)
    assert (done.org, done.notified) == (SHELTER, True)
    demand.erase(kz, fresh)
    with kz.store.read() as tx:
        assert not cases.has_content(tx, cases.get(tx, fresh))
        told = [alarm.detail for alarm in alarms.standing_alarms(tx) if alarm.detail.startswith("store.db: ")]
    assert told == (["store.db: case 1 cannot be read here"] if table in OF_A_CASE else [])
    kz.close()


def nonsense(column: Column[Any]) -> object:
    """Return what a damaged column may hold: SQLite keeps any type in it."""
    return b"damaged" if isinstance(column.type, LargeBinary) else "damaged"


def write_nonsense(home: Path, table: Table, column: Column[Any]) -> bool:
    """Damage a column of the first row; in an empty table, of a new row. False where the database takes no such."""
    with closing(sqlite3.connect(home / "store.db")) as opened:
        places = ", ".join(f'"{each.name}"' for each in table.columns)
        row = [1 if isinstance(each.type, Integer) else nonsense(each) for each in table.columns]
        with suppress(sqlite3.IntegrityError):
            if not opened.execute(f'SELECT 1 FROM "{table.name}"').fetchone():
                holders = ", ".join("?" * len(row))
                opened.execute(f'INSERT INTO "{table.name}" ({places}) VALUES ({holders})', row)
            first = f'(SELECT min(rowid) FROM "{table.name}")'
            change = f'UPDATE "{table.name}" SET "{column.name}" = ? WHERE rowid = {first}'
            opened.execute(change, (nonsense(column),))
            opened.commit()
            return True
    return False


LIST_OF_ALL = (
    ("status",),
    ("case", "list"),
    ("inbox", "list", "--offline", "--all"),
    ("alarms",),
    ("people", "log"),
    ("audit", "report", "--from", "2026-01-01", "--to", "2027-01-01"),
)


@pytest.mark.parametrize("table", metadata.tables.values(), ids=lambda table: str(table.name))
def test_no_column_of_any_table_ends_a_list(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str], table: Table
) -> None:
    """Whatever stands in it, sealed or open: each list is shown, or a code says that the home is damaged."""
    home = world.home(AGENCY).path
    sound = shutil.copytree(home, tmp_path / "sound")
    commands = Commands(world, capsys)
    for column in table.columns:
        if write_nonsense(home, table, column):
            for arguments in LIST_OF_ALL:
                ran = commands.run(AGENCY, *arguments, ok=None)
                assert ran.status == 0 or (table.name, column.name) == ("meta", "value"), (column.name, arguments, ran)
                assert Code.INTERNAL_ERROR not in ran.err
        shutil.copy(sound / "store.db", home / "store.db")
        for name in ("store.db-wal", "store.db-shm"):
            (home / name).unlink(missing_ok=True)


def test_a_damaged_person_or_log_row_hides_no_other(world: World) -> None:
    """The other person is found, the other line is shown, and the log says that it is not whole."""
    kz = opened(world)
    for table in ("people", "doings"):
        damage(kz, table, "body")
    with kz.store.read() as tx:
        assert [each.person_id for each in users.every(tx)] == ["2"]
        assert users.ids(tx, State.ACTIVE) == {"1", "2"}
        assert users.named(tx, "fictional2").person_id == "2"
        assert [each.doing.person for each in doings.listed(tx, 10)] == ["2"]
        assert not doings.is_whole(tx)
    kz.close()


def test_a_large_store_is_not_looked_through_again_within_the_hour(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What takes long at ten thousand referrals is done once an hour, however many commands there are."""
    monkeypatch.setattr(synchroniser, "_LARGE_BYTES", 0)
    world = World(tmp_path)
    kz, _ = filled(world)
    looks = list[int]()
    monkeypatch.setattr(unreadable, "watch", lambda _: looks.append(1))
    world.sync(kz)
    assert looks == []
    for hours in (1.0, 0.5, 0.5, -3.0, 0.5):
        world.clock.move(hours=hours)
        world.sync(kz)
    assert len(looks) == 3
    kz.close()


@pytest.mark.parametrize("name", [ANNOUNCED, repetitions.NAME])
def test_a_damaged_note_about_a_restore_holds_up_nothing(world: World, full: Full, name: str) -> None:
    """Neither what this office said of a restore of its own, nor what others asked for after theirs."""
    kz, last = opened(world), full.last
    with kz.store.write() as tx:
        tx.put(name, b"damaged")
    fresh = new_case(kz, case_file(about="Fictional: a third"))
    take_consent(kz, fresh, consent_file())
    number = refer(kz, fresh)
    world.sync(kz)
    assert outbox_of(kz, number) == [True]
    (done,) = withdrawals.stop(kz, last, None)
    assert done.notified
    kz.close()


def test_damaged_drafts_are_none(world: World) -> None:
    """What is kept next takes their place."""
    kz = opened(world)
    draft = drafts.Draft("form", {"field": ["text"]}, 1, 1)
    with kz.store.write() as tx:
        drafts.put(tx, "1", {"form": draft})
        tx.put(drafts._name(tx, "1"), b"damaged")
        assert drafts.of(tx, "1", None) == {}
        drafts.put(tx, "1", {"form": draft})
        assert drafts.of(tx, "1", None) == {"form": draft}
    kz.close()


def outbox_of(gateway: Gateway, number: int) -> list[bool]:
    """Return for each envelope of a request whether the broker has it."""
    with gateway.store.read() as tx:
        return [row.produced_ms is not None for row in outbox.of_event(tx, event_of(gateway, number))]


def event_of(gateway: Gateway, number: int) -> int:
    """Return the row of a request."""
    return line(gateway, number, EventType.REFERRAL_REQUESTED).event.id


def test_one_damaged_row_is_no_failure_of_the_whole_store() -> None:
    """A loop over rows goes on behind a value that falls apart, or that its key does not open."""
    vault = Vault(StateKey.generate())
    failed: list[Code] = []
    rows = [join(b"a", b"b"), b"\x00\x00\x00\x09short", join(b"c", b"d")]
    assert each(rows, lambda row: split(row, 2), lambda _, error: failed.append(error.code)) == [
        (b"a", b"b"),
        (b"c", b"d"),
    ]
    sealed = [vault.seal(b"here", b"1"), vault.seal(b"there", b"2"), vault.seal(b"here", b"3")]
    assert each(sealed, lambda row: vault.open(b"here", row), lambda _, error: failed.append(error.code)) == [
        b"1",
        b"3",
    ]
    assert failed == [Code.HOME_DAMAGED, Code.HOME_DAMAGED]
