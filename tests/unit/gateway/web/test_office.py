"""The office on pages: who we are, people, keys, backup, line, alarms, log, and the day on which it is stolen."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from refbus.errors import Code
from refbus.said import named, said
from refbus.trust.member.loss import check_report
from refbus.trust.member.rotation import Task
from refbus_gateway.actions import people as actions
from refbus_gateway.actions.actor import Actor, Role
from refbus_gateway.people.roles import OF_PEOPLE
from refbus_gateway.store import alarms
from refbus_gateway.words.doings import ABOUT
from refbus_gateway.words.offices import DUTIES, ROLES
from support.ceremonies import PASSPHRASE
from support.gateways import Pair
from support.pages import Page, Pages, Person
from support.tree import parsed, project_files

NEW = "several new words"
SHOWN = (
    "/office",
    "/office/keys",
    "/office/backup",
    "/office/line",
    "/office/counts",
    "/office/alarms",
    "/office/stolen",
    "/office/log",
    "/office/officers",
    "/office/people",
    "/office/people/add",
    "/office/passphrase",
)


def add(person: Person, name: str, **more: str) -> Page:
    """Fill in the form of a new person."""
    fields = {"name": name, "passphrase_new": NEW, "passphrase_again": NEW, "passphrase": PASSPHRASE, **more}
    return person.send("/office/people/add", **fields)


def enter(pages: Pages, name: str, passphrase: str = NEW) -> Person:
    """Sign in by name."""
    browser = pages.browser()
    assert browser.send("/sign-in", name=name, passphrase=passphrase).path in {"/today", "/office/passphrase"}
    return browser


@pytest.mark.parametrize("path", SHOWN)
def test_each_page_of_the_office_is_there(pair: Pair, path: str) -> None:
    """No hole in it, before anybody has a name of one's own."""
    page = Pages(pair.world, pair.kz).person().get(path)
    assert (page.status, page.path) == (200, path)


def test_the_office_says_who_we_are_in_words(pair: Pair) -> None:
    """The name of the directory, what is due, and a sheet with marks of keys to compare by telephone."""
    person = Pages(pair.world, pair.kz).person()
    assert "agency" in person.get("/office").text.lower()
    sheet = person.get("/office/stolen").text
    assert "kz-agency01" in sheet
    assert "Suspend us" in sheet


def test_a_backup_goes_to_a_folder_that_is_there(pair: Pair, tmp_path: Path) -> None:
    """A folder that is none is told at its field; afterwards the page says when and where."""
    person = Pages(pair.world, pair.kz).person()
    assert "There is no backup" in person.get("/office/backup").text
    page = person.send("/office/backup", place=str(tmp_path / "no"), passphrase=PASSPHRASE)
    assert "no such folder" in page.text
    page = person.send("/office/backup", place="here", passphrase=PASSPHRASE)
    assert "no such folder" in page.text
    assert "not right" in person.send("/office/backup", place=str(tmp_path), passphrase="wrong").text
    page = person.send("/office/backup", place=str(tmp_path), passphrase=PASSPHRASE)
    assert "The backup is whole" in page.text
    assert "The last backup was made" in page.text
    (folder,) = tmp_path.iterdir()
    assert folder.name.startswith("desk-backup-")
    folder.rename(tmp_path / "away")
    assert "not at this computer now" in person.get("/office/backup").text


def test_an_alarm_has_a_next_step_and_is_taken_away(pair: Pair) -> None:
    """What it means, what to do, and a button."""
    with pair.kz.store.write() as tx:
        alarms.raise_alarm(tx, Code.CLOCK_SKEW, named("Fictional"), pair.world.clock())
        alarms.raise_alarm(tx, Code.RESTORE_UNCONFIRMED, named("Fictional"), pair.world.clock())
    person = Pages(pair.world, pair.kz).person()
    page = person.get("/office/alarms")
    assert page.text.count("What to do:") == 2
    for action in [each for each in page.forms if each.startswith("/office/alarms/")]:
        page = person.send(action, at="/office/alarms")
    assert "No alarm." in page.text


def test_alarms_of_one_kind_stand_together(own: Pair) -> None:
    """What it means and what to do is said once; each has its own words, in the reader's language, and its button."""
    with own.kz.store.write() as tx:
        for first in (1, 5):
            told = said("records %(first)s to %(last)s", first=first, last=first + 2)
            alarms.raise_alarm(tx, Code.INBOX_GAP, told, own.world.clock())
    person = Pages(own.world, own.kz).person()
    person.send("/language", language="ru")
    page = person.get("/office/alarms")
    assert page.text.count("Что делать:") == 1
    assert [each in page.text for each in ("записи с 1 по 3", "записи с 5 по 7")] == [True, True]
    assert len([each for each in page.forms if each.startswith("/office/alarms/")]) == 2


def test_a_person_says_that_the_clock_is_right(pair: Pair) -> None:
    """The form leads back and says so."""
    person = Pages(pair.world, pair.kz).person()
    csrf = person.get("/office/backup").forms["/office/backup"]["csrf"]
    page = person.post("/office/clock", {"csrf": csrf})
    assert page.path == "/office/line"
    assert "counts from now on" in page.text
    assert person.post("/office/clock", {"csrf": "forged"}).status == 403


