"""The first hour: an organisation without a home makes one, is enrolled, and is connected.

Until there is a home nobody can sign in, so the first two pages are open, at this computer alone (`Office.is_new`).
From then on every page asks who it is. What is done is found from the home; so one may stop anywhere and go on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from starlette.responses import Response

from refbus.core.directory import OrgRole
from refbus.core.ids import CountryCode
from refbus.errors import Code, MalformedError, RefbusError, SetupError, UncheckableError, UntrustedError
from refbus.resources import countries
from refbus.wire.codelists import code_list
from refbus_gateway.actions import home, keys
from refbus_gateway.actions.actor import Role
from refbus_gateway.actions.people import Newcomer
from refbus_gateway.forms.problems import Problem
from refbus_gateway.web.pages.people import problems_of_passphrase
from refbus_gateway.web.render import code_words
from refbus_gateway.web.screens import Ask, Screens
from refbus_gateway.words.languages import LANGUAGES
from refbus_gateway.words.offices import ORGANISATION_ROLES

screens: Final = Screens()
ROAD: Final = "/setup/road"
_SERVICES: Final = "htcds.spl_Type"
_LANGUAGES: Final = tuple(dict.fromkeys(each.partition("-")[0] for each in LANGUAGES))
_MOST_LABEL: Final = 100
_FILE_BYTES: Final = 1_048_576
_FILE: Final = {"Content-Type": "application/json"}


@screens.show("/setup", free=True)
def organisation(ask: Ask) -> Response:
    """Ask what the organisation is."""
    if not ask.office.is_new:
        return ask.go("/")
    if not ask.form:
        ask.form = ask.session.kept.get("/setup/person") or ask.form
    territories, languages = ask.words.locale.territories, ask.words.locale.languages
    services = [(each, code_words(ask.language, _SERVICES, each)) for each in code_list(_SERVICES).codes]
    return ask.page(
        "setup.html",
        folder=str(ask.desk.home.path.absolute()),
        countries=ask.words.in_order([(each, territories[each.upper()]) for each in countries()], lambda pair: pair[1]),
        roles=[(role.value, ask.words.text(told)) for role, told in ORGANISATION_ROLES.items()],
        services=ask.words.in_order(services, lambda pair: pair[1]),
        languages=ask.words.in_order([(each, languages[each]) for each in _LANGUAGES], lambda pair: pair[1]),
    )


@screens.act("/setup", free=True)
def say_organisation(ask: Ask) -> Response:
    """Keep what was said until the first person has a passphrase: nothing is written before."""
    if not ask.office.is_new:
        return ask.go("/")
    problems = _problems_of_organisation(ask)
    if problems:
        return ask.again(problems)
    ask.session.keep("/setup/person", ask.posted)
    return ask.go("/setup/person")


@screens.show("/setup/person", free=True)
def person(ask: Ask) -> Response:
    """Ask who the first person is."""
    if not ask.office.is_new:
        return ask.go("/")
    if not ask.form.get("country"):
        return ask.go("/setup")
    said = {name: ask.form.all(name) for name in ("country", "role", "label", "services", "languages")}
    return ask.page("setup_person.html", said=said)


@screens.act("/setup/person", free=True)
def begin(ask: Ask) -> Response:
    """Make home and keys under the passphrase of the first person, who then signs in with it."""
    if not ask.office.is_new:
        return ask.go("/")
    if _problems_of_organisation(ask):
        return ask.go("/setup")
    problems = _problems_of_person(ask)
    if problems:
        return ask.again(problems)
    posted = ask.posted
    country, role = CountryCode(posted.get("country")), OrgRole(posted.get("role"))
    said = keys.Said(country, role, posted.get("label"), posted.all("services"), posted.all("languages"))
    name = posted.get("name")
    first = Newcomer(name, name, Role.ADMINISTRATOR, ask.language, posted.get("passphrase_new"))
    ask.office.begin(said, first)
    return ask.go("/sign-in", ask.words.text("The keys are made. Sign in with your name and your passphrase."))


@screens.show(ROAD)
def road(ask: Ask) -> Response:
    """Show what is done and what comes next."""
    return ask.page("setup_road.html", found=home.progress(ask.desk, ask.actor))


@screens.show("/setup/telephone")
def telephone(ask: Ask) -> Response:
    """Show the fingerprint to read out, and give the request to hand over."""
    found = keys.enrolling(ask.desk, ask.actor)
    groups = [found.fingerprint[at : at + 4] for at in range(0, len(found.fingerprint), 4)]
    return ask.page("setup_telephone.html", groups=groups, org=found.org_id)


@screens.show("/setup/request")
def request_file(ask: Ask) -> Response:
    """Give the enrolment request as a file."""
    return _file(keys.enrolling(ask.desk, ask.actor).request, "request.json")


@screens.show("/setup/challenge")
def challenge(ask: Ask) -> Response:
    """Ask for the challenge, and give the answer once there is one."""
    return ask.page("setup_challenge.html", answered=bool(keys.enrolling(ask.desk, ask.actor).answer))


@screens.act("/setup/challenge", most_bytes=_FILE_BYTES)
def answer(ask: Ask) -> Response:
    """Answer the challenge."""
    content = ask.posted.files.get("challenge", b"")
    if not content:
        return ask.again([Problem("challenge", Code.USAGE, ask.words.text("Choose the file"))])
    try:
        keys.answer_sent(ask.desk, ask.actor, content)
    except (MalformedError, UntrustedError) as error:
        told = ask.words.text("This file is no challenge for this organisation. Ask for it again.")
        return ask.again([Problem("challenge", error.code, told)])
    return ask.go("/setup/challenge")


@screens.show("/setup/answer")
def answer_file(ask: Ask) -> Response:
    """Give the answer as a file."""
    content = keys.enrolling(ask.desk, ask.actor).answer
    return _file(content, "answer.json") if content else ask.go("/setup/challenge")


@screens.show("/setup/root")
def root(ask: Ask) -> Response:
    """Ask for the root, and for the number that was told by telephone."""
    return ask.page("setup_root.html", found=home.progress(ask.desk, ask.actor))


@screens.act("/setup/root", most_bytes=_FILE_BYTES)
def trust(ask: Ask) -> Response:
    """Pin the root, if it is the one that was told."""
    content, told, words = ask.posted.files.get("root", b""), ask.posted.get("told"), ask.words
    problems = [] if content else [Problem("root", Code.USAGE, words.text("Choose the file"))]
    if not told:
        problems.append(Problem("told", Code.USAGE, words.text("Write the number that you heard")))
    if problems:
        return ask.again(problems)
    try:
        home.trust_compared(ask.desk, ask.actor, content, told)
    except SetupError as error:
        text = words.text(
            "The file does not have this number, or it is another file. Compare again by telephone; if it stays so, do "
            "not go on, and say so to the person at the other end."
        )
        return ask.again([Problem("told", error.code, text)])
    return ask.go(ROAD, words.text("The root is kept."))


@screens.show("/setup/line")
def line(ask: Ask) -> Response:
    """Ask where the node of the country is."""
    return ask.page("setup_line.html", found=home.show(ask.desk, ask.actor))


@screens.act("/setup/line")
def connect(ask: Ask) -> Response:
    """Keep where the node of the country is."""
    address, folder = ask.posted.get("bootstrap"), ask.posted.get("tls")
    if not address:
        return ask.again([Problem("bootstrap", Code.USAGE, ask.words.text("Write the address of the node"))])
    if folder and not (Path(folder).is_absolute() and Path(folder).is_dir()):
        return ask.again([Problem("tls", Code.FILE_UNREADABLE, _no_folder(ask))])
    try:
        home.connect(ask.desk, ask.actor, address, Path(folder) if folder else None)
    except SetupError as error:
        told = ask.words.text(
            "With this address and folder there is no safe line. Compare both with what the operator sent you."
        )
        return ask.again([Problem("bootstrap", error.code, told)])
    return ask.go(ROAD, ask.words.text("The address is kept. This computer now calls the node by itself."))


@screens.show("/setup/directory")
def directory(ask: Ask) -> Response:
    """Ask for the folder with the directory, where it does not come by the line."""
    return ask.page("setup_directory.html", found=home.progress(ask.desk, ask.actor))


@screens.act("/setup/directory")
def take_directory(ask: Ask) -> Response:
    """Take the directory from a folder."""
    place = Path(ask.posted.get("place"))
    if not place.is_absolute():
        return ask.again([Problem("place", Code.FILE_UNREADABLE, _no_folder(ask))])
    try:
        home.take_directory(ask.desk, ask.actor, place, unlogged=False)
    except (SetupError, MalformedError, UntrustedError, UncheckableError) as error:
        return ask.again([Problem("place", error.code, _why_not(ask, error))])
    return ask.go(ROAD, ask.words.text("The directory is in force."))


def _no_folder(ask: Ask) -> str:
    return ask.words.text("There is no such folder. Write it whole, as your computer shows it.")


def _why_not(ask: Ask, error: RefbusError) -> str:
    if error.code is Code.FILE_UNREADABLE:
        return _no_folder(ask)
    return ask.words.text(
        "What is in this folder is no directory that can be believed: %(why)s.", why=ask.meaning(error.code)
    )


def _file(content: bytes, name: str) -> Response:
    return Response(content, headers={**_FILE, "Content-Disposition": f'attachment; filename="{name}"'})


def _problems_of_organisation(ask: Ask) -> list[Problem]:
    words, posted, problems = ask.words, ask.posted, []
    if posted.get("country") not in countries():
        problems.append(Problem("country", Code.USAGE, words.text("Choose a country")))
    if posted.get("role") not in ORGANISATION_ROLES:
        problems.append(Problem("role", Code.USAGE, words.text("Choose what kind of organisation it is")))
    label = posted.get("label")
    if not label or len(label) > _MOST_LABEL or not label.isprintable():
        problems.append(Problem("label", Code.USAGE, words.text("Write a name of at most 100 characters")))
    if not posted.all("services") or not set(posted.all("services")) <= set(code_list(_SERVICES).codes):
        problems.append(Problem("services", Code.USAGE, words.text("Choose at least one kind of help")))
    if not posted.all("languages") or not set(posted.all("languages")) <= set(_LANGUAGES):
        problems.append(Problem("languages", Code.USAGE, words.text("Choose at least one language")))
    return problems


def _problems_of_person(ask: Ask) -> list[Problem]:
    words, name = ask.words, ask.posted.get("name")
    problems = []
    if not 0 < len(name) <= 32 or not name.isprintable():
        problems.append(Problem("name", Code.USAGE, words.text("Enter a name to sign in with")))
    return [*problems, *problems_of_passphrase(ask)]
