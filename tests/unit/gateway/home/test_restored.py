"""An office that goes on from a backup: what it holds back, what it asks, and what others' answers tell."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from refbus.core.ids import ReferralId
from refbus.core.vocabulary import EventType
from refbus.errors import Code, RefbusError
from refbus_gateway.cases import casework
from refbus_gateway.consent import withdrawals
from refbus_gateway.courses import referral_steps
from refbus_gateway.erasure import demand
from refbus_gateway.home import backups, confirmation
from refbus_gateway.home.folder import Home
from refbus_gateway.home.gateway import Gateway, open_gateway
from refbus_gateway.home.restore import restore
from refbus_gateway.inbox import arrivals as from_them
from refbus_gateway.store import alarms, cases, consents, referrals
from support.ceremonies import AGENCY, PASSPHRASE, SHELTER
from support.gateways import (
    Pair,
    alarm_codes,
    case_file,
    consent_file,
    id_of,
    incoming,
    new_case,
    refer,
    say,
    sent,
    take_consent,
    view,
    withdraw_all,
)
from support.passages import block
from support.refusals import refused


@dataclass
class Office:
    """The agency, its backup, and where it comes back."""

    own: Pair
    folder: Path
    kz: Gateway

    def back_up(self) -> None:
        """Make the backup."""
        backups.back_up(self.own.kz, self.folder / "stick" / "backup")

    def come_back(self) -> Gateway:
        """Let the agency go on from the backup on a clean computer; its old one is gone."""
        self.kz.close()
        place = Home(self.folder / "clean" / "home")
        restore(self.folder / "stick" / "backup", place, PASSPHRASE, self.own.world.clock)
        self.kz = self.own.kz = open_gateway(place, PASSPHRASE, self.own.world.clock)
        return self.kz

    def confirm(self) -> list[int]:
        """Confirm that the office may send again."""
        with self.kz.store.write() as tx:
            return confirmation.confirm(tx, self.kz.now_ms())

    def confirm_case(self, number: int) -> None:
        """Confirm one case."""
        with self.kz.store.write() as tx:
            confirmation.confirm_case(tx, cases.get(tx, number), self.kz.now_ms())


@pytest.fixture
def office(own: Pair, tmp_path: Path) -> Iterator[Office]:
    """Give the agency before its backup."""
    made = Office(own, tmp_path, own.kz)
    yield made
    made.kz.close()


def outbox_of(own: Pair) -> int:
    """Return how many envelopes the agency's country has on its outbox topic."""
    return len(own.world.bus.records("kz.outbox"))


def test_nothing_is_said_yes_to_before_it_is_confirmed(office: Office) -> None:
    """RESTORE_UNCONFIRMED, then a confirmation of the whole and of the case; only then a referral goes out."""
    case = new_case(office.own.kz)
    take_consent(office.own.kz, case, consent_file())
    office.back_up()
    kz = office.come_back()
    assert refused(lambda: refer(kz, case)) is Code.RESTORE_UNCONFIRMED
    assert refused(office.confirm) is Code.NOT_SYNCHRONISED
    office.own.world.sync(kz)
    assert office.confirm() == []
    assert refused(lambda: refer(kz, case)) is Code.CONSENT_UNCONFIRMED_AFTER_RESTORE
    office.confirm_case(case)
    refer(kz, case)
    office.own.exchange()
    assert outbox_of(office.own) > 0


def test_a_no_that_the_backup_does_not_know_lets_nothing_out(office: Office) -> None:
    """A withdrawal after the backup is forgotten by the store, and still nothing of the case is sent."""
    case, _ = sent(office.own.kz)
    office.own.exchange()
    office.back_up()
    withdraw_all(office.own.kz, case)
    kz = office.come_back()
    office.own.world.sync(kz)
    office.confirm()
    assert refused(lambda: refer(kz, case, again=True)) is Code.CONSENT_UNCONFIRMED_AFTER_RESTORE


