"""After a restore: what a person must confirm before this office says yes to anything again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from refbus.errors import Code, SetupError
from refbus.output import say
from refbus_gateway.cli.session import Session, example, with_session
from refbus_gateway.cli.status import unread_texts

if TYPE_CHECKING:
    from collections.abc import Callable

    from refbus.errors import RefbusError
    from refbus_gateway.home.confirmation import State
    from refbus_gateway.store.session import Transaction


def add_confirm_restored(group: click.Group) -> None:
    """Add the command about the whole home."""
    group.add_command(confirm_restored)


def add_confirm(group: click.Group) -> None:
    """Add the command about one case."""
    group.add_command(confirm)


@click.command(name="confirm-restored")
@click.option("--yes", is_flag=True, help="Do not ask.")
@example("refbus home confirm-restored")
@with_session
def confirm_restored(session: Session, *, yes: bool) -> None:
    """Say that this office may send again after it was restored from a backup.

    It reads everything that waits first, then says what it cannot know, for which time, and whom to call. Consents in
    the backup are confirmed case by case afterwards: `refbus consent confirm`.
    """
    from refbus_gateway.cli.syncing import synchronised
    from refbus_gateway.home import (
        confirmation,  # late: the help needs none of it
        officer_list,
    )

    gateway = session.gateway
    with gateway.store.read() as tx:
        state = confirmation.find(tx)
    if state is None:
        session.tell({"restored": False}, ["This home does not go on from a backup: there is nothing to confirm."])
        return
    synchronised(session)
    with gateway.store.read() as tx:
        lines, value = _unknown(tx, state)
    if officer_list.is_unvouched(session.home):
        lines.append("  Its officers are those of the backup: `refbus officers list`, remove who left, then `renew`.")
    if not (session.as_json or yes):
        for line in lines:
            say(line, err=True)
        if not click.confirm("Have you called them, and may this office send again?", default=False, err=True):
            raise SetupError(Code.USAGE, "nothing was confirmed")
    with gateway.store.write() as tx:
        waiting = confirmation.confirm(tx, gateway.now_ms())
    text = f"Confirmed. Cases with something that waits for `refbus consent confirm`: {_numbers(waiting)}."
    session.tell({"restored": True, "waiting": waiting, **value}, [text])


@click.command(name="confirm")
@click.argument("case", type=int)
@click.option("--yes", is_flag=True, help="Do not ask.")
@example("refbus consent confirm 3")
@with_session
def confirm(session: Session, case: int, *, yes: bool) -> None:
    """Say that the consents of a case still stand, after this office was restored from a backup.

    Ask whoever works with the person: did they refuse, withdraw, or name an organisation that must not know, since the
    backup? If so, take that down instead (`refbus consent withdraw`, `refbus consent grant`, `refbus case deny`).
    """
    from refbus_gateway.home import confirmation  # late: the help needs none of it
    from refbus_gateway.rules import permission  # late: the help needs none of it
    from refbus_gateway.store import cases, consents

    gateway = session.gateway
    with gateway.store.read() as tx:
        state, found = confirmation.find(tx), cases.get(tx, case)
        found.require_live()
        kept = [each.signed.record for each in consents.of_case(tx, found)]
        denied = sorted(permission.denied_recipients(tx, found))
    if state is None:
        session.tell({"confirmed": False}, ["This home does not go on from a backup: there is nothing to confirm."])
        return
    if not (session.as_json or yes):
        say(f"What is known of case {case} is of {confirmation.show(state.made_ms)}:", err=True)
        for record in kept:
            say(f"  {record.party}: {record.state}, version {record.version}", err=True)
        say(f"  must never know: {', '.join(denied) or 'nobody is named'}", err=True)
        if not click.confirm("Has the person said nothing else since?", default=False, err=True):
            raise SetupError(Code.USAGE, "nothing was confirmed: take down what they said")
    with gateway.store.write() as tx:
        confirmation.confirm_case(tx, cases.get(tx, case), gateway.now_ms())
    session.tell({"confirmed": True, "case": case}, [f"Confirmed. Case {case} can be sent."])


def _unknown(tx: Transaction, state: State) -> tuple[list[str], dict[str, Any]]:
    """Return what this store cannot know: for people, and as a value."""
    from refbus_gateway.home import confirmation
    from refbus_gateway.store import cases

    unread: cases.Unread = []
    open_cases = confirmation.to_confirm(tx, unread)
    partners = sorted(
        {party.org for case in open_cases for party in cases.readable_parties(tx, case, _damaged(unread, case.id))}
    )
    unknown = confirmation.unknown(tx)
    since, until = confirmation.show(state.made_ms), confirmation.show(state.restored_ms)
    lines = [
        f"This office goes on from a backup of {since}; it was restored on {until}.",
        "It does not know what was recorded, sent, refused, withdrawn or erased here in that time.",
        f"  Cases whose consents must be confirmed one by one: {_numbers([case.id for case in open_cases])}",
        f"  Call these, and ask what came from you in that time: {', '.join(partners) or 'none are known'}",
    ]
    if unknown is not None:
        lines.append(f"  These have answered things that are not known here: {', '.join(unknown.orgs)}")
    lines += unread_texts({"case": sorted(set(unread))})
    if state.inbox_lost:
        lines.append("  The broker no longer has all that came in that time: ask everybody who may have written.")
    value = {
        "backup_ms": state.made_ms,
        "restored_ms": state.restored_ms,
        "cases": [case.id for case in open_cases],
        "call": partners,
        "answered": list(unknown.orgs) if unknown else [],
        "inbox_lost": state.inbox_lost,
        "unread": [{"case": number, "code": code} for number, code in sorted(set(unread))],
    }
    return lines, value


def _damaged(unread: list[tuple[int, Code]], number: int) -> Callable[[RefbusError], None]:
    return lambda error: unread.append((number, error.code))


def _numbers(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers)) or "none"
