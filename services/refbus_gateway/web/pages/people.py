"""The people of the office: who they are, their roles, somebody new, somebody who leaves, one's own passphrase."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from refbus.errors import Code, RefbusError
from refbus_gateway.actions import people
from refbus_gateway.actions.actor import Role
from refbus_gateway.actions.people import Newcomer, PersonShown, Second
from refbus_gateway.forms.problems import Problem
from refbus_gateway.web.fields import At, again_at
from refbus_gateway.web.screens import Ask, RefusedError, Screens
from refbus_gateway.words.languages import LANGUAGES, NAMES
from refbus_gateway.words.offices import MAY, ROLES

screens: Final = Screens()
_LEAST: Final = 8
"""Characters of a passphrase."""


@screens.show("/office/people")
def listed(ask: Ask) -> Response:
    """List everybody, those who left at the end."""
    found = people.listed(ask.desk, ask.actor)
    shown = [(number, each, _role(ask, each)) for number, each in enumerate(found, start=1)]
    here = [each for each in shown if each[1].state == "ACTIVE"]
    return ask.page("office_people.html", here=here, gone=[each for each in shown if each not in here])


@screens.show("/office/people/add")
def newcomer(ask: Ask) -> Response:
    """Ask who is new."""
    return ask.page("office_add.html", roles=_roles(ask), languages=[(each, NAMES[each]) for each in LANGUAGES])


@screens.act("/office/people/add", confirm=True)
def add(ask: Ask) -> Response:
    """Give somebody new a passphrase and a role; the first one of a home is its administrator."""
    first = not ask.office.has_people
    problems = [*problems_of_name(ask), *problems_of_passphrase(ask)]
    if not first and ask.posted.get("role") not in ROLES:
        problems.append(Problem("role", Code.USAGE, ask.words.text("Choose a role")))
    if problems:
        return ask.again(problems)
    role = Role.ADMINISTRATOR if first else Role(ask.posted.get("role"))
    language = ask.posted.get("language") if ask.posted.get("language") in LANGUAGES else ask.language
    name, shown = ask.posted.get("name"), ask.posted.get("shown")
    new = Newcomer(name, shown, role, language, ask.posted.get("passphrase_new"))
    try:
        done = people.begin(ask.desk, ask.actor, new) if first else people.add(ask.desk, ask.actor, new, second_of(ask))
    except RefbusError as error:
        taken = ask.words.text("This name is taken, or cannot be used. Choose another one.")
        return again_at(ask, error, {Code.USAGE: ("name", taken), **of_second(ask)})
    if first:
        return _sign_in_anew(ask)
    return ask.go("/office/people", ask.words.text("%(name)s can sign in from now on.", name=done.name))


@screens.show("/office/people/{number:int}")
def one(ask: Ask) -> Response:
    """Show one person, and what can be changed."""
    each = numbered(ask)
    itself = each.person == ask.actor.person
    return ask.page("office_person.html", each=each, role=_role(ask, each), roles=_roles(ask), itself=itself)


@screens.act("/office/people/{number:int}/role", confirm=True, at="/office/people/{number}")
def set_role(ask: Ask) -> Response:
    """Give a person another role."""
    each, role = numbered(ask), ask.posted.get("role")
    if role not in ROLES:
        return ask.again([Problem("role", Code.USAGE, ask.words.text("Choose a role"))])
    try:
        people.set_role(ask.desk, ask.actor, each.person, Role(role), second_of(ask))
    except RefbusError as error:
        last = ask.words.text("The last administrator stays one. Make another one first.")
        return again_at(ask, error, {Code.USAGE: ("role", last), **of_second(ask)})
    return ask.go("/office/people", ask.words.text("The role was changed. It counts from now on."))


@screens.show("/office/people/{number:int}/passphrase")
def forgotten(ask: Ask) -> Response:
    """Ask for a new passphrase for somebody who forgot it."""
    return ask.page("office_forgotten.html", each=numbered(ask))


@screens.act("/office/people/{number:int}/passphrase", confirm=True)
def replace_passphrase(ask: Ask) -> Response:
    """Give a person a new passphrase who forgot it."""
    each, problems = numbered(ask), problems_of_passphrase(ask)
    if problems:
        return ask.again(problems)
    people.replace_passphrase(ask.desk, ask.actor, each.person, ask.posted.get("passphrase_new"))
    ask.office.sessions.lock(each.person)
    return ask.go("/office/people", ask.words.text("%(name)s has a new passphrase.", name=each.name))


@screens.show("/office/people/{number:int}/lock-out")
def leaving(ask: Ask) -> Response:
    """Say what locking somebody out does."""
    return ask.page("office_lock_out.html", each=numbered(ask))


@screens.act("/office/people/{number:int}/lock-out", confirm=True)
def lock_out(ask: Ask) -> Response:
    """Let a person sign in no more."""
    each = numbered(ask)
    try:
        people.lock_out(ask.desk, ask.actor, each.person)
    except RefbusError as error:
        last = ask.words.text("The last administrator cannot be locked out. Make another one first.")
        return again_at(ask, error, {Code.USAGE: ("passphrase", last)})
    return ask.go("/office/people", ask.words.text("%(name)s cannot sign in any more.", name=each.name))


@screens.show("/office/passphrase")
def own(ask: Ask) -> Response:
    """Ask for one's own new passphrase."""
    mine = next((each for each in people.listed(ask.desk, ask.actor) if each.person == ask.actor.person), None)
    return ask.page("office_passphrase.html", provisional=mine is not None and mine.provisional)


