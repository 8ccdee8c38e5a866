"""After a backup was brought back: by pages alone somebody learns whom to call, and lets the office send again."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from refbus.errors import Code, UncheckableError
from refbus_gateway.actions import restored, status
from refbus_gateway.actions.actor import ALLOWED, Permission, Role
from support.ceremonies import PASSPHRASE, SHELTER
from support.desks import desk_of
from support.gateways import Pair, sent
from support.pages import Pages, Person
from support.restored import go_on_from_backup

PAGE = "/office/restored"


@pytest.fixture
def case(own: Pair, tmp_path: Path) -> int:
    """Give a case of an office that goes on from a backup."""
    return go_on_from_backup(own, tmp_path)


@pytest.fixture
def person(own: Pair, case: int) -> Person:
    """Give somebody at its desk."""
    return Pages(own.world, own.kz).person()


def test_every_alarm_of_a_restore_leads_to_a_page(own: Pair, person: Person) -> None:
    """No command is named outside of the lines for whoever helps; the office has the page too."""
    page = person.get("/office/alarms")
    assert 'href="/office/restored"' in page.html
    assert "refbus " not in page.text.partition("For whoever helps you")[0]
    assert "To confirm" in person.get("/office").text


def test_nothing_is_confirmed_before_all_was_read(own: Pair, person: Person) -> None:
    """The page says what it waits for; a form that was made by hand is refused."""
    page = person.get(PAGE)
    assert "First everything that came since is read" in page.text
    assert PAGE not in page.forms
    forged = {**next(iter(person.get("/office/backup").forms.values())), "passphrase": [PASSPHRASE]}
    person.post(PAGE, {name: each[0] for name, each in forged.items()})
    assert not restored.stands(*desk_of(own.world, own.kz)).confirmed  # type: ignore[union-attr]
    with pytest.raises(UncheckableError) as early:
        restored.confirm(*desk_of(own.world, own.kz))
    assert early.value.code is Code.NOT_SYNCHRONISED


def test_an_office_is_confirmed_with_the_passphrase_and_case_by_case(own: Pair, person: Person, case: int) -> None:
    """Whom to call stands there; a wrong passphrase confirms nothing; a no of the person is beside the yes."""
    own.world.sync(own.kz)
    page = person.get(PAGE)
    assert desk_of(own.world, own.kz)[0].directory().find(SHELTER).label in page.text  # type: ignore[union-attr]
    wrong = person.send(PAGE, passphrase="not the passphrase")
    assert wrong.path == PAGE
    assert "Confirmed" not in wrong.text
    done = person.send(PAGE, passphrase=PASSPHRASE)
    assert "this office may send again" in done.text
    assert f"/case/{case}/restored" in done.html
    codes = {each.code for each in status.alarms(*desk_of(own.world, own.kz))}
    assert Code.RESTORE_UNCONFIRMED not in codes
    one = person.get(f"/case/{case}/restored")
    assert f"/case/{case}/changed" in one.html
    assert person.send(f"/case/{case}/restored").path == f"/case/{case}/restored"
    assert person.send(f"/case/{case}/restored", passphrase=PASSPHRASE).path == PAGE
    assert f"/case/{case}/restored" not in person.get(PAGE).html


def test_who_may_not_confirm_reads_who_does(own: Pair, case: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A case-worker sees whom to call and no button for the office; the cases are the case-worker's to ask."""
    own.world.sync(own.kz)
    browser = Pages(own.world, own.kz).person()
    for role, allowed in tuple(ALLOWED.items()):
        monkeypatch.setitem(
            cast("dict[Role, frozenset[Permission]]", ALLOWED), role, allowed - {Permission.MANAGE_HOME}
        )
    page = browser.get(PAGE)
    assert "An administrator of this office confirms it here" in page.text
    assert PAGE not in page.forms
    assert f"/case/{case}/restored" in page.html


def test_an_office_that_was_never_restored_has_nothing_to_confirm(pair: Pair) -> None:
    """The page says so, and the page of a case leads back to the case."""
    number, _ = sent(pair.kz)
    person = Pages(pair.world, pair.kz).person()
    assert "there is nothing to confirm" in person.get(PAGE).text
    assert person.get(f"/case/{number}/restored").path == f"/case/{number}"
    assert "After the backup" not in person.get("/office").text
