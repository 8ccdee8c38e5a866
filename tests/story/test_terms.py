"""What ends by law for a person is told before it does: on Today and in `refbus status`, until it is long past."""

from __future__ import annotations

import pytest

from refbus.core.courses.machine import Role
from refbus.core.ids import OrgId
from refbus.errors import Code, StoreError
from refbus_gateway.actions import erasure, status, worklist
from refbus_gateway.cases import casework
from refbus_gateway.reports import lookups
from refbus_gateway.reports.terms import Term
from refbus_gateway.store import cases
from support.commands import Commands
from support.desks import desk_of
from support.gateways import case_file, new_case
from support.homecoming import E, Homecoming, plan
from support.nodes import Road
from support.pages import Pages

LAW = {
    "immigration": {
        "reflection_until": "1.10.2026",
        "permit_until": "2026-12-31",
        "exit_permission": "GRANTED",
        "exit_permission_until": "2026-10-12",
    },
    "legal_proceedings": {"next_hearing": "2026-10-20"},
}


def told(road: Road) -> list[tuple[str, str, bool]]:
    """Return what Today tells of what ends: which field, which day, whether it has passed."""
    return [(each.what, each.day, each.over) for each in today(road)]


def today(road: Road) -> tuple[Term, ...]:
    """Return what Today tells; the overview of `refbus status` tells the same."""
    desk, actor = desk_of(road, road.kz)
    found = worklist.today(desk, actor)
    assert found.terms == status.overview_of_all(desk, actor).terms
    assert found.counts.terms == len({each.case for each in found.terms})
    return found.terms


def change(road: Road, number: int, **changes: object) -> None:
    """Write a case anew."""
    with road.kz.store.write() as tx:
        casework.update_case(road.kz, tx, cases.get(tx, number), case_file(**changes))


def test_what_ends_by_law_is_told_within_the_days_of_warning(own: Road) -> None:
    """Thirty days before, the soonest first; it is late when its day has passed, and goes when the case says so."""
    about = {"about": "Fictional: with terms", "file_number": "Blue door"}
    number = new_case(own.kz, case_file(**about, **LAW))
    listed = [
        ("reflection_until", "2026-10-01", False),
        ("exit_permission_until", "2026-10-12", False),
        ("next_hearing", "2026-10-20", False),
    ]
    assert told(own) == listed
    assert {(each.case, each.file_number) for each in today(own)} == {(number, "Blue door")}
    own.clock.move(days=15)
    assert told(own) == [("reflection_until", "2026-10-01", True), *listed[1:]]
    own.clock.move(days=60)
    assert told(own) == [("permit_until", "2026-12-31", False)], "what is long past is told no more"
    change(own, number, **about)
    assert told(own) == []


def test_the_certificate_of_a_plan_is_among_them(own: Road) -> None:
    """It is read from the newest plan that was said here; a plan anew changes it."""
    road = Homecoming(own, "with a certificate that ends")
    days = {"medical_certificate_on": "2026-09-20", "medical_certificate_until": "2026-10-15"}
    road.prepare(plan={"escort": "MEDICAL", **days})
    assert ("medical_certificate_until", "2026-10-15", False) in told(own)
    whole = plan(own.clock()) | {"escort": "MEDICAL", **days, "medical_certificate_until": "2026-10-19"}
    road.say(Role.SOURCE, E.PLAN_AGREED, **whole)
    assert [day for what, day, _ in told(own) if what == "medical_certificate_until"] == ["2026-10-19"]


def test_a_plan_anew_is_not_lost_when_reading_stops_halfway(own: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the return stands is noted, and then the office stops: the next look still reads the days of the plan."""
    road = Homecoming(own, "with a plan that changes while an office stops")
    days = {"medical_certificate_on": "2026-09-20", "medical_certificate_until": "2026-10-15"}
    road.prepare(plan={"escort": "MEDICAL", **days})
    assert ("medical_certificate_until", "2026-10-15", False) in told(own)
    whole = plan(own.clock()) | {"escort": "MEDICAL", **days, "medical_certificate_until": "2026-10-19"}
    road.say(Role.SOURCE, E.PLAN_AGREED, **whole)

    def stopped(*_: object) -> None:
        raise StoreError(Code.STORE_FAILED)

    with monkeypatch.context() as patch:
        patch.setattr(lookups, "_cases", stopped)
        with pytest.raises(StoreError):
            lookups.refresh(own.kz)
    assert [day for what, day, _ in told(own) if what == "medical_certificate_until"] == ["2026-10-19"]


def test_they_are_shown_in_words(own: Road, capsys: pytest.CaptureFixture[str]) -> None:
    """With the worker's own note and the name of the field, in the language of the person."""
    new_case(own.kz, case_file(about="Fictional: in words", file_number="Blue door", **LAW))
    page = Pages(own, own.kz).person().get("/today").text
    for part in ("Ends soon", "Blue door", "Reflection until", "Exit permission until", "Next hearing"):
        assert part in page, part
    refbus = Commands(own, capsys)
    shown = refbus.run(OrgId(own.agency), "status").out
    assert "(file Blue door): Next hearing: 2026-10-20" in shown
    assert "Следующее заседание" in refbus.run(OrgId(own.agency), "--lang", "ru", "status").out


def test_of_an_erased_case_nothing_is_told(own: Road) -> None:
    """It goes with the case, and the file keeps no row of it."""
    number = new_case(own.kz, case_file(about="Fictional: to be erased", **LAW))
    assert told(own)
    desk, actor = desk_of(own, own.kz)
    erasure.erase(desk, actor, number)
    assert told(own) == []
    with own.kz.store.read() as tx:
        assert tx.connection.exec_driver_sql("SELECT count(*) FROM terms").scalar() == 0