@screens.act("/office/passphrase")
def change_own(ask: Ask) -> Response:
    """Change one's own passphrase."""
    old, problems = ask.posted.get("passphrase_old"), problems_of_passphrase(ask)
    if not old:
        problems = [Problem("passphrase_old", Code.USAGE, ask.words.text("Enter your passphrase")), *problems]
    if problems:
        return ask.again(problems)
    try:
        people.set_passphrase(ask.desk, ask.actor, old, ask.posted.get("passphrase_new"))
    except RefbusError as error:
        told = {
            Code.KEYFILE_WRONG_PASSPHRASE: ("passphrase_old", ask.words.text("The passphrase is not right")),
            Code.USAGE: ("passphrase_new", ask.words.text("Choose another passphrase than the one of before")),
        }
        return again_at(ask, error, told)
    ask.office.sessions.lock(ask.actor.person, but=ask.session)
    return ask.go("/office", ask.words.text("Your passphrase was changed."))


def _sign_in_anew(ask: Ask) -> Response:
    """End every session that was opened with the one passphrase of before."""
    language = ask.session.language
    ask.office.sessions.end_all()
    ask.session = ask.office.sessions.begin(language)
    return ask.go("/", ask.words.text("From now on everybody signs in by name. Sign in with yours."))


def numbered(ask: Ask) -> PersonShown:
    """Return the person that the address names by a place in the list. Raises RefusedError 404."""
    found, number = people.listed(ask.desk, ask.actor), ask.number("number")
    if not 1 <= number <= len(found):
        raise RefusedError(404)
    return found[number - 1]


def of_second(ask: Ask) -> At:
    """Return what may be wrong with the other person who is to agree, for `again_at`."""
    words = ask.words
    told = {
        Code.SECOND_NEEDED: words.text(
            "Another person must agree: name and passphrase of somebody else who works here."
        ),
        Code.PASSPHRASE_PROVISIONAL: words.text(
            "One of you two still has a passphrase that somebody else set. That person changes it first: Office, Your "
            "passphrase."
        ),
        Code.KEYFILE_WRONG_PASSPHRASE: words.text("The passphrase of that person is not right"),
    }
    return {code: ("second", text) for code, text in told.items()}


def problems_of_name(ask: Ask) -> list[Problem]:
    """Return what is wrong with a name to sign in with."""
    if ask.posted.get("name"):
        return []
    return [Problem("name", Code.USAGE, ask.words.text("Enter a name to sign in with"))]


def problems_of_passphrase(ask: Ask) -> list[Problem]:
    """Return what is wrong with a new passphrase, which is typed twice."""
    words, new = ask.words, ask.posted.get("passphrase_new")
    if len(new) < _LEAST:
        few = words.plural("At least %(n)s character", "At least %(n)s characters", _LEAST)
        return [Problem("passphrase_new", Code.USAGE, few)]
    if new != ask.posted.get("passphrase_again"):
        return [Problem("passphrase_again", Code.USAGE, words.text("The two passphrases are not the same"))]
    return []


def second_of(ask: Ask) -> Second | None:
    """Return the other person who agrees, if one was named."""
    name = ask.posted.get("second")
    return Second(name, ask.posted.get("passphrase_second")) if name else None


def _roles(ask: Ask) -> list[tuple[str, str, str]]:
    return [(role, ask.words.text(ROLES[role]), ask.words.text(MAY[role])) for role in ROLES]


def _role(ask: Ask, each: PersonShown) -> str:
    return ask.words.text(ROLES[each.role])
