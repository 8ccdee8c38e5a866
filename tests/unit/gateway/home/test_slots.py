"""Key slots: several people open one home; add, lock out and change a passphrase touch nobody else's."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from refbus.crypto import keyfile
from refbus.crypto.framing import sha256
from refbus.crypto.kem import KemPrivate
from refbus.errors import Code
from refbus.files import flush_tree
from refbus_gateway.home import backups, key_changes, keyfolder, slotfile, slots
from refbus_gateway.home.folder import Home
from refbus_gateway.home.gateway import Gateway, open_gateway
from refbus_gateway.home.keyring import Keyring
from refbus_gateway.home.restore import restore
from refbus_gateway.home.slots import SERVICE, NewSlot, Opened
from support.ceremonies import AGENCY, PASSPHRASE
from support.gateways import Pair, alarm_codes
from support.refusals import refused

LOW = 64
FIRST, SECOND = "1" * 16, "2" * 16


class Cut(BaseException):
    """The process ends here."""


def new(slot_id: str, name: str, passphrase: str) -> NewSlot:
    """Return a slot that is cheap to open."""
    return NewSlot(slot_id, name, passphrase, LOW)


@pytest.fixture
def home(own: Pair) -> Home:
    """Give the home of the agency, which one passphrase opens."""
    own.kz.close()
    return own.world.home(AGENCY)


@pytest.fixture
def shared(home: Home) -> Home:
    """Give the home after two people and the service got slots."""
    opened = slots.begin(home, PASSPHRASE, new(FIRST, "Aigul Ф.", PASSPHRASE))
    slots.add(home, opened.secret, new(SECOND, "second", "of the second"))
    slots.add(home, opened.secret, new(SERVICE, "service", "of the service"))
    return home


def opened(own: Pair, home: Home, secret: str) -> Gateway:
    """Open the gateway of a home with what its keys are sealed under."""
    return open_gateway(home, secret, own.world.clock)


def test_people_and_service_open_the_same_home(own: Pair, shared: Home) -> None:
    """Each with a passphrase of one's own; the name counts without case and in any composition."""
    found = [
        slots.sign_in(shared, "  AIGUL ф. ", PASSPHRASE),
        slots.sign_in(shared, "second", "of the second"),
        slots.sign_in(shared, None, "of the service"),
    ]
    assert [each.slot for each in found] == [FIRST, SECOND, SERVICE]
    assert len({each.secret for each in found}) == 1
    with closing(opened(own, shared, found[0].secret)) as gateway:
        assert not gateway.keys.damaged
    assert refused(lambda: Keyring.unlock(shared, PASSPHRASE)) is Code.KEYFILE_WRONG_PASSPHRASE


def test_names_and_passphrases_that_do_not_fit_say_the_same(shared: Home) -> None:
    """Whether a name is known is not told; a damaged slot and a damaged key are."""
    wrong = [("second", PASSPHRASE), ("nobody", PASSPHRASE), ("Aigul Ф.", "of the second")]
    codes = {refused(partial(slots.sign_in, shared, name, word)) for name, word in wrong}
    assert codes == {Code.KEYFILE_WRONG_PASSPHRASE}
    people = shared.path / "keys" / "people"
    for name in (f"{SECOND}.slot", f"{SECOND}.key"):
        content = (people / name).read_bytes()
        (people / name).write_bytes(content.replace(b"a", b"b"))
        assert refused(lambda: slots.sign_in(shared, "second", "of the second")) is Code.KEYFILE_DAMAGED
        assert slots.sign_in(shared, "Aigul Ф.", PASSPHRASE).slot == FIRST
        (people / name).write_bytes(content)


def test_a_slot_that_somebody_made_without_the_secret_opens_nothing(own: Pair, shared: Home) -> None:
    """Whoever can write to the folder cannot put a key pair of one's own into it."""
    people = shared.path / "keys" / "people"
    other = own.world.home(own.uz.me)
    own.uz.close()
    slots.begin(other, PASSPHRASE, new(SECOND, "second", "of the thief"))
    for name in (f"{SECOND}.slot", f"{SECOND}.key"):
        shutil.copy(other.path / "keys" / "people" / name, people / name)
    assert refused(lambda: slots.sign_in(shared, "second", "of the thief")) is Code.KEYFILE_DAMAGED
    body = json.loads((people / f"{FIRST}.slot").read_text())
    assert "Aigul" not in json.dumps(body)


def test_one_passphrase_changes_without_the_others(shared: Home) -> None:
    """All other files stay byte for byte; the old passphrase opens nothing."""
    keys = shared.path / "keys"
    before = {path: path.read_bytes() for path in keys.rglob("*") if path.is_file()}
    slots.change_passphrase(shared, SECOND, "of the second", "another", LOW)
    after = {path: path.read_bytes() for path in keys.rglob("*") if path.is_file()}
    assert {path.name for path in after if after[path] != before[path]} == {f"{SECOND}.key"}
    assert slots.sign_in(shared, "second", "another").slot == SECOND
    assert refused(lambda: slots.sign_in(shared, "second", "of the second")) is Code.KEYFILE_WRONG_PASSPHRASE
    assert refused(lambda: slots.change_passphrase(shared, SECOND, "no", "x")) is Code.KEYFILE_WRONG_PASSPHRASE


