"""An office in which one person can be both of a decision of two: it may decide, and everything says so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from refbus.crypto import keyfile
from refbus_gateway.actions import officers, people, status
from refbus_gateway.actions.actor import Actor, Role
from refbus_gateway.actions.desk import Desk
from refbus_gateway.actions.officers import FourEyes
from refbus_gateway.actions.people import Newcomer
from refbus_gateway.home import slots
from support.desks import desk_of
from support.gateways import Pair
from support.pages import Pages

ONE = "Where two people must agree, here it is one."


def entered(desk: Desk, name: str, word: str) -> Actor:
    """Sign in, and type the passphrase for the next request too."""
    opened = people.sign_in(desk.home.path, name, word, desk.gateway.clock)
    return replace(people.admit(desk, opened).actor, confirmed=True)


def test_an_office_of_one_decides_and_says_that_it_is_one(own: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without people, with one, and with a second whose passphrase the first one set; then two must agree."""
    monkeypatch.setattr(slots, "MEMORY_KIB", 64)
    monkeypatch.setattr(keyfile, "MEMORY_KIB", 64)
    desk, whole = desk_of(own.world, own.kz)
    assert officers.four_eyes(desk, whole) == FourEyes(people=0, officers=0, alone=True)
    officers.add(desk, whole, "DUTY_OFFICER", "fictional words of an officer")
    assert status.overview_of_all(desk, whole).four_eyes == FourEyes(people=0, officers=1, alone=True)
    page = Pages(own.world, own.kz).person().get("/office")
    assert ONE in page.text
    people.begin(desk, whole, Newcomer("chief", "Fictional chief", Role.ADMINISTRATOR, "en", "of the chief"))
    chief = entered(desk, "chief", "of the chief")
    assert officers.four_eyes(desk, chief).people == 1
    people.add(desk, chief, Newcomer("worker", "Fictional worker", Role.CASE_WORKER, "en", "of the worker"))
    assert officers.four_eyes(desk, chief).alone
    people.set_passphrase(desk, entered(desk, "worker", "of the worker"), "of the worker", "own words")
    assert officers.four_eyes(desk, chief) == FourEyes(people=2, officers=1, alone=False)
    browser = Pages(own.world, own.kz).browser()
    browser.send("/sign-in", name="chief", passphrase="of the chief")
    assert ONE not in browser.get("/office").text
    assert "Here one person can be all of the officers" not in browser.get("/office/officers").text