@pytest.mark.parametrize(
    "damage", [b"", b"damaged", b"[]", b"{}", b'{"made_ms": 1}', b"\xff", "confirmed_ms", "last_case"]
)
def test_a_damaged_state_lets_nothing_out_until_it_is_confirmed_again(office: Office, damage: bytes | str) -> None:
    """Every yes waits, as right after a restore, a person is told; a no goes out, and the inbox is read."""
    number, _ = sent(office.own.kz)
    office.own.exchange()
    office.back_up()
    kz = office.come_back()
    office.own.world.sync(kz)
    with kz.store.write() as tx:
        confirmation.confirm(tx, kz.now_ms())
        confirmation.confirm_case(tx, cases.get(tx, number), kz.now_ms())
        for alarm in alarms.standing_alarms(tx):
            alarms.clear_alarm(tx, alarm.id, kz.now_ms())
        kept = tx.get("restored") or b""
        changed = damage if isinstance(damage, bytes) else json.dumps({**json.loads(kept), damage: "x"}).encode()
        tx.put("restored", changed)
    assert refused(lambda: refer(kz, number, again=True)) is Code.RESTORE_UNCONFIRMED
    office.own.world.sync(kz)
    assert Code.RESTORE_UNCONFIRMED in alarm_codes(kz)
    with kz.store.read() as tx:
        state = confirmation.find(tx)
    assert state is not None
    assert (state.confirmed_ms, state.drained_ms is None) == (None, False)
    (done,) = withdrawals.stop(kz, number, None)
    assert done.notified
    with kz.store.write() as tx:
        assert confirmation.confirm(tx, kz.now_ms()) == []
        assert confirmation.find(tx) != state


def test_a_damaged_count_of_what_is_not_known_is_begun_anew(office: Office) -> None:
    """What others said before it was damaged is in the alarm that stands."""
    with office.own.kz.store.write() as tx:
        for content in (b"damaged", b"{}", b'{"first_ms": 1e999, "last_ms": 1, "count": 1, "orgs": []}'):
            tx.put("restored-unknown", content)
            assert confirmation.unknown(tx) is None


def test_a_new_consent_needs_no_confirmation(office: Office) -> None:
    """Whoever asked the person again after the restore has confirmed; a case that is new has nothing to confirm."""
    case = new_case(office.own.kz)
    take_consent(office.own.kz, case, consent_file())
    office.back_up()
    kz = office.come_back()
    office.own.world.sync(kz)
    office.confirm()
    office.own.world.clock.move(hours=1)
    take_consent(kz, case, consent_file(valid_until="2027-01-20"))
    refer(kz, case)
    other = new_case(kz, case_file(about="Fictional: after the restore"))
    take_consent(kz, other, consent_file())
    refer(kz, other)


def test_what_waited_in_the_backup_waits_on(office: Office) -> None:
    """A referral that was queued at the backup is not sent by itself; once confirmed it goes out, one time."""
    case, _ = sent(office.own.kz)
    office.back_up()
    kz = office.come_back()
    office.own.world.sync(kz)
    assert outbox_of(office.own) == 0
    assert office.confirm() == [case]
    office.own.world.sync(kz)
    assert outbox_of(office.own) == 0
    assert "CONSENT_UNCONFIRMED_AFTER_RESTORE" in alarm_codes(kz)
    office.confirm_case(case)
    office.own.exchange()
    assert incoming(office.own.uz, id_of(kz, 1)) == 1
    assert "CONSENT_UNCONFIRMED_AFTER_RESTORE" not in alarm_codes(kz)


def test_a_withdrawal_goes_out_at_once(office: Office) -> None:
    """What is a no waits for nothing."""
    case, _ = sent(office.own.kz)
    office.own.exchange()
    office.back_up()
    kz = office.come_back()
    withdraw_all(kz, case)
    before = outbox_of(office.own)
    office.own.world.sync(kz)
    assert outbox_of(office.own) > before


def test_an_answer_to_an_unknown_withdrawal_is_a_no(office: Office) -> None:
    """The other side acknowledges what the backup does not know: from then on the case counts as withdrawn to them."""
    case, _ = sent(office.own.kz)
    office.own.exchange()
    office.back_up()
    withdraw_all(office.own.kz, case)
    office.own.exchange()
    uz = office.own.uz
    kz = office.come_back()
    with uz.store.write() as tx:
        referral_steps.acknowledge(uz, tx, referrals.get(tx, 1).id, "STOPPED", None)
    office.own.exchange()
    office.confirm()
    office.confirm_case(case)
    assert refused(lambda: refer(kz, case, again=True)) is Code.WITHDRAWN
    assert "WITHDRAWN" in alarm_codes(kz)


