"""A gate whose stores are on a database server: from a file and back, backup, restore, a second home."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from postgresql import PostgresServer
from refbus.core.ids import CountryCode
from refbus.database.address import Server
from refbus.database.lead import Lead
from refbus.errors import Code, RefbusError
from refbus.node.store.node import get_setting, put_setting
from refbus_gate.home import SERVICE, GateHome
from refbus_gate.orders.backup import backup
from refbus_gate.orders.putback import restore
from support.ceremonies import PASSPHRASE, lab
from support.envelopes import fixed
from support.gates import World
from support.stores import on_server

CASES = (b"a" * 32, b"b" * 32)


@pytest.fixture
def server(postgres: PostgresServer) -> Iterator[Server]:
    """Return an empty database."""
    name = postgres.new_database()
    yield postgres.address(name)
    postgres.drop_database(name)


@pytest.fixture
def gate(tmp_path: Path) -> Path:
    """Return the home of a gate that has worked with files, and forgotten one case."""
    folder = lab(tmp_path).paths.gate(CountryCode("kz"))
    home = GateHome.open(folder, PASSPHRASE)
    home.audit_keys.of(CASES)
    home.forget_cases(CASES[:1])
    note(home, "worked")
    home.close()
    return folder


def opened(folder: Path, server: Server) -> GateHome:
    """Open the home as the leader does; closing it gives the lead up."""
    return GateHome.open(folder, PASSPHRASE, Lead.take(server, SERVICE))


def note(home: GateHome, name: str) -> None:
    """Write a row."""
    with home.store.database.writing() as connection:
        put_setting(connection, name, b"x")


def has(home: GateHome, name: str) -> bool:
    """Whether the row is there."""
    with home.store.database.reading() as connection:
        return get_setting(connection, name) is not None


def put_back(folder: Path, copy: Path, server: Server, *, older: bool = False) -> list[str]:
    """Restore into the stores of the server."""
    lead = Lead.take(server, SERVICE)
    try:
        return restore(folder, PASSPHRASE, copy, older=older, lead=lead)
    finally:
        lead.close()


def test_a_gate_moves_from_files_to_a_server_and_back(gate: Path, server: Server, tmp_path: Path) -> None:
    """A backup is the way: the same rows and audit keys are there, and what was forgotten stays so."""
    backup(gate, PASSPHRASE, tmp_path / "copy", tmp_path / "keys.db")
    before = GateHome.open(gate, PASSPHRASE)
    keys = before.audit_keys.of(CASES[1:])
    before.close()
    for medium in (tmp_path / "copy", tmp_path / "keys.db"):
        put_back(gate, medium, server)
    moved = opened(gate, server)
    assert has(moved, "worked")
    assert moved.audit_keys.of(CASES[1:]) == keys
    note(moved, "on the server")
    moved.close()

    backup(gate, PASSPHRASE, tmp_path / "later", tmp_path / "later-keys.db", server)
    fresh = tmp_path / "fresh"
    for medium in (tmp_path / "later", tmp_path / "later-keys.db"):
        restore(fresh, PASSPHRASE, medium, older=False)
    back = GateHome.open(fresh, PASSPHRASE)
    assert has(back, "on the server")
    assert back.audit_keys.of(CASES[1:]) == keys
    back.close()


def test_a_backup_beside_a_running_gate(gate: Path, server: Server, tmp_path: Path) -> None:
    """It is restored once before it counts, as that of files; a restore waits until the gate is stopped."""
    shutil.rmtree(gate / "store")
    for mark in gate.glob("*.made"):
        mark.unlink()
    running = opened(gate, server)
    running.audit_keys.of(CASES)
    told = backup(gate, PASSPHRASE, tmp_path / "copy", tmp_path / "keys.db", server)
    assert "has succeeded" in told[0]
    with pytest.raises(RefbusError) as caught:
        put_back(gate, tmp_path / "copy", server)
    assert caught.value.code is Code.HOME_IN_USE
    note(running, "later")
    running.close()
    put_back(gate, tmp_path / "copy", server)
    again = opened(gate, server)
    assert not has(again, "later")
    again.close()
    assert (gate / "store" / "node.db.before-1").is_file()


def test_a_second_home_is_the_first_one_with_another_folder(gate: Path, server: Server, tmp_path: Path) -> None:
    """A copy of its keys stands by; what one has written the other reads, sealed under the same state key."""
    shutil.rmtree(gate / "store")
    for mark in gate.glob("*.made"):
        mark.unlink()
    first = opened(gate, server)
    keys = first.audit_keys.of(CASES)
    note(first, "by the first")
    first.close()
    second = shutil.copytree(gate, tmp_path / "second")
    other = opened(second, server)
    assert has(other, "by the first")
    assert other.audit_keys.of(CASES[1:]) == {CASES[1]: keys[CASES[1]]}
    other.close()


def test_a_destroyed_audit_key_is_in_no_row(gate: Path, server: Server) -> None:
    """Also in none that is dead: the table is vacuumed at once. Its log and its copies have it for a while longer."""
    shutil.rmtree(gate / "store")
    for mark in gate.glob("*.made"):
        mark.unlink()
    home = opened(gate, server)
    home.audit_keys.of([b"c" * 32])
    home.forget_cases([b"c" * 32])
    with server.connect(called="test") as raw:
        row = raw.execute("SELECT n_dead_tup, vacuum_count > 0 FROM pg_stat_all_tables WHERE relname = 'audit_key'")
        assert row.fetchone() == (0, True)
    home.close()


def test_nothing_of_an_event_is_readable_on_the_server(
    postgres: PostgresServer, postgres_template: str, tmp_path: Path
) -> None:
    """Ids, organisations and envelopes are in none of its files in the clear, nor in its log."""
    with on_server(postgres, postgres_template):
        world = World(tmp_path)
        raw = world.event()
        world.outbox("kz", raw)
        world.settle()
        postgres.order("CHECKPOINT")
        content = b"".join(path.read_bytes() for path in postgres.folder.rglob("*") if path.is_file())
        for secret in (fixed("event"), fixed("referral event"), fixed("case event", 32), raw[200:400]):
            assert secret not in content
            assert secret.hex().encode() not in content
        world.close()
