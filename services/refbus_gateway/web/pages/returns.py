"""Going home: the list, beginning a return, and one return with its conditions, its risks, its journey."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from starlette.responses import Response

from refbus.core.ids import parse_org_id
from refbus.core.vocabulary import EventType
from refbus.errors import Code, UncheckableError
from refbus_gateway.actions import referrals, returns
from refbus_gateway.actions.referrals import CourseOpened
from refbus_gateway.actions.returns import Check, ReturnStanding
from refbus_gateway.forms.asked import wish_fields
from refbus_gateway.forms.problems import Problem
from refbus_gateway.web import fields
from refbus_gateway.web.casefields import choose
from refbus_gateway.web.choices import case_options, organisation_options
from refbus_gateway.web.fields import Shown
from refbus_gateway.web.pages.answer import buttons, sent_words
from refbus_gateway.web.pages.erase import where_erased
from refbus_gateway.web.pages.return_forms import HOMEWARD
from refbus_gateway.web.screens import Ask, Screens
from refbus_gateway.words.catalogue import mark
from refbus_gateway.words.milestones import AWAITED, GUARDS, RETURN_STEPS

screens: Final = Screens()
_E = EventType
TECHNICAL: Final = frozenset({_E.REFERRAL_DELIVERED, _E.REFERRAL_OPENED})
_WISH: Final[Mapping[str, str]] = {
    "is_minor": mark("Is the person a child?"),
    "decided_freely": mark("Did the person decide freely, without pressure?"),
    "alternatives_explained": mark("Did you explain what else is possible?"),
    "risks_explained": mark("Did you explain the risks?"),
    "may_stop_explained": mark("Does the person know that it can be stopped at any moment?"),
    "seeks_protection": mark("Does the person ask for protection, or fear to go back?"),
    "wished_on": mark("When did the person say so?"),
    "wishes": mark("What does the person wish?"),
}


@screens.show("/return")
def listed(ask: Ask) -> Response:
    """List returns; those that did not arrive stand first."""
    return ask.page("returns.html", found=returns.listed(ask.desk, ask.actor))


@screens.show("/return/begin")
def form(ask: Ask) -> Response:
    """Ask for what begins a return."""
    abroad = organisation_options(ask, abroad=True)
    routes = returns.routes(ask.desk, ask.actor)
    return ask.page("return_begin.html", cases=case_options(ask), organisations=abroad, shown=_wish(ask), routes=routes)


@screens.act("/return/begin", confirm=True)
def begin(ask: Ask) -> Response:
    """Record the wish, and begin the return."""
    words, shown = ask.words, _wish(ask)
    document = fields.document(shown, ask.posted, ask.utc_offset_min, ask.actor.country)
    case, to = ask.posted.number("case"), ask.posted.get("to")
    problems = [
        Problem(name, Code.CASE_INVALID, choose(words, label))
        for name, label, known in (
            ("case", words.text("Who?"), case is not None),
            (
                "to",
                words.text("Which organisation in the home country?"),
                to in dict(organisation_options(ask, abroad=True)),
            ),
        )
        if not known
    ]
    for each in fields.check(wish_fields(), document, list(_WISH)):
        text = words.text("Answer yes or no") if each.path not in document else each.advice
        problems.append(Problem(each.path, each.code, text))
    if case is None or problems:
        return ask.again(problems)
    done = returns.begin(ask.desk, ask.actor, case, parse_org_id(to), document)
    if not isinstance(done, returns.ReturnQueued):
        return ask.go(f"/return/{done.return_}", words.text("This return was begun before."))
    return ask.go(f"/return/{done.return_}", sent_words(words, done.delivery))


@screens.show("/return/{number:int}")
def one(ask: Ask) -> Response:
    """Show a return: what is missing and whose turn it is, the risks of both sides, the journey, what was said."""
    number, line = ask.number("number"), True
    gone = where_erased(ask, number)
    if gone is not None:
        return gone
    found: CourseOpened
    try:
        found = returns.open_return(ask.desk, ask.actor, number, ask.language, codes=False)
    except UncheckableError as error:
        if error.code is not Code.NOT_SYNCHRONISED:
            raise
        line = False
        found = referrals.own_words(ask.desk, ask.actor, number, ask.language, codes=False)
    if found.withdrawal_to_answer:
        return ask.go(f"/referral/{number}/withdrawn")
    if not any(each.type is _E.RETURN_WISH_RECORDED for each in found.events):
        return ask.go(f"/referral/{number}")
    stands = returns.stands(ask.desk, ask.actor, number)
    first, other = buttons(found)
    return ask.page(
        "return.html",
        found=found,
        line=line,
        stands=stands,
        checks=_checks(ask, found, stands),
        waits=[(each, ask.words.text(AWAITED[each.kind])) for each in stands.waits],
        risks=_risks(found),
        plan=next((each for each in reversed(found.events) if each.type is _E.PLAN_AGREED), None),
        messages=[each for each in found.events if each.type not in TECHNICAL],
        steps=_steps(ask, found),
        first=first,
        other=other,
    )


@screens.act("/return/{number:int}/co-sign", at="/return/{number}")
def co_sign(ask: Ask) -> Response:
    """Sign the other office's risk assessment, word for word."""
    number = ask.number("number")
    done = returns.co_sign(ask.desk, ask.actor, number)
    return ask.go(f"/return/{number}", sent_words(ask.words, done.delivery))


