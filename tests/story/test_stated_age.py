"""An age that somebody stated, without a birth date, counts at the desk, at both gates and at the recipient alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from refbus.core.courses.machine import Role
from refbus.core.times import day_text
from refbus.core.units import DAY_MS
from refbus.errors import Code, ConsentError
from refbus_gateway.cases import casework
from refbus_gateway.courses import returns as courses
from refbus_gateway.forms.problems import CaseInvalidError
from refbus_gateway.reports.overview import Hop
from refbus_gateway.rules import age_check
from refbus_gateway.store import cases, consents, referrals, set_aside
from refbus_gateway.store.set_aside import AsideState
from support.altered import without_age_checks
from support.commands import Commands, file
from support.gateways import case_file, consent_file, id_of, incoming, line, new_case, open_at, refer, take_consent
from support.homecoming import CHILD_CONSENT, E, Homecoming
from support.nodes import Road

NAME = {"prs_FirstName": "Тўқима бола"}
FIFTEEN = {"stated_age": 15, "stated_age_on": "2026-09-01", "stated_age_estimated": True}
THIRTY = {"stated_age": 30, "stated_age_on": "2026-09-01", "stated_age_estimated": True}
JUDGED = {"reason": "Fictional: has grown children", "judged_by_role": "CASE_MANAGER"}
GUARDIAN = {name: value for name, value in CHILD_CONSENT.items() if name != "majority_on"}


def about(text: str, aged: dict[str, Any], **changes: Any) -> bytes:
    """Return a case of somebody whose age was stated."""
    return case_file(about=f"Fictional: {text}", person={**NAME, **aged}, **changes)


def codes(problem: CaseInvalidError) -> list[tuple[str, str]]:
    """Return what is wrong, with its place."""
    return [(each.path, each.code) for each in problem.problems]


def majority_on(road: Road, case: int) -> str | None:
    """Return the day of majority that the newest consent of a case tells the gates."""
    with road.kz.store.read() as tx:
        at_ms = consents.of_case(tx, cases.get(tx, case))[-1].signed.record.majority_at_ms
    return None if at_ms is None else day_text(at_ms, 300)


def test_a_child_by_an_estimate_is_one_everywhere(shared: Road) -> None:
    """None consents alone; what a guardian signs tells the gates the last day of majority; it is read there."""
    case = new_case(shared.kz, about("fifteen", FIFTEEN))
    with pytest.raises(CaseInvalidError) as alone:
        take_consent(shared.kz, case, consent_file())
    assert codes(alone.value) == [("grantor.kind", Code.AGE_CONTRADICTS)]
    take_consent(shared.kz, case, consent_file(**GUARDIAN))
    assert majority_on(shared, case) == "2029-09-01"
    number = refer(shared.kz, case)
    shared.settle()
    shown = open_at(shared.uz, incoming(shared.uz, id_of(shared.kz, number))).events[0].sections["Person"]
    assert {"Stated age": "15", "Stated age estimated": "yes"}.items() <= shown.items()


@pytest.mark.parametrize(
    "aged",
    [
        {**FIFTEEN, "stated_age": 16},
        {"stated_age_to": 17, "stated_age_on": "2026-09-01", "stated_age_estimated": False},
        {"stated_age": 3, "stated_age_to": 17, "stated_age_on": "2026-09-01", "stated_age_estimated": True},
    ],
)
def test_the_width_of_a_band_takes_no_child_its_own_word(shared: Road, aged: dict[str, Any]) -> None:
    """The question is left out only where the oldest that the child can be is too young; a far day is none either."""
    case = new_case(shared.kz, about("to be asked", aged))
    with pytest.raises(CaseInvalidError) as unasked:
        take_consent(shared.kz, case, consent_file(**{**GUARDIAN, "assent": "NOT_REQUIRED"}))
    assert codes(unasked.value) == [("assent", Code.ASSENT_MISSING)]
    with pytest.raises(CaseInvalidError) as far:
        take_consent(shared.kz, case, consent_file(**{**GUARDIAN, "majority_on": "2044-09-03"}))
    assert [path for path, _ in codes(far.value)] == ["majority_on"]
    take_consent(shared.kz, case, consent_file(**GUARDIAN))
    assert refer(shared.kz, case)


def test_a_child_of_whom_nobody_knows_an_age_is_asked(shared: Road) -> None:
    """A day of majority that was written by hand does not say how old the child can be."""
    case = new_case(shared.kz, about("no age", {"is_minor": True}))
    by_hand = {**GUARDIAN, "majority_on": "2044-09-01"}
    with pytest.raises(CaseInvalidError) as unasked:
        take_consent(shared.kz, case, consent_file(**{**by_hand, "assent": "NOT_REQUIRED"}))
    assert codes(unasked.value) == [("assent", Code.ASSENT_MISSING)]
    take_consent(shared.kz, case, consent_file(**by_hand))


def test_a_child_who_proves_older_is_asked_before_anything_is_sent(own: Road) -> None:
    """A guardian's word for a small child, without its own, ends when the case says that it may be older."""
    small = {"stated_age": 2, "stated_age_to": 4, "stated_age_on": "2026-09-01", "stated_age_estimated": True}
    case = new_case(own.kz, about("small", small))
    take_consent(own.kz, case, consent_file(**{**GUARDIAN, "assent": "NOT_REQUIRED"}))
    with own.kz.store.write() as tx:
        casework.update_case(own.kz, tx, cases.get(tx, case), about("older", {**small, "stated_age_to": 15}))
    with pytest.raises(ConsentError) as unasked:
        refer(own.kz, case)
    assert unasked.value.reasons == (Code.ASSENT_MISSING,)
    take_consent(own.kz, case, consent_file(**GUARDIAN))
    assert refer(own.kz, case)


