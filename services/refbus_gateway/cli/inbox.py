"""`refbus inbox`: what other organisations sent, and answering it. The answers themselves are in `answers`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from refbus_gateway.cli.answers import add_answers
from refbus_gateway.cli.session import Session, example, with_session

if TYPE_CHECKING:
    from refbus_gateway.showing import Opened, Shown

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
@example("refbus inbox list")
@with_session
def list_(session: Session, *, offline: bool, everything: bool) -> None:
    """List referrals that came in. It reads everything that waits first, since a withdrawal may be among it."""
    from refbus_gateway import acting, views  # late: the help needs none of it
    from refbus_gateway.cli.show import state_text, time_text
    from refbus_gateway.cli.syncing import synchronised

    if not offline:
        synchronised(session)
    with session.gateway.store.read() as tx:
        lines = views.referral_lines(tx, own=None if everything else False)
        stop = {line.referral.id for line in lines if acting.waiting_withdrawals(tx, line.referral)}
    value = [
        {
            "referral": line.referral.id,
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
    for line in lines:
        state = state_text(line.view.status, session.language)
        new = f"{line.unseen} new" if line.unseen else ""
        texts.append(
            f"{line.referral.id:>4}  {line.referral.org:12} {line.priority:9} {state:22} "
            f"answer by {time_text(line.respond_by_ms)}  {new}"
        )
        if line.referral.id in stop:
            texts.append(
                f"      CONSENT WITHDRAWN: stop using it, then refbus inbox acknowledge {line.referral.id} RESULT"
            )
    session.tell({"synchronised": not offline, "referrals": value}, texts or ["Nothing yet."])


@group.command()
@click.argument("number", type=int)
@example("refbus inbox show 1")
@with_session
def show(session: Session, number: int) -> None:
    """Open a referral: consent is checked again, and the sender learns that it was opened."""
    from refbus_gateway import showing  # late: the help needs none of it
    from refbus_gateway.cli.show import state_text
    from refbus_gateway.cli.syncing import synchronised, try_to_send

    synchronised(session)
    with session.gateway.store.write() as tx:
        opened = showing.open_referral(session.gateway, tx, number, session.language)
    try_to_send(session)
    state = state_text(opened.view.status, session.language)
    texts = [f"Referral {number}, {opened.referral.org}: {state}"]
    if opened.withdrawn:
        texts.append("CONSENT WITHDRAWN: stop using what you received; then say what you did:")
        texts.append(f"  refbus inbox acknowledge {number} STOPPED | ERASED | RETAINED_LEGAL --reason ...")
    texts += [
        f"  Passed on as case {case}: ask the person, and withdraw there too: refbus consent withdraw {case}"
        for case in opened.passed_on
    ]
    for each in opened.events:
        texts += _event_texts(each)
    session.tell(_value(opened), texts)


@group.command()
@click.argument("number", type=int)
@click.argument("result", type=click.Choice(RESULTS))
@click.option("--reason", type=click.Choice(REASONS), help="Compulsory with RETAINED_LEGAL.")
@click.option("--later", is_flag=True, help="Only queue it; `refbus run` or `refbus sync` sends it.")
@example("refbus inbox acknowledge 1 ERASED")
@with_session
def acknowledge(session: Session, number: int, result: str, reason: str | None, *, later: bool) -> None:
    """Tell what was done after a withdrawal. ERASED destroys the case here, and that cannot be undone."""
    from refbus_gateway import acting  # late: the help needs none of it
    from refbus_gateway.cli.syncing import SENT_TEXT, try_to_send

    with session.gateway.store.write() as tx:
        acting.acknowledge(session.gateway, tx, number, result, reason)
    became = try_to_send(session, later=later)
    session.tell({"referral": number, "result": result, "delivery": became}, [SENT_TEXT[became]])


def _value(opened: Opened) -> dict[str, Any]:
    return {
        "referral": opened.referral.id,
        "case": opened.referral.case_id,
        "organisation": opened.referral.org,
        "state": opened.view.status,
        "withdrawal_to_answer": opened.withdrawn,
        "passed_on_as_cases": list(opened.passed_on),
        "crossed": len(opened.view.crossed),
        "events": [
            {
                "event": each.event.id,
                "type": each.event.block.event_type,
                "from": each.event.block.sender,
                "at_ms": each.event.block.occurred_at_ms,
                "hidden": [str(code) for code in each.hidden],
                "unknown_codes": [
                    {"path": code.path, "code": code.code, "list": code.code_list} for code in each.unknown
                ],
                "content": each.sections,
            }
            for each in opened.events
        ],
    }


def _event_texts(shown: Shown) -> list[str]:
    from refbus_gateway.casefile.view import safe  # late: the help needs none of it
    from refbus_gateway.cli.show import section_lines, time_text, words

    block = shown.event.block
    arrow = "to" if shown.event.outgoing else "from"
    other = block.recipient if shown.event.outgoing else block.sender
    head = f"[{shown.event.id}] {words(block.event_type)}, {arrow} {other}, {time_text(block.occurred_at_ms)}"
    hidden = [f"  not shown: {' '.join(shown.hidden)}"] if shown.hidden else []
    unknown = [
        f"  CODE_PARKED {code.path}: {safe(code.code)} is not in {safe(code.code_list)} here; ask the sender"
        for code in shown.unknown
    ]
    return [head, *hidden, *unknown, *section_lines(shown.sections)]


add_answers(group)
