"""Who received what: a page for the person, to print in their language, and the note that they were told."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from refbus.errors import Code
from refbus_gateway.actions import disclosures, profiles
from refbus_gateway.actions.disclosures import How
from refbus_gateway.forms.problems import Problem
from refbus_gateway.paper import disclosure_page
from refbus_gateway.web.screens import Ask, Screens
from refbus_gateway.words.languages import LANGUAGES, NAMES

screens: Final = Screens()


@screens.show("/case/{number:int}/who")
def who(ask: Ask) -> Response:
    """Show who received what of a case, when and why, in the language of the person."""
    found = disclosures.report(ask.desk, ask.actor, ask.number("number"))
    language = ask.query("language") if ask.query("language") in LANGUAGES else ask.language
    wording = disclosure_page.Wording(language, ask.desk.directory(), ask.utc_offset_min, plain=True)
    words = ask.words
    ways = [
        (str(How.IN_PERSON), words.text("I told the person, face to face")),
        (str(How.PHONE), words.text("I told the person by telephone")),
        (str(How.DEFERRED_UNSAFE), words.text("It is not safe to tell the person now")),
    ]
    return ask.page(
        "who.html",
        found=found,
        sheet=disclosure_page.sheet(found, wording),
        office=wording.organisation(ask.actor.org) if ask.actor.org else "",
        about=disclosure_page.office_lines(profiles.show(ask.desk, ask.actor).profile, wording.words),
        printed=wording.time(ask.now_ms),
        sheet_words=wording.words,
        languages=[(each, NAMES[each]) for each in LANGUAGES],
        chosen=language,
        ways=ways,
    )


@screens.act("/case/{number:int}/who/told", at="/case/{number}/who")
def told(ask: Ask) -> Response:
    """Note that the person was told, or that it is not safe."""
    number, how = ask.number("number"), ask.posted.get("how")
    if how not in How.__members__:
        return ask.again([Problem("how", Code.CASE_INVALID, ask.words.text("Choose how"))])
    disclosures.note_told(ask.desk, ask.actor, number, How(how))
    return ask.go(f"/case/{number}/who", ask.words.text("It was noted."))
