"""Whatever stands in any column of one row of an auditor's store: what others wrote is logged, cosigned and proven."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, Table

from refbus import telemetry
from refbus.audit.erasure import make_orders
from refbus.core.ids import KeyId
from refbus.core.units import HOUR_MS
from refbus.errors import Code, RefbusError, StoreError
from refbus.wire.transport import AuditEntry
from refbus_auditor import ledger
from refbus_auditor.home import STORE
from refbus_auditor.meters import Meters
from refbus_auditor.store.tables import metadata
from support.auditors import AuditNode, Auditors
from support.damage import any_column, write
from support.directories import gate, signing_pair

LOG = {Code.LOG_STORE_DAMAGED, Code.LOG_ROLLED_BACK, Code.LOG_FORKED, Code.AUDIT_INVALID}
STOPS = {
    **{("position", name): {Code.POSITION_CONFLICT} for name in ("next_offset", "first_offset", "gaps", "shift")},
    ("position", "topic_id"): {Code.LOG_TRUNCATED},
    **{("entry", name): LOG for name in ("origin", "place", "leaf")},
    **{("shard", name): LOG for name in ("origin", "size", "root", "edge", "signed_size", "signed_root", "standing")},
}
"""What stops an auditor until a copy is put back, and by which codes: how far the topic is decided, and the log itself,
which must sign nothing that does not follow from what it signed before."""


def entries(world: Auditors, country: str, *numbers: int) -> list[AuditEntry]:
    """Return entries of the gate of a country."""
    return [world.entry_of(gate(country), decision_id=bytes([number]) * 16) for number in numbers]


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Auditors:
    """Fill three logs once, and close them: each test goes on from there, on copies."""
    made = Auditors(tmp_path_factory.mktemp("full"))
    fill(made)
    made.close()
    return made


def fill(world: Auditors) -> None:
    """Let three logs be cosigned, entries wait for a key at kz, and one be erased."""
    kz = world.nodes["kz"]
    for country, node in world.nodes.items():
        for entry in entries(world, country, 1, 2):
            node.bus.put(f"{country}.audit", entry.encode())
    for entry in entries(world, "kz", 3, 4):
        kz.bus.put("kz.audit", replace(entry, kid=KeyId(bytes(len(entry.kid)))).encode())
    for order in make_orders(gate("kz"), [bytes([1]) * 16], signing_pair(gate("kz")), world.now_ms):
        kz.bus.put("kz.audit", order.encode())
    world.settle()


@pytest.fixture
def world(full: Auditors, tmp_path: Path) -> Iterator[Auditors]:
    """Return kg, kz and uz, whose logs two witnesses must cosign and which have something of everything."""
    made = full.gone_on(tmp_path)
    yield made
    made.close()


@any_column(metadata)
def test_one_damaged_value_of_any_column_holds_up_no_other(
    world: Auditors, table: Table, column: Column[Any], value: object
) -> None:
    """What comes later is in the log, proven and cosigned, here and in the logs that this witness cosigns."""
    kz = world.nodes["kz"]
    if not write(kz.folder / "store" / STORE, table, column, value):
        return
    later = {country: entries(world, country, 5, 6) for country in world.countries}
    for country, node in world.nodes.items():
        for entry in later[country]:
            node.bus.put(f"{country}.audit", entry.encode())
    stops = STOPS.get((table.name, column.name))
    if stops is not None:
        with pytest.raises(RefbusError) as stopped:
            started(world, kz)
        assert stopped.value.code in stops
        assert refused(kz) == {}
        return
    started(world, kz)
    unwatched = {"kg"} if table.name == "witnessed" else set()
    for country in set(world.countries) - unwatched:
        proven = {proof.entry for record in world.nodes[country].proofs() for proof in record.proofs}
        assert {entry.leaf for entry in later[country]} <= proven, country
        world.nodes[country].require_sound()
    looked_at(world, kz)


def started(world: Auditors, kz: AuditNode) -> None:
    """Start the auditor of kz anew and let everybody work, also on what waits."""
    kz.restart()
    world.now_ms += HOUR_MS
    world.settle()
    kz.core.entries.again(moved=True)
    world.settle()


def refused(node: AuditNode) -> dict[str, int]:
    """Return how many entries were refused, by code: an entry that is refused is lost."""
    with closing(sqlite3.connect(node.folder / "store" / STORE)) as opened:
        return dict(opened.execute("SELECT code, records FROM tally WHERE result = 'REFUSED'"))


def looked_at(world: Auditors, kz: AuditNode) -> None:
    """Show what the monitoring looks at, export, and log a directory."""
    Meters(telemetry.Metrics(telemetry.Service.AUDITOR, world.now)).log(kz.core.shards(), kz.core.account())
    with kz.home.database.reading() as connection:
        assert list(ledger.records(connection, kz.origin(), 0, 2**60))
    assert kz.core.log_directory([("metadata/1.root.json", b"{}")]) == 1
    kz.core.entries.erasures.again()
    assert kz.core.witness.newest("unknown") is None
    with suppress(StoreError):
        kz.home.require_not_stopped()


@pytest.mark.parametrize("name", ["next_offset", "first_offset", "gaps", "shift"])
@pytest.mark.parametrize("number", [2**63 - 1, 10**12 + 1, -(2**63)])
def test_a_position_that_no_topic_has_stops_an_auditor_by_its_code(world: Auditors, name: str, number: int) -> None:
    """It says POSITION_CONFLICT when it starts, and computes with no such number."""
    kz, table = world.nodes["kz"], metadata.tables["position"]
    assert write(kz.folder / "store" / STORE, table, table.c[name], number)
    with pytest.raises(StoreError) as stopped:
        kz.restart()
    assert stopped.value.code is Code.POSITION_CONFLICT
