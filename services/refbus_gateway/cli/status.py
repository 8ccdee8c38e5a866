"""`refbus status`, `refbus receipts`, `refbus alarms`: where everything stands."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from refbus_gateway.cli.session import Session, example, with_session, words
from refbus_gateway.words.catalogue import mark

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from refbus.core.ids import OrgId
    from refbus.errors import Code
    from refbus_gateway.actions.officers import FourEyes
    from refbus_gateway.actions.status import HomeStanding, NotTold, Overview, ReferralStanding


@click.command()
@click.argument("number", type=int, required=False)
@example("refbus status", "refbus status 3")
@with_session
def status(session: Session, number: int | None) -> None:
    """Show at which hop everything waits that was sent, and what to do. NUMBER shows one referral in full."""
    from refbus_gateway.actions import status as asking  # late: the help needs none of it

    if number is not None:
        one = asking.of_referral(session.desk, session.actor, number)
        numbers = _numbers(session, one.referrals, ())
        session.tell(one, [text for each in one.referrals for text in _texts(each, session, numbers, in_full=True)])
        return
    found = asking.overview_of_all(session.desk, session.actor)
    numbers = _numbers(session, found.referrals, found.home.not_told)
    texts = [text for each in found.referrals for text in _texts(each, session, numbers, in_full=False)]
    session.tell(found, [*texts, *_due(found), *_home_texts(found.home, numbers), *_alone(found.four_eyes)])


def _alone(found: FourEyes) -> list[str]:
    """Return that a decision of two officers may be that of one person, where officers are named."""
    if not (found.alone and found.officers):
        return []
    return [
        words().text(
            "Where two officers decide, here it is one person: nobody else has a passphrase that they chose "
            "(refbus people list)."
        )
    ]


def _numbers(session: Session, late: Sequence[ReferralStanding], not_told: Sequence[NotTold]) -> dict[OrgId, str]:
    """Return the duty telephones of those whom somebody may have to call, in groups."""
    from refbus_gateway.actions import profiles  # late: the help needs none of it
    from refbus_gateway.words.contacts import telephone

    orgs = {each.organisation for each in late} | {each.organisation for each in not_told}
    found = profiles.telephones(session.desk, session.actor, orgs) if orgs else {}
    return {org: telephone(number) for org, number in found.items()}


def _telephone_text(organisation: OrgId, numbers: Mapping[OrgId, str]) -> list[str]:
    """Return whom to call under which number, nothing where they say none."""
    if organisation not in numbers:
        return []
    text = words().text(
        "Telephone of %(organisation)s: %(number)s", organisation=organisation, number=numbers[organisation]
    )
    return [f"        {text}"]


_UNREAD: Final = {
    "case": mark("Case %(number)s cannot be read here (%(code)s): call the technical office."),
    "referral": mark("Referral %(number)s cannot be read here (%(code)s): call the technical office."),
}


def unread_text(what: str, number: int, code: str) -> str:
    """Return the line about a case or a referral that cannot be read here."""
    return words().text(_UNREAD[what], number=number, code=code)


def unread_texts(unread: Mapping[str, Sequence[tuple[int, Code]]]) -> list[str]:
    """Return a line for each case and referral that cannot be read here; the others are shown."""
    return [unread_text(what, number, code) for what, found in unread.items() for number, code in found]


@click.command()
@click.argument("number", type=int)
@example("refbus receipts 3")
@with_session
def receipts(session: Session, number: int) -> None:
    """Show what the gates confirmed about the events of a referral; each was signed and verified.

    "also signed by" names the gate of the other country, whose own signature our gate passed on.
    """
    from refbus_gateway.actions import status as asking  # late: the help needs none of it
    from refbus_gateway.cli.show import time_text

    found = asking.receipts(session.desk, session.actor, number)
    texts = [
        f"{time_text(each.at_ms)}  {_event_text(each.type):24} {each.gate:8} {each.kind:15} {each.outcome:11} "
        f"{' '.join(each.codes)}{_also(each.also_signed_by)}"
        for each in found
    ]
    session.tell(found, texts or [words().text("No receipt yet.")])


def _also(gate: str | None) -> str:
    return words().text("also signed by %(gate)s", gate=gate) if gate else ""


@click.command()
@click.option("--clear", type=int, help="Number of an alarm that was dealt with.")
@example("refbus alarms", "refbus alarms --clear 2")
@with_session
def alarms(session: Session, clear: int | None) -> None:
    """Show what a person must look at; with --clear note that one was dealt with."""
    from refbus.errors import Code  # late: the help needs none of it
    from refbus_gateway.actions import status as asking
    from refbus_gateway.cli.show import time_text
    from refbus_gateway.words.codes import next_step

    desk, actor = session.desk, session.actor
    found = asking.alarms(desk, actor) if clear is None else asking.clear_alarm(desk, actor, clear)
    texts = []
    for each in found:
        detail = words().spoken(each.detail)
        texts.append(f"{each.alarm:>4}  {time_text(each.at_ms)}  {each.code}  {detail}")
        known = each.code in Code.__members__  # a later version may have written it, or its row is damaged
        step = next_step(words(), Code(each.code)) if known else words().text("Ask whoever looks after this computer.")
        texts.append(f"      {step}")
    session.tell(found, texts or [words().text("No alarm.")])


def _due(found: Overview) -> Iterator[str]:
    """Yield what ends, is to be erased or told, and what cannot be read."""
    from refbus_gateway.actions.status import UnreadCase  # late: the help needs none of it
    from refbus_gateway.cli.show import ending_lines, erase_lines, term_lines

    yield from ending_lines(found.consents_ending)
    yield from erase_lines(found.erase_due)
    yield from term_lines(found.terms)
    for each in found.untold:
        yield words().text(
            "Case %(case)s: tell the person who received what: refbus case disclosures %(case)s", case=each.case
        )
    for one in found.unread:
        which = ("case", one.case) if isinstance(one, UnreadCase) else ("referral", one.referral)
        yield from unread_texts({which[0]: [(which[1], one.code)]})


def _event_text(event_type: str) -> str:
    """Return the name of an event; English keeps the name of docs/reference."""
    from refbus_gateway.words.codes import event_name  # late: the help needs none of it

    return event_type if words().language == "en" else event_name(words(), event_type)


def _texts(found: ReferralStanding, session: Session, numbers: Mapping[OrgId, str], *, in_full: bool) -> list[str]:
    from refbus.explain.hearing import sender_step
    from refbus_gateway.cli.show import case_text, state_text, time_text  # late: the help needs none of it
    from refbus_gateway.words.codes import ERROR
    from refbus_gateway.words.hops import SAID_BY_THEM, hop_name, next_step

    state = state_text(found.state, session.language)
    case = case_text(found.case, {found.case: found.file_number} if found.file_number else {})
    head = words().text(
        "Referral %(referral)s, %(case)s, %(organisation)s: %(state)s",
        referral=found.referral,
        case=case,
        organisation=found.organisation,
        state=state,
    )
    due = "  " + words().text("answer due %(date)s", date=time_text(found.respond_by_ms)) if found.respond_by_ms else ""
    news = (
        "  "
        + words().text("%(unseen)s new: refbus inbox show %(referral)s", unseen=found.unseen, referral=found.referral)
        if found.unseen
        else ""
    )
    texts = [head + due + news]
    for each in found.events if in_full else found.events[-1:]:
        codes = f" {' '.join(each.codes)}" if each.codes else ""
        texts.append(
            "    "
            + words().text(
                "%(type)s %(hop)s%(codes)s since %(date)s",
                type=f"{_event_text(each.type):24}",
                hop=hop_name(each.hop, words()),
                codes=codes,
                date=time_text(each.since_ms),
            )
        )
        texts.append(f"        {next_step(each.hop, each.codes, words())}")
        texts.extend(
            f"        {words().pgettext(ERROR, sender_step(code))}" for code in each.codes if each.hop in SAID_BY_THEM
        )
    late = found.own and found.respond_by_ms is not None and found.respond_by_ms < session.clock()
    if late or any(each.codes for each in found.events):
        texts.extend(_telephone_text(found.organisation, numbers))
    return texts


_NOT_TOLD_CHANGE: Final = mark(
    "Case %(case)s: %(organisation)s is not told yet that consent was changed (%(code)s, since %(date)s): call them."
)
_NOT_TOLD_WITHDRAWAL: Final = mark(
    "Case %(case)s: %(organisation)s is not told yet that consent was withdrawn (%(code)s, since %(date)s): call them."
)


def _untold_text(row: NotTold) -> str:
    from refbus_gateway.cli.show import time_text  # late: the help needs none of it

    text = _NOT_TOLD_CHANGE if row.said == "VERSION" else _NOT_TOLD_WITHDRAWAL
    return words().text(text, case=row.case, organisation=row.organisation, code=row.code, date=time_text(row.since_ms))


def _home_texts(home: HomeStanding, numbers: Mapping[OrgId, str]) -> list[str]:
    from refbus_gateway.cli.show import time_text  # late: the help needs none of it

    unproven = words().text(
        "%(unproven)s entries wait for a proof of the audit log since %(date)s.",
        unproven=home.unproven,
        date=time_text(home.unproven_ms),
    )
    waits = words().text(
        "A newer directory waits for the audit log since %(date)s.", date=time_text(home.directory_waiting_ms)
    )
    unheard = words().text(
        "Told of the restore, and without an answer: %(count)s: refbus home confirm-restored",
        count=home.restore_unanswered,
    )
    told = [
        (
            words().text(
                "%(foreign_keys)s keys are listed in your name that this home never had: refbus alarms",
                foreign_keys=home.foreign_keys,
            ),
            home.foreign_keys,
        ),
        (words().text("%(waiting)s waiting to be sent: refbus sync", waiting=home.waiting), home.waiting),
        (words().text("No heartbeat from the gate for hours: call the national node."), home.silent),
        (
            words().text("Check this computer's clock: %(detail)s: refbus clock", detail=home.clock.detail),
            home.clock.codes,
        ),
        (
            words().text(
                "%(held)s records wait for something (directory, clock); they are tried again.", held=home.held
            ),
            home.held,
        ),
        (
            words().text("A withdrawal was not acknowledged yet; it is sent again every day."),
            home.withdrawals_unanswered_ms,
        ),
        (words().text("A withdrawal waits for your answer: refbus inbox list"), home.withdrawals_to_answer_ms),
        (unproven, home.unproven),
        (waits, home.directory_waiting_ms),
        (words().text("The directory in force is not yet confirmed by the log."), home.directory_unconfirmed),
        (unheard, home.restore_unanswered),
        (words().text("%(alarms)s alarms: refbus alarms", alarms=home.alarms), home.alarms),
    ]
    stops = [
        text for each in home.not_told for text in (_untold_text(each), *_telephone_text(each.organisation, numbers))
    ]
    return [
        *stops,
        *(text for text, holds in told if holds),
        words().text("Last synchronised %(date)s.", date=time_text(home.synchronised_ms)),
    ]
