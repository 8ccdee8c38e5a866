"""A day and a time have one written form each; what only looks like one is none."""

from __future__ import annotations

import unicodedata
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refbus.core.times import (
    day_ms,
    day_text,
    iso_day,
    iso_time,
    read_day,
    read_moment,
    read_time,
    read_typed_day,
    show_second,
    show_time,
)
from refbus.core.units import DAY_MS, HOUR_MS


@pytest.mark.parametrize(
    "text", ["2027-W01-1", "20270101", "2027-1-1", "2027-02-30", "31.03.2027", " 2027-01-01", "2027-01-01T00", ""]
)
def test_what_only_looks_like_a_day_is_none(text: str) -> None:
    """A week, a number, a day that does not exist, other orders, blanks."""
    assert read_day(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "2027-W01-1T10:00+05:00",
        "2027-01-01T10:00",
        "2027-01-01",
        "2027-01-01T25:00+05:00",
        "20270101T1000+0500",
        "1970-01-01T00:00Z",
        "9999-01-01T00:00Z",
        "0001-01-01T00:00+05:00",
    ],
)
def test_what_only_looks_like_a_time_is_none(text: str) -> None:
    """Without a zone, in another form, or of another age than the bus."""
    assert read_time(text) is None


def test_a_time_counts_its_zone() -> None:
    """Noon in Almaty is seven o'clock UTC; fractions of a second are kept."""
    noon = int(datetime(2026, 3, 31, 7, tzinfo=UTC).timestamp() * 1000)
    assert read_time("2026-03-31T12:00+05:00") == read_time("2026-03-31 07:00:00Z") == noon
    assert read_time("2026-03-31T07:00:00.125+00:00") == noon + 125


@pytest.mark.parametrize("typed", ["14.3.1991", "14.03.1991", "14/03/1991", "14-3-1991", "1991-03-14"])
def test_a_day_as_people_write_it(typed: str) -> None:
    """The day stands first, never the month; what is no day stays as it was typed."""
    assert iso_day(typed) == "1991-03-14"
    assert iso_day("3.1991") == "1991-03"
    assert [iso_day(each) for each in ("1991", "soon", "14 March")] == ["1991", "soon", "14 March"]
    assert read_day(iso_day("31.2.1991")) is None


@pytest.mark.parametrize(
    "typed",
    [
        *(
            "1 марта 2027",
            "1 марта 2027 г.",
            "01 март 2027",
            "March 1, 2027",
            "1 Mar 2027",
            "1-mart, 2027",
            "2027 yil 1-mart",
        ),
        *("2027 ж. 1 наурыз", "2027-ж., 1-март", "1 mart 2027", "1 МАРТА 2027 ГОДА"),
    ],
)
def test_a_month_may_be_written_out(typed: str) -> None:
    """In each of our languages, long or short, in its own order; with a time too."""
    assert read_typed_day(typed) == date(2027, 3, 1)
    assert read_moment(f"{typed} 14:30", 300) == read_time("2027-03-01T14:30+05:00")


@pytest.mark.parametrize(
    "typed", ["1991 г.", "1991г", "1991 год", "1991-жылы", "1991 ж.", "1991-yil", "1991 ý.", "1991 с."]
)
def test_a_year_may_have_its_word_behind_it(typed: str) -> None:
    """As forms and people write a year of birth; a word before it says something else, as "с 1991" (since 1991)."""
    assert iso_day(typed) == "1991"
    assert [iso_day(each) for each in ("с 1991", "91 г.", "1991 утром", "ок. 1991 г.")] == [
        "с 1991",
        "91 г.",
        "1991 утром",
        "ок. 1991 г.",
    ]


@pytest.mark.parametrize(
    "typed",
    [
        *("≈2008 г.", "<2008 г.", ">2008 г.", "~2008 y", "2008? г", "2008 г.?", "-2008 г", "(2008 г.)", "2008 г…"),
        *("±2008 г.", "2008±1 г.", "2008+ г.", "2008/г.", "2008  г?", "2008 г. ≈", "२००८ г."),
        *(
            "≈1 марта 2008",
            "1? марта 2008",
            "1 марта 2008?",
            "~март 2008",
            "март ≈2008",
            "<1 марта 2008 г.",
            "-март 2008",
        ),
        *(
            "с 1 марта 2008",
            "с марта 2008",
            "1 марта с 2008",
            "г. 2008",
            "1 г марта 2008",
            "март / 2008",
            "of March 2008",
        ),
        *("~2008", "2008?", "-2008", "<2008", "+2008", "≈3.2008", "10-12.2008", "1/3-2008", "1.3.2008?"),
    ],
)
def test_a_mark_of_doubt_is_no_part_of_a_day(typed: str) -> None:
    """About, before, since, or perhaps: it stays as it was typed, and whoever asked for a day refuses it."""
    assert iso_day(typed) == typed
    assert read_typed_day(typed) is None
    assert iso_time(f"{typed} 14:30", 300) == f"{typed} 14:30"
    assert read_moment(typed, 300) is read_moment(f"{typed} 14:30", 300) is None


def test_a_letter_in_two_parts_is_one() -> None:
    """Some computers write й and ý as a letter and its sign."""
    assert (
        iso_day(unicodedata.normalize("NFD", "1991 ý.")) == iso_day(unicodedata.normalize("NFD", "1991 й.")) == "1991"
    )
    assert iso_day(unicodedata.normalize("NFD", "ýanwar 1991")) == "1991-01"


def test_a_month_written_out_is_not_guessed() -> None:
    """A second month, a second day, an unknown word or no year is no day."""
    for typed in (
        "1 марта",
        "1 2 марта 2027",
        "марта апреля 2027",
        "1 марта 2027 утром",
        "31 февраля 2027",
        "1 брюмера 2027",
    ):
        assert read_typed_day(typed) is None
    assert iso_day("март 1991") == "1991-03"


@pytest.mark.parametrize("typed", ["24.9.2026 10:30", "24/09/2026, 10.30", "2026-09-24 10:30", "2026-09-24T10:30:00"])
def test_a_time_as_people_write_it_is_of_the_clocks_there(typed: str) -> None:
    """Without a zone it is the country's own; with one it stays as it is."""
    assert read_time(iso_time(typed, 300)) == read_time("2026-09-24T10:30+05:00")
    assert read_moment(typed, -90) == read_time("2026-09-24T10:30-01:30")
    assert iso_time("2026-09-24T10:30+03:00", 300) == "2026-09-24T10:30+03:00"
    assert [read_time(iso_time(each, 0)) for each in ("24.13.2026 10:30", "24.9.2026 25:00", "24.9.2026")] == [None] * 3


@given(st.dates(date(1900, 1, 1), date(2200, 1, 1)), st.integers(-720, 840))
def test_a_day_comes_back_as_it_was_written(day: date, offset: int) -> None:
    """In every zone: its first millisecond is of that day, the one before is not."""
    assert read_day(day.isoformat()) == day
    begins = day_ms(day, offset)
    assert day_text(begins, offset) == day.isoformat()
    assert day_text(begins - 1, offset) < day.isoformat()


def test_a_time_is_shown_with_its_zone_and_one_outside_of_the_calendar_as_a_number() -> None:
    """To the minute where people read, to the second where a log is read."""
    assert show_time(DAY_MS + HOUR_MS) == "1970-01-02 01:00 UTC"
    assert show_time(0, 300) == "1970-01-01 05:00 UTC+05:00"
    assert show_second(61_000) == "1970-01-01 00:01:01 UTC"
    assert show_time(2**62) == f"{2**62} ms"
