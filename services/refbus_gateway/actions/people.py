"""Asking about the people of this organisation: who they are, what they may do, who signs in, what they did.

`begin` gives a home its first person; from then on everybody signs in (`admit`). The home's own log is written by
`Desk` with what each action notes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from refbus.errors import Code, RuleError, SetupError
from refbus.said import said
from refbus_gateway.actions.actor import Actor, Permission, Role
from refbus_gateway.actions.desk import Desk
from refbus_gateway.home import attempts, slotfile, slots
from refbus_gateway.home.attempts import SlowedError
from refbus_gateway.home.slots import SERVICE, NewSlot, Opened
from refbus_gateway.people import admission, onetime, users
from refbus_gateway.people.admission import Second, sign_in, tried
from refbus_gateway.people.roles import OF_PEOPLE
from refbus_gateway.people.shown import PersonShown, shown
from refbus_gateway.people.users import Person, State
from refbus_gateway.store import alarms
from refbus_gateway.store.session import Transaction

__all__ = ["Locked", "Newcomer", "PersonShown", "Second", "ServiceChanged", "SignedIn", "SlowedError", "sign_in"]


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Who is to be added. `name`: to sign in with; `shown`: how colleagues call the person."""

    name: str
    shown: str
    role: Role
    language: str
    passphrase: str = field(repr=False)


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
class Locked:
    """Whether the home is locked: only an administrator signs in, and that unlocks it."""

    locked: bool


def begin(desk: Desk, actor: Actor, first: Newcomer) -> PersonShown:
    """Give a home with one passphrase its first person, an administrator. It is whole or not there; it can be repeated.

    From then on nobody opens the home with the passphrase alone. Raises SetupError USAGE when it has people already.
    """
    actor.require(Permission.MANAGE_PEOPLE)
    if slots.has_slots(desk.home):
        raise SetupError(Code.USAGE, said("this home has people already: refbus people add"))
    person = new_person(desk, replace(first, role=Role.ADMINISTRATOR))
    with desk.write() as tx:
        for each in users.ids(tx):  # of a begin that was cut: nobody has a slot
            users.forget(tx, each)
        users.save(tx, person)
    slot = NewSlot(person.person_id, first.name, first.passphrase)
    desk.secret = slots.begin(desk.home, desk.secret, slot).secret
    return shown(desk.home, person)


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
    return SignedIn(Actor(org, proven.role, proven.person_id), shown(desk.home, proven), failed)


def resume(desk: Desk, opened: Opened) -> Actor:
    """Return who signed in before, as the agent of the home says: nothing is typed again but for `confirm`.

    Raises RuleError NOT_PERMITTED, HOME_LOCKED.
    """
    org = desk.home.member.identity().org_id
    if not opened.slot:
        return Actor(org)
    if desk.is_locked():
        raise RuleError(Code.HOME_LOCKED)
    today = desk.as_today(Actor(org, Role.SERVICE, opened.slot))
    if today is None:
        raise RuleError(Code.NOT_PERMITTED, said("locked out"))
    return today


def _proven(desk: Desk, slot_id: str, code: str) -> Person:
    """Return the active person of a slot who gave the right one-time code, where one is used. Raises RuleError."""
    clock = desk.gateway.clock
    attempts.require_no_pause(desk.home, slot_id, clock)
    with desk.write() as tx:
        person = _of_slot(desk, tx, slot_id)
        if person.state is not State.ACTIVE:
            raise RuleError(Code.NOT_PERMITTED, said("locked out"))
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


def confirm(desk: Desk, actor: Actor, passphrase: str, address: str = "") -> Actor:
    """Return the actor for one request that cannot be taken back: the person typed the passphrase for it.

    `address`: from where on the network it came. Raises SetupError KEYFILE_WRONG_PASSPHRASE, RuleError SIGN_IN_SLOWED.
    """
    actor.require(Permission.SIGN_IN)
    clock = desk.gateway.clock
    tried(desk.home, actor.person, clock, lambda: slots.check(desk.home, actor.person, passphrase), address)
    return replace(actor, confirmed=True)


