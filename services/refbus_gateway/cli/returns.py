"""`refbus return`: a person goes home. One command for each step, generated from the schemas as the answers are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from refbus.core.vocabulary import DataCategory, EventType
from refbus.output import put
from refbus_gateway.cli.answers import Saying, add_answers
from refbus_gateway.cli.content import content, content_options
from refbus_gateway.cli.courses import opened_texts
from refbus_gateway.cli.session import Session, example, with_session, words
from refbus_gateway.forms.asked import wish_fields, written_fields

if TYPE_CHECKING:
    from refbus.errors import Code

_E = EventType
_KINDS: Final = "refbus.TravelDocumentKind"
STEPS: Final = (
    Saying("assess", _E.RISK_ASSESSED, "Record the joint risk assessment.", "1 --file risks.json"),
    Saying(
        "ask-nationality",
        _E.NATIONALITY_REQUESTED,
        "Ask the home country whether the person is a national.",
        "1 --file nationality.json",
    ),
    Saying("confirm-nationality", _E.NATIONALITY_CONFIRMED, "Confirm the nationality.", "1 --file nationality.json"),
    Saying(
        "deny-nationality",
        _E.NATIONALITY_NEGATIVE,
        "Say that the nationality is not confirmed.",
        "1 --file reason.json",
    ),
    Saying("trace-family", _E.FAMILY_TRACING_REQUESTED, "Ask to find and assess the family.", "1 --file family.json"),
    Saying("family", _E.FAMILY_ASSESSED, "Record the family assessment.", "1 --file family.json"),
    Saying(
        "best-interests",
        _E.BEST_INTERESTS_DETERMINED,
        "Record what is best for a child.",
        "1 --determined-by-role CHILD_PROTECTION_OFFICER --file interests.json",
    ),
    Saying(
        "ask-document",
        _E.DOCUMENT_REQUESTED,
        "Ask for a travel document.",
        "1 --needed-by 2026-11-01T00:00+05:00 --file document.json",
    ),
    Saying(
        "document",
        _E.DOCUMENT_ISSUED,
        "Record a travel document.",
        "1 --file document.json",
    ),
    Saying(
        "reception",
        _E.RECEPTION_CONFIRMED,
        "Confirm that the person is taken in.",
        "1 --responsible-worker-role SHELTER_MANAGER --available-from 2026-11-01T00:00+05:00 --file reception.json",
    ),
    Saying("plan", _E.PLAN_AGREED, "Record the return plan.", "1 --file plan.json"),
    Saying(
        "authorise",
        _E.DEPARTURE_AUTHORISED,
        "Authorise the departure, when every guard is met.",
        "1 --first-officer-role CASE_MANAGER --second-officer-role NATIONAL_FOCAL_POINT --file departure.json",
    ),
    Saying(
        "depart",
        _E.DEPARTED,
        "Say that the person has left.",
        "1 --expected 2026-11-02T20:00+05:00 --file departure.json",
    ),
    Saying(
        "checkpoint",
        _E.CHECKPOINT_REACHED,
        "Say that the person is at a stop.",
        "1 --expected 2026-11-02T20:00+05:00 --file stop.json",
    ),
    Saying(
        "delay",
        _E.TRANSIT_DELAYED,
        "Say that the journey takes longer.",
        "1 --expected 2026-11-03T01:00+05:00 --file delay.json",
    ),
    Saying(
        "escort",
        _E.ESCORT_HANDED_OVER,
        "Say that the escort handed the person over.",
        "1 --expected 2026-11-02T20:00+05:00 --file escort.json",
    ),
    Saying(
        "take-over",
        _E.ESCORT_TAKEN_OVER,
        "Say that the person was taken over from their escort.",
        "1 --at 2026-11-02T19:10+05:00",
    ),
    Saying(
        "arrived",
        _E.ARRIVED,
        "Say that the person is there.",
        "1 --at 2026-11-02T19:30+05:00 --expected 2026-11-03T12:00+05:00",
    ),
    Saying("handover", _E.HANDOVER_CONFIRMED, "Sign the hand-over; both must.", "1 --at 2026-11-02T19:40+05:00"),
    Saying(
        "reintegration",
        _E.REINTEGRATION_AGREED,
        "Record the plan for the time at home.",
        "1 --responsible-worker-role SOCIAL_WORKER --file help.json",
    ),
    Saying("monitor", _E.MONITORING_RECORDED, "Record how the person fares.", "1 --file month-3.json"),
    Saying("close", _E.REPATRIATION_CLOSED, "Close the return, with its result.", "1 --file result.json"),
    Saying("suspend", _E.REPATRIATION_SUSPENDED, "Interrupt the return, with the reason.", "1 --reason HEALTH"),
    Saying("resume", _E.REPATRIATION_RESUMED, "Go on with the return.", "1 --responsible-worker-role CASE_MANAGER"),
    Saying("abort", _E.REPATRIATION_ABORTED, "Give the return up, with the reason.", "1 --reason PERSON_DECLINED"),
    Saying(
        "ask",
        _E.INFORMATION_REQUESTED,
        "Ask the other office.",
        "1 --asked-categories HEALTH --file question.json",
    ),
    Saying("provide", _E.INFORMATION_PROVIDED, "Answer what was asked.", "1 --file answers.json"),
    Saying("mistake", _E.ENTERED_IN_ERROR, "Say that a return was entered by mistake.", "1 --reason WRONG_PERSON"),
)
"""Every step of a return but the first."""


@click.group(name="return")
def group() -> None:
    """Bring a person home. NUMBER is the number of a return in `refbus status` or `refbus inbox list`."""


@group.command()
@click.argument("case")
@click.option("--to", required=True, help="Organisation in the home country; refbus orgs find --country kg")
@click.option(
    "--withhold",
    metavar="CATEGORY",
    multiple=True,
    type=click.Choice(list(DataCategory)),
    help="Leave a data category out; may be repeated.",
)
@content_options(lambda: _form("begin"))
@click.option("--later", is_flag=True, help="Only queue it; `refbus run` or `refbus sync` sends it.")
@example("refbus return begin --form > wish.json", "refbus return begin 3 --to kg-agency01 --file wish.json")
@with_session
def begin(session: Session, case: str, to: str, withhold: tuple[str, ...], file: Path | None, *, later: bool) -> None:
    """Record a person's wish to go home, and begin the return with an organisation there.

    CASE is the number of an own case, or its case file; who the person is comes from there. The person's consent must
    cover REPATRIATION, and for later steps IDENTITY_TRAVEL_DOCUMENT, FAMILY_TRACING and MONITORING.

    Content comes from --file FILE (--file - reads standard input); at a terminal it is asked for.
    """
    from refbus_gateway.actions import cases, returns  # late: the help needs none of it
    from refbus_gateway.cli.case import case_name
    from refbus_gateway.cli.names import organisation_named
    from refbus_gateway.cli.show import sent_text

    name = case_name(case)
    cases.require_known(session.desk, session.actor, name)
    recipient = organisation_named(to)
    begun = returns.begin(
        session.desk,
        session.actor,
        name,
        recipient,
        content(session, wish_fields(), {}, file),
        withhold=[DataCategory(name) for name in withhold],
        later=later,
    )
    again_text = words().text("The same wish was sent before and was left alone.")
    text = sent_text(begun.delivery) if isinstance(begun, returns.ReturnQueued) else again_text
    session.tell(begun, [words().text("Return %(number)s to %(to)s.", number=begun.return_, to=begun.to), text])


@group.command(name="co-sign")
@click.argument("number", type=int)
@click.option("--later", is_flag=True, help="Only queue it; `refbus run` or `refbus sync` sends it.")
@example("refbus return co-sign 1")
@with_session
def co_sign(session: Session, number: int, *, later: bool) -> None:
    """Sign the risk assessment that the other organisation recorded, word for word. Read it first: return show."""
    from refbus_gateway.actions import returns  # late: the help needs none of it
    from refbus_gateway.cli.show import sent_text
    from refbus_gateway.words.codes import event_name

    done = returns.co_sign(session.desk, session.actor, number, later=later)
    session.tell(
        done,
        [
            words().text("Return %(number)s: %(type)s.", number=number, type=event_name(words(), done.type)),
            sent_text(done.delivery),
        ],
    )


@group.command()
@click.argument("number", type=int)
@example("refbus return show 1")
@with_session
def show(session: Session, number: int) -> None:
    """Open a return: everything that was said, and what still stands in the way of a departure."""
    from refbus_gateway.actions import returns  # late: the help needs none of it
    from refbus_gateway.words.codes import label

    opened = returns.open_return(session.desk, session.actor, number, session.language)
    texts = [*opened_texts(opened, session.language), *guard_texts(opened.guards)]
    if opened.documents:
        texts.append(words().text("Which documents suffice for the journey?"))
        texts += [f"  {code}: {label(session.language, _KINDS, code)}" for code in opened.documents]
    session.tell(opened, texts)


@group.command()
@example("refbus return documents")
@with_session
def documents(session: Session) -> None:
    """Say which documents suffice for the journey to each other country, by the policies of both."""
    from refbus_gateway.actions import returns  # late: the help needs none of it
    from refbus_gateway.words.codes import label

    found = returns.routes(session.desk, session.actor)
    named = [(each, [f"{label(session.language, _KINDS, code)} ({code})" for code in each.documents]) for each in found]
    session.tell(found, [f"{each.country}: {'; '.join(texts)}" for each, texts in named])


@group.command()
@click.argument("step", type=click.Choice(["begin", *(saying.name for saying in STEPS)]))
@example("refbus return template plan > plan.json")
@with_session
def template(_session: Session, step: str) -> None:
    """Print an empty file for --file of STEP, with an explanation of every field, as STEP --form does."""
    put(_form(step))


def _form(step: str) -> str:
    from refbus_gateway.forms.case_template import event_template  # late: the help needs none of it

    types = {saying.name: saying.event_type for saying in STEPS}
    return event_template(wish_fields() if step == "begin" else written_fields(types[step]), words())


def guard_texts(missing: tuple[Code, ...]) -> list[str]:
    """Return what stands in the way of a departure, each with the command that settles it."""
    from refbus.core.courses.guards import SETTLED_BY  # late: the help needs none of it
    from refbus_gateway.words.codes import meaning

    commands = {saying.event_type: saying.name for saying in STEPS}
    lines = [words().text("Before the departure:")] if missing else []
    for code in missing:
        names = [commands[kind] for kind in SETTLED_BY.get(code, ()) if kind in commands]
        lines.append(f"  {code}: {meaning(words(), code)}" + (f" (refbus return {names[0]})" if names else ""))
    return lines


add_answers(group, STEPS)
