"""Whatever stands in any column of one audit key: its case and all others go on, and the damage is counted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, Table

from refbus.core.vocabulary import EventType
from refbus.crypto.secretbox import StateKey
from refbus.node.store.audit_keys import AuditKeys, audit_key
from refbus_gate.home import AUDIT_KEYS
from support.damage import any_column, write
from support.directories import ngo
from support.envelopes import fixed
from support.gates import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Return kz and uz."""
    made = World(tmp_path)
    yield made
    made.close()


@any_column(audit_key.metadata)
def test_one_damaged_audit_key_holds_up_no_case(world: World, table: Table, column: Column[Any], value: object) -> None:
    """An event of the damaged case and one of another arrive, both are logged, and a copy of the keys is refused."""
    kz = world.nodes["kz"]
    for name in ("first", "second"):
        world.outbox("kz", world.event(name))
    world.settle()
    logged = len(kz.bus.records("kz.audit"))
    key = StateKey(hashlib.sha256(b"state kz").digest())
    assert AuditKeys.is_sound(kz.folder / AUDIT_KEYS, key)
    if not write(kz.folder / AUDIT_KEYS, table, column, value):
        return
    kz.restart()
    for name in ("first", "second"):
        case = {"referral_id": fixed(f"referral {name}"), "case_handle": fixed(f"case {name}", 32)}
        world.outbox("kz", world.event(f"{name} again", event_type=EventType.INFORMATION_PROVIDED, **case))
    world.settle()
    assert len(world.events(ngo("uz"))) == 4
    assert len(kz.bus.records("kz.audit")) == logged + 2
    assert not AuditKeys.is_sound(kz.folder / AUDIT_KEYS, key)
    if column is table.c.sealed:
        assert len(kz.audit_keys.damaged) == 1
