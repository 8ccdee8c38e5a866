"""`refbus erase`: the whole erasure of a case, and what the others have answered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import click

from refbus.errors import Code, SetupError
from refbus.output import say
from refbus.said import said
from refbus_gateway.cli.prompts import ask_yes
from refbus_gateway.cli.session import Session, example, with_session, words
from refbus_gateway.cli.status import unread_texts
from refbus_gateway.words.catalogue import mark

if TYPE_CHECKING:
    from refbus_gateway.actions.erasure import OrganisationAsked, Progress

_SAID: Final = {
    "STOPPED": mark("has stopped using it, and still has it: erase again to ask once more"),
    "ERASED": mark("has erased it"),
    "RESTRICTED": mark("has locked it away, and still has it"),
    "RETAINED_LEGAL": mark("keeps it, because a law says so"),
}


@click.command()
@click.argument("case", type=int, required=False)
@click.option("--referral", type=int, help="Number of a referral, in place of that of its case.")
@click.option("--status", is_flag=True, help="Only show how far erasures are, and what the others have answered.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--later", is_flag=True, help="Only queue what is to be sent; `refbus run` or `refbus sync` sends it.")
@example("refbus erase 3", "refbus erase --referral 4 --yes", "refbus erase --status")
@with_session
def erase(session: Session, case: int | None, referral: int | None, *, status: bool, yes: bool, later: bool) -> None:
    """Erase a case for ever, and have everyone who received something of it erase it too.

    A consent that still stands is withdrawn with it. Once more does no harm: it asks those again who still have it.
    """
    if status:
        _tell_all(session, case, referral)
    else:
        erase_case(session, _number(session, case, referral), yes=yes, later=later)


def erase_case(session: Session, number: int, *, yes: bool, later: bool) -> None:
    """Explain, ask, erase, and tell how far it is."""
    from refbus_gateway.actions import erasure  # late: the help needs none of it
    from refbus_gateway.cli.show import sent_text

    if not (session.as_json or yes):
        _explain(session, number)
    done = erasure.erase(session.desk, session.actor, number, later=later)
    session.tell(done, [*_lines(session, done), sent_text(done.delivery)])


def _number(session: Session, case: int | None, referral: int | None) -> int:
    from refbus_gateway.actions import erasure  # late: the help needs none of it

    if (case is None) == (referral is None):
        raise SetupError(Code.USAGE, said("name a case, or a referral with --referral"))
    return case if case is not None else erasure.case_of_referral(session.desk, session.actor, referral or 0)


def _explain(session: Session, number: int) -> None:
    """Say what will happen and ask."""
    from refbus_gateway.actions import erasure  # late: the help needs none of it

    plan = erasure.plan(session.desk, session.actor, number)
    if plan.unread is not None:
        say(
            words().text(
                "Case %(number)s cannot be read (%(unread)s): who received something of it is not known.",
                number=number,
                unread=plan.unread,
            ),
            err=True,
        )
    say(
        words().text("Everything of case %(number)s is destroyed here: nobody can bring it back.", number=number),
        err=True,
    )
    for org in plan.told:
        say(
            "  "
            + words().text(
                "%(org)s: consent is withdrawn; they are told every day until they say what they did.", org=org
            ),
            err=True,
        )
    for other in plan.other_cases:
        say(
            "  " + words().text("Case %(other)s has the same content and stays: refbus erase %(other)s", other=other),
            err=True,
        )
    if not ask_yes(words(), words().text("Erase case %(number)s for ever?", number=number), default=False):
        raise click.Abort


def _tell_all(session: Session, case: int | None, referral: int | None) -> None:
    from refbus_gateway.actions import erasure  # late: the help needs none of it

    desk, actor = session.desk, session.actor
    if case is None and referral is None:
        found = erasure.all_progress(desk, actor)
    else:
        one = erasure.progress(desk, actor, _number(session, case, referral))
        found = erasure.AllProgress((one,), ())
    lines = [line for each in found.cases for line in _lines(session, each)]
    lines += unread_texts({"case": [(each.case, each.unread) for each in found.unread]})
    session.tell([*found.cases, *found.unread], lines or [words().text("No case was erased here.")])


def _lines(session: Session, found: Progress) -> Iterator[str]:
    from refbus_gateway.cli.show import time_text  # late: the help needs none of it

    if found.destroyed_ms is not None:
        yield words().text(
            "Case %(case)s: erased %(date)s; nothing of it can be read here.",
            case=found.case,
            date=time_text(found.destroyed_ms),
        )
    elif found.ordered_ms is not None and found.content:
        yield words().text(
            "Case %(case)s: not shown or sent any more, and erased as soon as can be: refbus alarms", case=found.case
        )
    elif found.ordered_ms is not None:
        yield words().text(
            "Case %(case)s: erased here; the names used with the others are kept until all have answered.",
            case=found.case,
        )
    else:
        yield words().text("Case %(case)s: not erased.", case=found.case)
    for each in found.organisations:
        yield f"  {each.organisation}: {_said(session, each)}"


def _said(session: Session, asked: OrganisationAsked) -> str:
    from refbus_gateway.cli.show import time_text
    from refbus_gateway.words.codes import label  # late: the help needs none of it

    if asked.told_ms is None:
        why = " " + words().text("(%(not_told)s); it is tried again", not_told=asked.not_told) if asked.not_told else ""
        return words().text("received something and was not told%(why)s: call them", why=why)
    if asked.answer is None:
        return words().text(
            "told %(date)s, no answer yet; told again every day. Call them", date=time_text(asked.told_ms)
        )
    reason = label(session.language, "refbus.RetentionReason", asked.reason or "") or asked.reason
    why = f" ({reason})" if asked.reason else ""
    return f"{words().text(_SAID.get(asked.answer, asked.answer))}{why}, {time_text(asked.answered_ms)}"
