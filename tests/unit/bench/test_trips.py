"""How long the trips through our code are: counts are the same on every machine, so they are pinned here."""

from __future__ import annotations

from pathlib import Path

from bench import trips
from bench.counting import counting
from refbus.bus.memory import MemoryBus


def test_the_bus_in_memory_is_not_counted() -> None:
    """It stands in for a broker, so what it calls is no trip of ours."""
    with counting() as counts:
        bus = MemoryBus(["kz.outbox"])
        bus.put("kz.outbox", b"a value")
        reader = bus.reader("kz.outbox")
        reader.read(10, 0)
        reader.close()
    assert {name for name in counts.calls if "bus" in name[0]} == set()


def test_a_referral_asks_little_of_the_stores(tmp_path: Path) -> None:
    """Statements and flushes of the disk of each step; what makes a referral visible is one transaction."""
    found = {each.name: each.value for each in trips.hops(tmp_path)}
    most = {"refers a person": (23, 1), "takes a referral in": (40, 1), "answers that it arrived": (24, 1)}
    pinned = dict[str, int]()
    for name, (statements, flushes) in most.items():
        pinned |= {f"a gateway {name}: statements": statements, f"a gateway {name}: flushes": flushes}
    assert {name: value for name, value in found.items() if value > pinned[name]} == {}
    assert found.keys() == pinned.keys()
    assert all(found.values())


def test_a_send_and_the_turns_of_the_services_stay_short(tmp_path: Path) -> None:
    """Sending a case and turns without news take no more calls of ours than when they were last counted."""
    found = {each.name: each.value for each in (*trips.send(tmp_path / "send"), *trips.turns(tmp_path / "turns"))}
    most = {
        "refbus send, once more": 2_900,
        "refbus send, a new process": 14_800,
        "a turn of the gateway, look, nothing new": 100,
        "a turn of the gateway, tend, nothing new": 150,
        "a turn of the auditor, nothing new": 100,
        "a turn of the gate, nothing new": 200,
    }
    assert {name: value for name, value in found.items() if value > most[name]} == {}
    assert found.keys() == most.keys()
    assert all(found.values())
