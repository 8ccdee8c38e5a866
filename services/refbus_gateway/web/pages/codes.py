"""One's own one-time codes: set them up with a telephone, end them; a lost telephone is mended by two people."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from refbus.errors import Code, RefbusError
from refbus_gateway.actions import codes
from refbus_gateway.web.fields import again_at
from refbus_gateway.web.pages.people import numbered, of_second, second_of
from refbus_gateway.web.screens import Ask, Screens

screens: Final = Screens()
PAGE: Final = "/office/codes"
_GROUP: Final = 4


@screens.show(PAGE)
def own(ask: Ask) -> Response:
    """Show where one's own codes stand; what was begun is there until a first code confirms it."""
    found = codes.own(ask.desk, ask.actor) if ask.actor.person else None
    secret = found.begun.secret if found and found.begun else ""
    groups = [secret[at : at + _GROUP] for at in range(0, len(secret), _GROUP)]
    return ask.page("office_codes.html", found=found, groups=groups)


@screens.act(PAGE, confirm=True)
def begin(ask: Ask) -> Response:
    """Begin to use codes, or to use them with another telephone."""
    codes.begin(ask.desk, ask.actor)
    return ask.go(PAGE)


@screens.act("/office/codes/confirm", at=PAGE)
def confirm(ask: Ask) -> Response:
    """Put codes in force that the telephone shows."""
    try:
        codes.confirm(ask.desk, ask.actor, ask.posted.get("passphrase_code"))
    except RefbusError as error:
        wrong = ask.words.text(
            "This is not the code that the telephone shows now. Check its clock, and try the next code."
        )
        return again_at(ask, error, {Code.CODE_WRONG: ("passphrase_code", wrong)})
    return ask.go("/office", ask.words.text("From the next sign-in you are asked for a code too."))


@screens.act("/office/codes/end", confirm=True, at=PAGE)
def end(ask: Ask) -> Response:
    """Ask for no codes any more."""
    codes.end(ask.desk, ask.actor)
    return ask.go("/office", ask.words.text("You are asked for no code any more."))


@screens.show("/office/people/{number:int}/codes")
def lost(ask: Ask) -> Response:
    """Say what taking the codes of somebody away needs."""
    return ask.page("office_codes_lost.html", each=numbered(ask))


@screens.act("/office/people/{number:int}/codes", confirm=True)
def remove(ask: Ask) -> Response:
    """Take the codes of somebody away who lost the telephone."""
    each = numbered(ask)
    try:
        codes.remove(ask.desk, ask.actor, each.person, second_of(ask))
    except RefbusError as error:
        return again_at(ask, error, of_second(ask))
    return ask.go("/office/people", ask.words.text("%(name)s signs in without a code.", name=each.name))
