"""What is asked about the people of an organisation: roles, sign-in, re-entry, lock-out, the home's own log."""

from __future__ import annotations

import base64
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from sqlalchemy import delete, update

from refbus.core.units import DAY_MS
from refbus.crypto import keyfile
from refbus.errors import Code, RefbusError
from refbus.files import write_whole
from refbus_gateway.actions import assignments, cases, codes, consent, erasure, logbook, officers, people, referrals
from refbus_gateway.actions.actor import ALLOWED, Actor, Permission, Role
from refbus_gateway.actions.desk import Desk
from refbus_gateway.actions.people import Newcomer, Second
from refbus_gateway.home import attempts, slots
from refbus_gateway.people import onetime, users
from refbus_gateway.people.users import State
from refbus_gateway.store import doings as log_rows
from refbus_gateway.store.schema import assignments as rows
from refbus_gateway.store.schema import doings
from support.desks import desk_of
from support.gateways import Pair, alarm_codes, case_file, consent_file, new_case, take_consent
from support.refusals import refused

WORDS = {"chief": "of the chief", "worker": "of the worker", "other": "of the other"}


@pytest.fixture
def desk(own: Pair) -> Desk:
    """Give the desk of a home with an administrator, a case-worker and the service."""
    desk, actor = desk_of(own.world, own.kz)
    people.begin(desk, actor, newcomer("chief", Role.ADMINISTRATOR))
    chief = entered(desk, "chief")
    people.add(desk, chief, newcomer("worker", Role.CASE_WORKER))
    people.set_service(desk, chief, "of the service")
    return desk


def newcomer(name: str, role: Role) -> Newcomer:
    """Return somebody fictional."""
    return Newcomer(name, f"Fictional {name}", role, "ru", WORDS[name])


def entered(desk: Desk, name: str | None, word: str | None = None, code: str = "") -> Actor:
    """Sign in, and type the passphrase for the next request too."""
    clock = desk.gateway.clock
    opened = people.sign_in(desk.home.path, name, word or WORDS.get(name or "", "of the service"), clock)
    actor = people.admit(desk, opened, code).actor
    return replace(actor, confirmed=name is not None)


def test_people_sign_in_with_their_roles(desk: Desk) -> None:
    """Each as who one is; the service as itself; what a role may not is refused."""
    chief, worker, service = (entered(desk, name) for name in ("chief", "worker", None))
    assert [each.role for each in (chief, worker, service)] == [Role.ADMINISTRATOR, Role.CASE_WORKER, Role.SERVICE]
    assert [(each.name, each.role, each.opens) for each in people.listed(desk, worker)] == [
        ("chief", Role.ADMINISTRATOR, True),
        ("worker", Role.CASE_WORKER, True),
    ]
    assert refused(lambda: people.lock_out(desk, worker, "chief")) is Code.NOT_PERMITTED
    assert refused(lambda: logbook.show(desk, worker)) is Code.NOT_PERMITTED
    assert refused(lambda: cases.listed(desk, service)) is Code.NOT_PERMITTED


def test_what_the_table_says_makes_sense() -> None:
    """The service sees no case and says no yes; only administrators manage."""
    service = ALLOWED[Role.SERVICE]
    assert service == {Permission.STOP, Permission.READ_STATUS, Permission.DELIVER}
    managing = {role for role, may in ALLOWED.items() if may & {Permission.MANAGE_HOME, Permission.MANAGE_PEOPLE}}
    assert managing == {Role.ADMINISTRATOR, Role.ORGANISATION}
    yes = {Permission.REFER, Permission.ANSWER, Permission.TAKE_CONSENT, Permission.EMERGENCY}
    assert not ALLOWED[Role.FOCAL_POINT] & yes


def test_what_cannot_be_taken_back_asks_for_the_passphrase_again(desk: Desk, own: Pair) -> None:
    """Sending and erasing do; a withdrawal never does; a wrong passphrase is none."""
    number = new_case(own.kz)
    take_consent(own.kz, number, consent_file())
    worker = replace(entered(desk, "worker"), confirmed=False)
    assert refused(lambda: referrals.send(desk, worker, number)) is Code.REENTRY_NEEDED
    assert refused(lambda: erasure.erase(desk, worker, number)) is Code.REENTRY_NEEDED
    assert refused(lambda: people.confirm(desk, worker, "of the chief")) is Code.KEYFILE_WRONG_PASSPHRASE
    referrals.send(desk, people.confirm(desk, worker, "of the worker"), number, later=True)
    consent.withdraw(desk, worker, number, None, later=True)
    erasure.erase(desk, people.confirm(desk, worker, "of the worker"), number, later=True)