def test_answers_to_what_is_not_known_are_one_alarm(office: Office) -> None:
    """Period and organisations, and not one alarm for each answer that names nobody."""
    office.back_up()
    for number in range(2):
        sent(office.own.kz, case_file(about=f"Fictional: after the backup, {number}"))
    office.own.exchange()
    for number in range(2):
        say(office.own.uz, number + 1, EventType.REFERRAL_ACCEPTED, responsible_worker_role="SOCIAL_WORKER")
    kz = office.come_back()
    office.own.exchange()
    with kz.store.read() as tx:
        told = [alarm.detail for alarm in alarms.standing_alarms(tx) if alarm.code == Code.RESTORED_UNKNOWN]
        found = confirmation.unknown(tx)
    assert len(told) == 1
    assert SHELTER in told[0]
    assert told[0].count("UTC+05:00") == 2, "the times are those of the country"
    assert found is not None
    assert found.count >= 2  # that they came; what was answered under our consent makes the case known again
    assert "NOT_A_PARTY" not in alarm_codes(kz)


def test_a_case_that_began_after_the_backup_can_be_withdrawn(office: Office) -> None:
    """The recipient's answer, under a consent that this office signed, makes it known again: no yes goes, a no does."""
    office.back_up()
    _, number = sent(office.own.kz, case_file(about="Fictional: after the backup"))
    there = id_of(office.own.kz, number)
    office.own.exchange()
    say(
        office.own.uz,
        incoming(office.own.uz, there),
        EventType.REFERRAL_ACCEPTED,
        responsible_worker_role="SOCIAL_WORKER",
    )
    kz = office.come_back()
    office.own.exchange()
    office.confirm()
    with kz.store.read() as tx:
        (case,) = confirmation.to_confirm(tx)
        told = [alarm.detail for alarm in alarms.standing_alarms(tx)]
        again = referrals.find(tx, ReferralId(there))
    assert again is not None
    assert any(f"refbus consent withdraw {case.id}" in each for each in told)
    yes = block(EventType.INFORMATION_PROVIDED, recipient=SHELTER)
    with kz.store.read() as tx, pytest.raises(RefbusError) as caught:
        confirmation.require(tx, case, yes, str)
    assert caught.value.code is Code.CONSENT_UNCONFIRMED_AFTER_RESTORE
    (done,) = withdrawals.stop(kz, case.id, None)
    assert (done.org, done.notified, done.code) == (SHELTER, True, None)
    office.own.exchange()
    assert view(office.own.uz, incoming(office.own.uz, there)).suspended


@pytest.mark.parametrize("later_h", [0, 12])
def test_no_clock_keeps_a_case_from_being_known_again(office: Office, later_h: int) -> None:
    """The office's clock was ahead at its backup, and is right at the restore: the no can be said all the same."""
    own, clock = office.own, office.own.world.clock
    clock.move(hours=10)
    office.back_up()
    clock.move(hours=-10)
    _, number = sent(own.kz, case_file(about="Fictional: after the backup"))
    there = id_of(own.kz, number)
    own.exchange()
    say(own.uz, incoming(own.uz, there), EventType.REFERRAL_ACCEPTED, responsible_worker_role="SOCIAL_WORKER")
    clock.move(hours=later_h)
    kz = office.come_back()
    own.exchange()
    office.confirm()
    with kz.store.read() as tx:
        (case,) = confirmation.to_confirm(tx)
    (done,) = withdrawals.stop(kz, case.id, None)
    assert (done.org, done.notified, done.code) == (SHELTER, True, None)
    own.exchange()
    assert view(own.uz, incoming(own.uz, there)).suspended


def test_a_no_that_others_know_outlives_a_second_restore(office: Office) -> None:
    """What an answer told after the first restore stays a no after the next one, whatever is confirmed."""
    case, _ = sent(office.own.kz)
    office.own.exchange()
    office.back_up()
    withdraw_all(office.own.kz, case)
    office.own.exchange()
    uz = office.own.uz
    office.come_back()
    with uz.store.write() as tx:
        referral_steps.acknowledge(uz, tx, referrals.get(tx, 1).id, "STOPPED", None)
    office.own.exchange()
    shutil.rmtree(office.folder / "stick")
    backups.back_up(office.kz, office.folder / "stick" / "backup")
    shutil.rmtree(office.folder / "clean")
    kz = office.come_back()
    office.own.exchange()
    office.confirm()
    office.confirm_case(case)
    assert refused(lambda: refer(kz, case, again=True)) is Code.WITHDRAWN


