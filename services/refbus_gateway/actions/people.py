"""Asking about the people of this organisation: who they are, what they may do, who signs in, what they did.

`begin` gives a home its first person; from then on everybody signs in (`admit`). The home's own log is written by
`Desk` with what each action notes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from refbus.clock import Clock
from refbus.errors import Code, RefbusError, RuleError, SetupError
from refbus_gateway.actions.actor import Actor, Permission, Role
from refbus_gateway.actions.desk import Desk
from refbus_gateway.home import attempts, slotfile, slots
from refbus_gateway.home.folder import Home
from refbus_gateway.home.slots import SERVICE, NewSlot, Opened
from refbus_gateway.people import onetime, users
from refbus_gateway.people.roles import OF_PEOPLE
from refbus_gateway.people.users import Person, State
from refbus_gateway.store import alarms
from refbus_gateway.store.session import Transaction


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Who is to be added. `name`: to sign in with; `shown`: how colleagues call the person."""

    name: str
    shown: str
    role: Role
    language: str
    passphrase: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PersonShown:
    """Somebody of this organisation. `opens`: has a key slot, so may sign in; `codes`: uses one-time codes."""

    person: str
    name: str
    shown: str
    role: Role
    language: str
    state: State
    created_ms: int
    opens: bool
    codes: bool


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Who signed in. `failed`: attempts in this person's name that failed since the last time; tell the person."""

    actor: Actor
    person: PersonShown | None
    failed: int


@dataclass(frozen=True, slots=True)
class ServiceChanged:
    """Whether the unattended service has a slot of its own now."""

    service: bool


@dataclass(frozen=True, slots=True)
class CodesBegun:
    """Shown once: secret and address for the telephone, and spare codes for paper."""

    secret: str = field(repr=False)
    address: str = field(repr=False)
    spare: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Locked:
    """Whether the home is locked: only an administrator signs in, and that unlocks it."""

    locked: bool


@dataclass(frozen=True, slots=True)
class Second:
    """Another person who agrees, and types the passphrase."""

    name: str
    passphrase: str = field(repr=False)


def begin(desk: Desk, actor: Actor, first: Newcomer) -> PersonShown:
    """Give a home with one passphrase its first person, an administrator. It is whole or not there; it can be repeated.

    From then on nobody opens the home with the passphrase alone. Raises SetupError USAGE when it has people already.
    """
    actor.require(Permission.MANAGE_PEOPLE)
    if slots.has_slots(desk.home):
        raise SetupError(Code.USAGE, "this home has people already: refbus people add")
    person = new_person(desk, replace(first, role=Role.ADMINISTRATOR))
    with desk.write() as tx:
        for each in users.ids(tx):  # of a begin that was cut: nobody has a slot
            users.forget(tx, each)
        users.save(tx, person)
    slot = NewSlot(person.person_id, first.name, first.passphrase)
    desk.secret = slots.begin(desk.home, desk.secret, slot).secret
    return shown(desk, person)


def admit(desk: Desk, opened: Opened, code: str = "") -> SignedIn:
    """Let in whoever opened the home (`sign_in`); `code`: the one-time code of a person who uses them.

    Raises RuleError NOT_PERMITTED, CODE_WRONG (also for none), HOME_LOCKED; SIGN_IN_SLOWED.
    """
    org = desk.home.member.identity().org_id
    desk.secret = opened.secret
    if opened.slot in {"", SERVICE}:
        if desk.is_locked() and opened.slot:
            raise RuleError(Code.HOME_LOCKED)
        desk.unlock()
        return SignedIn(Actor(org, Role.SERVICE if opened.slot else Role.ORGANISATION), None, 0)
    with attempts.one_at_a_time(desk.home):
        proven = _proven(desk, opened.slot, code)
    desk.unlock()
    failed = attempts.succeeded(desk.home, opened.slot)
    return SignedIn(Actor(org, proven.role, proven.person_id), shown(desk, proven), failed)


