"""What is asked about recovery sheets: made by an administrator, and an office that they open again from a backup."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from refbus.clock import Clock
from refbus.errors import Code
from refbus.settings import GatewaySettings
from refbus_gateway.actions import cases, home, logbook, people, recovery
from refbus_gateway.actions.actor import Actor, Role
from refbus_gateway.actions.desk import Desk, open_desk
from refbus_gateway.actions.people import Newcomer, Second
from refbus_gateway.actions.recovery import SheetsMade
from refbus_gateway.home import slots
from refbus_gateway.people.users import State
from support.desks import desk_of
from support.gateways import Pair, alarm_codes, new_case
from support.refusals import refused

WORDS = {"chief": "of the chief", "worker": "of the worker", "new": "of the new one"}


@pytest.fixture
def desk(own: Pair) -> Desk:
    """Give the desk of a home with an administrator."""
    desk, actor = desk_of(own.world, own.kz)
    people.begin(desk, actor, newcomer("chief"))
    return desk


def newcomer(name: str, role: Role = Role.ADMINISTRATOR) -> Newcomer:
    """Return somebody fictional."""
    return Newcomer(name, f"Fictional {name}", role, "ru", WORDS[name])


def entered(desk: Desk, name: str) -> Actor:
    """Sign in, and type the passphrase for the next request too."""
    opened = people.sign_in(desk.home.path, name, WORDS[name], desk.gateway.clock)
    return replace(people.admit(desk, opened).actor, confirmed=True)


def texts_of(made: SheetsMade) -> list[str]:
    """Return the words of each sheet."""
    return [" ".join(each.words) for each in made.sheets]


@contextmanager
def recovered(own: Pair, path: Path, texts: list[str]) -> Iterator[Desk]:
    """Give the desk of a home that sheets open."""
    clock = Clock.of(own.world.clock)
    desk = open_desk(
        path,
        GatewaySettings(),
        opened=lambda: recovery.open_by_sheets(path, texts),
        time=lambda: clock,
        connect=lambda *_: own.world.bus,
    )
    with closing(desk):
        yield desk


def files_with(folder: Path, words: list[str]) -> list[Path]:
    """Return the files that have these words in a row, in any of the ways in which text is written."""
    text = " ".join(words)
    looked = [each.encode() for each in (text, text.replace(" ", "\n"), text.replace(" ", '", "'))]
    found = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in found if any(each in path.read_bytes() for each in looked)]


def test_a_backup_and_enough_sheets_open_the_office_on_a_new_computer(own: Pair, desk: Desk, tmp_path: Path) -> None:
    """Cases are there; whoever took over is the only person; passphrases and sheets of before open nothing."""
    number = new_case(own.kz)
    chief = entered(desk, "chief")
    made = recovery.make(desk, chief, 2, 3)
    assert recovery.standing(desk, chief).made
    people.add(desk, entered(desk, "chief"), newcomer("worker", Role.CASE_WORKER))
    people.lock_out(desk, entered(desk, "chief"), "worker")  # a new home secret: the sheets go on to open it
    home.back_up(desk, entered(desk, "chief"), tmp_path / "stick")
    assert not [path for each in made.sheets for path in files_with(tmp_path, list(each.words[4:8]))]

    place, texts, clock = tmp_path / "new", texts_of(made)[1:], own.world.clock
    few = lambda: recovery.restore(place, Actor(None), tmp_path / "stick", texts[:1], clock=clock, use=bool)  # noqa: E731
    assert refused(few) is Code.RECOVERY_TOO_FEW
    assert not place.exists()
    done = recovery.restore(place, Actor(None), tmp_path / "stick", texts, clock=clock, use=lambda _: False)
    assert done.proven
    with recovered(own, place, texts) as there:
        person = recovery.take_over(there, Actor(None), texts, newcomer("new"))
        new = entered(there, "new")
        assert new.role is Role.ADMINISTRATOR
        assert [each.case for each in cases.listed(there, new).cases] == [number]
        states = {each.name: each.state for each in people.listed(there, new)}
        assert states == {"chief": State.LOCKED_OUT, "worker": State.LOCKED_OUT, "new": State.ACTIVE}
        lines = logbook.show(there, new, 50).lines
        assert ("Fictional new", "recovery.take_over") in [(each.shown, each.action) for each in lines]
        assert "recovery.make" in [each.action for each in lines]
        assert Code.RECOVERY_USED in alarm_codes(there.gateway)
        assert slots.ids(there.home) == (person.person,)
        assert refused(lambda: entered(there, "chief")) is Code.KEYFILE_WRONG_PASSPHRASE
        assert refused(lambda: recovery.open_by_sheets(place, texts)) is Code.RECOVERY_NONE
        again = lambda: recovery.restore(place, Actor(None), tmp_path / "stick", texts, clock=clock, use=bool)  # noqa: E731
        assert refused(again) is Code.USAGE


def test_the_home_that_is_here_is_opened_when_nobody_knows_a_passphrase(own: Pair, desk: Desk) -> None:
    """Without a backup; what was begun and cut is begun again."""
    texts = texts_of(recovery.make(desk, entered(desk, "chief"), 2, 3))[:2]
    path = desk.home.path
    desk.close()
    with recovered(own, path, texts) as there:
        there.open()
        recovery.take_over(there, Actor(None), texts, newcomer("new"))
        assert entered(there, "new").role is Role.ADMINISTRATOR


def test_new_sheets_make_those_of_before_worthless(own: Pair, desk: Desk) -> None:
    """Also with a copy of the home secret of before: it is renewed."""
    before = texts_of(recovery.make(desk, entered(desk, "chief"), 2, 3))[:2]
    secret = desk.secret
    after = texts_of(recovery.make(desk, entered(desk, "chief"), 2, 3))[:2]
    path = desk.home.path
    assert refused(lambda: recovery.open_by_sheets(path, before)) is Code.RECOVERY_FOREIGN
    assert refused(lambda: recovery.open_by_sheets(path, [before[0], after[1]])) is Code.RECOVERY_MIXED
    assert recovery.open_by_sheets(path, after).secret == desk.secret != secret
    assert refused(lambda: recovery.open_by_sheets(own.uz.home.path, after)) is Code.RECOVERY_NONE


def test_only_an_administrator_makes_sheets_and_not_alone(desk: Desk) -> None:
    """As for a new administrator: the passphrase again, and a second person where there is one."""
    chief = entered(desk, "chief")
    assert refused(lambda: recovery.make(desk, replace(chief, confirmed=False), 2, 3)) is Code.REENTRY_NEEDED
    people.add(desk, chief, newcomer("worker", Role.CASE_WORKER))
    worker = entered(desk, "worker")
    assert refused(lambda: recovery.make(desk, worker, 2, 3)) is Code.NOT_PERMITTED
    assert refused(lambda: recovery.make(desk, entered(desk, "chief"), 2, 3)) is Code.SECOND_NEEDED
    second = Second("worker", WORDS["worker"])
    assert refused(lambda: recovery.make(desk, entered(desk, "chief"), 2, 3, second)) is Code.PASSPHRASE_PROVISIONAL
    people.set_passphrase(desk, worker, WORDS["worker"], "own")
    made = recovery.make(desk, entered(desk, "chief"), 3, 5, Second("worker", "own"))
    assert (made.needed, made.keepers, len(made.sheets)) == (3, 5, 5)


def test_an_office_without_people_is_told_what_to_do(own: Pair) -> None:
    """One passphrase for all is first replaced by people."""
    desk, actor = desk_of(own.world, own.uz)
    assert not recovery.standing(desk, actor).has_people
    assert refused(lambda: recovery.make(desk, actor, 2, 3)) is Code.USAGE
    assert not slots.has_slots(desk.home)
