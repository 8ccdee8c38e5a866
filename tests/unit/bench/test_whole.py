"""What a referral causes, and what it asks of the stores on its whole way: counted, so pinned."""

from __future__ import annotations

from pathlib import Path

from bench import whole
from bench.report import Measure
from bench.whole import Whole


def test_a_referral_asks_little_of_all_stores_on_its_way(tmp_path: Path) -> None:
    """Two offices and two gates, until it is answered and all receipts are there."""
    found = {each.name.rpartition(": ")[2]: each for each in whole.measure(tmp_path, count=1)}
    most = {"statements": 321, "flushes": 20}
    assert {name: found[name].value for name, limit in most.items() if found[name].value > limit} == {}
    in_all = found["a referral and all that it causes, no broker"]
    assert in_all.value > in_all.baseline_value > 0
    parts = [each for each in found.values() if each.baseline == "all of it"]
    assert round(sum(each.value for each in parts), 6) == round(in_all.value, 6)


def test_what_a_referral_causes_is_counted(tmp_path: Path) -> None:
    """It and its answer cross the border; each is signed for, and told of twice to the office that wrote it."""
    way = Whole(tmp_path)
    way.refer(0)
    way.seen.clear()
    way.refer(1)
    assert dict(way.seen) == {
        "an event is sealed": 2,
        "an event leaves": 2,
        "an event comes in": 2,
        "an event is opened": 2,
        "a receipt comes back": 2,
        "a notice is opened": 4,
        "an entry is sealed": 2,
    }
    assert way.primitives().keys() == way.seen.keys()
    way.close()


def test_the_running_system_is_measured_against_the_same_primitives() -> None:
    """Once for each pace and each stage; without the other part there is nothing to measure against."""
    used = [
        Measure("processor time at 20 events/s, one broker: gate-kz", 3.0, "ms/event", whole.ALL, 60.0),
        Measure("processor time at 20 events/s, one broker: the broker", 9.0, "ms/event", whole.ALL, 60.0),
        Measure("latency at 20 events/s, one broker, p50", 40.0, "ms", "bare Kafka", 5.0),
    ]
    least = Measure("a referral and all that it causes, no broker", 80.0, "ms of processor", whole.BASELINE, 15.0)
    (found,) = whole.of_system(used, [least])
    assert (found.name, found.value, found.ratio) == (
        "processor time at 20 events/s, one broker, all of them",
        60.0,
        4.0,
    )
    assert whole.of_system(used, []) == []
