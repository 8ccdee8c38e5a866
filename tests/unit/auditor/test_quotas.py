"""How much one member may write to the log, what becomes of the rest, and that nobody else is concerned."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from refbus.audit import make_entry
from refbus.audit.erasure import make_orders
from refbus.core.units import DAY_MS, HOUR_MS
from refbus.core.vocabulary import EventType
from refbus.telemetry.labels import EntryResult
from refbus_auditor import ledger, quotas
from refbus_auditor.quotas import Amount
from refbus_auditor.rooms import lines
from refbus_auditor.store.tables import usage
from support.audit import audit_record
from support.auditors import AuditNode, Auditors
from support.directories import NOW_MS, agency, inspector, kem_private, signing_pair

ROOMY = 1 << 30
MEMBER = agency("kz")


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a member write three entries in an hour and five in a day, order four erasures, and let four wait."""
    monkeypatch.setattr(quotas, "IN_AN_HOUR", Amount(3, ROOMY, 4))
    monkeypatch.setattr(quotas, "IN_A_DAY", Amount(5, ROOMY, 6))
    for name in ("WAITING", "UNVERIFIED"):
        monkeypatch.setattr(quotas, name, Amount(4, ROOMY))


def write(world: Auditors, count: int, writer: str = MEMBER, start: int = 0, **changes: Any) -> list[bytes]:
    """Write so many entries of a member; return their leaves."""
    made = [
        world.entry_of(writer, decision_id=number.to_bytes(16, "big"), **changes)
        for number in range(start, start + count)
    ]
    for entry in made:
        world.nodes["kz"].bus.put("kz.audit", entry.encode())
    world.nodes["kz"].consume()
    return [entry.leaf for entry in made]


def order(world: Auditors, count: int, start: int = 0) -> None:
    """Let the member order so many of its records to be erased, in one order."""
    names = [number.to_bytes(16, "big") for number in range(start, start + count)]
    for each in make_orders(MEMBER, names, signing_pair(MEMBER), NOW_MS):
        world.nodes["kz"].bus.put("kz.audit", each.encode())
    world.nodes["kz"].consume()


def state(node: AuditNode) -> tuple[int, int, int]:
    """Return how many records were logged, wait for room, and were refused; all records are accounted for."""
    account = node.core.account()
    assert account.difference == 0
    results = account.results
    return results.get(EntryResult.LOGGED, 0), account.over_quota, results.get(EntryResult.REFUSED, 0)


def test_what_is_beyond_the_quota_waits_and_is_logged_later_in_order(world: Auditors) -> None:
    """Three now, two in the next hour, which fill the day, and the rest the day after."""
    kz = world.nodes["kz"]
    leaves = write(world, 7)
    assert state(kz) == (3, 4, 0)
    world.now_ms += HOUR_MS
    assert kz.core.entries.again(moved=False) == 2
    world.now_ms += DAY_MS
    kz.core.entries.again(moved=False)
    assert state(kz) == (7, 0, 0)
    assert kz.leaves() == leaves


