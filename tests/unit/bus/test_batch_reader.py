"""A reader of batches comes back in its time, whatever stands in the log; without a broker."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import cast

import pytest

from refbus.bus.address import BrokerAddress
from refbus.bus.batchreader import BatchReader
from refbus.bus.driver import Fetched
from refbus.node.counted_on import has_other_record
from refbus.node.store.rows import Position

WAIT_S = 0.3
OTHER = b"h" * 32


def damaged(first: int, records: int) -> bytes:
    """Return a batch whose header says two numbers of records and another checksum: only the next shows its end."""
    body = bytes(40)
    numbers = (first, 49 + len(body), 0, 2, 12345, 0, records - 1, 0, 0, -1, -1, -1, records + 5)
    return struct.pack(">qiibIhiqqqhii", *numbers) + body


class Log:
    """Answers like a broker that has batches of five records; counts what it was asked."""

    def __init__(self, batches: int) -> None:
        self.batches = [(first, damaged(first, 5)) for first in range(0, 5 * batches, 5)]
        self.asked = 0

    def ask(self, offset: int, _wait_s: float, *, one: bool = False) -> Fetched:
        """Return what there is from `offset` on."""
        self.asked += 1
        assert self.asked < 1000, "the reader does not come back"
        found = [batch for first, batch in self.batches if first + 5 > offset]
        return Fetched(b"".join(found[:1] if one else found), (), 5 * len(self.batches), 5 * len(self.batches))

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[BatchReader]:
    """Give a reader of a log with so many damaged batches."""
    made, log = BatchReader(BrokerAddress("localhost:1"), "kz.outbox"), Log(request.param)
    made._line.close()
    monkeypatch.setattr(made, "_line", log)
    monkeypatch.setattr(made, "begin_offset", lambda: 0)
    monkeypatch.setattr(made, "end_offset", lambda: 5 * request.param)
    monkeypatch.setattr("refbus.node.counted_on._READ_WAIT_S", WAIT_S)
    yield made
    made.close()


@pytest.mark.parametrize("reader", [1, 2], indirect=True)
def test_the_look_at_one_record_ends_at_a_damaged_batch(reader: BatchReader) -> None:
    """Also where it is the last of the log: nobody can say what was there."""
    assert not has_other_record(reader, Position("kz.outbox", "", 5, 0, 0, last_hash=OTHER))


@pytest.mark.parametrize("reader", [2], indirect=True)
def test_one_damaged_batch_is_passed_by_what_stands_behind_it(reader: BatchReader) -> None:
    """Who wants one record gets the batch as it is, once the next has shown its end."""
    reader.seek(4)
    (record,) = reader.read(1, WAIT_S)
    assert (record.begin, record.offset) == (4, 4)
    assert record.unreadable
    assert reader.position() == 5


@pytest.mark.parametrize("reader", [1], indirect=True)
def test_a_reader_that_gets_nowhere_asks_seldom(reader: BatchReader) -> None:
    """The broker is not asked without a pause, and the caller has its thread back at the end of its time."""
    reader.seek(4)
    assert reader.read(1, WAIT_S) == []
    assert cast("Log", reader._line).asked < 10