def _proven(desk: Desk, slot_id: str, code: str) -> Person:
    """Return the active person of a slot who gave the right one-time code, where one is used. Raises RuleError."""
    clock = desk.gateway.clock
    attempts.require_no_pause(desk.home, slot_id, clock)
    with desk.write() as tx:
        person = _of_slot(desk, tx, slot_id)
        if person.state is not State.ACTIVE:
            raise RuleError(Code.NOT_PERMITTED, "locked out")
        if desk.is_locked() and person.role is not Role.ADMINISTRATOR:
            raise RuleError(Code.HOME_LOCKED)
        proven = person if not person.secret else onetime.use(person, code, clock.now_ms())
        if proven is not None:
            users.save(tx, proven)
    if proven is None:
        if code:
            attempts.failed(desk.home, slot_id, clock)
        raise RuleError(Code.CODE_WRONG)
    return proven


def confirm(desk: Desk, actor: Actor, passphrase: str) -> Actor:
    """Return the actor for one request that cannot be taken back: the person typed the passphrase for it.

    Raises SetupError KEYFILE_WRONG_PASSPHRASE, RuleError SIGN_IN_SLOWED.
    """
    actor.require(Permission.SIGN_IN)
    _checked(desk.home, actor.person, desk.gateway.clock, lambda: slots.check(desk.home, actor.person, passphrase))
    return replace(actor, confirmed=True)


def _checked(home: Home, who: str, clock: Clock, try_it: Callable[[], Opened]) -> Opened:
    """Try a passphrase: counted, and slowed after failures. Raises RuleError SIGN_IN_SLOWED, SetupError KEYFILE_*."""
    home.require()
    with attempts.one_at_a_time(home):
        attempts.require_no_pause(home, who, clock)
        try:
            return try_it()
        except RefbusError as error:
            if error.code is Code.KEYFILE_WRONG_PASSPHRASE:
                attempts.failed(home, who, clock)
            raise


def sign_in(path: Path, name: str | None, passphrase: str, clock: Clock) -> Opened:
    """Open the keys of the home in `path`: as a person by name, without it as its unattended service.

    In a home without people its one passphrase is all. Raises RuleError SIGN_IN_SLOWED, SetupError as `slots.sign_in`.
    """
    home = Home(path)
    who = slots.find_id(home, name) or attempts.NOBODY
    return _checked(home, who, clock, lambda: slots.sign_in(home, name, passphrase))


def listed(desk: Desk, actor: Actor) -> tuple[PersonShown, ...]:
    """Return everybody of this organisation, who was locked out too; also slots of people whom the store knows not."""
    actor.require(Permission.READ_STATUS)
    with desk.read() as tx:
        found = users.every(tx)
    known = {each.person_id for each in found} | {SERVICE}
    strangers = [each for each in slots.ids(desk.home) if each not in known]
    return (*(shown(desk, each) for each in found), *(shown(desk, _stranger(each)) for each in strangers))


def add(desk: Desk, actor: Actor, newcomer: Newcomer, second: Second | None = None) -> PersonShown:
    """Give somebody a passphrase and a role; an administrator needs a `second` person who agrees, where there is one.

    Raises SetupError USAGE for a name that is taken, RuleError SECOND_NEEDED.
    """
    actor.require(Permission.MANAGE_PEOPLE, again=True)
    if newcomer.role is Role.ADMINISTRATOR:
        require_second(desk, actor, second)
    person = new_person(desk, newcomer)
    slots.add(desk.home, desk.secret, NewSlot(person.person_id, newcomer.name, newcomer.passphrase))
    with desk.write() as tx:
        users.save(tx, person)
    return shown(desk, person)


