"""`refbus status`, `refbus receipts`, `refbus alarms`: where everything stands."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from refbus_gateway.cli.session import Session, example, with_session

if TYPE_CHECKING:
    from refbus.errors import Code
    from refbus_gateway.reports.overview import EventLine, Health, ReferralLine
    from refbus_gateway.store.session import Transaction
    from refbus_gateway.store.tellings import Telling


@click.command()
@click.argument("number", type=int, required=False)
@example("refbus status", "refbus status 3")
@with_session
def status(session: Session, number: int | None) -> None:
    """Show at which hop everything waits that was sent, and what to do. NUMBER shows one referral in full."""
    from refbus_gateway.cases import casework, retention  # late: the help needs none of it
    from refbus_gateway.cli.show import ending_lines, erase_lines
    from refbus_gateway.consent import amendments  # late: the help needs none of it
    from refbus_gateway.reports import overview  # late: the help needs none of it
    from refbus_gateway.store import referrals

    untold: dict[int, int] = {}
    endings: list[amendments.Ending] = []
    unread: dict[str, list[tuple[int, Code]]] = {"case": [], "referral": []}
    to_erase: list[retention.EraseDue] = []
    with session.gateway.store.read() as tx:
        if number is None:
            health = overview.health(session.gateway, tx, unread["case"])
            endings = amendments.endings(session.gateway, tx, unread=unread["case"])
            to_erase = retention.due(session.gateway, tx, unread["case"])
            untold = _untold(session, tx, unread["case"])
            lines = overview.referral_lines(tx, own=True, unread=unread["referral"], unread_cases=unread["case"])
        else:
            health, lines = None, [overview.referral_line(tx, referrals.get(tx, number))]
        events = {line.referral.id: _events(tx, line) for line in lines}
        numbers = casework.file_numbers(tx, {line.referral.case_id for line in lines})
    unread = {what: sorted(set(found)) for what, found in unread.items()}
    value: dict[str, Any] = {"referrals": [_referral(line, events[line.referral.id], numbers) for line in lines]}
    if health is not None:
        value["home"] = _home(health)
        value["consents_ending"] = [asdict(each) for each in endings]
        value["erase_due"] = [asdict(each) for each in to_erase]
        value["unread"] = [{what: number, "code": code} for what, found in unread.items() for number, code in found]
        value["untold"] = [{"case": case, "disclosures": count} for case, count in untold.items()]
    texts = [
        text
        for line in lines
        for text in _texts(line, events[line.referral.id], session, numbers, in_full=number is not None)
    ]
    due = [*ending_lines(endings), *erase_lines(to_erase), *_untold_texts(untold), *unread_texts(unread)]
    session.tell(value, [*texts, *due, *(_home_texts(health) if health else [])])


def unread_texts(unread: dict[str, list[tuple[int, Code]]]) -> list[str]:
    """Return a line for each case and referral that cannot be read here; the others are shown."""
    return [
        f"{what.capitalize()} {number} cannot be read here ({code}): call the technical office."
        for what, found in unread.items()
        for number, code in found
    ]


@click.command()
@click.argument("number", type=int)
@example("refbus receipts 3")
@with_session
def receipts(session: Session, number: int) -> None:
    """Show what the gates confirmed about the events of a referral; each was signed and verified.

    "also signed by" names the gate of the other country, whose own signature our gate passed on.
    """
    from refbus_gateway.cli.show import time_text
    from refbus_gateway.reports import overview  # late: the help needs none of it
    from refbus_gateway.store import referrals

    with session.gateway.store.read() as tx:
        events = _events(tx, overview.referral_line(tx, referrals.get(tx, number)))
    value: list[dict[str, Any]] = [
        {
            "event": line.event.id,
            "type": line.event.block.event_type,
            "gate": receipt.gate,
            "kind": receipt.kind,
            "outcome": receipt.outcome,
            "codes": list(receipt.codes),
            "at_ms": receipt.at_ms,
            "also_signed_by": overview.also_signed_by(receipt),
        }
        for line in events
        for receipt in line.receipts
    ]
    texts = [
        f"{time_text(each['at_ms'])}  {each['type']:24} {each['gate']:8} {each['kind']:15} {each['outcome']:11} "
        f"{' '.join(each['codes'])}{_also(each['also_signed_by'])}"
        for each in value
    ]
    session.tell(value, texts or ["No receipt yet."])


def _also(gate: str | None) -> str:
    return f"also signed by {gate}" if gate else ""


@click.command()
@click.option("--clear", type=int, help="Number of an alarm that was dealt with.")
@example("refbus alarms", "refbus alarms --clear 2")
@with_session
def alarms(session: Session, clear: int | None) -> None:
    """Show what a person must look at; with --clear note that one was dealt with."""
    from refbus.errors import Code, SetupError  # late: the help needs none of it
    from refbus.explain import explanation
    from refbus_gateway.cli.show import time_text
    from refbus_gateway.store import inbox

    gateway = session.gateway
    if clear is not None:
        with gateway.store.write() as tx:
            if not inbox.clear_alarm(tx, clear, gateway.now_ms()):
                raise SetupError(Code.USAGE, f"no alarm {clear} stands: refbus alarms lists them")
    with gateway.store.read() as tx:
        standing = inbox.standing_alarms(tx)
    value = [{"alarm": each.id, "code": each.code, "detail": each.detail, "at_ms": each.at_ms} for each in standing]
    texts = []
    for each in standing:
        texts.append(f"{each.id:>4}  {time_text(each.at_ms)}  {each.code}  {each.detail}")
        texts.append(f"      {explanation(Code(each.code)).next_step}")
    session.tell(value, texts or ["No alarm."])


def _untold(session: Session, tx: Transaction, unread: list[tuple[int, Code]]) -> dict[int, int]:
    """Return which cases have disclosures to tell the person of: in an emergency, or each where the law demands it."""
    from refbus_gateway.reports import disclosure_report  # late: the help needs none of it

    directory = session.gateway.newest_directory()
    policy = directory.policies.get(session.gateway.country) if directory else None
    return disclosure_report.untold(tx, unread, every=policy is not None and policy.notify_subject)


def _untold_texts(untold: dict[int, int]) -> list[str]:
    return [f"Case {case}: tell the person who received what: refbus case disclosures {case}" for case in untold]


def _events(tx: Transaction, line: ReferralLine) -> list[EventLine]:
    from refbus_gateway.reports import overview  # late: the help needs none of it
    from refbus_gateway.store import referrals

    events = referrals.events_of(tx, line.referral)
    return [overview.event_line(tx, event, line.view) for event in events if event.outgoing]


def _referral(line: ReferralLine, events: list[EventLine], numbers: dict[int, str]) -> dict[str, Any]:
    return {
        "referral": line.referral.id,
        "case": line.referral.case_id,
        "file_number": numbers.get(line.referral.case_id),
        "organisation": line.referral.org,
        "own": line.referral.own,
        "state": line.view.status,
        "priority": line.priority,
        "respond_by_ms": line.respond_by_ms,
        "unseen": line.unseen,
        "crossed": len(line.view.crossed),
        "events": [
            {
                "event": each.event.id,
                "type": each.event.block.event_type,
                "hop": each.hop,
                "since_ms": each.since_ms,
                "codes": list(each.codes),
                "envelopes": each.envelopes,
            }
            for each in events
        ],
    }


def _texts(
    line: ReferralLine, events: list[EventLine], session: Session, numbers: dict[int, str], *, in_full: bool
) -> list[str]:
    from refbus.explain.hearing import sender_step
    from refbus_gateway.cli.show import case_text, state_text, time_text  # late: the help needs none of it
    from refbus_gateway.reports.overview import Hop, next_step

    by_them = {Hop.WAITS_THERE, Hop.NOT_TAKEN_IN}
    state = state_text(line.view.status, session.language)
    case = case_text(line.referral.case_id, numbers)
    head = f"Referral {line.referral.id}, {case}, {line.referral.org}: {state}"
    due = f"  answer due {time_text(line.respond_by_ms)}" if line.respond_by_ms else ""
    news = f"  {line.unseen} new: refbus inbox show {line.referral.id}" if line.unseen else ""
    texts = [head + due + news]
    for each in events if in_full else events[-1:]:
        codes = f" {' '.join(each.codes)}" if each.codes else ""
        texts.append(f"    {each.event.block.event_type:24} {each.hop}{codes} since {time_text(each.since_ms)}")
        texts.append(f"        {next_step(each)}")
        texts.extend(f"        {sender_step(code)}" for code in each.codes if each.hop in by_them)
    return texts


def _home(health: Health) -> dict[str, Any]:
    return {
        "waiting": health.waiting,
        "oldest_unconfirmed_ms": health.oldest_unconfirmed_ms,
        "synchronised_ms": health.synchronised_ms,
        "heartbeat_ms": health.heartbeat_ms,
        "silent": health.silent,
        "clock_behind_ms": health.clock.behind_ms,
        "clock": {"codes": list(health.clock.codes), "detail": health.clock.detail},
        "held": health.held,
        "refused": health.refused,
        "withdrawals_unanswered_ms": health.withdrawals_unanswered_ms,
        "not_told": [
            {
                "case": each.case_id,
                "organisation": each.org,
                "said": each.kind,
                "since_ms": each.made_ms,
                "code": each.code,
            }
            for each in health.untold
        ],
        "withdrawals_to_answer_ms": health.withdrawals_to_answer_ms,
        "alarms": len(health.alarms),
        "unproven": health.unproven,
        "unproven_ms": health.unproven_ms,
        "checkpoint_ms": health.checkpoint_ms,
        "foreign_keys": health.foreign_keys,
        "directory_waiting_ms": health.directory.since_ms,
        "directory_unconfirmed": health.directory.unconfirmed,
    }


def _untold_text(row: Telling) -> str:
    from refbus_gateway.cli.show import time_text  # late: the help needs none of it

    said = "consent was changed" if row.kind == "VERSION" else "consent was withdrawn"
    since = f"since {time_text(row.made_ms)}"
    return f"Case {row.case_id}: {row.org} is not told yet that {said} ({row.code}, {since}): call them."


def _home_texts(health: Health) -> list[str]:
    from refbus_gateway.cli.show import time_text  # late: the help needs none of it

    unproven = f"{health.unproven} entries wait for a proof of the audit log since {time_text(health.unproven_ms)}."
    told = [
        (
            f"{health.foreign_keys} keys are listed in your name that this home never had: refbus alarms",
            health.foreign_keys,
        ),
        (f"{health.waiting} waiting to be sent: refbus sync", health.waiting),
        ("No heartbeat from the gate for hours: call the national node.", health.silent),
        (f"Check this computer's clock: {health.clock.detail}: refbus clock", health.clock.codes),
        (f"{health.held} records wait for something (directory, clock); they are tried again.", health.held),
        ("A withdrawal was not acknowledged yet; it is sent again every day.", health.withdrawals_unanswered_ms),
        ("A withdrawal waits for your answer: refbus inbox list", health.withdrawals_to_answer_ms),
        (unproven, health.unproven),
        (
            f"A newer directory waits for the audit log since {time_text(health.directory.since_ms)}.",
            health.directory.since_ms,
        ),
        ("The directory in force is not yet confirmed by the log.", health.directory.unconfirmed),
        (f"{len(health.alarms)} alarms: refbus alarms", health.alarms),
    ]
    stops = [_untold_text(each) for each in health.untold]
    return [*stops, *(text for text, holds in told if holds), f"Last synchronised {time_text(health.synchronised_ms)}."]
