"""One request of a person: how it is read, who may make it, which screen answers it, and what becomes of errors.

A module of screens is a list of functions:

    screens = Screens()

    @screens.show("/referral/{number:int}")
    def referral(ask: Ask) -> Response:
        return ask.page("referral.html", found=referrals.open_course(ask.desk, ask.actor, ask.number("number"), ...))

    @screens.act("/referral/{number:int}/cancel", confirm=True)
    def cancel(ask: Ask) -> Response:
        referrals.stop(ask.desk, ask.actor, ...)
        return ask.go("/referral/1", ask.words.text("It was cancelled."))

A form is sent to the address of the page that shows it, or says in `at` which page that is. Whatever raises
CaseInvalidError leads back to that page, with what was typed and every problem at its field. `confirm` asks for the
passphrase again, in the field of `part.passphrase()`.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from refbus.core.ids import OrgId
from refbus.errors import Code, RefbusError
from refbus_gateway.actions import drafts, profiles
from refbus_gateway.actions.actor import ALLOWED
from refbus_gateway.forms.problems import CaseInvalidError, Problem
from refbus_gateway.forms.values import whole_number
from refbus_gateway.web import render, security
from refbus_gateway.web.session import Claim, Form, Session
from refbus_gateway.words import nextsteps
from refbus_gateway.words.catalogue import Catalogue, catalogue
from refbus_gateway.words.contacts import telephone

if TYPE_CHECKING:
    from refbus_gateway.actions.actor import Actor
    from refbus_gateway.actions.desk import Desk
    from refbus_gateway.actions.profiles import ProfileShown
    from refbus_gateway.web.office import Office

Handler = Callable[["Ask"], Response]
SEE_OTHER: Final = 303
LOCKED: Final = "/locked"
_MOST_NUMBER: Final = 2**31 - 1
_FORM: Final = '<form method="post"'


class RefusedError(Exception):
    """A request that no page of ours makes: it is answered with this status and nothing of it is done."""

    def __init__(self, status: int) -> None:
        self.status = status
        super().__init__(str(status))


@dataclass(frozen=True, slots=True)
class Screen:
    """One address and what answers there. `free`: nobody needs to have signed in; `at`: the page that has the form."""

    path: str
    method: str
    handler: Handler
    free: bool
    confirm: bool
    most_bytes: int
    at: str


class Screens:
    """The screens of one module, in the order in which they are written."""

    def __init__(self) -> None:
        self.found: list[Screen] = []

    def show(self, path: str, *, free: bool = False) -> Callable[[Handler], Handler]:
        """Show a page at this address. Showing changes nothing."""
        return self._add(path, "GET", free=free)

    def act(
        self,
        path: str,
        *,
        free: bool = False,
        confirm: bool = False,
        most_bytes: int = security.MOST_BYTES,
        at: str = "",
    ) -> Callable[[Handler], Handler]:
        """Take the form that was sent to this address. `at`: the page that has it, like "/referral/{number}"."""
        return self._add(path, "POST", free=free, confirm=confirm, most_bytes=most_bytes, at=at)

    def _add(
        self,
        path: str,
        method: str,
        *,
        free: bool,
        confirm: bool = False,
        most_bytes: int = security.MOST_BYTES,
        at: str = "",
    ) -> Callable[[Handler], Handler]:
        def add(handler: Handler) -> Handler:
            self.found.append(Screen(path, method, handler, free, confirm, most_bytes, at))
            return handler

        return add


class Ask:
    """One request: who asks, where, and what was typed."""

    def __init__(
        self, office: Office, session: Session, request: Request, form: Form, screen: Screen | None = None
    ) -> None:
        self.office: Final = office
        self.session = session
        self.request: Final = request
        self.posted: Final = form
        self.path: Final = request.url.path
        self.form_path: Final = screen.at.format(**request.path_params) if screen and screen.at else self.path
        may_see = screen is not None and (screen.free or session.at_work)
        self.form = form or (session.kept.get(self.form_path) if may_see else None) or Form()
        self.confirmed: Actor | None = None
        self._profiles: dict[OrgId, ProfileShown | None] = {}
        self.problems: Final[tuple[Problem, ...]] = session.problems.pop(self.form_path, ()) if may_see else ()

    @property
    def desk(self) -> Desk:
        """The desk of the home, for actions."""
        return self.office.desk

    @property
    def actor(self) -> Actor:
        """Who asks, for actions. Only where somebody signed in. Where a screen confirms, who typed the passphrase."""
        found = self.confirmed or self.session.actor
        if found is None:
            raise RefusedError(403)
        return found

    def may(self, permission: str) -> bool:
        """Whether a page offers this person what needs a permission; the action decides."""
        return self.session.actor is not None and permission in ALLOWED[self.session.actor.role]

    @property
    def name(self) -> str:
        """The name under which this person signed in, empty where all have one passphrase."""
        return self.session.person if self.office.has_people else ""

    @property
    def language(self) -> str:
        """The language of the pages of this person."""
        return self.session.language

    @property
    def words(self) -> Catalogue:
        """The words of that language, for texts that a route makes."""
        return catalogue(self.language)

    @property
    def now_ms(self) -> int:
        """The time that counts, ms UTC."""
        return self.office.now_ms()

    @property
    def utc_offset_min(self) -> int:
        """How many minutes the clocks of the country are ahead of UTC."""
        return self.desk.utc_offset_min

    def claim(self, name: str) -> Claim:
        """Return what a person shows to be let in under a name: the passphrase of this form, from this computer."""
        client = self.request.client
        return Claim(client.host if client else "", name, self.posted.get("passphrase"))

    def number(self, name: str) -> int:
        """Return a number of the address, as `{name:int}`. Raises RefusedError 404 for one that nothing here has."""
        found = int(self.request.path_params[name])
        if found > _MOST_NUMBER:
            raise RefusedError(404)
        return found

    def param(self, name: str) -> str:
        """Return a text of the address, as `{name}`."""
        return str(self.request.path_params[name])

    def query(self, name: str, otherwise: str = "") -> str:
        """Return a text behind the question mark of the address."""
        return self.request.query_params.get(name, otherwise)[:200]

    def query_number(self, name: str, otherwise: int = 1) -> int:
        """Return a number behind the question mark, from 1; what is none is as if it were not there."""
        found = whole_number(self.query(name))
        return otherwise if found is None else max(1, found)

    def paged(self, total: int, most: int) -> dict[str, int]:
        """Return what `part.pager` needs of a list that shows `most` of `total` on a page: this page, and how many."""
        pages = max(1, -(-total // most))
        return {"page": min(self.query_number("page"), pages), "pages": pages}

    def page(self, template: str, status: int = 200, **values: Any) -> Response:
        """Return a page. One without a form goes to the lock by itself when the session ends; a form never does."""
        text = render.render(self, template, **values)
        response = HTMLResponse(text, status)
        if self.session.at_work and _FORM not in text:
            response.headers["Refresh"] = f"{self.office.lock_after_s};url={LOCKED}?after={quote(self.path)}"
        return response

    def go(self, path: str, notice: str = "") -> Response:
        """Lead to another page, which shows `notice` once."""
        if notice:
            self.session.notices.append(notice)
        return RedirectResponse(path, SEE_OTHER)

    def again(self, problems: Iterable[Problem]) -> Response:
        """Lead back to the page of this form, with what was typed and what is wrong with it."""
        self.session.keep(self.form_path, self.posted, tuple(problems))
        return RedirectResponse(self.form_path, SEE_OTHER)

    def saw(self, shown: object) -> bool:
        """Whether this form comes from a page that showed exactly this (`part.looked`), so nothing changed since."""
        return hmac.compare_digest(self.mark_of(shown).encode(), self.posted.get("looked").encode())

    def look_again(self) -> Response:
        """Lead back to a page that shows something else by now."""
        told = self.words.text("This was changed after you looked at it. Nothing was sent. Look at it once more.")
        return self.again([Problem("main", Code.CASE_CHANGED, told)])

    def typed(self, name: str, otherwise: object = "") -> str:
        """Return what stands in a field: what was typed before, else what the page gives."""
        return self.form.get(name) if self.form else str(otherwise)

    def ticked(self, name: str, otherwise: Sequence[str] = ()) -> tuple[str, ...]:
        """Return which boxes or radios of a name are chosen."""
        return self.form.all(name) if self.form else tuple(otherwise)

    def problem(self, name: str) -> str:
        """Return what is wrong with a field, empty if nothing."""
        return next((each.advice for each in self.problems if each.path.partition("[")[0] == name), "")

    def meaning(self, code: Code) -> str:
        """Return what a code means, in words."""
        return nextsteps.meaning(self.words, code)

    def organisation(self, org: OrgId, language: str = "") -> str:
        """Return the name of an organisation, in `language` (else that of the page), or `in_directory`."""
        said = self._profile(org) if self.session.actor else None
        return (said.name(language or self.language) if said else "") or self.in_directory(org)

    def in_directory(self, org: OrgId) -> str:
        """Return the name of an organisation as the directory has it, its id where that is not known."""
        directory = self.desk.directory()
        found = directory.find(org) if directory else None
        return found.label if found else str(org)

    def telephone(self, org: OrgId) -> str:
        """Return the duty telephone of an organisation as it is read aloud, empty where it says none."""
        said = self._profile(org)
        return telephone(said.telephones[0]) if said and said.telephones else ""

    def _profile(self, org: OrgId) -> ProfileShown | None:
        if org not in self._profiles:
            self._profiles[org] = profiles.shown_of(self.desk, self.actor, [org]).get(org)
        return self._profiles[org]

    def draft(self, name: str) -> int | None:
        """Show a form as its draft has it; return the revision for `drafts.keep`, None where there is no draft."""
        found = drafts.kept(self.desk, self.actor, name)
        if found and not self.form:
            self.form = Form({each: tuple(texts) for each, texts in found.fields.items()})
        return found.revision if found else None

    def link(self, **changes: object) -> str:
        """Return this address with other values behind the question mark; None leaves one out."""
        values = {**self.request.query_params, **changes}
        query = urlencode({name: str(value) for name, value in values.items() if value not in {None, ""}})
        return f"{self.path}?{query}" if query else self.path

    def menu(self) -> list[tuple[str, str]]:
        """Return what stands at the top of every page: address and words."""
        words = self.words
        return [
            ("/today", words.text("Today")),
            ("/referral", words.text("Referrals")),
            ("/case", words.text("Cases")),
            ("/return", words.text("Going home")),
            ("/office", words.text("Office")),
        ]

    def notices(self) -> list[str]:
        """Return what is told once, on the page that comes next."""
        found = list(self.session.notices)
        self.session.notices.clear()
        return found

    def mark_of(self, shown: object) -> str:
        """Return what a form carries of what its page shows, for `saw`: it differs in each session."""
        return hmac.digest(self.session.csrf.encode(), repr(shown).encode(), "sha256").hex()

    def once(self) -> str:
        """Return a new value for a form: the form counts once, however often it is sent."""
        return self.office.token()


def answer(office: Office, screen: Screen, request: Request, form: Form) -> Response:
    """Answer one request: the session, the order of the checks, the screen, the errors."""
    session = office.session_of(request, use=screen.path != LOCKED)
    if session is None:
        if not screen.free:
            return RedirectResponse("/", SEE_OTHER) if screen.method == "GET" else _told_error(office, request, 403)
        session = office.sessions.begin(office.language_of(request))
    ask = Ask(office, session, request, form, screen)
    if screen.method == "GET":
        response = _shown(ask, screen)
    else:
        with session.turn:  # a double click waits here, and finds that it was done
            response = _acted(ask, screen)
    office.set_cookies(ask.session, request, response)
    return response


def _shown(ask: Ask, screen: Screen) -> Response:
    if not screen.free and not ask.session.at_work:
        return _locked(ask)
    return _safely(ask, screen)


def _acted(ask: Ask, screen: Screen) -> Response:
    session, form = ask.session, ask.posted
    if not security.is_own(ask.request.headers) or not session.knows(form.get("csrf")):
        return error_page(ask, 403)
    if not screen.free and not session.at_work:
        session.keep(ask.form_path, form)
        return _locked(ask)
    once = form.get("once")
    if once and once in session.done:
        return RedirectResponse(session.done[once], SEE_OTHER)
    if screen.confirm:
        confirmed = ask.office.confirm(ask.words, ask.claim(ask.name), ask.actor)
        if isinstance(confirmed, Problem):
            return ask.again([confirmed])
        ask.confirmed = confirmed
    response = _safely(ask, screen)
    if response.status_code == SEE_OTHER and ask.form_path not in session.problems:
        session.drop(ask.form_path)
        if once and not screen.free:
            session.note_done(once, response.headers["location"])
    return response


def _locked(ask: Ask) -> Response:
    """Lead to the passphrase, and back here after it."""
    if ask.session.actor is None:
        return RedirectResponse("/", SEE_OTHER)
    query = ask.request.url.query if ask.request.method == "GET" else ""
    ask.session.after = f"{ask.path}?{query}" if query else ask.form_path
    return RedirectResponse(LOCKED, SEE_OTHER)


def _safely(ask: Ask, screen: Screen) -> Response:
    try:
        return _noted(ask, screen.handler(ask))
    except CaseInvalidError as error:
        return ask.again(error.problems) if screen.method == "POST" else told(ask, error)
    except RefbusError as error:
        if screen.method == "POST":
            ask.session.keep(ask.form_path, ask.posted)  # what was typed is not lost by an error
        return told(ask, error)
    except RefusedError as refused:
        return error_page(ask, refused.status)
    except Exception as failure:  # noqa: BLE001 - the last line of defence: nothing unplanned is shown to a person
        return told(ask, ask.office.unforeseen(failure))


def _noted(ask: Ask, response: Response) -> Response:
    """Write down who asked for what, where no transaction of an action did."""
    if ask.office.is_open:
        ask.desk.note()
    return response


def told(ask: Ask, error: RefbusError) -> Response:
    """Return the page of an error: what it means and what to do next, and the code for whoever helps."""
    return ask.page("error.html", ask.office.status_of(error), error=error, told=ask.office.words_of(error, ask.words))


def error_page(ask: Ask, status: int) -> Response:
    """Return the page of a request that cannot be answered: no such page, an old form, too large."""
    return ask.page("refused.html", status, refused=status)


def _told_error(office: Office, request: Request, status: int) -> Response:
    return error_page(Ask(office, office.sessions.nobody(office.language_of(request)), request, Form()), status)
