"""Erase: what goes, where copies stay, whom we ask; the nickname is typed; then the answers of those who were asked."""

from __future__ import annotations

import unicodedata
from typing import Final

from starlette.responses import Response

from refbus.errors import Code
from refbus_gateway.actions import erasure
from refbus_gateway.actions.erasure import Plan
from refbus_gateway.forms.problems import Problem
from refbus_gateway.web.screens import Ask, Screens

screens: Final = Screens()


@screens.show("/case/{number:int}/erase")
def ask_to_erase(ask: Ask) -> Response:
    """Show what erasing does before it is done; a case that was erased shows how far it is."""
    number = ask.number("number")
    plan = erasure.plan(ask.desk, ask.actor, number)
    if plan.erased:
        return ask.page("erased.html", found=erasure.progress(ask.desk, ask.actor, number))
    return ask.page("erase.html", plan=plan, name=_name(ask, plan))


@screens.act("/case/{number:int}/erase", confirm=True)
def erase(ask: Ask) -> Response:
    """Erase a case here, and have everyone who received something of it erase it too."""
    number = ask.number("number")
    name = _name(ask, erasure.plan(ask.desk, ask.actor, number))
    if _folded(ask.posted.get("name")) != _folded(name):
        wrong = ask.words.text("Type the name exactly as it stands above")
        return ask.again([Problem("name", Code.CASE_INVALID, wrong)])
    done = erasure.erase(ask.desk, ask.actor, number)
    words = ask.words
    told = words.text("It was erased here.")
    if done.organisations:
        told = words.text("It was erased here. The others are told to erase it too.")
    return ask.go(f"/case/{number}/erase", told)


@screens.show("/erased")
def erased(ask: Ask) -> Response:
    """Show how far every erasure is."""
    return ask.page("erasures.html", found=erasure.all_progress(ask.desk, ask.actor))


def where_erased(ask: Ask, number: int) -> Response | None:
    """Return the way to what became of an erased referral, return or emergency; None while it is there."""
    case = erasure.erased_case(ask.desk, ask.actor, number)
    return None if case is None else ask.go(f"/case/{case}/erase")


def _name(ask: Ask, plan: Plan) -> str:
    """Return what is typed to confirm: the nickname, the sender of a received case, else the number here."""
    if plan.file_number:
        return plan.file_number
    return ask.organisation(plan.from_) if plan.from_ else str(plan.case)


def _folded(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())
