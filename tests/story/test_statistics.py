"""A year is counted from what the gate knows, once each, and small numbers are not told."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from refbus.core.courses.machine import CourseKind
from refbus.core.ids import CountryCode, OrgId
from refbus.core.statistics import Age, Counted, Period, read_period, tables
from refbus.core.vocabulary import EventType
from refbus.errors import Code, SetupError
from refbus.files import write_whole
from refbus.node.store.node import NodeStore
from refbus_gate.orders.statistics import courses_of, edition_of, first_edition, write_edition
from support.commands import Commands
from support.gateways import case_file, id_of, incoming, say, sent
from support.nodes import Road

KZ, UZ = CountryCode("kz"), CountryCode("uz")
YEAR = 2026
NEXT_YEAR_MS = 1_800_000_000_000


def edition(road: Road, country: CountryCode, now_ms: int = NEXT_YEAR_MS) -> dict[str, Any]:
    """Return the edition of the year of the tests."""
    node = road.nodes[country]
    found: dict[str, Any] = json.loads(
        edition_of(node.home.store, node.home.trust.history.latest, country, Period(YEAR), now_ms)
    )
    return found


def table(found: dict[str, Any], kind: str, split_by: str) -> dict[str, Any]:
    """Return one table of an edition."""
    return next(each for each in found["tables"] if (each["kind"], each["split_by"]) == (kind, split_by))


def test_a_year_of_referrals_is_told_only_without_any_two(shared: Road, tmp_path: Path) -> None:
    """Fourteen between the same two offices: each knows them all, so nothing is told; with strangers' it is."""
    for number in range(14):
        _, here = sent(shared.kz, case_file(about=f"Fictional: counted {number}"))
        shared.settle()
        there = incoming(shared.uz, id_of(shared.kz, here))
        if number < 12:
            say(shared.uz, there, EventType.REFERRAL_ACCEPTED, responsible_worker_role="SOCIAL_WORKER")
        else:
            say(shared.uz, there, EventType.REFERRAL_REJECTED, reason="CAPACITY_FULL")
    shared.settle()
    found = edition(shared, KZ)
    assert [(each["total"], each["cells"]) for each in found["tables"]] == [(None, {})] * len(CourseKind)
    node = shared.nodes[KZ]
    mine = courses_of(node.home.store, node.home.trust.history.latest, KZ)
    assert Counter(each.outcome for each in mine) == {"ANSWERED_AND_HELPED": 12, "TURNED_DOWN": 2}
    assert {each.known_to for each in mine} == {frozenset({shared.agency, shared.shelter})}
    assert courses_of(shared.nodes[UZ].home.store, node.home.trust.history.latest, UZ) == ()
    file = tmp_path / "kz-2026.json"
    write_edition(json.dumps(found), file)
    with pytest.raises(SetupError) as caught:
        write_edition(json.dumps(found), file)
    assert caught.value.code is Code.USAGE


def test_a_year_that_is_not_over_is_not_counted(shared: Road) -> None:
    """Numbers that still grow could be subtracted from each other."""
    with pytest.raises(SetupError) as caught:
        edition(shared, KZ, shared.clock())
    assert caught.value.code is Code.USAGE


def test_the_first_edition_of_a_year_stays(tmp_path: Path) -> None:
    """What is asked for later gives the same bytes: two editions could be subtracted."""
    made = iter(("first", "second"))
    folder = tmp_path / "statistics"
    assert [first_edition(folder, Period(2026), lambda: next(made)) for _ in range(2)] == ["first", "first"]
    assert first_edition(folder, Period(2027), lambda: next(made)) == "second"

    def beaten() -> str:
        write_whole(folder / "2029.json", b"the other's")
        return "too late"

    assert first_edition(folder, Period(2029), beaten) == "the other's"
    (folder / "2028.json").write_bytes(b"\xff")
    with pytest.raises(SetupError) as caught:
        first_edition(folder, Period(2028), lambda: next(made))
    assert caught.value.code is Code.FILE_UNREADABLE


def test_a_year_is_published_whole_or_by_halves(tmp_path: Path) -> None:
    """Never both: the one half that is told and the year make the other half, which is not."""
    halves, whole = tmp_path / "halves", tmp_path / "whole"
    assert first_edition(halves, Period(2026, 1), lambda: "first half") == "first half"
    assert first_edition(halves, Period(2026, 2), lambda: "second half") == "second half"
    assert first_edition(halves, Period(2025), lambda: "another year") == "another year"
    assert first_edition(whole, Period(2026), lambda: "year") == "year"
    for folder, period in ((halves, Period(2026)), (whole, Period(2026, 1)), (whole, Period(2026, 2))):
        with pytest.raises(SetupError) as caught:
            first_edition(folder, period, lambda: "too much")
        assert caught.value.code is Code.USAGE


def test_a_half_is_counted_when_it_is_over(shared: Road) -> None:
    """On the first of July, UTC, and not a millisecond before; its edition says which half it is."""
    node = shared.nodes[KZ]
    july_ms = 1_782_864_000_000
    with pytest.raises(SetupError):
        edition_of(node.home.store, node.home.trust.history.latest, KZ, Period(YEAR, 1), july_ms - 1)
    found = json.loads(edition_of(node.home.store, node.home.trust.history.latest, KZ, Period(YEAR, 1), july_ms))
    assert (found["year"], found["half"]) == (YEAR, 1)


@pytest.mark.parametrize("text", ["2026-H3", "2026-h1", "26", "0000", "9999", "2026-H1 ", "٢٠٢٦", ""])
def test_a_period_that_is_none_is_refused(text: str) -> None:
    """A year, or half of one, and nothing else."""
    assert read_period(text) is None


def test_the_store_is_read_beside_the_running_gate(shared: Road) -> None:
    """Read only, under the same key."""
    home = shared.nodes["kz"].home
    path = home.home.folder / "store" / "node.db"
    looked = NodeStore.look_at(path, home.store._key)
    directory = home.trust.history.latest
    assert edition_of(looked, directory, KZ, Period(YEAR), NEXT_YEAR_MS)
    looked.close()


def test_an_edition_is_shown_in_words(shared: Road, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In the language of the office; what is not told shows as such; any other file is refused."""
    courses = [
        Counted(CourseKind.REFERRAL, YEAR, "ANSWERED_AND_HELPED", Age.ADULT, frozenset({OrgId(f"kz-org{number:05d}")}))
        for number in range(30)
    ]
    rows = [
        {"kind": each.kind, "split_by": each.split_by, "total": each.total, "cells": dict(each.cells)}
        for each in tables(courses)
    ]
    document = {"format": "refbus/statistics/1", "country": "kz", "year": YEAR, "tables": rows}
    file = tmp_path / "kz.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    refbus = Commands(shared, capsys)
    shown = refbus.run(shared.agency, "--lang", "ru", "stats", str(file)).out
    assert "Направления, по результату: 30" in shown
    assert "…" in shown
    file.write_text("{}", encoding="utf-8")
    assert "FILE_UNREADABLE" in refbus.run(shared.agency, "stats", str(file), ok=False).err
