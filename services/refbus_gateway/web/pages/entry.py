"""Coming in and going out: the language first, who it is, the passphrase again after a while, leaving quickly."""

from __future__ import annotations

import calendar
from typing import Final

from babel.dates import format_skeleton, get_day_names
from starlette.responses import Response

from refbus.errors import Code
from refbus_gateway.actions import home
from refbus_gateway.forms.problems import Problem
from refbus_gateway.web.screens import Ask, RefusedError, Screens
from refbus_gateway.words.languages import LANGUAGES, NAMES

screens: Final = Screens()
FIRST: Final = "/today"
CHOOSE: Final = "/office/passphrase"
"""Where somebody goes first whose passphrase another person set."""


@screens.show("/", free=True)
def start(ask: Ask) -> Response:
    """Lead to where this person is: the language, the passphrase, or the work."""
    if ask.session.at_work:
        return ask.go(FIRST)
    if ask.session.actor is not None:
        return ask.go("/locked")
    if not ask.office.has_language(ask.request):
        return ask.go("/language")
    return ask.go("/setup" if ask.office.is_new else "/sign-in")


@screens.show("/language", free=True)
def language(ask: Ask) -> Response:
    """Show the languages, each in its own script."""
    return ask.page("language.html", languages=[(each, NAMES[each]) for each in LANGUAGES])


@screens.act("/language", free=True)
def choose_language(ask: Ask) -> Response:
    """Show pages in this language from now on."""
    chosen = ask.posted.get("language")
    if chosen not in LANGUAGES:
        raise RefusedError(400)
    ask.session.language = chosen
    ask.session.language_chosen = True
    return ask.go("/" if ask.session.actor is None or ask.session.locked else FIRST)


@screens.show("/sign-in", free=True)
def sign_in(ask: Ask) -> Response:
    """Ask who it is."""
    if ask.office.is_new:
        return ask.go("/")
    return ask.page("sign_in.html")


@screens.act("/sign-in", free=True)
def enter(ask: Ask) -> Response:
    """Let a person in, under a new session."""
    name = ask.posted.get("name") if ask.office.has_people else ""
    if ask.office.has_people and not name:
        return ask.again([Problem("name", Code.USAGE, ask.words.text("Enter your name"))])
    found = ask.office.check(ask.words, ask.claim(name), ask.posted.get("passphrase_code"))
    if isinstance(found, Problem):
        return ask.again([found])
    ask.session = ask.office.sessions.sign_in(ask.session, found.actor, name or str(found.actor.org))
    first = FIRST if home.progress(ask.desk, found.actor).listed else "/setup/road"
    if found.person is not None and found.person.provisional:
        first = CHOOSE
    return ask.go(first, _failures(ask, found.failed))


@screens.show("/locked", free=True)
def locked(ask: Ask) -> Response:
    """Ask for the passphrase again; what was typed is kept."""
    if ask.session.actor is None:
        return ask.go("/")
    after = ask.query("after")
    if after.startswith("/") and not after.startswith(("//", "/\\")):
        ask.session.after = after
    if ask.session.at_work:
        return _back(ask)
    return ask.page("locked.html", person=ask.session.person, kept=bool(ask.session.kept))


@screens.act("/locked", free=True)
def unlock(ask: Ask) -> Response:
    """Go on where the person was."""
    if ask.session.actor is None:
        return ask.go("/")
    found = ask.office.check(ask.words, ask.claim(ask.name), ask.posted.get("passphrase_code"))
    if isinstance(found, Problem):
        return ask.again([found])
    if not ask.session.at_work:
        ask.session = ask.office.sessions.sign_in(ask.session, found.actor, ask.session.person)
    return _back(ask, _failures(ask, found.failed))


@screens.show("/lock")
def lock(ask: Ask) -> Response:
    """Lock this session now; what was typed before stays for when the person comes back."""
    ask.office.sessions.shut(ask.session)
    ask.session.after = FIRST
    return ask.go("/locked")


@screens.act("/sign-out", free=True)
def sign_out(ask: Ask) -> Response:
    """End this session; another person may sign in."""
    _end(ask)
    return ask.go("/")


@screens.show("/leave", free=True)
def leave(ask: Ask) -> Response:
    """End this session and show something that anybody may see: the month."""
    _end(ask)
    today, locale = ask.office.wall_day(), ask.words.locale
    response = ask.page(
        "leave.html",
        month=format_skeleton("yMMMM", today, locale=locale),
        weekdays=[get_day_names("abbreviated", "stand-alone", locale)[day] for day in range(7)],
        weeks=calendar.Calendar().monthdayscalendar(today.year, today.month),
        today=today.day,
    )
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


def _end(ask: Ask) -> None:
    chosen = ask.session.language
    ask.office.sessions.end(ask.session)
    ask.session = ask.office.sessions.begin(chosen)


def _back(ask: Ask, notice: str = "") -> Response:
    after, ask.session.after = ask.session.after, ""
    return ask.go(after or FIRST, notice)


def _failures(ask: Ask, failed: int) -> str:
    """Return what a person is told of attempts in their name that failed, empty if there were none."""
    if not failed:
        return ""
    return ask.words.plural(
        "%(n)s attempt to sign in under your name failed since you were last here. If it was not you, tell an "
        "administrator of your organisation.",
        "%(n)s attempts to sign in under your name failed since you were last here. If it was not you, tell an "
        "administrator of your organisation.",
        failed,
    )