@pytest.mark.parametrize("damage", ["the content of a case", "a page of the file"])
def test_nothing_unreadable_keeps_another_no_from_being_taken_over(office: Office, damage: str) -> None:
    """Damage in the old store costs what stands there: not the other nos of the case, nor those of other cases."""
    own = office.own
    first, _ = sent(own.kz)
    second = new_case(own.kz, case_file(about="Fictional: denied"))
    own.exchange()
    office.back_up()
    withdraw_all(own.kz, first)
    with own.kz.store.write() as tx:
        casework.deny(tx, cases.get(tx, second), [SHELTER])
    own.kz.close()
    home = own.world.home(AGENCY)
    spoil(home, "unsound")
    with closing(sqlite3.connect(home.store_path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (body,) = connection.execute("SELECT body FROM consents WHERE case_id = ?", (first,)).fetchone()
        if damage == "the content of a case":
            connection.execute("UPDATE cases SET body = x'00' WHERE id = ?", (first,))
            connection.commit()
    if damage == "a page of the file":
        whole = bytearray(home.store_path.read_bytes())
        size = int.from_bytes(whole[16:18], "big")
        page = whole.index(body[:64]) // size * size
        whole[page : page + size] = bytes(size)
        home.store_path.write_bytes(whole)
    restore(office.folder / "stick" / "backup", home, PASSPHRASE, own.world.clock)
    office.kz = own.kz = open_gateway(home, PASSPHRASE, own.world.clock)
    with own.kz.store.read() as tx:
        assert cases.body_of(tx, cases.get(tx, second))["denied_recipients"] == [SHELTER]
        details = [alarm.detail for alarm in alarms.standing_alarms(tx)]
    found = [each for each in details if "are read in part" in each]
    assert found, details
    own.exchange()
    office.confirm()
    office.confirm_case(first)
    if damage == "the content of a case":
        assert refused(lambda: refer(own.kz, first, again=True)) is Code.WITHDRAWN


def test_nobody_makes_a_restored_office_know_a_case_that_it_never_signed_for(office: Office) -> None:
    """An answer under a consent of somebody else's making stays what it was: one alarm, and no case."""
    office.back_up()
    kz = office.come_back()
    uz = office.own.uz
    case = new_case(uz, case_file(recipient={"organisation": AGENCY}))
    take_consent(uz, case, consent_file(AGENCY))
    with uz.store.read() as tx:
        foreign = consents.of_case(tx, cases.get(tx, case))[0].raw
    answer = block(
        EventType.REFERRAL_ACCEPTED,
        sender=SHELTER,
        recipient=AGENCY,
        consent_record=foreign,
        occurred_at_ms=kz.now_ms(),
    )
    with kz.store.write() as tx, pytest.raises(RefbusError) as caught:
        from_them._new_referral(kz, tx, answer)
    assert caught.value.code is Code.NOT_A_PARTY
    with kz.store.read() as tx:
        assert cases.every(tx) == []


@pytest.mark.parametrize("damage", ["unsound", "gone"])
def test_nos_of_a_damaged_store_are_taken_over(office: Office, damage: str) -> None:
    """What can still be read of the store that is replaced says no on: withdrawal, denied recipients, erasure."""
    own = office.own
    withdrawn, _ = sent(own.kz)
    denied = new_case(own.kz, case_file(about="Fictional: denied"))
    erased = new_case(own.kz, case_file(about="Fictional: erased"))
    own.exchange()
    office.back_up()
    withdraw_all(own.kz, withdrawn)
    with own.kz.store.write() as tx:
        casework.deny(tx, cases.get(tx, denied), [SHELTER])
    demand.erase(own.kz, erased)
    own.kz.close()
    home = own.world.home(AGENCY)
    spoil(home, damage)
    restore(office.folder / "stick" / "backup", home, PASSPHRASE, own.world.clock)
    office.kz = own.kz = open_gateway(home, PASSPHRASE, own.world.clock)
    with own.kz.store.read() as tx:
        assert not cases.get(tx, erased).live
        if damage == "unsound":
            assert cases.body_of(tx, cases.get(tx, denied))["denied_recipients"] == [SHELTER]
    own.exchange()
    with own.kz.store.read() as tx:
        assert cases.get(tx, erased).key is None
    office.confirm()
    office.confirm_case(withdrawn)
    if damage == "unsound":
        assert refused(lambda: refer(own.kz, withdrawn, again=True)) is Code.WITHDRAWN


def spoil(home: Home, damage: str) -> None:
    """Damage a store so that it can, or cannot, be read in parts."""
    if damage == "gone":
        home.store_path.write_bytes(b"")
        return
    with closing(sqlite3.connect(home.store_path)) as connection:
        connection.execute(
            "INSERT INTO cases (id, case_hash, own, wrapped_key, created_ms) VALUES (99, x'01', 1, x'00', 1)"
        )
        connection.commit()