def test_a_lock_out_ends_it_for_one_and_for_nobody_else(desk: Desk) -> None:
    """No sign-in, keys under another secret; the others and the service as before; the last administrator stays."""
    chief, before = entered(desk, "chief"), desk.secret
    assert people.lock_out(desk, chief, "worker").state is State.LOCKED_OUT
    assert desk.secret != before
    assert refused(lambda: entered(desk, "worker")) is Code.KEYFILE_WRONG_PASSPHRASE
    assert entered(desk, None).role is Role.SERVICE
    assert refused(lambda: people.lock_out(desk, chief, "chief")) is Code.USAGE
    assert refused(lambda: people.set_role(desk, chief, "chief", Role.CASE_WORKER)) is Code.USAGE
    people.add(desk, chief, newcomer("worker", Role.CASE_WORKER))  # the same name, another person
    assert entered(desk, "worker").role is Role.CASE_WORKER


def test_an_old_copy_of_a_slot_lets_nobody_in_who_was_locked_out(desk: Desk) -> None:
    """Somebody puts the files of the slot back: they do not open the home."""
    chief = entered(desk, "chief")
    folder = desk.home.path / "keys" / "people"
    (worker,) = (each.person for each in people.listed(desk, chief) if each.name == "worker")
    kept = {path: path.read_bytes() for path in folder.glob(f"{worker}.*")}
    people.lock_out(desk, chief, "worker")
    for path, content in kept.items():
        write_whole(path, content)
    opened = slots.sign_in(desk.home, "worker", "of the worker")
    assert refused(lambda: keyfile.load(desk.home.store_key, opened.secret)) is Code.KEYFILE_WRONG_PASSPHRASE
    assert refused(lambda: people.admit(desk, opened)) is Code.NOT_PERMITTED


def test_an_administrator_is_made_by_two(desk: Desk) -> None:
    """Another person agrees with a passphrase of one's own; not the same one twice, not a wrong one."""
    chief = entered(desk, "chief")

    def made(second: Second | None) -> people.PersonShown:
        return people.set_role(desk, chief, "worker", Role.ADMINISTRATOR, second)

    assert refused(lambda: made(None)) is Code.SECOND_NEEDED
    people.set_passphrase(desk, entered(desk, "worker"), WORDS["worker"], "own")
    assert refused(lambda: made(Second("chief", WORDS["chief"]))) is Code.SECOND_NEEDED
    assert refused(lambda: made(Second("worker", WORDS["chief"]))) is Code.KEYFILE_WRONG_PASSPHRASE
    assert made(Second("worker", "own")).role is Role.ADMINISTRATOR


def test_whoever_sets_a_passphrase_is_not_the_second_person_by_it(desk: Desk) -> None:
    """A passphrase that another person set counts on neither side before its owner chose another one."""
    chief, worker = entered(desk, "chief"), entered(desk, "worker")
    people.set_passphrase(desk, worker, WORDS["worker"], "own")
    people.set_role(desk, chief, "worker", Role.ADMINISTRATOR, Second("worker", "own"))
    third = people.add(desk, chief, newcomer("other", Role.CASE_WORKER))
    assert third.provisional
    by_third, by_worker = Second("other", WORDS["other"]), Second("worker", "played by the chief")

    def third_role(second: Second) -> people.PersonShown:
        return people.set_role(desk, chief, "other", Role.ADMINISTRATOR, second)

    assert refused(lambda: third_role(by_third)) is Code.PASSPHRASE_PROVISIONAL
    people.replace_passphrase(desk, chief, "worker", "played by the chief")
    assert refused(lambda: third_role(by_worker)) is Code.PASSPHRASE_PROVISIONAL
    played, by_chief = entered(desk, "worker", "played by the chief"), Second("chief", WORDS["chief"])
    assert refused(lambda: people.set_role(desk, played, "other", Role.ADMINISTRATOR, by_chief)) is (
        Code.PASSPHRASE_PROVISIONAL
    )
    same = "played by the chief"
    assert refused(lambda: people.set_passphrase(desk, played, same, same)) is Code.USAGE
    assert not people.set_passphrase(desk, played, same, "own again").provisional
    assert people.set_role(desk, played, "other", Role.ADMINISTRATOR, by_chief).role is Role.ADMINISTRATOR