def listed(desk: Desk, actor: Actor) -> tuple[PersonShown, ...]:
    """Return everybody of this organisation, who was locked out too; also slots of people whom the store knows not."""
    actor.require(Permission.READ_STATUS)
    with desk.read() as tx:
        found = users.every(tx)
    known = {each.person_id for each in found} | {SERVICE}
    strangers = [each for each in slots.ids(desk.home) if each not in known]
    return (*(shown(desk.home, each) for each in found), *(shown(desk.home, _stranger(each)) for each in strangers))


def add(desk: Desk, actor: Actor, newcomer: Newcomer, second: Second | None = None) -> PersonShown:
    """Give somebody a passphrase and a role; an administrator needs a `second` person who agrees, where there is one.

    Raises SetupError USAGE for a name that is taken, RuleError SECOND_NEEDED.
    """
    actor.require(Permission.MANAGE_PEOPLE, again=True)
    if newcomer.role is Role.ADMINISTRATOR:
        require_second(desk, actor, second)
    person = replace(new_person(desk, newcomer), provisional=True)
    slots.add(desk.home, desk.secret, NewSlot(person.person_id, newcomer.name, newcomer.passphrase))
    with desk.write() as tx:
        users.save(tx, person)
    return shown(desk.home, person)


def set_role(desk: Desk, actor: Actor, person: str, role: Role, second: Second | None = None) -> PersonShown:
    """Give somebody another role. Becoming administrator needs a `second` person; the last administrator stays one.

    Raises RuleError SECOND_NEEDED, SetupError USAGE.
    """
    actor.require(Permission.MANAGE_PEOPLE, again=True)
    if role not in OF_PEOPLE:
        raise SetupError(Code.USAGE, said("the role is one of %(codes)s", codes=", ".join(OF_PEOPLE)))
    if role is Role.ADMINISTRATOR:
        require_second(desk, actor, second)
    with desk.write() as tx:
        found = users.named(tx, person)
        if role is not Role.ADMINISTRATOR:
            _require_other_administrator(desk, tx, found)
        users.save(tx, changed := replace(found, role=role))
    return shown(desk.home, changed)


def lock_out(desk: Desk, actor: Actor, person: str) -> PersonShown:
    """Lock somebody out: no sign-in from now on, and the keys are sealed under a new home secret.

    Nobody else's passphrase is needed. The last administrator stays. Raises SetupError USAGE, KEYFILE_*.
    """
    actor.require(Permission.MANAGE_PEOPLE, again=True)
    with desk.write() as tx:
        gone = _unread(desk, tx, person)
        if gone is not None:
            users.lock_out_unread(tx, person)
        else:
            found = users.named(tx, person)
            _require_other_administrator(desk, tx, found)
            users.save(tx, gone := replace(found, state=State.LOCKED_OUT))
        # first, since a slot that is left opens nothing here
    if gone.person_id in slots.ids(desk.home):
        desk.secret = slots.lock_out(desk.home, desk.secret, gone.person_id)
    return shown(desk.home, gone)


def set_passphrase(desk: Desk, actor: Actor, old: str, new: str) -> PersonShown:
    """Change one's own passphrase; nobody else notices. From then on it counts where two people are needed.

    Raises SetupError KEYFILE_WRONG_PASSPHRASE, USAGE for the same one; RuleError SIGN_IN_SLOWED.
    """
    actor.require(Permission.SIGN_IN)
    tried(desk.home, actor.person, desk.gateway.clock, lambda: slots.check(desk.home, actor.person, old))
    if new == old:
        raise SetupError(Code.USAGE, said("the new passphrase is the old one"))
    slots.change_passphrase(desk.home, actor.person, old, new)
    with desk.write() as tx:
        users.save(tx, changed := replace(users.named(tx, actor.person), provisional=False))
    return shown(desk.home, changed)


