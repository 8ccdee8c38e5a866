"""`refbus inbox`: what other organisations sent, and answering it. The answers themselves are in `answers`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from refbus_gateway.cli.answers import add_answers
from refbus_gateway.cli.opened import opened_texts, opened_value
from refbus_gateway.cli.session import Session, example, paged, with_session
from refbus_gateway.cli.status import unread_texts

if TYPE_CHECKING:
    from refbus.errors import Code

RESULTS = ("STOPPED", "ERASED", "RESTRICTED", "RETAINED_LEGAL")
REASONS = (
    "CRIMINAL_INVESTIGATION",
    "COURT_ORDER",
    "CHILD_PROTECTION_DUTY",
    "ACCOUNTING_LAW",
    "ARCHIVE_LAW",
    "OTHER_LEGAL_DUTY",
)


@click.group(name="inbox")
def group() -> None:
    """Read and answer what other organisations sent. NUMBER is the number of a referral in `refbus inbox list`."""


@group.command(name="list")
@click.option("--offline", is_flag=True, help="List what is here without asking the broker; it may be out of date.")
@click.option("--all", "everything", is_flag=True, help="Own referrals too.")
@paged
@example("refbus inbox list", "refbus inbox list --page 2")
@with_session
def list_(session: Session, *, offline: bool, everything: bool, limit: int | None, page: int) -> None:
    """List referrals that came in. It reads everything that waits first, since a withdrawal may be among it.

    A withdrawal to answer and a case to erase are told on every page.
    """
    from refbus_gateway.cases import casework, retention  # late: the help needs none of it
    from refbus_gateway.cli.show import erase_lines, state_text, time_text
    from refbus_gateway.cli.syncing import synchronised
    from refbus_gateway.courses import referral_steps  # late: the help needs none of it
    from refbus_gateway.reports import overview  # late: the help needs none of it
    from refbus_gateway.store import referrals

    if not offline:
        synchronised(session)
    own, (most, skip) = None if everything else False, session.part(limit, page)
    unread, damaged = list[tuple[int, "Code"]](), list[tuple[int, "Code"]]()
    with session.gateway.store.read() as tx:
        total = referrals.count(tx, own=own)
        lines = overview.referral_lines(tx, own=own, unread=unread, unread_cases=damaged, most=most, skip=skip)
        to_erase = retention.due(session.gateway, tx, damaged)
        numbers = casework.file_numbers(tx, {line.referral.case_id for line in lines if line.referral.own})
        found = referrals.numbers_by_case(tx, referral_steps.cases_to_answer(tx), own=own)
        stop = {number for some in found.values() for number in some}
    value = [
        {
            "referral": line.referral.id,
            "file_number": numbers.get(line.referral.case_id),
            "organisation": line.referral.org,
            "own": line.referral.own,
            "state": line.view.status,
            "priority": line.priority,
            "respond_by_ms": line.respond_by_ms,
            "unseen": line.unseen,
            "withdrawal_to_answer": line.referral.id in stop,
        }
        for line in lines
    ]
    texts = ["NOT SYNCHRONISED: this may be out of date; a withdrawal may be waiting."] if offline else []
    hidden = {"case": sorted(set(damaged)), "referral": sorted(set(unread))}
    texts += unread_texts(hidden)
    for line in lines:
        state = state_text(line.view.status, session.language)
        new = f"{line.unseen} new" if line.unseen else ""
        own_number = numbers.get(line.referral.case_id)
        file_text = f"file {own_number}" if own_number else ""
        texts.append(
            f"{line.referral.id:>4}  {line.referral.org:12} {line.priority:9} {state:22} "
            f"answer by {time_text(line.respond_by_ms)}  {' '.join(filter(None, (file_text, new)))}"
        )
        if line.referral.id in stop:
            texts.append(
                f"      CONSENT WITHDRAWN: stop using it, then refbus inbox acknowledge {line.referral.id} RESULT"
            )
    for number in sorted(stop - {line.referral.id for line in lines}):
        texts.append(f"{number:>4}  CONSENT WITHDRAWN: stop using it, then refbus inbox acknowledge {number} RESULT")
    texts += [*session.more(total, most, skip), *erase_lines(to_erase)]
    due = [asdict(each) for each in to_erase]
    damage = [{what: number, "code": code} for what, found in hidden.items() for number, code in found]
    shown = {"synchronised": not offline, "referrals": value, "erase_due": due, "unread": damage}
    session.tell(shown, texts or ["Nothing yet."])


@group.command()
@click.argument("number", type=int)
@example("refbus inbox show 1")
@with_session
def show(session: Session, number: int) -> None:
    """Open a referral: consent is checked again, and the sender learns that it was opened."""
    from refbus_gateway.cli.syncing import synchronised, try_to_send
    from refbus_gateway.courses import opening  # late: the help needs none of it

    synchronised(session)
    with session.gateway.store.write() as tx:
        opened = opening.open_referral(session.gateway, tx, number, session.language)
    try_to_send(session)
    session.tell(opened_value(opened), opened_texts(opened, session.language))


@group.command()
@click.argument("number", type=int)
@click.argument("result", type=click.Choice(RESULTS))
@click.option("--reason", type=click.Choice(REASONS), help="Compulsory with RETAINED_LEGAL.")
@click.option("--later", is_flag=True, help="Only queue it; `refbus run` or `refbus sync` sends it.")
@example("refbus inbox acknowledge 1 ERASED")
@with_session
def acknowledge(session: Session, number: int, result: str, reason: str | None, *, later: bool) -> None:
    """Tell what was done after a withdrawal. ERASED destroys the case here, and that cannot be undone."""
    from refbus_gateway.cli.syncing import SENT_TEXT, try_to_send
    from refbus_gateway.courses import referral_steps  # late: the help needs none of it
    from refbus_gateway.erasure import removal  # late: the help needs none of it

    with session.gateway.store.write() as tx:
        referral_steps.acknowledge(session.gateway, tx, number, result, reason)
    removal.settle(session.gateway)
    became = try_to_send(session, later=later)
    session.tell({"referral": number, "result": result, "delivery": became}, [SENT_TEXT[became]])


add_answers(group)