def set_role(desk: Desk, actor: Actor, person: str, role: Role, second: Second | None = None) -> PersonShown:
    """Give somebody another role. Becoming administrator needs a `second` person; the last administrator stays one.

    Raises RuleError SECOND_NEEDED, SetupError USAGE.
    """
    actor.require(Permission.MANAGE_PEOPLE, again=True)
    if role not in OF_PEOPLE:
        raise SetupError(Code.USAGE, f"the role is one of {', '.join(OF_PEOPLE)}")
    if role is Role.ADMINISTRATOR:
        require_second(desk, actor, second)
    with desk.write() as tx:
        found = users.named(tx, person)
        if role is not Role.ADMINISTRATOR:
            _require_other_administrator(desk, tx, found)
        users.save(tx, changed := replace(found, role=role))
    return shown(desk, changed)


def lock_out(desk: Desk, actor: Actor, person: str) -> PersonShown:
    """Lock somebody out: no sign-in from now on, and the keys are sealed under a new home secret.

    Nobody else's passphrase is needed. The last administrator stays. Raises SetupError USAGE, KEYFILE_*.
    """
    actor.require(Permission.MANAGE_PEOPLE, again=True)
    with desk.write() as tx:
        found = users.named(tx, person)
        _require_other_administrator(desk, tx, found)
        users.save(tx, gone := replace(found, state=State.LOCKED_OUT))  # first: a slot that is left opens nothing here
    if gone.person_id in slots.ids(desk.home):
        desk.secret = slots.lock_out(desk.home, desk.secret, gone.person_id)
    return shown(desk, gone)


def set_passphrase(desk: Desk, actor: Actor, old: str, new: str) -> PersonShown:
    """Change one's own passphrase; nobody else notices. Raises SetupError KEYFILE_WRONG_PASSPHRASE, SIGN_IN_SLOWED."""
    actor.require(Permission.SIGN_IN)
    _checked(desk.home, actor.person, desk.gateway.clock, lambda: slots.check(desk.home, actor.person, old))
    slots.change_passphrase(desk.home, actor.person, old, new)
    with desk.read() as tx:
        return shown(desk, users.named(tx, actor.person))


def replace_passphrase(desk: Desk, actor: Actor, person: str, new: str) -> PersonShown:
    """Give somebody who forgot it another passphrase, and take one-time codes away. Raises SetupError USAGE."""
    actor.require(Permission.MANAGE_PEOPLE, again=True)
    with desk.write() as tx:
        found = onetime.end(users.named(tx, person))
        if found.state is not State.ACTIVE:
            raise SetupError(Code.USAGE, "locked out: add the person anew")
        users.save(tx, found)
    slots.replace_key(desk.home, desk.secret, NewSlot(found.person_id, found.name, new))
    return shown(desk, found)


def set_service(desk: Desk, actor: Actor, passphrase: str | None) -> ServiceChanged:
    """Give the unattended service a slot of its own, or take it away (None) under a new home secret."""
    actor.require(Permission.MANAGE_PEOPLE, again=True)
    there = SERVICE in slots.ids(desk.home)
    if passphrase is None:
        if there:
            desk.secret = slots.lock_out(desk.home, desk.secret, SERVICE)
        return ServiceChanged(service=False)
    change = slots.replace_key if there else slots.add
    change(desk.home, desk.secret, NewSlot(SERVICE, SERVICE, passphrase))
    return ServiceChanged(service=True)


def begin_codes(desk: Desk, actor: Actor) -> CodesBegun:
    """Ask for a one-time code at each of one's own sign-ins from now on; what is returned is shown once."""
    actor.require(Permission.SIGN_IN, again=True)
    with desk.write() as tx:
        kept, shown = onetime.begin(users.named(tx, actor.person), f"Referral Bus {desk.gateway.me}")
        users.save(tx, kept)
    return CodesBegun(shown.secret, shown.address, shown.spare)


