"""Stores of tests on either database: a test that is marked for both runs on files and on a PostgreSQL server.

@pytest.mark.both_stores
def test_x(tmp_path): NodeStore.open(place(tmp_path / "node.db"), KEY)

Each path of a test stands for one schema; each folder for one service with its lead. `given_up` is a process that ends.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from postgresql import PostgresServer
from refbus.database import lead
from refbus.database.lead import Lead
from refbus.database.opening import Place, open_database
from refbus.node.store import audit_keys, node
from refbus_auditor import home as auditor

FILES, SERVER = "files", "server"


@dataclass(slots=True)
class Stores:
    """The databases of one test on a server: one for each folder, made from a template with empty schemas."""

    server: PostgresServer
    template: str
    databases: dict[Path, str] = field(default_factory=dict)
    leads: dict[Path, Lead] = field(default_factory=dict)

    def lead(self, folder: Path) -> Lead:
        """Return the lead of a folder's service, taken now if nobody of this test has it."""
        if folder not in self.databases:
            self.databases[folder] = self.server.new_database(self.template)
        if folder not in self.leads:
            self.leads[folder] = Lead.take(self.server.address(self.databases[folder]), "test")
        return self.leads[folder]

    def close(self) -> None:
        """Give all up and take the databases away."""
        for each in self.leads.values():
            each.close()
        for name in self.databases.values():
            self.server.drop_database(name)


_now: list[Stores] = []


def place(path: Path) -> Place:
    """Return where the store of this path is in this test."""
    return _now[-1].lead(path.parent).schema(path.stem.replace("-", "_")) if _now else path


def given_up(folder: Path) -> None:
    """Give the lead of a folder up, as the end of its process does; the next `place` takes it again."""
    if _now and folder in _now[-1].leads:
        _now[-1].leads.pop(folder).close()


@contextlib.contextmanager
def on_server(server: PostgresServer, template: str) -> Iterator[Stores]:
    """Let the stores of a test be on a server."""
    _now.append(Stores(server, template))
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(lead, "LEASE_S", 300.0)  # a busy machine may not run the thread of a test for that long
            yield _now[-1]
    finally:
        _now.pop().close()


def make_template(server: PostgresServer) -> str:
    """Make the database that others are made from: with the schemas of a gate and of an auditor, migrated once."""
    name = server.new_database()
    lead = Lead.take(server.address(name), "test")
    for schema, kind in (("node", node.KIND), ("audit_keys", audit_keys.KIND), ("auditor", auditor.KIND)):
        open_database(lead.schema(schema), kind).close()
    lead.close()
    return name
