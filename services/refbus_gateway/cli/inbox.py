"""`refbus inbox`: what other organisations sent, and answering it. The answers themselves are in `answers`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from refbus_gateway.cli.answers import add_answers
from refbus_gateway.cli.courses import opened_texts
from refbus_gateway.cli.session import Session, example, paged, with_session, words
from refbus_gateway.cli.status import unread_text

if TYPE_CHECKING:
    from refbus_gateway.actions.referrals import ReferralListed
    from refbus_gateway.actions.status import UnreadCase, UnreadReferral

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
    from refbus_gateway.actions import referrals  # late: the help needs none of it
    from refbus_gateway.cli.show import erase_lines

    own, (most, skip) = None if everything else False, session.part(limit, page)
    found = referrals.listed(session.desk, session.actor, most, skip, own=own, offline=offline)
    texts = [words().text("NOT SYNCHRONISED: this may be out of date; a withdrawal may be waiting.")] if offline else []
    texts += [_unread_text(each) for each in found.unread]
    for each in found.referrals:
        texts += _lines(session, each)
    elsewhere = set(found.withdrawals_to_answer) - {each.referral for each in found.referrals}
    texts += [f"{number:>4}  {_stop_text(number)}" for number in sorted(elsewhere)]
    texts += [*session.more(found.total, most, skip), *erase_lines(found.erase_due)]
    session.tell(found, texts or [words().text("Nothing yet.")])


def _lines(session: Session, each: ReferralListed) -> list[str]:
    """Return a referral of the list for people."""
    from refbus_gateway.cli.show import state_text, time_text  # late: the help needs none of it
    from refbus_gateway.words.codes import label

    beside = (
        words().text("file %(file_number)s", file_number=each.file_number) if each.file_number else "",
        words().text("%(unseen)s new", unseen=each.unseen) if each.unseen else "",
    )
    priority = label(session.language, "refbus.Priority", each.priority) if session.language != "en" else None
    priority = priority or each.priority
    due = words().text("answer by %(date)s", date=time_text(each.respond_by_ms)) if each.respond_by_ms else ""
    state = state_text(each.state, session.language)
    text = f"{each.referral:>4}  {each.organisation:12} {priority:9} {state:22} {due}  {' '.join(filter(None, beside))}"
    return [text, f"      {_stop_text(each.referral)}"] if each.withdrawal_to_answer else [text]


def _stop_text(number: int) -> str:
    return words().text(
        "CONSENT WITHDRAWN: stop using it, then refbus inbox acknowledge %(number)s RESULT", number=number
    )


def _unread_text(each: UnreadCase | UnreadReferral) -> str:
    from refbus_gateway.actions.status import UnreadCase  # late: the help needs none of it

    if isinstance(each, UnreadCase):
        return unread_text("case", each.case, each.code)
    return unread_text("referral", each.referral, each.code)


@group.command()
@click.argument("number", type=int)
@example("refbus inbox show 1")
@with_session
def show(session: Session, number: int) -> None:
    """Open a referral: consent is checked again, and the sender learns that it was opened."""
    from refbus_gateway.actions import referrals  # late: the help needs none of it

    opened = referrals.open_course(session.desk, session.actor, number, session.language)
    session.tell(opened, opened_texts(opened, session.language))


@group.command()
@click.argument("number", type=int)
@click.argument("result", type=click.Choice(RESULTS))
@click.option("--reason", type=click.Choice(REASONS), help="Compulsory with RETAINED_LEGAL.")
@click.option("--later", is_flag=True, help="Only queue it; `refbus run` or `refbus sync` sends it.")
@example("refbus inbox acknowledge 1 ERASED")
@with_session
def acknowledge(session: Session, number: int, result: str, reason: str | None, *, later: bool) -> None:
    """Tell what was done after a withdrawal. ERASED destroys the case here, and that cannot be undone."""
    from refbus_gateway.actions import withdrawals  # late: the help needs none of it
    from refbus_gateway.cli.show import sent_text

    done = withdrawals.acknowledge(session.desk, session.actor, number, result, reason, later=later)
    session.tell(done, [sent_text(done.delivery)])


add_answers(group)
