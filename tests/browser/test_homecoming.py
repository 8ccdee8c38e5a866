"""A person leaves and does not arrive, seen from both desks; the office and an emergency: in a real browser."""

from __future__ import annotations

import time
from typing import Any

from browser.conftest import Desk, Desks, Eye, follow, look_until
from refbus.core.units import DAY_MS
from refbus.core.vocabulary import DataCategory
from support.gateways import case_file, consent_file
from support.homecoming import RETURN_PURPOSES, WISH, plan, reception, risks

AGENCY, SHELTER = "kz-agency01", "uz-she1ter1"
_LATE_MS = 4_000


def begin(desk: Desk) -> str:
    """Begin a return from the command line; return its number there."""
    permit = {
        "purposes": RETURN_PURPOSES,
        "actions": ["DISCLOSE", "REPORT_BACK"],
        "data_categories": sorted(set(DataCategory) - {DataCategory.PHOTO_BIOMETRIC}),
    }
    office = desk.office
    case = office.do(
        "case", "add", office.file("home.json", case_file(about="Fictional: home", file_number="Grey gate"))
    )
    number = str(case["case"])
    office.do("consent", "grant", number, "--file", office.file("home-consent.json", consent_file(permit=[permit])))
    begun = office.do("return", "begin", number, "--to", SHELTER, "--file", office.file("wish.json", WISH))
    return str(begun["return"])


def say(desk: Desk, number: str, step: str, **document: Any) -> None:
    """Say one step from the command line."""
    desk.office.do("return", step, number, "--file", desk.office.file(f"{step}.json", document))


def test_who_does_not_arrive_is_seen_from_both_desks(desks: Desks, eye: Eye) -> None:
    """Conditions and risks side by side before the journey; then the time is over, and both are told to look."""
    agency, shelter = desks[AGENCY], desks[SHELTER]
    before = shelter.received()
    here = begin(agency)
    there = str(shelter.new(before))
    now_ms = int(time.time() * 1000)
    say(agency, here, "assess", **risks(now_ms))
    page = eye.sign_in(shelter)
    page.goto(f"{shelter.url}referral/{there}")
    follow(page, "form[action$=open] button")
    shelter.office.until(("return", "show", there), lambda value: value["state"] == "RISK_ASSESSMENT")
    page.goto(f"{shelter.url}return/{there}")
    eye.look(page, "return")
    follow(page, "form[action$=co-sign] button")
    document = {"kind": "RETURN_CERTIFICATE", "valid_until_ms": now_ms + 60 * DAY_MS}
    say(shelter, there, "document", **document)
    say(shelter, there, "reception", **reception(now_ms))
    agency.office.until(("return", "show", here), lambda value: len(value["guards"]) <= 3)
    say(agency, here, "plan", **plan(now_ms))
    officers = {"first_officer_role": "CASE_MANAGER", "second_officer_role": "NATIONAL_FOCAL_POINT"}
    say(agency, here, "authorise", departs_ms=now_ms, **officers)
    left_ms = int(time.time() * 1000)
    say(agency, here, "depart", at_ms=left_ms, expected_ms=left_ms + _LATE_MS)
    shelter.office.until(("return", "show", there), lambda value: value["state"] == "IN_TRANSIT")
    for desk, number, language, name in ((shelter, there, "ru", "shelter"), (agency, here, "en", "agency")):
        page = eye.sign_in(desk, language=language)
        look_until(page, f"{desk.url}return", page.locator("section.urgent").is_visible)
        eye.look(page, f"not-arrived-list-{name}")
        page.goto(f"{desk.url}return/{number}")
        assert page.locator("section.urgent").is_visible()
        eye.look(page, f"not-arrived-{name}")


def test_the_office_and_the_rule_of_an_emergency(desks: Desks, eye: Eye) -> None:
    """Every page of the office, and what the country allows before anybody writes anything."""
    agency = desks[AGENCY]
    page = eye.sign_in(agency)
    for path in ("office", "office/backup", "office/stolen", "office/people", "emergency", "inspect", "return/begin"):
        page.goto(f"{agency.url}{path}")
        eye.look(page, path.replace("/", "-"))