def test_an_officer_is_named_by_two(desk: Desk, own: Pair) -> None:
    """Nobody alone makes both officers of a decision; a passphrase that another person set is no second person."""
    chief, worker = entered(desk, "chief"), entered(desk, "worker")
    agreed = Second("worker", WORDS["worker"])

    def name(second: Second | None) -> officers.OfficerAdded:
        return officers.add(desk, chief, "DUTY_OFFICER", "fictional officer", second)

    assert refused(lambda: name(None)) is Code.SECOND_NEEDED
    assert refused(lambda: name(Second("chief", WORDS["chief"]))) is Code.SECOND_NEEDED
    assert refused(lambda: name(agreed)) is Code.PASSPHRASE_PROVISIONAL
    assert officers.listed(desk, chief, own.world.clock()) == ()
    people.set_passphrase(desk, worker, WORDS["worker"], "own")
    made = name(Second("worker", "own"))
    assert [each.officer for each in officers.listed(desk, chief, own.world.clock())] == [made.officer]


def test_a_role_counts_at_once_for_who_is_in(desk: Desk) -> None:
    """What a session asks at each request: the role of today; nobody who was locked out, nobody in a locked home."""
    chief, worker = entered(desk, "chief"), entered(desk, "worker")
    people.set_role(desk, chief, "worker", Role.FOCAL_POINT)
    today = desk.as_today(worker)
    assert today is not None
    assert (today.role, today.person) == (Role.FOCAL_POINT, worker.person)
    assert refused(lambda: cases.add(desk, today, case_file())) is Code.NOT_PERMITTED
    people.lock_out(desk, chief, "worker")
    assert desk.as_today(worker) is None
    people.lock(desk, chief)
    assert desk.as_today(chief) is None


def test_passphrases_change_alone(desk: Desk) -> None:
    """One's own with the old one; of somebody who forgot it by an administrator."""
    worker = entered(desk, "worker")
    assert refused(lambda: people.set_passphrase(desk, worker, "no", "new")) is Code.KEYFILE_WRONG_PASSPHRASE
    people.set_passphrase(desk, worker, "of the worker", "new")
    assert entered(desk, "worker", "new").person == worker.person
    people.replace_passphrase(desk, entered(desk, "chief"), "worker", "newer")
    assert entered(desk, "worker", "newer").person == worker.person


def test_failures_are_slowed_and_told(desk: Desk, own: Pair) -> None:
    """After three the pause doubles; another person's sign-in is not slowed; the count is told once."""
    for _ in range(attempts.FREE):
        assert refused(lambda: entered(desk, "worker", "wrong")) is Code.KEYFILE_WRONG_PASSPHRASE
    assert refused(lambda: entered(desk, "worker")) is Code.SIGN_IN_SLOWED
    assert entered(desk, "chief").role is Role.ADMINISTRATOR
    own.world.clock.move(hours=1)
    for told in (attempts.FREE, 0):
        opened = people.sign_in(desk.home.path, "worker", WORDS["worker"], desk.gateway.clock)
        assert people.admit(desk, opened).failed == told


def test_guesses_from_one_computer_are_slowed_whatever_the_names(desk: Desk, own: Pair) -> None:
    """Twenty from one address are free; then it waits, another one does not, and a right passphrase ends it."""
    clock = desk.gateway.clock

    def tries(name: str, passphrase: str = "wrong", address: str = "192.0.2.7") -> Code | None:
        try:
            people.sign_in(desk.home.path, name, passphrase, clock, address)
        except RefbusError as error:
            return error.code
        return None

    for number in range(attempts.FREE_FROM):
        assert tries(f"name {number}") in {Code.KEYFILE_WRONG_PASSPHRASE, Code.SIGN_IN_SLOWED}
        own.world.clock.move(hours=1)
    assert tries("chief") is Code.KEYFILE_WRONG_PASSPHRASE
    assert tries("chief", WORDS["chief"]) is Code.SIGN_IN_SLOWED
    assert tries("chief", WORDS["chief"], "192.0.2.8") is None
    own.world.clock.move(hours=1)
    assert [tries("chief", WORDS["chief"]), tries("worker")] == [None, Code.KEYFILE_WRONG_PASSPHRASE]
    assert "192.0.2" not in (desk.home.path / "attempts.json").read_text()