def test_what_waits_is_not_looked_at_while_there_is_no_room(world: Auditors, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred calls check no signature again."""
    write(world, 7)
    entries = world.nodes["kz"].core.entries
    monkeypatch.setattr(type(entries), "_sort", None)
    assert sum(entries.again(moved=False) for _ in range(100)) == 0


def test_a_clock_that_was_ahead_leaves_nothing_behind(world: Auditors) -> None:
    """What a member wrote in hours that are not here yet takes no room of today, and is forgotten."""
    kz, right = world.nodes["kz"], world.now_ms
    world.now_ms += 3 * DAY_MS
    write(world, 3)
    world.now_ms += HOUR_MS
    write(world, 2, start=3)
    world.now_ms = right
    write(world, 1, start=5)
    assert state(kz) == (6, 0, 0)
    with kz.home.database.reading() as connection:
        assert {row.hour for row in connection.execute(select(usage))} == {right // HOUR_MS}


def test_what_comes_later_waits_behind_what_waits(world: Auditors) -> None:
    """The order of a writer's entries in the log is the one in which it wrote them."""
    kz = world.nodes["kz"]
    leaves = write(world, 4)
    world.now_ms += HOUR_MS
    leaves += write(world, 1, start=4)
    assert state(kz) == (3, 2, 0)
    kz.core.entries.again(moved=False)
    assert kz.leaves() == leaves


def test_a_flood_of_a_gate_waits_in_order_and_every_decision_stays_provable(
    world: Auditors, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three now, two wait; of the rest the leaf is logged at once, without the sealed record. None is refused."""
    monkeypatch.setattr(quotas, "GATE_IN_AN_HOUR", Amount(3, ROOMY))
    monkeypatch.setattr(quotas, "GATE_WAITING", Amount(2, ROOMY))
    kz = world.nodes["kz"]
    leaves = world.log(10)
    kz.consume()
    assert state(kz) == (8, 2, 0)
    assert kz.leaves() == leaves[:3] + leaves[5:]
    assert sealed_records(kz) == 3
    write(world, 1)
    assert state(kz) == (9, 2, 0)
    world.now_ms += HOUR_MS
    kz.core.entries.again(moved=False)
    assert state(kz) == (11, 0, 0)
    assert sealed_records(kz) == 6


def test_no_flood_of_its_writer_stands_in_the_way_of_evidence(world: Auditors) -> None:
    """The entry of an emergency is logged at once while plain ones wait; a flood of such keeps every leaf."""
    kz = world.nodes["kz"]
    write(world, 9)
    leaves = write(world, 12, start=100, event_type=EventType.EMERGENCY_INVOKED)
    assert state(kz) == (3 + 3 + 5, 4 + 4, 2)
    world.now_ms += DAY_MS
    kz.core.entries.again(moved=False)
    assert set(leaves[:5] + leaves[7:]) <= set(kz.leaves())


def test_who_writes_the_entries_of_others_again_spends_nothing_of_theirs(world: Auditors) -> None:
    """Logged ones, waiting ones and orders, each fifty times: the member goes on as if nobody had."""
    kz = world.nodes["kz"]
    order(world, 2)
    write(world, 1)
    for _ in range(50):
        for record in kz.bus.records("kz.audit")[:2]:
            kz.bus.put("kz.audit", record.value)
    kz.consume()
    write(world, 3, start=1)
    assert state(kz) == (2, 2, 0)
    last = kz.bus.records("kz.audit")[-1].value
    for _ in range(50):
        kz.bus.put("kz.audit", last)
    kz.consume()
    assert state(kz) == (2, 2, 0)
    assert kz.core.account().results[EntryResult.DUPLICATE] == 150
    world.now_ms += HOUR_MS
    kz.core.entries.again(moved=False)
    assert state(kz) == (4, 0, 0)


def test_what_is_written_in_the_name_of_a_member_leaves_its_entries_room(world: Auditors) -> None:
    """Claims with other keys fill rooms of their own: those with the member's next key wait, and its own are logged."""
    kz = world.nodes["kz"]
    forger, later = signing_pair("a forger"), signing_pair("next key")
    for number, pair in enumerate([forger] * 9 + [later] * 3):
        made = make_entry(
            audit_record(writer=MEMBER, decision_id=number.to_bytes(16, "big")),
            audit_key=bytes(32),
            signer=pair,
            inspector=kem_private(inspector("kz")).public,
        )
        kz.bus.put("kz.audit", made.encode())
    kz.consume()
    assert (kz.core.account().waiting, state(kz)) == (4 + 3, (0, 0, 5))
    write(world, 3, start=50)
    assert state(kz)[0] == 3
    shown = list(lines(kz.folder))
    assert shown[0].startswith(f"somebody in the name of {MEMBER} with key {forger.kid.hex()[:16]}: 4 entries wait")


def test_all_that_nobody_can_verify_has_one_bound(world: Auditors, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many names and keys are claimed."""
    monkeypatch.setattr(quotas, "ALL_UNVERIFIED", Amount(5, ROOMY))
    kz = world.nodes["kz"]
    for number in range(9):
        made = make_entry(
            audit_record(writer=MEMBER, decision_id=number.to_bytes(16, "big")),
            audit_key=bytes(32),
            signer=signing_pair(f"key {number}"),
            inspector=kem_private(inspector("kz")).public,
        )
        kz.bus.put("kz.audit", made.encode())
    kz.consume()
    assert (kz.core.account().waiting, state(kz)) == (5, (0, 0, 4))


def sealed_records(node: AuditNode) -> int:
    """Return how many entries of the log have their sealed record."""
    log = node.core.shards()[-1]
    with node.home.database.reading() as connection:
        return sum(1 for _ in ledger.records(connection, log.origin, 0, 2**60))


def test_the_gate_is_not_concerned(world: Auditors) -> None:
    """The gate logs each decision however much a member writes."""
    write(world, 10)
    before = state(world.nodes["kz"])[0]
    world.log(20)
    world.nodes["kz"].consume()
    assert state(world.nodes["kz"])[0] == before + 20


def test_beyond_what_may_wait_entries_are_refused_and_counted(world: Auditors) -> None:
    """Three are logged, four wait, the other three are set aside with TOO_MANY_WAITING; the balance holds."""
    kz = world.nodes["kz"]
    write(world, 10)
    assert state(kz) == (3, 4, 3)


def test_a_quota_outlives_a_restart(world: Auditors) -> None:
    """What was used and what waits is in the store."""
    write(world, 3)
    world.nodes["kz"].restart()
    write(world, 1, start=3)
    assert state(world.nodes["kz"]) == (3, 1, 0)


def test_orders_count_by_what_they_name(world: Auditors) -> None:
    """One order about five decisions is too much for an hour in which four may be named; it is not lost."""
    kz = world.nodes["kz"]
    order(world, 2)
    order(world, 3, start=2)
    assert kz.core.account().results == {EntryResult.ERASED: 1}
    world.now_ms += HOUR_MS
    assert kz.core.entries.again(moved=False) == 1


def test_bytes_count_too(world: Auditors, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two entries do not fit where one does."""
    size = len(world.entry_of(MEMBER).encode())
    monkeypatch.setattr(quotas, "IN_AN_HOUR", Amount(1_000, size, 0))
    write(world, 2)
    assert state(world.nodes["kz"]) == (1, 1, 0)


def test_a_name_that_nobody_knows_takes_no_member_s_room(world: Auditors) -> None:
    """All names that are not in the directory share one room; a member's entries wait for its key beside them."""
    kz = world.nodes["kz"]
    for number in range(6):
        write(world, 1, writer=f"kz-stranger{number}"[:11], start=number)
    assert (kz.core.account().waiting, state(kz)) == (4, (0, 0, 2))
    write(world, 1)
    assert state(kz)[0] == 1


def test_the_operator_can_see_who_it_is(world: Auditors) -> None:
    """Which member's entries wait, and how much each wrote."""
    write(world, 5)
    shown = list(lines(world.nodes["kz"].folder))
    assert shown[0].startswith(f"{MEMBER}: 2 entries wait")
    assert shown[1].startswith(f"{MEMBER}: 3 entries in a day")
