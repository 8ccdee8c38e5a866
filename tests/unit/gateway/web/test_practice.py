"""The page of practice: one button, and the steps as they arrive."""

from __future__ import annotations

from contextlib import closing

from refbus.core.ids import OrgId
from refbus_gateway.actions import practice
from support.desks import desk_of
from support.gateways import Pair
from support.pages import Pages

ECHO = OrgId("kg-zech0zz1")


def test_one_button_and_the_answer_comes_back(own: Pair) -> None:
    """No passphrase, no field; a second click of the same form sends nothing more; then the whole answer."""
    browser = Pages(own.world, own.kz).person()
    assert "/practice" in browser.get("/office").html
    form = browser.get("/practice").forms["/practice"]
    assert set(form) == {"csrf", "once"}
    page = browser.post("/practice", form)
    assert page.path == "/practice"
    assert "on its way" in page.text
    assert browser.post("/practice", form).path == "/practice"
    assert browser.post("/practice", {**form, "csrf": "forged"}).status == 403
    with closing(own.world.gateway(ECHO)) as echo:
        there, program = desk_of(own.world, echo)
        own.world.exchange(own.kz, echo)
        assert practice.answer_all(there, program) == practice.Echoed(1, 0)
        own.world.exchange(own.kz, echo)
    page = browser.get("/practice")
    assert "The answer is here" in page.text
    number = practice.standing(*desk_of(own.world, own.kz)).referral
    page = browser.get(f"/referral/{number}")
    assert "a place that does not exist" in page.text
    assert "Practice" in page.text