def test_many_guesses_at_once_are_slowed_like_one_after_the_other(desk: Desk) -> None:
    """Of eight that begin together as many are tried as are free, and each of those is counted."""
    together = Barrier(8)

    def guess(_: int) -> Code:
        together.wait()
        return refused(lambda: people.sign_in(desk.home.path, "worker", "wrong", desk.gateway.clock))

    with ThreadPoolExecutor(8) as pool:
        said = Counter(pool.map(guess, range(8)))
    assert said == {Code.KEYFILE_WRONG_PASSPHRASE: attempts.FREE, Code.SIGN_IN_SLOWED: 8 - attempts.FREE}


def test_one_time_codes(desk: Desk, own: Pair) -> None:
    """They count once a first code confirmed them; each is good once, a spare one too; without one nobody gets in."""
    worker = entered(desk, "worker")
    assert refused(lambda: codes.confirm(desk, worker, "123456")) is Code.USAGE
    begun = codes.begin(desk, worker)
    assert codes.own(desk, entered(desk, "worker")) == codes.OwnCodes(on=False, spare_left=0, begun=begun)
    assert refused(lambda: codes.confirm(desk, worker, begun.spare[0])) is Code.CODE_WRONG
    assert codes.confirm(desk, worker, code_now(begun, own)).codes
    assert codes.own(desk, worker) == codes.OwnCodes(on=True, spare_left=onetime.SPARE, begun=None)
    own.world.clock.move(hours=1)
    assert refused(lambda: entered(desk, "worker")) is Code.CODE_WRONG
    code = code_now(begun, own)
    assert entered(desk, "worker", code=code).role is Role.CASE_WORKER
    assert refused(lambda: entered(desk, "worker", code=code)) is Code.CODE_WRONG
    own.world.clock.move(hours=1)
    worker = entered(desk, "worker", code=f" {begun.spare[0].upper()} ")
    assert refused(lambda: entered(desk, "worker", code=begun.spare[0])) is Code.CODE_WRONG
    assert codes.end(desk, worker).codes is False
    own.world.clock.move(hours=1)
    assert entered(desk, "worker").person == worker.person


def test_codes_of_a_lost_telephone_are_taken_away_by_two(desk: Desk, own: Pair) -> None:
    """An administrator and another person, also the one who lost it; a new passphrase alone takes no codes away."""
    chief, worker = entered(desk, "chief"), entered(desk, "worker")
    people.set_passphrase(desk, worker, WORDS["worker"], "own")
    begun = codes.begin(desk, worker)
    codes.confirm(desk, worker, code_now(begun, own))
    assert refused(lambda: codes.remove(desk, worker, "worker")) is Code.NOT_PERMITTED
    assert refused(lambda: codes.remove(desk, chief, "worker")) is Code.SECOND_NEEDED
    assert not codes.remove(desk, chief, "worker", Second("worker", "own")).codes
    again = codes.begin(desk, worker)
    codes.confirm(desk, worker, code_now(again, own))
    assert people.replace_passphrase(desk, chief, "worker", "set by the chief").codes
    by_worker = Second("worker", "set by the chief")
    assert refused(lambda: codes.remove(desk, chief, "worker", by_worker)) is Code.PASSPHRASE_PROVISIONAL


