"""An emergency on pages: the rule first, then two officers, then the review; and proofs for a lawyer or inspector."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from refbus.core.consent.legal_basis import Ground, Incapacity
from refbus_gateway.people import officers
from refbus_gateway.words.options import GROUNDS, INCAPACITIES
from support.ceremonies import AGENCY, PASSPHRASE, SHELTER
from support.gateways import case_file, id_of, incoming, new_case
from support.nodes import Road, allow_emergencies
from support.nodes import road as roads
from support.pages import Pages, Person

CHEAP = 64


@pytest.fixture(scope="module")
def road(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Road]:
    """Give two offices and the gates between them; no country allows emergency disclosures yet."""
    with roads(Path(tmp_path_factory.mktemp("road"))) as made:
        made.gateway(AGENCY)
        made.gateway(SHELTER)
        made.settle()
        yield made


def stale_decision(road: Road, person: Person, filled: dict[str, Any], typed: dict[str, Any]) -> None:
    """Another window changes whom it is about: both officers look again, and nothing is told."""
    old = person.get("/emergency/decide").forms["/emergency/decide"]
    other = new_case(road.kz, case_file(about="Fictional: somebody else", file_number="Blue scarf"))
    person.send("/emergency/new", **{**filled, "case": str(other)})
    page = person.post("/emergency/decide", {**old, **typed})
    assert page.path == "/emergency/decide"
    assert "Blue scarf" in page.text
    person.send("/emergency/new", **filled)


def test_the_rule_comes_before_any_form_and_two_officers_decide(road: Road) -> None:
    """Off: no form and no passphrase. On: officers, what goes to whom, both passphrases, the review by a third."""
    pages = Pages(road, road.kz)
    person = pages.person()
    page = person.get("/emergency")
    assert "nothing may be told" in page.text
    assert page.forms == {}
    assert person.get("/emergency/new").path == "/emergency"
    for country in ("kz", "uz"):
        allow_emergencies(road, country)
    assert "not named two officers" in person.get("/emergency").text
    kids = [
        officers.add(road.kz, road.kz.home, "DUTY_OFFICER", f"own {number}", CHEAP).kid.hex() for number in range(3)
    ]
    assert person.get("/emergency/decide").path == "/emergency/new"
    case = new_case(road.kz, case_file(about="Fictional: unconscious", file_number="Red scarf"))
    page = person.send("/emergency/new", hours="900")
    assert {"case-wrong", "ground-wrong", "protects-wrong", "to-wrong", "needed_now-wrong", "hours-wrong"} <= set(
        page.ids
    )
    filled: dict[str, Any] = {
        "case": str(case),
        "to": road.shelter,
        "ground": "MEDICAL_EMERGENCY",
        "protects": "PERSON",
        "needed_now": "Fictional: insulin <b>now</b>",
        "categories": ["IDENTITY", "HEALTH"],
        "hours": "24",
    }
    assert "incapacity-wrong" in person.send("/emergency/new", **filled).ids
    page = person.send("/emergency/new", **filled, incapacity="UNCONSCIOUS")
    assert page.path == "/emergency/decide"
    assert "Fictional: insulin" in page.text
    assert "Red scarf" in page.text, "both officers see whom it is about"
    words = {"first": kids[0], "second": kids[1], "passphrase_first": "own 0", "passphrase_second": "own 1"}
    stale_decision(road, person, {**filled, "incapacity": "UNCONSCIOUS"}, {**words, "passphrase": PASSPHRASE})
    typed = {"first": kids[0], "second": kids[0], "passphrase": PASSPHRASE}
    assert "Two different officers" in person.send("/emergency/decide", **typed).text
    typed |= {"second": kids[1], "passphrase_first": "own 0", "passphrase_second": "wrong"}
    assert "is not right" in person.send("/emergency/decide", **typed).text
    form = {**person.get("/emergency/decide").forms["/emergency/decide"], **typed, "passphrase_second": "own 1"}
    page = person.post("/emergency/decide", form)
    assert page.path.startswith("/emergency/")
    assert person.post("/emergency/decide", form).path == page.path
    assert person.post("/emergency/decide", {**form, "csrf": "forged"}).status == 403
    number = int(page.path.rpartition("/")[2])
    road.settle()
    there = Pages(road, road.uz).person()
    received = incoming(road.uz, id_of(road.kz, number))
    page = there.send(f"/referral/{received}/open", at=f"/referral/{received}")
    assert page.path == f"/emergency/{received}"
    assert "insulin" in page.text
    assert page.forms == {}
    review, at = f"/emergency/{number}/review", f"/emergency/{number}"
    assert {"result-wrong", "officer-wrong"} <= set(person.send(review, at=at).ids)
    same = {"result": "UPHELD", "officer": kids[0], "passphrase_officer": "own 0"}
    assert "who did not decide" in person.send(review, at=at, **same).text
    third = {"result": "UPHELD", "officer": kids[2], "passphrase_officer": "own 2"}
    assert "not right" in person.send(review, at=at, **{**third, "passphrase_officer": "x"}).text
    assert "Reviewed" in person.send(review, at=at, **third).text


def test_every_ground_and_every_reason_has_words() -> None:
    """None is shown as a code."""
    assert set(GROUNDS) == set(Ground)
    assert set(INCAPACITIES) == set(Incapacity)


def test_a_proof_that_proves_nothing_is_told_in_words(road: Road) -> None:
    """Missing files at their fields; damaged ones with a next step; nothing of it is kept."""
    person = Pages(road, road.kz).person()
    page = person.send("/inspect")
    assert {"proof-wrong", "policy-wrong"} <= set(page.ids)
    form = {name: value[0] for name, value in person.get("/inspect").forms["/inspect"].items()}
    files = {"proof": ("a.tlog-proof", b"not a proof"), "policy": ("kz.tlog-policy", b"no policy")}
    answer = person.client.post("/inspect", data=form, files=files)
    assert answer.status_code == 200
    assert "Not proven" in answer.text
    assert person.client.post("/inspect", data={**form, "csrf": "forged"}, files=files).status_code == 403


def test_an_account_is_shown_to_print(road: Road) -> None:
    """Of a case, of days; without either the page asks again."""
    person = Pages(road, road.kz).person()
    case = new_case(road.kz, case_file(about="Fictional: account"))
    assert "How to check it" in person.get(f"/inspect/account?case={case}").text
    assert "How to check it" in person.get("/inspect/account?first=1.1.2026&last=31.12.2026").text
    assert person.get("/inspect/account?first=x").path == "/inspect"
    assert person.get("/inspect/account?case=999").status == 404
