"""What a person chooses from on several pages, each with its words in the order of the language."""

from __future__ import annotations

from refbus_gateway.actions import cases, organisations
from refbus_gateway.web.screens import Ask


def case_options(ask: Ask) -> list[tuple[str, str]]:
    """Return every own case that can be worked on by its number, with the nickname where it has one."""
    return [(str(each.case), each.file_number or str(each.case)) for each in cases.own(ask.desk, ask.actor).cases]


def every_case_option(ask: Ask) -> list[tuple[str, str]]:
    """Return every case, received and erased ones too: what was decided about them is still in the log."""
    return [(str(each.case), each.file_number or str(each.case)) for each in cases.listed(ask.desk, ask.actor).cases]


def organisation_options(ask: Ask, *, abroad: bool = False) -> list[tuple[str, str]]:
    """Return every other organisation of the directory by its id, with name and country; or those `abroad` alone."""
    here = organisations.show(ask.desk, ask.actor, ask.actor.org).country if abroad and ask.actor.org else None
    found = organisations.find(ask.desk, ask.actor)
    others = [each for each in found if each.org_id != ask.actor.org and each.country != here]
    pairs = [(str(each.org_id), f"{each.label} ({each.country.upper()})") for each in others]
    return ask.words.in_order(pairs, lambda pair: pair[1])