def test_a_forgotten_passphrase_is_replaced(shared: Home) -> None:
    """By somebody who opened the home; the name may change with it."""
    secret = slots.sign_in(shared, None, "of the service").secret
    slots.replace_key(shared, secret, new(SECOND, "second", "given anew"))
    assert slots.sign_in(shared, "second", "given anew") == Opened(SECOND, secret)


def test_a_lock_out_renews_the_home_secret(own: Pair, shared: Home) -> None:
    """The others sign in as before; the old secret opens nothing; a key is never sealed under an old one."""
    old = slots.sign_in(shared, "second", "of the second").secret
    fresh = slots.lock_out(shared, old, SECOND)
    assert slots.ids(shared) == (FIRST, SERVICE)
    assert slots.sign_in(shared, "Aigul Ф.", PASSPHRASE).secret == fresh != old
    assert slots.sign_in(shared, None, "of the service").secret == fresh
    assert refused(lambda: slots.sign_in(shared, "second", "of the second")) is Code.KEYFILE_WRONG_PASSPHRASE
    assert refused(lambda: slots.add(shared, old, new(SECOND, "x", "x"))) is Code.KEYFILE_WRONG_PASSPHRASE
    with closing(opened(own, shared, fresh)) as gateway:
        call = lambda: key_changes.rotate(gateway, old, signing=True, kem=True)  # noqa: E731
        assert refused(call) is Code.KEYFILE_WRONG_PASSPHRASE
        key_changes.rotate(gateway, fresh, signing=True, kem=True)
    assert not Keyring.unlock(shared, fresh).damaged


def test_the_last_person_stays(shared: Home) -> None:
    """A home that only its service opens would be nobody's."""
    secret = slots.lock_out(shared, slots.sign_in(shared, None, "of the service").secret, SECOND)
    assert refused(lambda: slots.lock_out(shared, secret, FIRST)) is Code.USAGE


