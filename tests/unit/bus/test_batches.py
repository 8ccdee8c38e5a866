"""Batches of the broker taken apart: every codec, no more memory than allowed, and one bad batch spoils no other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kafka.rawbatches import CODECS, GZIP, LZ4, SNAPPY, ZSTD, Draft, bomb
from refbus.bus.batches import LAST_MS, MOST_UNPACKED, records, split
from refbus.bus.driver import Batches, Fetched, record_of
from refbus.bus.port import Record
from refbus.errors import Code, MalformedError

GOOD = [b"one", b"two"]


def read(data: bytes, offset: int = 0, aborted: tuple[tuple[int, int], ...] = ()) -> list[Record]:
    """Read an answer of the broker as the driver does."""
    found = Fetched(data, aborted, 0, 0).batches("t", offset)
    return [record_of("t", each.offset, each.value, each.timestamp) for each in found]


def bad_between(bad: bytes, count: int = 1) -> list[Record]:
    """Read an answer with a bad batch at offset 2, between two good ones."""
    after = Draft(GOOD, first=2 + count).encode()
    return read(Draft(GOOD).encode() + bad + after)


def code_of(plain: bytes) -> str:
    """Read a batch the second way; return the code of the error, "" without one."""
    try:
        records(plain)
    except MalformedError as error:
        return error.code
    return ""


@pytest.mark.parametrize("codec", list(CODECS))
def test_every_codec_of_the_broker_is_read(codec: str) -> None:
    """What any client may pack reads the same as what nobody packed, also from the middle of a batch."""
    data = Draft(GOOD, CODECS[codec], first=7).encode()
    assert [(each.offset, each.value) for each in read(data, 7)] == [(7, b"one"), (8, b"two")]
    assert [(each.offset, each.value) for each in read(data, 8)] == [(8, b"two")]


BAD = {
    "checksum": Draft(GOOD, first=2, spoil="checksum"),
    "unknown codec": Draft(GOOD, first=2, spoil="codec"),
    "gzip that is none": Draft(GOOD, GZIP, first=2, spoil="packing"),
    "snappy that is none": Draft(GOOD, SNAPPY, first=2, spoil="packing"),
    "lz4 that is none": Draft(GOOD, LZ4, first=2, spoil="packing"),
    "zstd that is none": Draft(GOOD, ZSTD, first=2, spoil="packing"),
    "old format": Draft(GOOD, first=2, magic=1),
    "format to come": Draft(GOOD, first=2, magic=3),
    "lengths": Draft(GOOD, first=2, spoil="record"),
}


@pytest.mark.parametrize("name", list(BAD))
def test_a_batch_that_cannot_be_read_is_one_record_and_spoils_no_other(name: str) -> None:
    """It shows as its bytes with its offsets; what stands before and behind it is read."""
    bad = BAD[name].encode()
    found = bad_between(bad, 2)
    assert [each.value for each in found if not each.unreadable] == [*GOOD, *GOOD]
    (unread,) = [each for each in found if each.unreadable]
    assert (unread.begin, unread.offset, unread.value) == (2, 3, bad)


@pytest.mark.parametrize("codec", [GZIP, SNAPPY, LZ4, ZSTD])
def test_a_bomb_is_set_aside_and_costs_no_more_than_the_bound(codec: int) -> None:
    """A batch that unpacks to a little or to much more than the bound is not unpacked beyond it."""
    for size in (MOST_UNPACKED, 64 * 1_048_576):
        raw = bytearray(bomb(codec, size))
        raw[:8] = (2).to_bytes(8, "big")
        found = bad_between(bytes(raw))
        assert [bool(each.unreadable) for each in found] == [False, False, True, False, False]


def test_a_header_that_is_no_text_is_read_the_second_way() -> None:
    """The driver's decoder gives up on such a name; keys and headers are never used here, so the values are read."""
    data = Draft(GOOD, GZIP, key=b"k", headers=[(b"\xff\xfe", b"x")], first=5).encode()
    assert [(each.offset, each.value, each.unreadable) for each in read(data, 5)] == [(5, b"one", ""), (6, b"two", "")]
    assert [each.value for each in read(data, 6)] == [b"two"]


