"""Changed their mind: a person takes consent back, wholly or in part. Who is reached is shown; it is asked once."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from refbus.core.ids import OrgId
from refbus.core.vocabulary import DataCategory, Purpose
from refbus.errors import Code, ConsentError, UncheckableError
from refbus_gateway.actions import consent, organisations, withdrawals
from refbus_gateway.actions.consent import OrganisationWithdrawn
from refbus_gateway.actions.withdrawals import Reach
from refbus_gateway.forms.problems import Problem
from refbus_gateway.web.render import code_words
from refbus_gateway.web.screens import Ask, Screens

screens: Final = Screens()
_PLACE: Final = "/case/{number}/changed"
ALL: Final = "all"
_COUNTING: Final = str(Purpose.STATISTICS_NON_IDENTIFYING)


@screens.show("/case/{number:int}/changed")
def changed(ask: Ask) -> Response:
    """Show whom a no reaches, and what can be stopped."""
    found = withdrawals.reach(ask.desk, ask.actor, ask.number("number"))
    covered = sorted({category for each in found.organisations for category in each.categories})
    pairs = [(str(each), code_words(ask.language, "refbus.DataCategory", each)) for each in covered]
    if any(each.counted for each in found.organisations):
        pairs.append((_COUNTING, code_words(ask.language, "refbus.Purpose", _COUNTING)))
    return ask.page(
        "changed.html",
        found=found,
        whom=_whom(ask, found),
        those=[pair for pair in _whom(ask, found) if pair[0] != ALL],
        categories=ask.words.in_order(pairs, lambda pair: pair[1]),
        others=_others(ask, found) if found.own else [],
    )


@screens.act("/case/{number:int}/changed")
def withdraw(ask: Ask) -> Response:
    """Take down that the person took consent back. It counts at once; no passphrase stands before it."""
    number = ask.number("number")
    whom = ask.posted.get("whom")
    if whom not in {name for name, _ in _whom(ask, withdrawals.reach(ask.desk, ask.actor, number))}:
        return ask.again([Problem("whom", Code.CASE_INVALID, ask.words.text("Choose from whom it is taken back"))])
    done = consent.withdraw(ask.desk, ask.actor, number, None if whom == ALL else OrgId(whom))
    words = ask.words
    notice = words.text("It was taken down and counts from now on.")
    if any(each.notified for each in done.withdrawn):
        notice = words.text("It was taken down and counts from now on. They are told to stop.")
    if any(each.not_told for each in done.withdrawn):
        notice = words.text("It was taken down and counts from now on. Not all could be told yet: call them.")
    return ask.go(f"/case/{number}/who", notice)


@screens.act("/case/{number:int}/changed/part", at=_PLACE)
def stop_part(ask: Ask) -> Response:
    """Take down that one organisation may not get some kinds of data any more."""
    number, words = ask.number("number"), ask.words
    whom = ask.posted.get("part_of")
    stopped = [DataCategory(each) for each in ask.posted.all("stopped") if each in DataCategory.__members__]
    problems = []
    if whom not in _reached(ask, number):
        problems.append(Problem("part_of", Code.CASE_INVALID, words.text("Choose which organisation")))
    counting = _COUNTING in ask.posted.all("stopped")
    if not stopped and not counting:
        problems.append(Problem("stopped", Code.CASE_INVALID, words.text("Choose at least one")))
    if problems:
        return ask.again(problems)
    try:
        consent.stop_categories(ask.desk, ask.actor, number, OrgId(whom), stopped, counting=counting)
    except ConsentError:  # there is no yes to make smaller: nothing is permitted already
        return ask.go(f"/case/{number}/changed", words.text("They may not get anything now, so nothing had to change."))
    return ask.go(f"/case/{number}/changed", words.text("It was taken down and counts from now on."))


@screens.act("/case/{number:int}/changed/never", at=_PLACE)
def refuse(ask: Ask) -> Response:
    """Take down that an organisation must never learn of the case."""
    number, words = ask.number("number"), ask.words
    found = withdrawals.reach(ask.desk, ask.actor, number)
    org = ask.posted.get("never")
    if org not in {name for name, _ in _others(ask, found)}:
        return ask.again([Problem("never", Code.CASE_INVALID, words.text("Choose which organisation"))])
    done = withdrawals.refuse(ask.desk, ask.actor, number, OrgId(org))
    return ask.go(f"/case/{number}/changed", _refused(ask, done.withdrawn))


def _refused(ask: Ask, done: OrganisationWithdrawn) -> str:
    if done.notified:
        return ask.words.text("From now on they get nothing, and they are told to stop using what they have.")
    return ask.words.text("From now on they get nothing. Nobody tells them that the person said so.")


def _reached(ask: Ask, number: int) -> set[str]:
    return {str(each.organisation) for each in withdrawals.reach(ask.desk, ask.actor, number).organisations}


def _whom(ask: Ask, found: Reach) -> list[tuple[str, str]]:
    named = [(str(each.organisation), ask.organisation(each.organisation)) for each in found.organisations]
    everybody = [(ALL, ask.words.text("From everybody"))]
    return everybody + ask.words.in_order(named, lambda pair: pair[1]) if named else []


def _others(ask: Ask, found: Reach) -> list[tuple[str, str]]:
    """Return every organisation that can be refused: those that know of the case, and all others."""
    known = {str(each.organisation): ask.organisation(each.organisation) for each in found.organisations}
    try:
        listed = {str(each.org_id): each.label for each in organisations.find(ask.desk, ask.actor)}
    except UncheckableError:  # no fresh directory: a no to those that are known waits for none
        listed = {}
    pairs = [pair for pair in {**listed, **known}.items() if pair[0] != ask.actor.org]
    return ask.words.in_order(pairs, lambda pair: pair[1])
