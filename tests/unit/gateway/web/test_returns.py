"""Going home on pages: begin, conditions with whose turn it is, both risk assessments, the journey, not arrived."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from refbus.core.courses.guards import EVENT_GUARDS
from refbus.core.courses.machine import Role
from refbus.core.courses.repatriation import TABLE
from refbus.core.vocabulary import DataCategory, EventType
from refbus_gateway.forms.asked import written_fields
from refbus_gateway.web import fields
from refbus_gateway.web.pages.return_forms import HOMEWARD
from refbus_gateway.words.catalogue import catalogue
from refbus_gateway.words.milestones import GUARDS
from support.ceremonies import AGENCY, PASSPHRASE, SHELTER
from support.gateways import case_file, consent_file, new_case, take_consent
from support.homecoming import RETURN_PURPOSES, Homecoming
from support.nodes import Road
from support.nodes import road as roads
from support.pages import Pages

YES = dict.fromkeys(("decided_freely", "alternatives_explained", "risks_explained", "may_stop_explained"), "true")
NO = dict.fromkeys(("is_minor", "seeks_protection"), "false")


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Road]:
    """Give two offices and the gates between them."""
    with roads(Path(tmp_path_factory.mktemp("road"))) as made:
        made.gateway(AGENCY)
        made.gateway(SHELTER)
        made.settle()
        yield made


def test_a_return_begins_on_a_page(road: Road) -> None:
    """Everything that is missing is told at once; a second click begins no second return."""
    case = new_case(road.kz, case_file(about="Fictional: begins", file_number="Green hat"))
    permit = {
        "purposes": RETURN_PURPOSES,
        "actions": ["DISCLOSE", "REPORT_BACK"],
        "data_categories": sorted(set(DataCategory) - {DataCategory.PHOTO_BIOMETRIC}),
    }
    take_consent(road.kz, case, consent_file(permit=[permit]))
    person = Pages(road, road.kz).person()
    page = person.send("/return/begin", passphrase=PASSPHRASE)
    assert page.text.count("Answer yes or no") >= 6
    assert "not right" in person.send("/return/begin", passphrase="wrong").text
    filled = {"case": str(case), "to": road.shelter, **YES, **NO, "passphrase": PASSPHRASE}
    form = {**person.get("/return/begin").forms["/return/begin"], **filled}
    page = person.post("/return/begin", form)
    assert page.path.startswith("/return/")
    assert "Green hat" in page.text
    assert person.post("/return/begin", form).path == page.path
    assert "Green hat" in person.get("/return").text
    assert person.post("/return/begin", {**filled, "csrf": "forged"}).status == 403


def test_each_desk_sees_whose_turn_it_is(road: Road) -> None:
    """The same list at both desks, with a link where it is our turn; the risks stand side by side until both signed."""
    home = Homecoming(road, "turns")
    here, there = Pages(road, road.kz).person(), Pages(road, road.uz).person()
    there.send(f"/referral/{home.there}/open", at=f"/referral/{home.there}")
    page = here.get(f"/return/{home.here}")
    assert "Missing: their turn, in the other country" in page.text
    assert f"/referral/{home.here}/say/plan" in page.html
    assert f"/referral/{home.here}/say/reception" not in page.html
    say = f"/referral/{home.here}/say/risks"
    page = here.send(say)
    assert {"risks-0-factor-wrong", "valid_until_ms-wrong"} <= set(page.ids)
    page = here.send(
        say,
        risks__0__factor="RETALIATION",
        risks__0__level="MED",
        risks__0__mitigation="Fictional: another region",
        risks__1__factor="HEALTH",
        protected_from_return="false",
        valid_until_ms="31.12.2026",
        responsible_worker_role="CASE_MANAGER",
    )
    assert "risks-1-level-wrong" in page.ids
    page = here.send(
        say,
        risks__0__factor="RETALIATION",
        risks__0__level="MED",
        risks__1__factor="HEALTH",
        risks__1__level="LOW",
        protected_from_return="false",
        valid_until_ms="31.12.2026",
        responsible_worker_role="CASE_MANAGER",
    )
    assert page.path == f"/return/{home.here}", page.text
    assert f"/return/{home.here}/co-sign" not in page.forms
    road.settle()
    page = there.get(f"/return/{home.there}")
    assert "They say" in page.text
    assert "Retaliation" in page.text
    page = there.send(f"/return/{home.there}/co-sign", at=f"/return/{home.there}")
    assert f"/return/{home.there}/co-sign" not in page.forms
    road.settle()
    assert here.get(f"/return/{home.here}").text.count("Retaliation") >= 2


def test_who_does_not_arrive_stands_first_at_both_desks(road: Road) -> None:
    """From the departure on the time stands on the page; when it is over, both are told to look for the person."""
    home = Homecoming(road, "not arrived").prepare().leave()
    here, there = Pages(road, road.kz).person(), Pages(road, road.uz).person()
    there.send(f"/referral/{home.there}/open", at=f"/referral/{home.there}")
    assert "Word from the journey" in here.get(f"/return/{home.here}").text
    assert "Before the person may leave" not in here.get(f"/return/{home.here}").text
    road.pass_time(hours=25)
    for person, number in ((here, home.here), (there, home.there)):
        assert "Not arrived: look for the person now" in person.get("/return").text
        assert "If nobody knows where the person is" in person.get(f"/return/{number}").text
    say = f"/referral/{home.there}/say/arrived"
    page = there.send(say, at_ms="yesterday", expected_ms="")
    assert {"at_ms-wrong", "expected_ms-wrong"} <= set(page.ids)


def test_an_interruption_asks_for_nothing(road: Road) -> None:
    """A no goes out with an empty form, and no passphrase."""
    home = Homecoming(road, "interrupted")
    person = Pages(road, road.kz).person()
    page = person.send(f"/referral/{home.here}/say/interrupt")
    assert page.path == f"/return/{home.here}"
    assert "Go on with the return" in page.text


def test_a_return_of_nobody_and_a_referral_are_told(road: Road) -> None:
    """No number leads to a page with a hole."""
    assert Pages(road, road.kz).person().get("/return/999").status == 404


def test_every_step_of_a_return_has_a_page_and_every_condition_words() -> None:
    """What the table of the road lets people say, with fields that the schema has."""
    other = {
        EventType.RETURN_WISH_RECORDED,
        EventType.INFORMATION_REQUESTED,
        EventType.INFORMATION_PROVIDED,
        EventType.COMPANIONS_CHANGED,
        EventType.ENTERED_IN_ERROR,
        EventType.REFERRAL_DELIVERED,
        EventType.REFERRAL_OPENED,
        EventType.UNDECRYPTABLE,
        EventType.INTAKE_REPORTED,
        EventType.OFFICE_RESTORED,
        EventType.WITHDRAWAL_ACKNOWLEDGED,
        EventType.CONSENT_GRANTED,
        EventType.CONSENT_AMENDED,
        EventType.CONSENT_WITHDRAWN,
    }
    said = {kind for kind, rule in TABLE.items() if set(rule.emitters) & {Role.SOURCE, Role.TARGET}}
    assert {each.event for each in HOMEWARD} == said - other
    assert {guard.code for guard in EVENT_GUARDS} <= set(GUARDS)
    for step in HOMEWARD:
        shown = fields.of(catalogue("en"), written_fields(step.event), [each.path for each in step.asked])
        names = {each.name.partition(".")[0] for each in shown}
        assert {spec.name for spec in written_fields(step.event) if spec.required} <= names, step.slug


def test_a_page_offers_only_the_documents_that_both_countries_accept(road: Road) -> None:
    """What suffices stands on the page where a return begins, on the return, and in the form of the document."""
    home = Homecoming(road, "papers")
    here = Pages(road, road.kz).person()
    assert "Uzbekistan: Passport, Return certificate and Laissez-passer" in here.get("/return/begin").text
    assert "Uzbekistan: Passport, Return certificate and Laissez-passer" in here.get(f"/return/{home.here}").text
    say = f"/referral/{home.here}/say/document"
    page = here.get(say)
    assert 'value="LAISSEZ_PASSER"' in page.html
    assert 'value="ID_CARD"' not in page.html
    page = here.send(say, kind="ID_CARD", valid_until_ms="31.12.2026")
    assert "kind-wrong" in page.ids
