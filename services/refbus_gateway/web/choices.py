"""What a person chooses from on several pages, each with its words in the order of the language."""

from __future__ import annotations

from typing import Final

from refbus_gateway.actions import cases, organisations
from refbus_gateway.web.screens import Ask

MOST: Final = 100
"""Cases to choose from: of the newest ones. The page of any other case leads here with its number (`?case=`)."""


def case_options(ask: Ask) -> list[tuple[str, str]]:
    """Return the newest own cases that can be worked on by number, the newest first, with their nicknames."""
    found = [
        (str(each.case), each.file_number or str(each.case)) for each in cases.own(ask.desk, ask.actor, MOST).cases
    ]
    return _with_asked(ask, found[::-1])


def every_case_option(ask: Ask) -> list[tuple[str, str]]:
    """Return the newest cases, received and erased ones too: what was decided about them is still in the log."""
    found = cases.listed(ask.desk, ask.actor, MOST).cases
    return _with_asked(ask, [(str(each.case), each.file_number or str(each.case)) for each in found][::-1])


def _with_asked(ask: Ask, found: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the choice with the case that the address or the form names, though it is an older one."""
    number = ask.posted.number("case") or ask.form.number("case") or ask.query_number("case", 0)
    if not number or str(number) in dict(found):
        return found
    return [*found, (str(number), cases.nickname(ask.desk, ask.actor, number) or str(number))]


def organisation_options(ask: Ask, *, abroad: bool = False) -> list[tuple[str, str]]:
    """Return every other organisation of the directory by its id, with name and country; or those `abroad` alone."""
    here = organisations.show(ask.desk, ask.actor, ask.actor.org).country if abroad and ask.actor.org else None
    found = organisations.find(ask.desk, ask.actor)
    others = [each for each in found if each.org_id != ask.actor.org and each.country != here]
    pairs = [(str(each.org_id), f"{each.label} ({each.country.upper()})") for each in others]
    return ask.words.in_order(pairs, lambda pair: pair[1])