def test_key_headers_and_tombstone_change_nothing() -> None:
    """A record without a value is an empty one; keys and headers are passed over."""
    data = Draft([b"one", None], key=b"key", headers=[(b"name", b"content")]).encode()
    assert [each.value for each in read(data)] == [b"one", b""]


@pytest.mark.parametrize(("time_ms", "shown"), [(-1, 0), (0, 0), (LAST_MS + 1, LAST_MS), (2**63 - 1, LAST_MS)])
def test_times_far_off_stay_in_the_calendar(time_ms: int, shown: int) -> None:
    """Whatever time a writer gives, what is passed on fits every calendar and every column."""
    assert [each.timestamp_ms for each in read(Draft([b"one"], time_ms=time_ms).encode())] == [shown]
    assert [each.timestamp_ms for each in records(Draft([b"one"], time_ms=time_ms).encode())] == [shown]


def test_a_damaged_header_passes_no_record_over() -> None:
    """One that claims two thousand million records ends where the next batch begins, or counts as one at the end."""
    raw = bytearray(Draft(GOOD, first=2).encode())
    raw[23:27] = (2**31 - 1).to_bytes(4, "big")
    assert [(each.begin, each.offset) for each in bad_between(bytes(raw), 2)] == [
        (0, 0),
        (1, 1),
        (2, 3),
        (4, 4),
        (5, 5),
    ]
    (last,) = read(bytes(raw), 2)
    assert (last.begin, last.offset) == (2, 2)


def test_a_batch_of_an_aborted_transaction_is_passed_over() -> None:
    """What its writer took back is not even unpacked; the same bytes of a writer that did not are set aside."""
    bad = Draft(GOOD, ZSTD, first=2, transaction_of=7, spoil="packing").encode()
    data = Draft(GOOD).encode() + bad + Draft(GOOD, first=4).encode()
    assert [each.offset for each in read(data, aborted=((7, 2),))] == [0, 1, 4, 5]
    assert [each.offset for each in read(data, aborted=((8, 2),))] == [0, 1, 3, 4, 5]


def test_the_driver_reads_this_way() -> None:
    """The classes above stand in the driver's own place once an application is made."""
    from aiokafka.consumer import fetcher

    from refbus.bus.driver import install

    install()
    assert fetcher.PartitionRecords is Batches
    kept = fetcher.MemoryRecords(Draft(GOOD).encode())
    assert kept.has_next()
    assert kept.size_in_bytes() > 0


@given(st.binary(max_size=200), st.integers(0, 150), st.binary(min_size=1, max_size=4))
def test_whatever_the_bytes_only_one_error_comes(noise: bytes, place: int, patch: bytes) -> None:
    """Random bytes, and good batches with bytes changed, never raise anything and never hide a later offset."""
    list(read(noise))
    raw = bytearray(Draft(GOOD, GZIP).encode())
    raw[place : place + len(patch)] = patch
    for each in read(bytes(raw)):
        assert each.begin <= each.offset


@given(st.binary(max_size=60), st.integers(0, 100))
def test_the_second_way_raises_one_error(patch: bytes, place: int) -> None:
    """Records whose lengths lie end in BATCH_UNREADABLE."""
    raw = bytearray(Draft(GOOD).encode())
    raw[61 + place : 61 + place + len(patch)] = patch
    assert code_of(bytes(raw)) in {"", Code.BATCH_UNREADABLE}


def test_a_cut_answer_comes_again() -> None:
    """A batch that the answer cuts off is not shown at all."""
    data = Draft(GOOD).encode()
    assert [each.last for each in split(data + data[:30])] == [1]
