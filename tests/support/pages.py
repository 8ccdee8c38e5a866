"""The pages as a browser without a script sees them: an office at a gateway of a world, and a person who clicks.

desk = Pages(pair.world, pair.kz)
person = desk.person()                      # signed in
page = person.get("/today")                 # follows redirects; page.text, page.html, page.path, page.status
page = person.send("/referral/1/open")      # the form of a page, with its hidden fields; more fields by name
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from html.parser import HTMLParser
from typing import Any, Final

from httpx import Response
from starlette.testclient import TestClient
from starlette.types import ASGIApp

from refbus_gateway.home.gateway import Gateway
from refbus_gateway.web.app import application
from refbus_gateway.web.office import Address, Clocks, Manners, Office
from support.ceremonies import PASSPHRASE
from support.desks import desk_of
from support.gateways import World
from support.loops import shared_loop

PORT: Final = 8765
ORIGIN: Final = f"http://127.0.0.1:{PORT}"
_SILENT: Final = frozenset({"script", "style", "title"})


@dataclass
class Seconds:
    """A monotonic clock, in seconds, that tests move."""

    now_s: float = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now_s


class _Reader(HTMLParser):
    """Collects what a page says, and the fields of its forms."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.forms: dict[str, dict[str, list[str]]] = {}
        self.ids: list[str] = []
        self._form: dict[str, list[str]] | None = None
        self._silent = 0
        self._area = ""
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a form, a field that has a value, an id."""
        given = {name: value or "" for name, value in attrs}
        if "id" in given:
            self.ids.append(given["id"])
        self._silent += tag in _SILENT
        if tag == "form":
            self._form = self.forms.setdefault(given.get("action", ""), {})
        elif tag == "input" and self._form is not None and _is_sent(given):
            self._form.setdefault(given["name"], []).append(given.get("value", ""))
        elif tag == "textarea" and self._form is not None:
            self._area = given["name"]
            self._form.setdefault(self._area, [""])
        elif tag == "select":
            self._select = given["name"]
        elif tag == "option" and "selected" in given and self._form is not None:
            self._form.setdefault(self._select, []).append(given.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        """Note the end of a form."""
        self._silent -= tag in _SILENT
        if tag == "form":
            self._form = None
        elif tag == "textarea":
            self._area = ""

    def handle_data(self, data: str) -> None:
        """Note what is said, and what stands in a long field; the line feed in front of it is none of it."""
        if self._area and self._form is not None:
            self._form[self._area] = [data.removeprefix("\n")]
        if not self._silent and data.strip():
            self.words.append(" ".join(data.split()))


def _is_sent(given: dict[str, str]) -> bool:
    chosen = given.get("type") not in {"radio", "checkbox"} or "checked" in given
    return bool(given.get("name")) and chosen


@dataclass
class Page:
    """An answer."""

    response: Response

    @cached_property
    def _read(self) -> _Reader:
        """What was read of it: once, and only where somebody asks."""
        read = _Reader()
        read.feed(self.response.text)
        return read

    @property
    def status(self) -> int:
        """HTTP status."""
        return self.response.status_code

    @property
    def path(self) -> str:
        """Address behind the host, after redirects."""
        return self.response.url.path

    @property
    def html(self) -> str:
        """The bytes as text."""
        return self.response.text

    @property
    def text(self) -> str:
        """What is said, in one line."""
        return " ".join(self._read.words)

    @property
    def ids(self) -> list[str]:
        """The ids of all elements."""
        return self._read.ids

    @property
    def forms(self) -> dict[str, dict[str, list[str]]]:
        """The fields of each form by its address, with what stands in them."""
        return self._read.forms


class Person:
    """A browser."""

    def __init__(self, client: TestClient) -> None:
        self.client: Final = client

    def get(self, path: str, **options: Any) -> Page:
        """Open a page."""
        return Page(self.client.get(path, **options))

    def send(self, path: str, *, at: str = "", **fields: Any) -> Page:
        """Send the form with this address, from the page `at` (else of the same address), with more fields filled."""
        form = self.get(at or path).forms[path]
        return self.post(path, {**form, **{name.replace("__", "."): value for name, value in fields.items()}})

    def post(self, path: str, fields: dict[str, Any], **options: Any) -> Page:
        """Send fields as they are."""
        return Page(self.client.post(path, data=fields, **options))

    def sign_in(self, passphrase: str = PASSPHRASE) -> Page:
        """Show a passphrase."""
        return self.send("/sign-in", passphrase=passphrase)


def browser_of(app: ASGIApp) -> Person:
    """Return a browser that was never here."""
    client = TestClient(app, base_url=ORIGIN)
    client.portal = shared_loop()
    return Person(client)


class Pages:
    """The office of a gateway."""

    def __init__(self, world: World, gateway: Gateway, **options: Any) -> None:
        self.seconds: Final = Seconds()
        manners = Manners(reads_and_sends=False, **options)
        clocks = Clocks(self.seconds, world.clock)
        self.office: Final = Office(lambda _: desk_of(world, gateway)[0], Address(PORT), clocks, manners)
        self.app: Final = application(self.office)

    def browser(self) -> Person:
        """Return a browser that was never here."""
        return browser_of(self.app)

    def person(self) -> Person:
        """Return a browser in which somebody signed in."""
        made = self.browser()
        assert made.sign_in().path == "/today"
        return made