def test_a_child_by_an_estimate_goes_home_as_one(shared: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    """The office asks for the guards of a child, and so does the gate when an altered office does not."""
    child = Homecoming(shared, "an estimate", consent=GUARDIAN, facts={"person": {**NAME, **FIFTEEN}}, is_minor=True)
    child.prepare()
    assert {Code.GUARD_BEST_INTERESTS, Code.GUARD_FAMILY_ASSESSMENT} <= set(child.gaps())
    monkeypatch.setattr(courses, "require_safe", lambda *_args: None)
    now_ms = shared.clock()
    officers = {"first_officer_role": "CASE_MANAGER", "second_officer_role": "NATIONAL_FOCAL_POINT"}
    child.say(Role.SOURCE, E.DEPARTURE_AUTHORISED, departs_ms=now_ms + DAY_MS, **officers)
    told = line(shared.kz, child.here, E.DEPARTURE_AUTHORISED)
    assert told.hop is Hop.REFUSED
    assert {Code.GUARD_BEST_INTERESTS, Code.GUARD_FAMILY_ASSESSMENT} <= set(told.codes)


def test_an_estimate_makes_an_adult_only_with_a_reason(shared: Road) -> None:
    """Nobody of thirty by an estimate speaks alone; with reason and role the person does, and both are read there."""
    case = new_case(shared.kz, about("thirty", THIRTY))
    with pytest.raises(CaseInvalidError) as alone:
        take_consent(shared.kz, case, consent_file())
    assert codes(alone.value) == [("grantor.kind", Code.AGE_UNKNOWN)]
    with pytest.raises(CaseInvalidError) as undated:
        take_consent(shared.kz, case, consent_file(**GUARDIAN))
    assert codes(undated.value) == [("majority_on", Code.CASE_INVALID)]
    judged = new_case(shared.kz, about("judged", THIRTY, adult_judgement=JUDGED))
    take_consent(shared.kz, judged, consent_file())
    assert majority_on(shared, judged) is None
    number = refer(shared.kz, judged)
    shared.settle()
    shown = repr(open_at(shared.uz, incoming(shared.uz, id_of(shared.kz, number))).events[0].sections)
    assert JUDGED["reason"] in shown
    sure = new_case(shared.kz, about("no estimate", {**THIRTY, "stated_age_estimated": False}))
    take_consent(shared.kz, sure, consent_file())
    assert refer(shared.kz, sure)


@pytest.mark.parametrize(
    ("aged", "others", "path", "code"),
    [
        ({**FIFTEEN, "is_minor": False}, {}, "person", Code.AGE_CONTRADICTS),
        (FIFTEEN, {"adult_judgement": JUDGED}, "person", Code.AGE_CONTRADICTS),
        ({**FIFTEEN, "prs_Birthdate": "1991"}, {}, "person", Code.AGE_CONTRADICTS),
        (
            {**FIFTEEN, "stated_age_estimated": False, "prs_Birthdate": "2013-01"},
            {},
            "person",
            Code.AGE_CONTRADICTS,
        ),
        ({**FIFTEEN, "prs_Birthdate": "2008"}, {}, "person", Code.AGE_CONTRADICTS),
        ({**FIFTEEN, "stated_age_on": "2026-12-01"}, {}, "person.stated_age_on", Code.FACTS_CONTRADICT),
        (
            {"stated_age": 0, "stated_age_on": "2010-06-01", "prs_Birthdate": "2011"},
            {},
            "person.stated_age_on",
            Code.FACTS_CONTRADICT,
        ),
        ({**FIFTEEN, "stated_age_to": 12}, {}, "person.stated_age_to", Code.FACTS_CONTRADICT),
        ({"stated_age": 15}, {}, "person.stated_age_on", Code.CASE_INVALID),
        ({"stated_age_to": 15}, {}, "person.stated_age_on", Code.CASE_INVALID),
        ({**FIFTEEN, "stated_age": 121}, {}, "person.stated_age", Code.CASE_INVALID),
    ],
)
def test_the_desk_refuses_an_age_that_cannot_be(
    shared: Road, aged: dict[str, Any], others: dict[str, Any], path: str, code: Code
) -> None:
    """Nothing is kept, and the place is named."""
    with pytest.raises(CaseInvalidError) as refused:
        new_case(shared.kz, about("cannot be", aged, **others))
    assert codes(refused.value) == [(path, code)]


@pytest.mark.parametrize("estimated", [True, False])
def test_a_year_of_birth_takes_nothing_from_a_stated_child(shared: Road, estimated: bool) -> None:
    """Whoever is seventeen today and born in the year of majority is a child, whatever else says adult."""
    seventeen = {"stated_age": 17, "stated_age_on": day_text(shared.clock(), 300), "stated_age_estimated": estimated}
    born = {**seventeen, "prs_Birthdate": day_text(shared.clock() - 18 * 365 * DAY_MS, 300)[:4]}
    for aged, others in (({**born, "is_minor": False}, {}), (born, {"adult_judgement": JUDGED})):
        with pytest.raises(CaseInvalidError) as refused:
            new_case(shared.kz, about("seventeen today", aged, **others))
        assert codes(refused.value) == [("person", Code.AGE_CONTRADICTS)]
    case = new_case(shared.kz, about("seventeen today", born))
    with pytest.raises(CaseInvalidError) as alone:
        take_consent(shared.kz, case, consent_file())
    assert codes(alone.value) == [("grantor.kind", Code.AGE_CONTRADICTS)]


def test_an_age_grows_with_the_time(own: Road) -> None:
    """Seventeen is unknown from the first day that can be the birthday, and an adult from the last."""
    seventeen = {"stated_age": 17, "stated_age_on": "2025-09-25", "stated_age_estimated": False}
    case = new_case(own.kz, about("seventeen", seventeen))
    take_consent(own.kz, case, consent_file(**GUARDIAN))
    assert majority_on(own, case) == "2026-09-25"
    assert refer(own.kz, case)
    groups = []
    for days in (0, 2, 2):
        own.pass_time(days=days)
        with own.kz.store.read() as tx:
            groups.append(age_check.age_in_case(own.kz, tx, cases.get(tx, case)).group)
    assert groups == ["UNKNOWN", "UNKNOWN", "ADULT"]
    with pytest.raises(ConsentError):
        refer(own.kz, case, again=True)
    take_consent(own.kz, case, consent_file())
    assert majority_on(own, case) is None
    assert refer(own.kz, case, again=True)


def test_the_recipient_refuses_a_stated_child_that_an_altered_program_sent_as_an_adult(
    own: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both gates pass it, since they see no age; the office takes nothing of it in."""
    with without_age_checks(monkeypatch):
        case = new_case(own.kz, about("altered", FIFTEEN))
        take_consent(own.kz, case, consent_file())
        refer(own.kz, case)
    own.settle()
    with own.uz.store.read() as tx:
        assert referrals.every(tx) == []
        assert [row.code for row in set_aside.aside(tx, AsideState.REFUSED)] == [Code.AGE_CONTRADICTS]


def test_the_commands_show_a_stated_age(own: Road, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The form has the fields, days are typed as people write them, and the case shows age, day and treatment."""
    own.kz.close()
    refbus = Commands(own, capsys)
    empty = json.loads(refbus.run(own.agency, "case", "new").out)
    assert {"stated_age", "stated_age_to", "stated_age_on", "stated_age_estimated"} <= empty["person"].keys()
    kept = file(tmp_path, "stated.json", about("typed", {**FIFTEEN, "stated_age_on": "1.9.2026"}))
    refbus.run(own.agency, "case", "add", kept)
    shown = refbus.run(own.agency, "case", "show", kept).out
    assert "a child: a guardian consents" in shown
    assert all(text in shown for text in ("Stated age", "15", "2026"))
    assert '"2029-09-01"' in refbus.run(own.agency, "consent", "new", kept).out
