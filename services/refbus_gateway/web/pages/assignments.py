"""Who looks after a case, own or from others: give it to a colleague with a note, or to nobody."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from refbus.errors import Code, RuleError
from refbus_gateway.actions import assignments
from refbus_gateway.actions.assignments import MOST_NOTE, LookedAfter
from refbus_gateway.forms.problems import Problem
from refbus_gateway.web.screens import Ask, Screens

screens: Final = Screens()
_NOBODY: Final = "-"


@screens.show("/case/{number:int}/hand-over")
def whose(ask: Ask) -> Response:
    """Show who looks after a case, and who else could."""
    found = assignments.whose(ask.desk, ask.actor, ask.number("number"))
    options = [(each.person, each.shown) for each in found.colleagues if not _is_now(found, each.person)]
    options = ask.words.in_order(options, lambda pair: pair[1])
    if found.person is not None:
        options = [*options, (_NOBODY, ask.words.text("Nobody for now"))]
    return ask.page("hand_over.html", found=found, options=options)


@screens.act("/case/{number:int}/hand-over")
def hand_over(ask: Ask) -> Response:
    """Give the case to somebody else. It is refused when a colleague did so meanwhile."""
    number, chosen, note = ask.number("number"), ask.posted.get("person"), ask.posted.get("note")
    found, problems = assignments.whose(ask.desk, ask.actor, number), list[Problem]()
    named = {each.person: each.shown for each in found.colleagues}
    if chosen != _NOBODY and chosen not in named:
        problems.append(Problem("person", Code.USAGE, ask.words.text("Choose who looks after it")))
    if len(note) > MOST_NOTE:
        long = ask.words.text("Shorten it to %(most)s characters", most=MOST_NOTE)
        problems.append(Problem("note", Code.TOO_LARGE, long))
    if problems:
        return ask.again(problems)
    person = None if chosen == _NOBODY else chosen
    try:
        assignments.assign(ask.desk, ask.actor, number, person, note=note, replaces=ask.posted.get("seen"))
    except RuleError as error:
        if error.code is not Code.CASE_CHANGED:
            raise
        told = ask.words.text("A colleague handed it over meanwhile. Nothing was changed. Look who has it now.")
        return ask.again([Problem("main", error.code, told)])
    notice = ask.words.text("Nobody looks after it now.")
    if person is not None:
        notice = ask.words.text("%(name)s looks after it now.", name=named[person])
    return ask.go(ask.path, notice)


def _is_now(found: LookedAfter, person: str) -> bool:
    return found.person is not None and found.person.person == person