def end_codes(desk: Desk, actor: Actor) -> PersonShown:
    """Ask for no one-time codes any more at one's own sign-in."""
    actor.require(Permission.SIGN_IN, again=True)
    with desk.write() as tx:
        users.save(tx, kept := onetime.end(users.named(tx, actor.person)))
    return shown(desk, kept)


def lock(desk: Desk, actor: Actor) -> Locked:
    """Lock the home at once: every session ends, only an administrator signs in, and that unlocks it.

    Raises SetupError USAGE in a home without people, which nobody could unlock.
    """
    actor.require(Permission.STOP)
    if not slots.has_slots(desk.home):
        raise SetupError(Code.USAGE, "this home has no people yet: refbus people begin")
    desk.lock()
    return Locked(locked=True)


def new_person(desk: Desk, new: Newcomer) -> Person:
    """Return somebody with a new id. Raises SetupError USAGE for a name or a passphrase that is none."""
    if new.role not in OF_PEOPLE:
        raise SetupError(Code.USAGE, f"the role is one of {', '.join(OF_PEOPLE)}")
    if not new.passphrase.strip():
        raise SetupError(Code.USAGE, "a passphrase has at least one character")
    name, now_ms = slotfile.plain_name(new.name), desk.gateway.now_ms()
    return Person(slots.new_id(), name, new.shown or new.name, new.role, new.language, State.ACTIVE, now_ms)


def _stranger(slot: str) -> Person:
    """Return how a slot is shown that the store knows nobody for."""
    return Person(slot, "", "", Role.CASE_WORKER, "", State.LOCKED_OUT, 0)


def shown(desk: Desk, person: Person) -> PersonShown:
    """Return what is shown of somebody."""
    told = person.person_id, person.name, person.shown, person.role, person.language, person.state, person.created_ms
    return PersonShown(*told, opens=person.person_id in slots.ids(desk.home), codes=bool(person.secret))


def _of_slot(desk: Desk, tx: Transaction, slot: str) -> Person:
    """Return whose slot it is. Where no administrator is left, as after a restore, who opens the home becomes one."""
    found = users.find(tx, slot)
    if found is not None:
        return found
    unreadable = users.ids(tx, State.ACTIVE) - {each.person_id for each in users.every(tx)}
    if _administrators(desk, tx) or unreadable & set(slots.ids(desk.home)):
        raise RuleError(Code.NOT_PERMITTED, "the store knows nobody with this slot")
    now_ms = desk.gateway.now_ms()
    alarms.raise_alarm(tx, Code.RESTORE_UNCONFIRMED, "no administrator was left: who signed in became one", now_ms)
    return Person(slot, slot, slot, Role.ADMINISTRATOR, "", State.ACTIVE, now_ms)


def _administrators(desk: Desk, tx: Transaction) -> set[str]:
    """Return the ids of administrators who can sign in, none whose row is damaged."""
    able = [each for each in users.every(tx) if each.role is Role.ADMINISTRATOR and each.state is State.ACTIVE]
    return {each.person_id for each in able} & set(slots.ids(desk.home))


def _require_other_administrator(desk: Desk, tx: Transaction, person: Person) -> None:
    if person.role is Role.ADMINISTRATOR and not _administrators(desk, tx) - {person.person_id}:
        raise SetupError(Code.USAGE, "the last administrator stays")


def require_second(desk: Desk, actor: Actor, second: Second | None) -> None:
    """Raise RuleError SECOND_NEEDED unless another person agrees; where nobody else could, one is enough."""
    with desk.read() as tx:
        others = users.ids(tx, State.ACTIVE)
    others = (others & set(slots.ids(desk.home))) - {actor.person}
    if not others or actor.role is Role.ORGANISATION:
        return
    if second is None:
        raise RuleError(Code.SECOND_NEEDED)
    found = sign_in(desk.home.path, second.name, second.passphrase, desk.gateway.clock)
    if found.slot not in others:
        raise RuleError(Code.SECOND_NEEDED, "another person than who asks")
