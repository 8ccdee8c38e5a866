"""Asking, after a restore from a backup, what is not known here, and saying that it was asked of those who know."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

from refbus.core.consent.record import ConsentState
from refbus.core.ids import OrgId
from refbus.errors import Code, RefbusError, UncheckableError
from refbus_gateway.actions.actor import Actor, Permission
from refbus_gateway.actions.desk import Desk
from refbus_gateway.home import confirmation, officer_list
from refbus_gateway.home.confirmation import State
from refbus_gateway.outbox import announced
from refbus_gateway.rules import permission
from refbus_gateway.store import cases, consents
from refbus_gateway.store.session import Transaction


@dataclass(frozen=True, slots=True)
class NotRestored:
    """This home does not go on from a backup."""

    restored: bool = False


@dataclass(frozen=True, slots=True)
class CaseUnread:
    """A case that cannot be read here, and why."""

    case: int
    code: Code


@dataclass(frozen=True, slots=True)
class Told:
    """An organisation that was told of the restore, and when it had sent again what it said since (UTC ms, or None)."""

    organisation: OrgId
    said_ms: int
    answered_ms: int | None


@dataclass(frozen=True, slots=True)
class NotKnown:
    """What a home that goes on from a backup cannot know: what was said from `backup_ms` to `restored_ms`, ms UTC.

    `cases`: whose consents must be confirmed one by one; `call`: the partners in them; `answered`: who has answered
    things that are not known here; `inbox_lost`: the broker no longer has all that came in that time;
    `officers_unvouched`: the officers are those of the backup, and nobody vouches for them; `told`: who was told of the
    restore, and has answered.
    """

    backup_ms: int
    restored_ms: int
    cases: tuple[int, ...]
    call: tuple[OrgId, ...]
    answered: tuple[str, ...]
    inbox_lost: bool
    unread: tuple[CaseUnread, ...]
    officers_unvouched: bool
    told: tuple[Told, ...]


@dataclass(frozen=True, slots=True)
class RestoreConfirmed(NotKnown):
    """That this office may send again, and the cases with something that waits for a confirmation of their own."""

    restored: bool
    waiting: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RestoreStanding:
    """Whether somebody has confirmed a restored home, and what it cannot know: None before all that waits was read."""

    confirmed: bool
    known: NotKnown | None


@dataclass(frozen=True, slots=True)
class ConsentKnown:
    """A version of a consent that the backup had."""

    organisation: OrgId
    state: ConsentState
    version: int


@dataclass(frozen=True, slots=True)
class CaseKnown:
    """What is known of a case since a backup, made at `backup_ms` (UTC), and who must never know of it."""

    case: int
    backup_ms: int
    consents: tuple[ConsentKnown, ...]
    denied: tuple[OrgId, ...]


@dataclass(frozen=True, slots=True)
class CaseConfirmed:
    """A case whose consents still stand, as somebody has made sure."""

    confirmed: bool
    case: int


@dataclass(frozen=True, slots=True)
class NothingConfirmed:
    """Nothing had to be confirmed: this home does not go on from a backup."""

    confirmed: bool = False


def not_known(desk: Desk, actor: Actor) -> NotKnown | NotRestored:
    """Return what this home cannot know, after everything that waits was read.

    Raises UncheckableError NOT_SYNCHRONISED.
    """
    actor.require(Permission.READ_STATUS)
    with desk.read() as tx:
        state = confirmation.find(tx)
    if state is None:
        return NotRestored()
    desk.require_synchronised()
    with desk.read() as tx:
        return _not_known(desk, tx, state)


def stands(desk: Desk, actor: Actor) -> RestoreStanding | NotRestored:
    """Return how far a home that goes on from a backup is. It needs no line."""
    actor.require(Permission.READ_STATUS)
    with desk.read() as tx:
        state = confirmation.find(tx)
    if state is None:
        return NotRestored()
    confirmed = state.confirmed_ms is not None
    if state.drained_ms is None:
        return RestoreStanding(confirmed, None)
    try:
        desk.require_synchronised()
    except UncheckableError:
        return RestoreStanding(confirmed, None)
    with desk.read() as tx:
        return RestoreStanding(confirmed, _not_known(desk, tx, state))


def confirm(desk: Desk, actor: Actor) -> RestoreConfirmed | NotRestored:
    """Let this office send again: whoever is to be called was called.

    Raises UncheckableError NOT_SYNCHRONISED while not everything was read since the restore.
    """
    actor.require(Permission.MANAGE_HOME)
    with desk.write() as tx:
        state = confirmation.find(tx)
        if state is None:
            return NotRestored()
        found = _not_known(desk, tx, state)
        waiting = confirmation.confirm(tx, desk.gateway.now_ms())
    known = {each.name: getattr(found, each.name) for each in fields(NotKnown)}
    return RestoreConfirmed(**known, restored=True, waiting=tuple(waiting))


def case_known(desk: Desk, actor: Actor, number: int) -> CaseKnown | NothingConfirmed:
    """Return what is known of a case since the backup. Raises RuleError CASE_UNKNOWN, KEY_DESTROYED."""
    actor.require(Permission.READ_CASES)
    with desk.read() as tx:
        state, found = confirmation.find(tx), cases.get(tx, number)
        found.require_live()
        kept = [each.signed.record for each in consents.of_case(tx, found)]
        denied = sorted(permission.denied_recipients(tx, found))
    if state is None:
        return NothingConfirmed()
    known = tuple(ConsentKnown(each.party, each.state, each.version) for each in kept)
    return CaseKnown(number, state.made_ms, known, tuple(denied))


def confirm_case(desk: Desk, actor: Actor, number: int) -> CaseConfirmed | NothingConfirmed:
    """Note that the consents of a case still stand, and who must never know of it. It is a yes as a new one is.

    Raises RuleError CASE_UNKNOWN, KEY_DESTROYED.
    """
    actor.require(Permission.TAKE_CONSENT)
    with desk.write() as tx:
        found = cases.get(tx, number)
        found.require_live()
        if confirmation.find(tx) is None:
            return NothingConfirmed()
        confirmation.confirm_case(tx, found, desk.gateway.now_ms())
    return CaseConfirmed(confirmed=True, case=number)


def _not_known(desk: Desk, tx: Transaction, state: State) -> NotKnown:
    unread: cases.Unread = []
    found = confirmation.to_confirm(tx, unread)
    partners = {party.org for case in found for party in cases.readable_parties(tx, case, _damaged(unread, case.id))}
    unknown, known = confirmation.unknown(tx), announced.find(tx)
    to = known.to if known else {}
    return NotKnown(
        state.made_ms,
        state.restored_ms,
        tuple(case.id for case in found),
        tuple(sorted(partners)),
        unknown.orgs if unknown else (),
        state.inbox_lost,
        tuple(CaseUnread(number, code) for number, code in sorted(set(unread))),
        officer_list.is_unvouched(desk.home),
        tuple(Told(org, to[org].said_ms, to[org].answered_ms) for org in sorted(to)),
    )


def _damaged(unread: cases.Unread, number: int) -> Callable[[RefbusError], None]:
    return lambda error: unread.append((number, error.code))
