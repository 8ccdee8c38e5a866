"""What a search opened stays in memory only while somebody is at work: a lock or an end of a session drops it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from refbus_gateway.home.gateway import Gateway
from refbus_gateway.reports import lookups as reports
from refbus_gateway.store import lookups
from refbus_gateway.store.session import Transaction
from refbus_gateway.web.session import IDLE_S
from support.desks import desk_of
from support.gateways import Pair, case_file, sent
from support.pages import Pages, Person
from unit.gateway.web.test_office import add, enter

Ends = Callable[[Pages, Person], object]


def _idle(pages: Pages, _: Person) -> None:
    """Nobody comes back, and no browser asks: the office looks by itself."""
    pages.seconds.now_s += IDLE_S + 1
    pages.office.sessions.shut_idle()


ENDS: dict[str, Ends] = {
    "lock": lambda _, person: person.get("/lock"),
    "sign out": lambda _, person: person.post("/sign-out", person.get("/office/backup").forms["/office/backup"]),
    "leave": lambda _, person: person.get("/leave"),
    "nobody there": _idle,
    "stop": lambda pages, _: pages.office.sessions.end_all(),
}


@pytest.mark.parametrize("ends", ENDS)
def test_nicknames_are_dropped_with_the_session(own: Pair, ends: str) -> None:
    """They were there after the search, and are not in memory afterwards; who signs in again finds by them."""
    sent(own.kz, case_file(about="Fictional: sought", file_number="Blue door"))
    pages = Pages(own.world, own.kz)
    person = pages.person()
    assert "Blue door" in person.send("/referral", nickname="blue").text
    assert any("blue dor" in text for _, text in own.kz.nicknames.values())
    ENDS[ends](pages, person)
    assert own.kz.nicknames == {}
    assert "Blue door" in pages.person().send("/referral", nickname="blue").text


@pytest.mark.parametrize("here", [True, False], ids=["here", "by another process"])
def test_nicknames_are_dropped_at_a_panic_lock(own: Pair, *, here: bool) -> None:
    """At once at this desk; where another process locks the home, at the next request of anybody."""
    sent(own.kz, case_file(about="Fictional: sought", file_number="Blue door"))
    pages = Pages(own.world, own.kz)
    add(pages.person(), "aigul")
    person = enter(pages, "aigul")
    person.send("/referral", nickname="blue")
    assert own.kz.nicknames
    if here:
        person.send("/office/lock", at="/office/stolen")
    else:
        desk_of(own.world, own.kz)[0].lock()
        person.get("/today")
    assert own.kz.nicknames == {}


def test_a_search_under_way_keeps_nothing_after_a_lock(own: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends after the lock, and what it opened is not kept for the next one."""
    sent(own.kz, case_file(about="Fictional: sought", file_number="Blue door"))
    reports.refresh(own.kz)
    real = lookups.nicknames

    def locked_meanwhile(tx: Transaction) -> dict[int, tuple[bytes, bytes, bytes]]:
        found = real(tx)
        own.kz.forget()
        return found

    monkeypatch.setattr(lookups, "nicknames", locked_meanwhile)
    with own.kz.store.read() as tx:
        assert reports.cases_called(own.kz, tx, "blue")
    assert own.kz.nicknames == {}


def test_a_closed_home_has_nothing_in_memory(own: Pair) -> None:
    """The gateway is released, and what it opened is dropped with it."""
    gateway: Gateway = own.kz
    gateway.nicknames = {1: (b"", "blue dor")}
    gateway.close()
    assert gateway.nicknames == {}
