"""Lanes: what may be sent when, and what a failure holds up."""

from __future__ import annotations

from refbus.node.store.outgoing import Waiting
from refbus_gate.deliver.lanes import PIPELINE, WAVE_BYTES, Lanes


def row(number: int, lane: bytes = b"lane", *, confirmed: bool = False, size: int = 10) -> Waiting:
    """Return a row of a lane."""
    return Waiting(number, "topic", bytes(size), lane, confirmed, 0, None)


def sent(lanes: Lanes) -> list[int]:
    """Return the numbers of the rows to send now."""
    return [each.id for each in lanes.sendable()]


def held(*rows: Waiting) -> Lanes:
    """Return lanes that hold these rows."""
    lanes = Lanes()
    for each in rows:
        lanes.add(each)
    return lanes


def test_rows_of_a_lane_go_in_one_wave() -> None:
    """What need not be confirmed follows closely, in order, and the next wave waits for all reports."""
    rows = [row(number) for number in range(1, 4)]
    lanes = held(*rows)
    assert sent(lanes) == [1, 2, 3]
    lanes.add(row(4))
    assert sent(lanes) == []
    for each in rows:
        assert lanes.delivered(each)
    assert sent(lanes) == [4]


def test_a_wave_is_bounded_in_rows_and_bytes() -> None:
    """A wave fits into one batch of the broker."""
    assert len(sent(held(*(row(number) for number in range(1, 200))))) == PIPELINE
    assert sent(held(row(1, size=WAVE_BYTES - 1), row(2, size=2))) == [1]
    assert sent(held(row(1, size=WAVE_BYTES + 1))) == [1]


def test_rows_that_are_confirmed_go_one_at_a_time() -> None:
    """At most one event of a case is on its way over a border; other cases do not wait."""
    first, second = row(1, b"case a", confirmed=True), row(2, b"case a", confirmed=True)
    lanes = held(first, second, row(3, b"case b", confirmed=True))
    assert sent(lanes) == [1, 3]
    lanes.delivered(first)
    assert sent(lanes) == [2]


def test_a_failure_parks_its_lane_alone() -> None:
    """Nothing of the lane is sent until its back-off is over; other lanes go on."""
    lanes = held(row(1, b"a"), row(2, b"b"))
    assert sent(lanes) == [1, 2]
    lanes.failed(row(1, b"a"), steady_ms=1000)
    lanes.delivered(row(2, b"b"))
    lanes.add(row(3, b"a"))
    lanes.add(row(4, b"b"))
    assert sent(lanes) == [4]
    assert lanes.to_refill(1001) == []
    assert lanes.to_refill(2000) == [b"a"]


def test_after_a_failure_rows_go_singly_until_one_arrives() -> None:
    """So that one record that the broker refuses does not take its wave with it for ever."""
    lanes = held(row(1), row(2))
    assert sent(lanes) == [1, 2]
    lanes.failed(row(1), steady_ms=0)
    lanes.failed(row(2), steady_ms=0)
    lanes.refill(b"lane", [row(1), row(2), row(3)], complete=True)
    assert sent(lanes) == [1]
    lanes.delivered(row(1))
    assert sent(lanes) == [2, 3]


def test_a_report_after_a_failure_in_its_lane_does_not_count() -> None:
    """What arrived behind a failed row is sent again, so that the order at the reader is whole."""
    lanes = held(row(1), row(2))
    assert sent(lanes) == [1, 2]
    lanes.failed(row(1), steady_ms=0)
    assert not lanes.delivered(row(2))
    lanes.refill(b"lane", [row(1), row(2)], complete=True)
    assert sent(lanes) == [1]


def test_back_off_doubles_up_to_a_minute() -> None:
    """A destination that is down is asked less and less often, and still every minute."""
    lanes = held(row(1))
    waits = []
    now_ms = 0
    for _ in range(12):
        assert sent(lanes) == [1]
        lanes.failed(row(1), now_ms)
        wait = next(wait for wait in range(0, 70_000, 250) if lanes.to_refill(now_ms + wait))
        waits.append(wait)
        lanes.refill(b"lane", [row(1)], complete=True)
    assert waits[:4] == [500, 1000, 2000, 4000]
    assert waits[-1] == 60_000


def test_new_rows_wait_for_older_ones_in_the_store() -> None:
    """While the store has more of a parked lane than was read, new rows are not taken up before them."""
    lanes = held(row(1))
    assert sent(lanes) == [1]
    lanes.failed(row(1), steady_ms=0)
    lanes.refill(b"lane", [row(1)], complete=False)
    lanes.add(row(9))
    assert sent(lanes) == [1]
    lanes.delivered(row(1))
    assert sent(lanes) == []
    assert lanes.to_refill(0) == [b"lane"]
    lanes.refill(b"lane", [row(2), row(9)], complete=True)
    assert sent(lanes) == [2, 9]


def test_a_parked_lane_takes_no_memory() -> None:
    """A border that is down for a week does not fill the pump's memory."""
    lanes = held(*(row(number) for number in range(1, 50)))
    for each in list(lanes.sendable()):
        lanes.failed(each, steady_ms=0)
    assert len(lanes) == 0
    lanes.refill(b"lane", [], complete=True)
    lanes.add(row(50))
    assert sent(lanes) == [50]


def test_the_same_row_is_taken_up_once() -> None:
    """A row that comes from two queries is sent once."""
    assert sent(held(row(1), row(1))) == [1]