def test_the_number_of_slots_is_bounded(shared: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name is given once, and there are at most so many."""
    secret = slots.sign_in(shared, None, "of the service").secret
    assert refused(lambda: slots.add(shared, secret, new("3" * 16, "SECOND", "x"))) is Code.USAGE
    assert refused(lambda: slots.begin(shared, secret, new("3" * 16, "third", "x"))) is Code.USAGE
    monkeypatch.setattr(slots, "MOST_SLOTS", 3)
    assert refused(lambda: slots.add(shared, secret, new("3" * 16, "third", "x"))) is Code.USAGE


@pytest.mark.parametrize("step", range(6))
def test_a_stop_at_each_step_leaves_a_home_that_opens(home: Home, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """With the old passphrase or as the first person; and it may be given again."""
    counted = iter(range(100))
    rename, flush = keyfolder._rename, flush_tree

    def cut(call: Callable[..., None]) -> Callable[..., None]:
        def stopping(*given: Any, **named: Any) -> None:
            if next(counted) == step:
                raise Cut
            call(*given, **named)

        return stopping

    with monkeypatch.context() as patch:
        patch.setattr(keyfolder, "_rename", cut(rename))
        patch.setattr(keyfolder, "flush_tree", cut(flush))
        patch.setattr(shutil, "rmtree", cut(shutil.rmtree))
        with suppress(Cut):
            slots.begin(home, PASSPHRASE, new(FIRST, "first", "of the first"))
    home.require()
    assert not any((home.path / name).exists() for name in keyfolder.UNSETTLED)
    if not slots.has_slots(home):
        assert not Keyring.unlock(home, PASSPHRASE).damaged
        slots.begin(home, PASSPHRASE, new(FIRST, "first", "of the first"))
    assert not Keyring.unlock(home, slots.sign_in(home, "first", "of the first").secret).damaged


def test_a_home_without_people_is_as_before(home: Home) -> None:
    """Its one passphrase opens it; a name does not."""
    assert slots.sign_in(home, None, PASSPHRASE) == Opened("", PASSPHRASE)
    assert refused(lambda: slots.sign_in(home, "first", PASSPHRASE)) is Code.USAGE
    slots.begin(home, PASSPHRASE, new(FIRST, "first", PASSPHRASE))
    assert refused(lambda: slots.sign_in(home, None, PASSPHRASE)) is Code.USAGE


def test_nobody_who_was_locked_out_comes_back_by_a_backup(own: Pair, shared: Home, tmp_path: Path) -> None:
    """Not over the home that is there; on a clean computer a person is told that the backup says who opens it."""
    secret = slots.sign_in(shared, None, "of the service").secret
    with closing(opened(own, shared, secret)) as gateway:
        backups.back_up(gateway, tmp_path / "stick")
    fresh = slots.lock_out(shared, secret, SECOND)
    clock = own.world.clock
    call = lambda: restore(tmp_path / "stick", shared, "of the second", clock, name="second")  # noqa: E731
    assert refused(call) is Code.KEYFILE_WRONG_PASSPHRASE
    restore(tmp_path / "stick", shared, PASSPHRASE, clock, name="Aigul Ф.")
    assert slots.ids(shared) == (FIRST, SERVICE)
    with closing(opened(own, shared, fresh)) as gateway:
        assert not gateway.keys.damaged
        assert Code.RESTORE_UNCONFIRMED not in alarm_codes(gateway)
    other = Home(tmp_path / "other")
    restore(tmp_path / "stick", other, "of the second", clock, name="second")
    with closing(opened(own, other, secret)) as gateway:
        assert Code.RESTORE_UNCONFIRMED in alarm_codes(gateway)


def test_a_backup_from_before_the_people_brings_the_home_no_old_lock(own: Pair, home: Home, tmp_path: Path) -> None:
    """The keys of an older backup are sealed under the home secret of today, and newer keys stay."""
    with closing(opened(own, home, PASSPHRASE)) as gateway:
        backups.back_up(gateway, tmp_path / "stick")
    secret = slots.begin(home, PASSPHRASE, new(FIRST, "first", PASSPHRASE)).secret
    with closing(opened(own, home, secret)) as gateway:
        key_changes.rotate(gateway, secret, signing=True, kem=True)
    keys = len(list((home.path / "keys").glob("*.key")))
    restore(tmp_path / "stick", home, PASSPHRASE, own.world.clock, name="first")
    assert len(list((home.path / "keys").glob("*.key"))) == keys
    with closing(opened(own, home, slots.sign_in(home, "first", PASSPHRASE).secret)) as gateway:
        assert not gateway.keys.damaged


@pytest.mark.parametrize("what", ["slot", "key", "slot and key", "no key", "public half"])
def test_a_damaged_slot_keeps_nobody_from_being_locked_out(shared: Home, what: str) -> None:
    """The other person and the service go on under the new secret; whose slot is damaged gets another passphrase."""
    people = shared.path / "keys" / "people"
    third = "3" * 16
    secret = slots.sign_in(shared, None, "of the service").secret
    slots.add(shared, secret, new(third, "third", "of the third"))
    for name in ("slot", "key"):
        if name in what:
            (people / f"{SECOND}.{name}").write_bytes(b"damaged")
    if what == "no key":
        (people / f"{SECOND}.key").unlink()
    if what == "public half":
        body = json.loads((people / f"{SECOND}.slot").read_text())
        body = {**body, "public": "00", "sha256": ""}
        del body["sha256"]
        (people / f"{SECOND}.slot").write_text(json.dumps({**body, "sha256": sha256(slotfile._json(body)).hex()}))
    fresh = slots.lock_out(shared, secret, third)
    assert fresh != secret
    assert slots.sign_in(shared, "Aigul Ф.", PASSPHRASE).secret == fresh
    assert slots.ids(shared) == (FIRST, SECOND, SERVICE)
    slots.replace_key(shared, fresh, new(SECOND, "second", "another"))
    assert slots.sign_in(shared, "second", "another").secret == fresh


def test_a_slot_that_somebody_made_without_the_secret_is_given_none(own: Pair, shared: Home) -> None:
    """Whoever can write to the folder puts a slot there and waits until somebody is locked out: it opens nothing."""
    people, other = shared.path / "keys" / "people", own.world.home(own.uz.me)
    own.uz.close()
    thief = "6" * 16
    slots.begin(other, PASSPHRASE, new(thief, "thief", "of the thief"))
    body = json.loads((other.path / "keys" / "people" / f"{thief}.slot").read_text())
    private = KemPrivate.generate()
    keyfile.save(people / f"{thief}.key", "of the thief", slots._label(own.kz.me, thief), private.seed, memory_kib=LOW)
    body |= {"org": own.kz.me, "public": private.public.hex()}
    del body["sha256"]
    (people / f"{thief}.slot").write_text(json.dumps({**body, "sha256": sha256(slotfile._json(body)).hex()}))
    paper = {**body, "id": slots.RECOVERY}
    (people / "recovery.slot").write_text(json.dumps({**paper, "sha256": sha256(slotfile._json(paper)).hex()}))
    secret = slots.sign_in(shared, None, "of the service").secret
    fresh = slots.lock_out(shared, secret, SECOND)
    assert refused(lambda: slots.open_recovery(shared, private.seed)) is Code.RECOVERY_NONE
    assert refused(lambda: slots.sign_in(shared, "thief", "of the thief")) is Code.KEYFILE_DAMAGED
    assert slots.sign_in(shared, "Aigul Ф.", PASSPHRASE).secret == fresh
    assert refused(lambda: slots.lock_out(shared, fresh, FIRST)) is Code.USAGE, "the thief would be the last one"


def test_a_damaged_key_file_stays_as_it_is(shared: Home) -> None:
    """What does not open is kept by a renewal: a backup may mend it."""
    path = next((shared.path / "keys").glob("kem-*.key"))
    path.write_bytes(b"damaged")
    secret = slots.sign_in(shared, None, "of the service").secret
    slots.renew(shared, secret, slots.ids(shared))
    assert path.read_bytes() == b"damaged"
    assert refused(lambda: keyfile.load(path, secret)) is Code.KEYFILE_DAMAGED
