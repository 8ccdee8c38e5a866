"""A card that a person takes along: how a yes is taken back, in the person's language, with no name on it."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from refbus.core.profile import in_language
from refbus_gateway.actions import profiles
from refbus_gateway.web.screens import Ask, Screens
from refbus_gateway.words import contacts
from refbus_gateway.words.catalogue import catalogue, mark
from refbus_gateway.words.languages import LANGUAGES, NAMES, direction

screens: Final = Screens()
_SAYS: Final = (
    mark("You can take your yes back at any time."),
    mark("You do not have to say why."),
    mark("Call, or come:"),
)


@screens.show("/card")
def card(ask: Ask) -> Response:
    """Show the card in a language, to print in large type: what the office itself says of whom to call."""
    asked = ask.query("language")
    language = asked if asked in LANGUAGES else ask.language
    words = catalogue(language)
    own = profiles.show(ask.desk, ask.actor).profile
    return ask.page(
        "card.html",
        language=language,
        direction=direction(language),
        names=list(NAMES.items()),
        says=[words.text(each) for each in _SAYS],
        telephones=[contacts.telephone(each) for each in own.telephones] if own else [],
        hours=contacts.hours(words, own.hours) if own else "",
        where=in_language(own.withdrawal, language) if own else "",
    )
