"""A broker that has lost the end of the audit topic: new entries are logged, those in the log stay once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from refbus.core.units import HOUR_MS
from refbus.errors import Code, SetupError
from refbus.node.counted_on import lost_lately
from refbus.telemetry.labels import EntryResult
from refbus.wire.transport import AuditEntry
from refbus_auditor.gaps import accept_gap
from support.auditors import AuditNode, Auditors
from support.directories import gate

TOPIC = "kz.audit"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Auditors]:
    """Return kg, kz and uz, whose logs two witnesses must cosign."""
    made = Auditors(tmp_path)
    yield made
    made.close()


def entries(world: Auditors, *numbers: int) -> list[AuditEntry]:
    """Return entries of the gate of kz."""
    return [world.entry_of(gate("kz"), decision_id=bytes([number]) * 16) for number in numbers]


def put(node: AuditNode, *new: AuditEntry) -> None:
    """Write entries into the audit topic."""
    for each in new:
        node.bus.put(TOPIC, each.encode())


def require_logged(world: Auditors, logged: list[AuditEntry], *, repeats: int) -> None:
    """Check that each entry is in the log once and that the account balances; an hour later it is cosigned."""
    world.now_ms += HOUR_MS
    world.settle()
    kz = world.nodes["kz"]
    assert sorted(kz.leaves()) == sorted(each.leaf for each in logged)
    account = kz.core.account()
    assert account.difference == 0
    assert (account.results[EntryResult.LOGGED], account.results.get(EntryResult.DUPLICATE, 0)) == (
        len(logged),
        repeats,
    )
    kz.require_sound()


def test_new_entries_below_the_position_are_logged(world: Auditors) -> None:
    """Two logged entries are lost at the broker and another has the number of one: it is logged, none twice."""
    kz, made = world.nodes["kz"], entries(world, 1, 2, 3, 4)
    put(kz, *made[:3])
    world.settle()
    kz.bus.lose_end(TOPIC, 1)
    put(kz, made[3])
    kz.restart()
    world.settle()
    require_logged(world, made, repeats=1)
    with kz.home.database.reading() as connection:
        assert lost_lately(connection, world.now_ms)


def test_a_topic_made_anew_stops_the_auditor_until_it_is_accepted(world: Auditors) -> None:
    """`accept-gap` counts on in it; without anything missing it is refused."""
    kz, made = world.nodes["kz"], entries(world, 1, 2, 3)
    put(kz, *made[:2])
    world.settle()
    with pytest.raises(SetupError) as refused:
        accept_gap(kz.home.database, kz.bus.reader(TOPIC), TOPIC)
    assert refused.value.code is Code.USAGE
    kz.bus.recreate_topic(TOPIC)
    put(kz, made[2], made[0])
    with pytest.raises(SetupError) as stopped:
        kz.restart()
    assert stopped.value.code is Code.LOG_TRUNCATED
    assert accept_gap(kz.home.database, kz.bus.reader(TOPIC), TOPIC) == 0
    kz.restart()
    world.settle()
    require_logged(world, made, repeats=1)


def test_entries_that_retention_took_are_given_up(world: Auditors) -> None:
    """An auditor that was away for longer than the topic keeps goes on behind the hole, and says how many are gone."""
    kz, made = world.nodes["kz"], entries(world, 1, 2, 3, 4)
    put(kz, made[0])
    world.settle()
    put(kz, *made[1:])
    kz.bus.truncate(TOPIC, 3)
    with pytest.raises(SetupError):
        kz.restart()
    assert accept_gap(kz.home.database, kz.bus.reader(TOPIC), TOPIC) == 2
    kz.restart()
    world.settle()
    require_logged(world, [made[0], made[3]], repeats=0)