def code_now(begun: codes.CodesBegun, own: Pair) -> str:
    """Return what a telephone with this secret shows now."""
    return TOTP(base64.b32decode(begun.secret), 6, SHA1(), 30).generate(own.world.clock() // 1000).decode()


def test_the_home_keeps_who_saw_and_did_what(desk: Desk, own: Pair) -> None:
    """Actions and numbers, in the transaction of the action; nothing of a case; what was refused is not done."""
    worker, chief = entered(desk, "worker"), entered(desk, "chief")
    kept = cases.add(desk, worker, case_file())
    cases.show(desk, worker, kept.case, "en")
    refused(lambda: cases.update(desk, worker, kept.case, b"no case file"))
    page = logbook.show(desk, chief, person=worker.person)
    assert [(each.action, each.about) for each in page.lines[:2]] == [("cases.show", kept.case), ("cases.add", None)]
    assert page.whole
    assert page.lines[0].shown == "Fictional worker"


@pytest.mark.parametrize("hand", ["cut", "tail", "change"])
def test_a_log_that_was_changed_shows(desk: Desk, hand: str) -> None:
    """A row taken out, the newest rows cut off, a time changed."""
    chief, worker = entered(desk, "chief"), entered(desk, "worker")
    for _ in range(3):
        cases.listed(desk, worker)
    with desk.gateway.store.write() as tx:
        newest = tx.connection.execute(doings.select().order_by(doings.c.id.desc())).first()
        assert newest is not None
        change = {
            "cut": delete(doings).where(doings.c.id == newest.id - 1),
            "tail": delete(doings).where(doings.c.id == newest.id),
            "change": update(doings).where(doings.c.id == newest.id).values(at_ms=1),
        }[hand]
        tx.connection.execute(change)
    assert not logbook.show(desk, chief).whole


@pytest.mark.parametrize("end", ["first", "last"])
def test_what_was_cut_off_shows_after_the_next_row(desk: Desk, own: Pair, end: str) -> None:
    """Whoever cuts rows off and mends the ends of the chain without the key is not helped by what comes after."""
    chief, worker = entered(desk, "chief"), entered(desk, "worker")
    for _ in range(5):
        cases.listed(desk, worker)
    with desk.gateway.store.write() as tx:
        rows = tx.connection.execute(doings.select().order_by(doings.c.id)).all()
        ends = tx.get("doings-ends")
        assert ends is not None
        gone, changed = {
            "first": (rows[0], rows[0].mac + ends[32:]),
            "last": (rows[-1], ends[:32] + rows[-2].mac + ends[64:]),
        }[end]
        tx.connection.execute(delete(doings).where(doings.c.id == gone.id))
        tx.put("doings-ends", changed)
    cases.listed(desk, worker)
    assert not logbook.show(desk, chief).whole


def test_the_log_ends_after_two_years(own: Pair) -> None:
    """What is too old goes, and the rest stays whole; nothing goes while the clock is in doubt."""
    doing, begun_ms = log_rows.Doing("somebody", Role.CASE_WORKER, "cases.show", 1), own.world.clock()
    later_ms = begun_ms + 731 * DAY_MS
    with own.kz.store.write() as tx:
        for at_ms, may_forget, left in ((begun_ms, True, 1), (later_ms, False, 2), (later_ms, True, 2)):
            log_rows.append(tx, (doing,), at_ms, may_forget=may_forget)
            assert (log_rows.count(tx), log_rows.is_whole(tx)) == (left, True)


def test_a_case_is_somebodys(desk: Desk, own: Pair) -> None:
    """It is given, handed over, and given back."""
    number = new_case(own.kz)
    chief, worker = entered(desk, "chief"), entered(desk, "worker")
    assert assignments.assign(desk, chief, number, "worker").person == worker.person
    assert assignments.cases_of(desk, worker, "worker") == (number,)
    assignments.assign(desk, worker, number, "chief")
    assert assignments.cases_of(desk, worker, "worker") == ()
    (chief_id, _) = (each.person for each in people.listed(desk, chief))
    handed = assignments.assign(desk, chief, number, "worker", note="Fictional: call on Monday", replaces=chief_id)
    assert handed.person == worker.person
    found = assignments.whose(desk, worker, number)
    assert (found.person, found.note) == (
        assignments.Colleague(worker.person, "Fictional worker"),
        "Fictional: call on Monday",
    )
    assert refused(lambda: assignments.assign(desk, chief, number, "chief", replaces=chief_id)) is Code.CASE_CHANGED
    assert refused(lambda: assignments.assign(desk, chief, number, "worker", note="x" * 1001)) is Code.TOO_LARGE
    with desk.gateway.store.read() as tx:
        assert b"Monday" not in (tx.connection.execute(rows.select()).one().note or b"")
    erasure.erase(desk, chief, number, later=True)
    assert assignments.whose(desk, worker, number).note == ""
    assert assignments.assign(desk, chief, number, None).person is None
    assert refused(lambda: assignments.assign(desk, chief, 99, "worker")) is Code.CASE_UNKNOWN


def test_a_locked_home_lets_an_administrator_in(desk: Desk) -> None:
    """Anybody may lock it; the service and the others wait until an administrator signed in."""
    assert people.lock(desk, entered(desk, "worker")).locked
    for name in ("worker", None):
        assert refused(lambda name=name: entered(desk, name)) is Code.HOME_LOCKED  # type: ignore[misc]
    entered(desk, "chief")
    assert entered(desk, "worker").role is Role.CASE_WORKER


def test_a_home_without_an_administrator_gets_one(desk: Desk, own: Pair) -> None:
    """As after a restore of an older store: who opens the home becomes one, and a person is told."""
    from refbus_gateway.store.schema import people as table

    with own.kz.store.write() as tx:
        tx.connection.execute(delete(table))
    assert entered(desk, "chief").role is Role.ADMINISTRATOR
    assert Code.RESTORE_UNCONFIRMED in alarm_codes(own.kz)
    assert refused(lambda: entered(desk, "worker")) is Code.NOT_PERMITTED


@pytest.mark.parametrize("what", ["damaged", "gone"])
def test_who_cannot_be_read_is_locked_out_by_id(desk: Desk, own: Pair, what: str) -> None:
    """The row of somebody who has a slot is damaged or gone: the slot does not open the home for ever."""
    from refbus_gateway.store.schema import people as table

    chief = entered(desk, "chief")
    (worker,) = (each.person for each in people.listed(desk, chief) if each.name == "worker")
    with own.kz.store.write() as tx:
        row = table.c.person_id == worker
        damage = update(table).where(row).values(body=b"damaged") if what == "damaged" else delete(table).where(row)
        tx.connection.execute(damage)
    assert not people.lock_out(desk, chief, worker).opens
    assert worker not in slots.ids(desk.home)
    assert entered(desk, "chief").role is Role.ADMINISTRATOR


def test_the_last_administrator_whose_slot_is_sound_stays(desk: Desk, own: Pair) -> None:
    """Another one with a damaged slot could not open the home."""
    chief = entered(desk, "chief")
    with own.kz.store.write() as tx:
        users.save(tx, other := replace(users.named(tx, "worker"), role=Role.ADMINISTRATOR))
    (desk.home.path / "keys" / "people" / f"{other.person_id}.slot").write_bytes(b"damaged")
    assert refused(lambda: people.lock_out(desk, chief, "chief")) is Code.USAGE


@pytest.mark.parametrize("content", ['{"nobody": [1e999, 1]}', '{"nobody": [1, 1e999]}', '{"nobody": 7}', "[", "{}"])
def test_a_damaged_count_of_failed_attempts_keeps_nobody_out(desk: Desk, content: str) -> None:
    """It counts from nothing."""
    (desk.home.path / "attempts.json").write_text(content)
    assert refused(lambda: entered(desk, "nobody", "wrong")) is Code.KEYFILE_WRONG_PASSPHRASE
    assert entered(desk, "chief").role is Role.ADMINISTRATOR


def test_a_stranger_is_no_person(desk: Desk) -> None:
    """Unknown names, a role that nobody can have, an empty passphrase."""
    chief = entered(desk, "chief")
    assert refused(lambda: people.set_role(desk, chief, "nobody", Role.SUPERVISOR)) is Code.USAGE
    assert refused(lambda: people.set_role(desk, chief, "worker", Role.SERVICE)) is Code.USAGE
    empty = Newcomer("third", "", Role.CASE_WORKER, "en", " ")
    assert refused(lambda: people.add(desk, chief, empty)) is Code.USAGE
    assert refused(lambda: people.begin(desk, chief, newcomer("other", Role.ADMINISTRATOR))) is Code.USAGE
