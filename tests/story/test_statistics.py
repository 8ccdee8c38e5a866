"""A year is counted from what the gate knows, once each, and small numbers are not told."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from refbus.core.consent.change import ConsentChange
from refbus.core.courses.machine import CourseKind
from refbus.core.editions import of_home, of_host
from refbus.core.ids import CountryCode, OrgId
from refbus.core.statistics import Age, Counted, Period, at_home, read_period, tables
from refbus.core.vocabulary import EventType
from refbus.errors import Code, SetupError
from refbus.files import write_whole
from refbus.node.store.node import NodeStore
from refbus_gate.orders.statistics import courses_of, edition_of, first_edition, home_edition_of, write_edition
from refbus_gateway.actions import consent
from refbus_gateway.consent import withdrawals
from refbus_gateway.store import cases
from support.commands import Commands
from support.desks import desk_of
from support.gateways import case_file, consent_file, id_of, incoming, say, sent, take_consent
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


def counted_now(road: Road, country: CountryCode = KZ) -> tuple[Counted, ...]:
    """Return the courses that the gate of a country would count now."""
    node = road.nodes[country]
    return courses_of(node.home.store, node.home.trust.history.latest, country, road.clock())


def test_who_takes_it_back_or_was_not_asked_is_not_counted_from_then_on(own: Road) -> None:
    """The gate reads it in the signed consent: taken back alone the referral goes on; said again it counts again."""
    case, _ = sent(own.kz, consent=consent_file(statistics=True))
    not_asked, _ = sent(own.kz, case_file(about="Fictional: not asked"))
    own.settle()
    assert len(counted_now(own)) == 1
    desk, actor = desk_of(own, own.kz)
    own.clock.move(hours=1)
    done = consent.stop_categories(desk, actor, case, own.shelter, (), counting=True, later=True)
    assert (done.change, done.taken_back) == (ConsentChange.NARROWED, 0)
    own.settle()
    assert counted_now(own) == ()
    own.clock.move(hours=1)
    for number in (case, not_asked):
        take_consent(own.kz, number, consent_file(statistics=True))
    own.settle()
    assert len(counted_now(own)) == 2
    own.clock.move(hours=1)
    with own.kz.store.write() as tx:
        withdrawals.withdraw(own.kz, tx, cases.get(tx, case), None)
    own.settle()
    assert len(counted_now(own)) == 1
    own.clock.move(days=200)
    assert counted_now(own) == (), "a consent that has ended is not in force"


def test_a_home_country_adds_up_the_hosts_editions(tmp_path: Path) -> None:
    """Of one period and one edition for each host; what a host does not tell is in no sum, and it is not named."""
    orgs = [OrgId(f"uz-org{number:05d}") for number in range(8)]

    def host(name: str, each: int, half: int = 1) -> Path:
        period = Period(YEAR, half)
        courses = [
            Counted(CourseKind.REFERRAL, YEAR, "STOPPED", Age.ADULT, frozenset(pair), UZ)
            for pair in zip(orgs[::2], orgs[1::2], strict=True)
            for _ in range(each)
        ]
        file = tmp_path / f"{name}-{period}-{each}.json"
        file.write_text(json.dumps(of_host(CountryCode(name), period, tables(courses, [KZ, UZ]))), encoding="utf-8")
        return file

    kz, kg, tm = host("kz", 6), host("kg", 7), host("tm", 1)
    found = json.loads(home_edition_of([kz, kg, tm], UZ, Period(YEAR, 1)))
    assert (found["format"], found["country"], found["half"]) == ("refbus/statistics-home/1", "uz", 1)
    row = found["tables"][0]
    assert (row["kind"], row["total"], row["hosts"]) == ("REFERRAL", 52, ["kg", "kz"])
    for files in ([kz, host("kz", 7)], [host("kz", 6, 0)], [tmp_path / "none"]):
        with pytest.raises(SetupError):
            home_edition_of(files, UZ, Period(YEAR, 1))


def test_a_year_of_referrals_is_told_only_without_any_two(shared: Road, tmp_path: Path) -> None:
    """Fourteen between the same two offices: each knows them all, so nothing is told; with strangers' it is."""
    for number in range(14):
        _, here = sent(
            shared.kz, case_file(about=f"Fictional: counted {number}"), consent_file(statistics=number != 13)
        )
        shared.settle()
        there = incoming(shared.uz, id_of(shared.kz, here))
        if number < 12:
            say(shared.uz, there, EventType.REFERRAL_ACCEPTED, responsible_worker_role="SOCIAL_WORKER")
        else:
            say(shared.uz, there, EventType.REFERRAL_REJECTED, reason="CAPACITY_FULL")
    shared.settle()
    found = edition(shared, KZ)
    homes = sorted(shared.nodes[KZ].home.trust.history.latest.countries())
    assert [each["home"] for each in found["tables"]] == homes * len(CourseKind)
    assert all((each["total"], each["cells"]) == (None, {}) for each in found["tables"])
    mine = counted_now(shared)
    assert Counter(each.outcome for each in mine) == {"ANSWERED_AND_HELPED": 12, "TURNED_DOWN": 1}
    assert {each.known_to for each in mine} == {frozenset({shared.agency, shared.shelter})}
    assert {each.home for each in mine} == {UZ}
    assert counted_now(shared, UZ) == (), "the home country adds up what the host published"
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
        Counted(
            CourseKind.REFERRAL, YEAR, "ANSWERED_AND_HELPED", Age.ADULT, frozenset({OrgId(f"kz-org{number:05d}")}), UZ
        )
        for number in range(30)
    ]
    document = of_host(KZ, Period(YEAR), tables(courses, [UZ]))
    file = tmp_path / "kz.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    refbus = Commands(shared, capsys)
    shown = refbus.run(shared.agency, "--lang", "ru", "stats", str(file)).out
    assert "Направления, Узбекистан, по результату: 30" in shown
    assert "…" in shown
    summed = of_home(UZ, Period(YEAR), at_home({KZ: tables(courses, [UZ])}, UZ))
    file.write_text(json.dumps(summed), encoding="utf-8")
    assert (
        "Направления, по результату: 30 (Казахстан)"
        in refbus.run(shared.agency, "--lang", "ru", "stats", str(file)).out
    )
    file.write_text("{}", encoding="utf-8")
    assert "FILE_UNREADABLE" in refbus.run(shared.agency, "stats", str(file), ok=False).err
