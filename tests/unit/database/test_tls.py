"""The way to a PostgreSQL server: TLS to one that proves its name, or nothing goes there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kafka import Certificates
from postgresql import PostgresServer
from refbus.crypto.secretbox import StateKey
from refbus.database.address import Server
from refbus.database.lead import Lead
from refbus.errors import Code, StoreError
from refbus.node.store.node import NodeStore, get_setting, put_setting
from support.tlsfront import TlsFront

KEY = StateKey(bytes(32))


@pytest.fixture(scope="module")
def listening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """Return a server with a port of the loopback; its programs know no TLS."""
    server = PostgresServer(tmp_path_factory.mktemp("postgresql"), listens=True)
    server.start()
    yield server
    server.close()


def folder_of(authority: Path, name: str) -> Path:
    """Return a folder with ca.pem, certificate.pem and key.pem of an authority, as REFBUS_DATABASE_TLS names one."""
    return Certificates(authority).issue(name).ca.parent


def address_of(port: int, tls: Path, name: str = "postgres") -> Server:
    """Return an address that production accepts."""
    found = Server("127.0.0.1", str(port), name, "refbus", "a password", tls)
    found.check(production=True)
    return found


def test_a_store_works_over_tls(listening: PostgresServer, tmp_path: Path) -> None:
    """Lead, migrations, writes and reads go to a server whose certificate has its name and is of the own authority."""
    name = listening.new_database()
    with TlsFront(folder_of(tmp_path, "database"), listening.port, asks=True) as front:
        lead = Lead.take(address_of(front.port, folder_of(tmp_path, "gate"), name), "test")
        store = NodeStore.open(lead.schema("node"), KEY)
        with store.database.writing() as connection:
            put_setting(connection, "name", b"x" * 200_000)
        with store.database.reading() as connection:
            assert get_setting(connection, "name") == b"x" * 200_000
        store.close()
        lead.close()
        assert set(front.versions) == {"TLSv1.3"}


@pytest.mark.parametrize("what", ["another authority", "another name", "no certificate of ours"])
def test_a_server_that_does_not_prove_itself_is_refused(
    listening: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """STORE_UNREACHABLE, and no session begins; so does one that wants a certificate which we do not have."""
    own = folder_of(tmp_path / "own", "gate")
    if what == "another name":
        monkeypatch.setattr("kafka.certificates.HOSTS", ("db.kz.example",))
    theirs = folder_of(tmp_path / ("theirs" if what == "another authority" else "own"), "database")
    if what == "no certificate of ours":
        for each in ("certificate.pem", "key.pem"):
            (own / each).unlink()
    with TlsFront(theirs, listening.port, asks=what == "no certificate of ours") as front:
        with pytest.raises(StoreError) as caught:
            Lead.take(address_of(front.port, own), "test")
        assert (caught.value.code, front.versions) == (Code.STORE_UNREACHABLE, [])


def test_where_tls_is_asked_for_nothing_goes_without_it(tmp_path: Path) -> None:
    """A server, or somebody in its place, that offers none hears neither a password nor a row."""
    folder = Certificates(tmp_path / "authority").issue("database").ca.parent
    server = PostgresServer(tmp_path / "postgresql", listens=True)
    server.start()
    try:
        plain = Server("127.0.0.1", str(server.port), "postgres", "refbus")
        Lead.take(plain, "test").close()
        address = replace(plain, tls=folder)
        address.check(production=True)
        with pytest.raises(StoreError) as caught:
            Lead.take(address, "test")
        assert caught.value.code is Code.STORE_UNREACHABLE
    finally:
        server.close()