def _checks(ask: Ask, found: CourseOpened, stands: ReturnStanding) -> list[tuple[str, str, str, str, str]]:
    """Return the conditions as `part.tasks` shows them: words, standing, kind, address of the next step, hint."""
    return [_task(ask, found, each, stands) for each in stands.checks]


def _task(ask: Ask, found: CourseOpened, check: Check, stands: ReturnStanding) -> tuple[str, str, str, str, str]:
    words, href = ask.words, ""
    if check.met and not check.wrong:
        return words.text(GUARDS[check.guard]), words.text("Done"), "done", "", ""
    slug = next((each.slug for each in HOMEWARD if each.event is check.settled_by), "")
    if check.ours and check.settled_by in found.possible and slug:
        href = f"/referral/{found.referral}/say/{slug}"
    if check.guard is Code.GUARD_RISK_ASSESSMENT and stands.to_sign:
        href = "#risks"
    if check.guard is Code.GUARD_COMPANION:
        href = f"/case/{found.case}/together"
    hint = " ".join(ask.meaning(each)[:1].upper() + ask.meaning(each)[1:] + "." for each in check.wrong)
    return words.text(GUARDS[check.guard]), _whose(ask, check), "missing" if check.ours else "waits", href, hint


def _whose(ask: Ask, check: Check) -> str:
    words = ask.words
    if check.ours and check.theirs:
        return words.text("Missing: one of both offices")
    return words.text("Missing: our turn") if check.ours else words.text("Missing: their turn, in the other country")


def _risks(found: CourseOpened) -> tuple[object, object]:
    """Return the newest risk assessment of ours and of theirs, None where there is none."""
    said = [each for each in reversed(found.events) if each.type is _E.RISK_ASSESSED]
    ours = next((each for each in said if each.outgoing), None)
    return ours, next((each for each in said if not each.outgoing), None)


def _steps(ask: Ask, found: CourseOpened) -> list[tuple[str, int | None, str]]:
    times: list[int | None] = []
    for _, kinds in RETURN_STEPS:
        times.append(next((each.at_ms for each in found.events if each.type in kinds), None))
    last = max((number for number, each in enumerate(times) if each is not None), default=-1)
    return [
        (ask.words.text(text), time_ms, "now" if number == last else "done" if number < last else "next")
        for number, ((text, _), time_ms) in enumerate(zip(RETURN_STEPS, times, strict=True))
    ]


def _wish(ask: Ask) -> list[Shown]:
    found = fields.of(ask.words, wish_fields(), list(_WISH))
    return [replace(each, label=ask.words.text(_WISH[each.name])) for each in found]
