"""Half-years and the names that hang on them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refbus.errors import Code, MalformedError
from refbus.tlog.keys import check_name
from refbus.tlog.shards import next_shard, origin_of, shard_at, shards_from, witness_name

YEARS = st.datetimes(datetime(1971, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds


def _ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


@pytest.mark.parametrize(
    ("at", "shard"),
    [
        ("2026-01-01T00:00:00.000+00:00", "2026a"),
        ("2026-06-30T23:59:59.999+00:00", "2026a"),
        ("2026-07-01T00:00:00.000+00:00", "2026b"),
        ("2026-12-31T23:59:59.999+00:00", "2026b"),
        ("2027-01-01T00:00:00.000+05:00", "2026b"),
    ],
)
def test_a_half_year_ends_with_june_and_december_utc(at: str, shard: str) -> None:
    """To the millisecond, whatever the clock on the wall says."""
    assert shard_at(_ms(at)) == shard


def test_shards_follow_each_other() -> None:
    """Over the turn of the year; the count says how many, the present one first."""
    assert [next_shard(shard) for shard in ("2026a", "2026b", "0999b")] == ["2026b", "2027a", "1000a"]
    assert shards_from(_ms("2026-11-28T00:00:00+00:00"), 4) == ["2026b", "2027a", "2027b", "2028a"]
    assert shards_from(_ms("2026-01-01T00:00:00+00:00"), 1) == ["2026a"]


@given(YEARS, YEARS)
def test_shards_sort_as_time_does(one: datetime, other: datetime) -> None:
    """The text of an earlier half-year is never greater, and the next one is greater."""
    first, second = sorted((int(one.timestamp() * 1000), int(other.timestamp() * 1000)))
    assert shard_at(first) <= shard_at(second)
    assert shard_at(first) < next_shard(shard_at(first))


@given(YEARS)
def test_no_half_year_is_left_out(at: datetime) -> None:
    """181 days on it is this half-year or the next one, and 184 days on it is another one."""
    at_ms, day_ms = int(at.timestamp() * 1000), 86_400_000
    assert shard_at(at_ms + 181 * day_ms) in {shard_at(at_ms), next_shard(shard_at(at_ms))}
    assert shard_at(at_ms + 184 * day_ms) != shard_at(at_ms)


def test_names_of_a_log_and_its_witness() -> None:
    """Good key names, and no shard is called like the witness."""
    assert origin_of("kz.audit.example", "2026b") == "kz.audit.example/2026b"
    assert witness_name("kz.audit.example") == "kz.audit.example/witness"
    check_name(witness_name("kz.audit.example"))


@pytest.mark.parametrize("name", ["a b", "a+b", "a\nb", "a\u2003b"])
def test_an_impossible_origin_is_refused(name: str) -> None:
    """It could not stand in a signature line."""
    with pytest.raises(MalformedError) as caught:
        origin_of(name, "2026b")
    assert caught.value.code is Code.KEY_INVALID
