"""After a backup was brought back: what is not known here, whom to call, and that yeses may leave again."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from refbus_gateway.actions import cases, restored
from refbus_gateway.actions.restored import NothingConfirmed, NotRestored
from refbus_gateway.web.screens import Ask, Screens

screens: Final = Screens()
PAGE: Final = "/office/restored"
MOST: Final = 50
"""Cases that are shown at once; as these are answered, others take their place."""


@screens.show(PAGE)
def standing(ask: Ask) -> Response:
    """Show what a backup cannot know, and the cases to ask about."""
    found = restored.stands(ask.desk, ask.actor)
    waits = None if isinstance(found, NotRestored) else found
    numbers = waits.known.cases if waits and waits.known else ()
    shown = [(number, _name(ask, number)) for number in numbers[:MOST]]
    return ask.page("office_restored.html", found=waits, cases=shown, more=len(numbers) - len(shown))


@screens.act(PAGE, confirm=True)
def confirm(ask: Ask) -> Response:
    """Let this office send again: they were called."""
    restored.confirm(ask.desk, ask.actor)
    return ask.go(
        PAGE, ask.words.text("It is confirmed: this office may send again. The cases below are still to ask.")
    )


@screens.show("/case/{number:int}/restored")
def case(ask: Ask) -> Response:
    """Show what the backup knows of a case, and ask whether the person said something else since."""
    number = ask.number("number")
    found = restored.case_known(ask.desk, ask.actor, number)
    if isinstance(found, NothingConfirmed):
        return ask.go(f"/case/{number}")
    return ask.page("case_restored.html", found=found, name=_name(ask, number))


@screens.act("/case/{number:int}/restored", confirm=True)
def confirm_case(ask: Ask) -> Response:
    """Note that what the person said in the backup still stands."""
    restored.confirm_case(ask.desk, ask.actor, ask.number("number"))
    return ask.go(PAGE, ask.words.text("It is noted: what the person said before still stands."))


def _name(ask: Ask, number: int) -> str:
    nickname = cases.nickname(ask.desk, ask.actor, number) if ask.may("READ_CASES") else None
    return nickname or str(number)
