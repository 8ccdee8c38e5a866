"""The way of one event: in what order cases are used, and how a way is cut into legs by what brokers dated."""

from __future__ import annotations

import os
from collections import Counter
from types import SimpleNamespace

import pytest

from bench import latency
from bench.legs import LEGS, Passing, Way
from bench.usage import cpu_of, memory_of
from refbus.bus.memory import MemoryBus
from refbus.core.ids import CountryCode, KeyId, OrgId
from refbus.crypto.framing import sha256
from refbus.wire.transport import BorderKind, BorderRecord, InboxKind, InboxRecord, Passed

RECIPIENT = OrgId("uz-she1ter1")


def test_no_case_gets_more_referrals_than_a_case_has() -> None:
    """However long it runs, cases change in turn and are replaced: a case that grows for ever is measured by nobody."""
    count = 18_000
    used = Counter(latency.case_of(number) for number in range(count))
    assert max(used.values()) == latency.PER_CASE
    assert len(used) == latency.cases_for(count)
    assert max(used) == latency.cases_for(count) - 1
    for start in range(0, 2_000, latency.CASES):
        assert len({latency.case_of(start + each) for each in range(latency.CASES)}) == latency.CASES


def test_a_way_is_cut_into_legs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each leg is the time between two brokers' dates; what else is in the topics does not count."""
    now = [1_000_000]
    bus = MemoryBus(["kz.outbox", "uz.border.kz", f"uz.inbox.{RECIPIENT}"], lambda: now[0])
    monkeypatch.setattr("bench.legs.confluent", SimpleNamespace(reader=lambda _address, topic: bus.reader(topic)))
    stage = SimpleNamespace(operator=lambda country: country)
    passing = Passing(stage, RECIPIENT)  # type: ignore[arg-type]
    envelope = b"sealed"
    for topic, value, at_ms in (
        ("uz.border.kz", BorderRecord(BorderKind.NOTICE, b"another").encode(), 1_001_000),
        ("kz.outbox", envelope, 1_000_010),
        ("uz.border.kz", _passed(envelope), 1_000_030),
        (f"uz.inbox.{RECIPIENT}", InboxRecord(InboxKind.NOTICE, 1, b"notice").encode(), 1_000_040),
        (f"uz.inbox.{RECIPIENT}", InboxRecord(InboxKind.EVENT, 2, envelope).encode(), 1_000_070),
    ):
        now[0] = at_ms
        bus.put(topic, value)
    legs = passing.legs([Way(sha256(envelope), 1_000.0, 1_000.150)])
    assert list(legs) == list(LEGS)
    assert [round(each * 1000) for each in legs.values()] == [10, 20, 40, 80]


def test_several_processes_of_one_name_count_together() -> None:
    """All brokers are one row; what is read is the kernel's own count."""
    me = os.getpid()
    alone, twice = memory_of({"one": (me,), "two": (me, me)}).values()
    assert twice >= alone * 1.5 > 0
    assert cpu_of({"one": (me,)})["one"] > 0


def _passed(envelope: bytes) -> bytes:
    passed = Passed(envelope, 500_000, CountryCode("kz"), CountryCode("uz"), KeyId(bytes(16)), bytes(64), None)
    return BorderRecord(BorderKind.PASSED, passed.encode()).encode()
