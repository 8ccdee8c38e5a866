"""How much one member may write to the log, what becomes of the rest, and that nobody else is concerned."""

from __future__ import annotations

import pytest

from refbus.audit.erasure import make_orders
from refbus.telemetry.labels import EntryResult
from refbus_auditor import quotas
from refbus_auditor.quotas import Amount
from refbus_auditor.waiting import lines
from support.auditors import AuditNode, Auditors
from support.directories import DAY_MS, HOUR_MS, NOW_MS, agency, signing_pair

ROOMY = 1 << 30
MEMBER = agency("kz")


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a member write three entries in an hour and five in a day, order four erasures, and let four wait."""
    monkeypatch.setattr(quotas, "IN_AN_HOUR", Amount(3, ROOMY, 4))
    monkeypatch.setattr(quotas, "IN_A_DAY", Amount(5, ROOMY, 6))
    monkeypatch.setattr(quotas, "WAITING", Amount(4, ROOMY))


def write(world: Auditors, count: int, writer: str = MEMBER, start: int = 0) -> list[bytes]:
    """Write so many entries of a member; return their leaves."""
    made = [world.entry_of(writer, decision_id=number.to_bytes(16, "big")) for number in range(start, start + count)]
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


def test_what_comes_later_waits_behind_what_waits(world: Auditors) -> None:
    """The order of a writer's entries in the log is the one in which it wrote them."""
    kz = world.nodes["kz"]
    leaves = write(world, 4)
    world.now_ms += HOUR_MS
    leaves += write(world, 1, start=4)
    assert state(kz) == (3, 2, 0)
    kz.core.entries.again(moved=False)
    assert kz.leaves() == leaves


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