def test_from_one_passphrase_to_people(own: Pair) -> None:
    """Begin, add, role, own passphrase, forgotten, locked out, log, the desk closed: by pages alone."""
    pages = Pages(own.world, own.kz)
    person, other = pages.person(), pages.person()
    page = add(person, "", passphrase_again="else")
    assert "Enter a name" in page.text
    assert "not the same" in page.text
    assert add(person, "aigul").path in {"/sign-in", "/language"}
    assert other.get("/office").path in {"/sign-in", "/language"}, "a session of before is over"
    aigul = enter(pages, "aigul")
    assert "not right" in add(aigul, "botir", role="CASE_WORKER").text, "the passphrase of before opens nothing"
    mine = {"passphrase": NEW}
    assert "Choose a role" in add(aigul, "botir", role="KING", **mine).text
    assert "botir can sign in" in add(aigul, "botir", role="CASE_WORKER", shown="<b>Botir</b>", **mine).text
    assert "taken" in add(aigul, "Botir", role="CASE_WORKER", **mine).text
    assert "must agree" in add(aigul, "chinara", role="ADMINISTRATOR", **mine).text
    wrong = {"second": "botir", "passphrase_second": "wrong"}
    assert "of that person is not right" in add(aigul, "chinara", role="ADMINISTRATOR", **mine, **wrong).text
    officer = {"role": "DUTY_OFFICER", "passphrase_new": "of an officer", "passphrase_again": "of an officer", **mine}
    assert "must agree" in aigul.send("/office/officers", **officer).text, "nobody alone makes both officers"
    assert "of that person is not right" in aigul.send("/office/officers", **officer, **wrong).text
    botir = enter(pages, "botir")
    assert botir.get("/office/log").status == 403
    assert botir.get("/office/officers").status == 403
    assert botir.get("/office/people/1").status == 200
    assert "/office/people/1/role" not in botir.get("/office/people/1").forms
    forged = botir.get("/office/passphrase").forms["/office/passphrase"]
    taken = {**forged, "role": "ADMINISTRATOR", "passphrase": NEW}
    assert botir.post("/office/people/2/role", taken).status == 403
    assert aigul.get("/office/people/9").status == 404
    fields = {"passphrase_new": "other new words", "passphrase_again": "other new words"}
    assert "not right" in botir.send("/office/passphrase", passphrase_old="wrong", **fields).text
    assert "was changed" in botir.send("/office/passphrase", passphrase_old=NEW, **fields).text
    again = {"passphrase_new": NEW, "passphrase_again": NEW}
    assert "new passphrase" in aigul.send("/office/people/2/passphrase", **again, **mine).text
    page = aigul.send("/office/people/2/role", at="/office/people/2", role="SUPERVISOR", **mine)
    assert "role was changed" in page.text
    page = aigul.send("/office/people/1/role", at="/office/people/1", role="SUPERVISOR", **mine)
    assert "last administrator" in page.text
    assert enter(pages, "botir").get("/office/log").status == 200
    assert "last administrator" in aigul.send("/office/people/1/lock-out", **mine).text
    assert "cannot sign in any more" in aigul.send("/office/people/2/lock-out", **mine).text
    assert botir.get("/today").path in {"/locked", "/sign-in", "/language"}
    log = aigul.get("/office/log")
    assert "locked a person out" in log.text
    assert "<b>Botir" not in log.html
    assert aigul.send("/office/lock", at="/office/stolen").path in {"/sign-in", "/language"}
    assert enter(pages, "aigul").get("/today").status == 200


def test_officers_are_added_and_removed_on_a_page(own: Pair) -> None:
    """Each types a passphrase of one's own, twice; the page says who can decide."""
    person = Pages(own.world, own.kz).person()
    page = person.send("/office/officers", passphrase=PASSPHRASE)
    assert "Choose a role" in page.text
    assert "types a new passphrase" in page.text
    fields = {"role": "DUTY_OFFICER", "passphrase_new": NEW, "passphrase_again": NEW, "passphrase": PASSPHRASE}
    assert "Can decide" in person.send("/office/officers", **fields).text
    assert "vouches for them until" in person.send("/office/officers/renew", at="/office/officers").text
    page = person.send("/office/officers/remove", at="/office/officers")
    assert "Can decide" not in page.text


def test_everything_that_the_log_tells_has_words() -> None:
    """Every kind of thing that people do, and every task about keys."""
    assert set(DUTIES) == set(Task)
    assert set(ROLES) == set(OF_PEOPLE)
    for path in project_files("services/refbus_gateway/actions", suffix=".py"):
        for node in parsed(path).body:
            first = ast.unparse(node.body[1]) if isinstance(node, ast.FunctionDef) and len(node.body) > 1 else ""
            noted = first.startswith("actor.require(Permission.") and "READ_STATUS" not in first
            if noted and isinstance(node, ast.FunctionDef) and node.args.args[0].arg == "desk":
                assert path.stem in ABOUT, f"{path.stem}.{node.name}"


def test_a_role_that_may_not_is_refused_by_the_action(pair: Pair) -> None:
    """Whatever the page shows."""
    pages = Pages(pair.world, pair.kz)
    with pytest.raises(Exception, match=Code.NOT_PERMITTED):
        actions.lock_out(pages.office.desk, Actor(pair.kz.me, Role.CASE_WORKER, "x"), "x")


def test_a_lost_computer_is_reported_from_another_one(own: Pair) -> None:
    """The page gives a signed file with every key; a time that is none or to come is asked again."""
    person = Pages(own.world, own.kz).person()
    page = person.send("/office/stolen", since="")
    assert page.status == 200
    assert "attachment" in page.response.headers["Content-Disposition"]
    held = own.kz.directory().organisations[own.kz.me]
    loss = check_report(page.response.content, held)
    assert set(loss.kids) == {*(each.kid for each in held.signing_keys), *(each.kid for each in held.kem_keys)}
    assert loss.since_ms == own.kz.now_ms()
    for wrong in ("yesterday", "31.3.2099 12:00"):
        assert 'href="#since"' in person.send("/office/stolen", since=wrong).html