def replace_passphrase(desk: Desk, actor: Actor, person: str, new: str) -> PersonShown:
    """Give somebody who forgot it another passphrase, until the person changes it. Raises SetupError USAGE.

    One-time codes stay: who takes them away too needs a second person (`codes.remove`).
    """
    actor.require(Permission.MANAGE_PEOPLE, again=True)
    with desk.write() as tx:
        found = replace(users.named(tx, person), provisional=True)
        if found.state is not State.ACTIVE:
            raise SetupError(Code.USAGE, said("locked out: add the person anew"))
        users.save(tx, found)
    slots.replace_key(desk.home, desk.secret, NewSlot(found.person_id, found.name, new))
    return shown(desk.home, found)


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


def lock(desk: Desk, actor: Actor) -> Locked:
    """Lock the home at once: every session ends, only an administrator signs in, and that unlocks it.

    Raises SetupError USAGE in a home without people, which nobody could unlock.
    """
    actor.require(Permission.STOP)
    if not slots.has_slots(desk.home):
        raise SetupError(Code.USAGE, said("this home has no people yet: refbus people begin"))
    desk.lock()
    return Locked(locked=True)


def new_person(desk: Desk, new: Newcomer) -> Person:
    """Return somebody with a new id. Raises SetupError USAGE for a name or a passphrase that is none."""
    if new.role not in OF_PEOPLE:
        raise SetupError(Code.USAGE, said("the role is one of %(codes)s", codes=", ".join(OF_PEOPLE)))
    if not new.passphrase.strip():
        raise SetupError(Code.USAGE, said("a passphrase has at least one character"))
    name, now_ms = slotfile.plain_name(new.name), desk.gateway.now_ms()
    return Person(slots.new_id(), name, new.shown or new.name, new.role, new.language, State.ACTIVE, now_ms)


def _stranger(slot: str) -> Person:
    """Return how a slot is shown that the store knows nobody for."""
    return Person(slot, "", "", Role.CASE_WORKER, "", State.LOCKED_OUT, 0)


def _of_slot(desk: Desk, tx: Transaction, slot: str) -> Person:
    """Return whose slot it is. Where no administrator is left, as after a restore, who opens the home becomes one."""
    found = users.find(tx, slot)
    if found is not None:
        return found
    unreadable = users.ids(tx, State.ACTIVE) - {each.person_id for each in users.every(tx)}
    if _administrators(desk, tx) or unreadable & set(slots.ids(desk.home)):
        raise RuleError(Code.NOT_PERMITTED, said("the store knows nobody with this slot"))
    now_ms = desk.gateway.now_ms()
    told = said("no administrator was left: who signed in became one")
    alarms.raise_alarm(tx, Code.RESTORE_UNCONFIRMED, told, now_ms)
    return Person(slot, slot, slot, Role.ADMINISTRATOR, "", State.ACTIVE, now_ms)


def _administrators(desk: Desk, tx: Transaction) -> set[str]:
    """Return the ids of administrators who can sign in, none whose row is damaged."""
    able = [each for each in users.every(tx) if each.role is Role.ADMINISTRATOR and each.state is State.ACTIVE]
    return {each.person_id for each in able} & set(slots.ids(desk.home))


def _unread(desk: Desk, tx: Transaction, person: str) -> Person | None:
    """Return what is shown of somebody, by id, whom the store knows not or whose row is damaged; else None."""
    unread = (users.ids(tx) | set(slots.ids(desk.home))) - {each.person_id for each in users.every(tx)} - {SERVICE}
    return _stranger(person) if person in unread else None


def _require_other_administrator(desk: Desk, tx: Transaction, person: Person) -> None:
    others = (_administrators(desk, tx) - {person.person_id}) & slots.sound_ids(desk.home, desk.secret)
    if person.role is Role.ADMINISTRATOR and not others:
        raise SetupError(Code.USAGE, said("the last administrator stays"))


def require_second(desk: Desk, actor: Actor, second: Second | None) -> None:
    """Raise RuleError SECOND_NEEDED unless another person agrees; where nobody else could, one is enough.

    PASSPHRASE_PROVISIONAL: one of the two still has a passphrase that somebody else set.
    """
    if actor.role is not Role.ORGANISATION:
        with desk.read() as tx:
            admission.require_second(tx, desk.home, actor.person, second, desk.gateway.clock)
