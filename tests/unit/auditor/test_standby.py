"""Two auditors of one log on a database server: the one that wakes up late signs nothing, and there is one history."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from postgresql import PostgresServer
from refbus.database import lead
from refbus.database.lead import Lead
from refbus.database.opening import look_at_database
from refbus.errors import Code, RefbusError, StoreError
from refbus.tlog.checkpoint import Checkpoint
from refbus.tlog.note import Note
from refbus.tlog.proofs import Head
from refbus_auditor import ledger
from refbus_auditor.home import KIND, place
from support.auditors import AuditNode, Auditors
from support.disasters import COUNT, Disaster
from support.stores import Stores, on_server


def take_over(node: AuditNode, stores: Stores, second: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Freeze the auditor of a node, and let another one with a home of its own lead."""
    first = node.folder / "store"
    stores.leads[first]._stop.set()
    name = stores.databases[second / "store"] = stores.databases[first]
    monkeypatch.setattr(lead, "LEASE_S", 0.0)
    other = Lead(stores.server.address(name), "test")
    while not other.try_take():
        pass
    monkeypatch.undo()
    stores.leads[second / "store"] = other
    node.folder = second
    node.open()


def checkpoint(folder: Path) -> Checkpoint:
    """Return the newest checkpoint that an auditor has published."""
    (path,) = (folder / "log").rglob("checkpoint")
    return Checkpoint.parse(Note.parse(path.read_bytes()).text)


def test_whoever_wakes_up_late_signs_nothing(
    postgres: PostgresServer, postgres_template: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither an entry nor a signature of it comes; what both have signed is one history, with all files made anew."""
    with on_server(postgres, postgres_template) as stores:
        world = Auditors(tmp_path)
        node = world.nodes["kz"]
        world.log(3)
        world.settle()
        world.log(2)
        node.consume()
        late, late_home, late_folder = node.core, node.home, node.folder
        (unsigned,) = late.shards()
        assert unsigned.head.size > unsigned.signed.size
        take_over(node, stores, tmp_path / "second", monkeypatch)
        found = set[Code]()
        for _ in range(5):
            with pytest.raises(StoreError) as caught:
                late.publisher.publish(unsigned)
            found.add(caught.value.code)
        assert Code.STORE_TAKEN_OVER in found
        world.log(2)
        world.settle()
        node.require_sound()
        before, after = checkpoint(late_folder), checkpoint(node.folder)
        assert before.size < after.size
        with node.home.database.reading() as connection:
            assert ledger.head_of(connection, after.origin, before.size) == Head(before.size, before.root)
        late_home.database.close()
        for each in world.nodes.values():
            each.home.close()


def test_a_log_of_a_store_on_a_server_can_only_end(lost: Disaster, postgres: PostgresServer) -> None:
    """Another home may have signed last: its own files prove nothing. A schema that is missing is no store."""
    lost.lose_store()
    name = postgres.new_database()
    with closing(Lead.take(postgres.address(name), "auditor")) as lead:
        with pytest.raises(RefbusError) as caught:
            lost.rebuild(lead=lead)
        assert caught.value.code is Code.LOG_ROLLED_BACK
        told = lost.rebuild(lead=lead, end=True)
        assert told[0] == "There is no store."
        store = look_at_database(place(lost.node.folder, lead), KIND)
        with closing(store), store.reading() as connection:
            logs = ledger.shards(connection)
            assert ledger.leaves(connection, lost.origin, 0, COUNT) == lost.leaves
        assert [(log.origin.rpartition("/")[2], log.standing.name) for log in logs] == [
            ("2026b", "ENDED"),
            ("2027a", "GROWS"),
        ]
    postgres.drop_database(name)
    assert Checkpoint.parse(Note.parse((lost.node.folder / "log/2026b/checkpoint").read_bytes()).text).size == COUNT
