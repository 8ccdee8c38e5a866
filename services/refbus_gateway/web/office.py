"""The home behind the pages: closed until a passphrase opens it; then one thread reads and sends, and pages ask it."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Final, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from refbus.clock import Clock, Sources
from refbus.core.units import DAY_S
from refbus.errors import (
    Code,
    ConsentError,
    MalformedError,
    RefbusError,
    RuleError,
    SetupError,
    StoreError,
    TransportError,
    UncheckableError,
)
from refbus.explain.report import as_refbus_error, printable
from refbus.said import said
from refbus_gateway.actions import delivery, home, keys, people, recovery
from refbus_gateway.actions.actor import Actor
from refbus_gateway.actions.delivery import MetricsPlace
from refbus_gateway.actions.desk import Desk, Opened, has_people, is_new
from refbus_gateway.actions.people import Newcomer, SignedIn, SlowedError
from refbus_gateway.forms.problems import Problem
from refbus_gateway.web.session import IDLE_S, Claim, Session, Sessions
from refbus_gateway.words import nextsteps
from refbus_gateway.words.catalogue import Catalogue
from refbus_gateway.words.languages import LANGUAGES

LOOPBACK: Final = "127.0.0.1"
RETRY_S: Final = 2.0
"""How soon the line is taken up again after an error, or while another process of this home reads and sends."""
_STATUS: Final[tuple[tuple[type[RefbusError], int], ...]] = (
    (RuleError, 409),
    (ConsentError, 409),
    (MalformedError, 422),
    (TransportError, 503),
    (UncheckableError, 503),
    (StoreError, 503),
    (SetupError, 409),
)
_STATUS_OF_CODE: Final = {Code.CASE_UNKNOWN: 404, Code.REFERRAL_UNKNOWN: 404, Code.NOT_PERMITTED: 403}
_REFUSED: Final = frozenset({Code.CODE_WRONG, Code.HOME_LOCKED, Code.NOT_PERMITTED})
"""Why somebody with the right passphrase is not let in."""
_LOOK_S: Final = 15.0
"""How often sessions are looked at that no browser asks for any more."""
_YEAR_S: Final = 365 * DAY_S
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Told:
    """An error for a person: what it means, what to do next, every further reason, what to tell whoever helps."""

    meaning: str
    next_step: str
    also: tuple[str, ...]
    detail: str


@dataclass(frozen=True, slots=True)
class Address:
    """Where the pages are: `https` with `tls`; `name` is what people type in place of 127.0.0.1."""

    port: int
    name: str = LOOPBACK
    tls: bool = False

    @property
    def url(self) -> str:
        """The address of the first page."""
        return f"{'https' if self.tls else 'http'}://{self.name}:{self.port}/"

    @property
    def hosts(self) -> frozenset[str]:
        """What `Host` may say."""
        names = {self.name} if self.tls else {self.name, "127.0.0.1", "localhost", "[::1]"}
        plain = {"https" if self.tls else "http": 443 if self.tls else 80}
        return frozenset({f"{name}:{self.port}" for name in names} | (names if self.port in plain.values() else set()))


@dataclass(frozen=True, slots=True)
class Clocks:
    """The monotonic clock in seconds, and what this computer's clock says, ms UTC."""

    steady_s: Callable[[], float]
    wall_ms: Callable[[], int]


@dataclass(frozen=True, slots=True)
class Manners:
    """What an office sets: when sessions are locked, where metrics are, whether it reads and sends.

    `debug_dir`: as for every command, where the places in the code of an unforeseen error are written.
    """

    idle_s: float = IDLE_S
    metrics: MetricsPlace | None = None
    reads_and_sends: bool = True
    debug_dir: Path | None = None


class Office:
    """Everything that the pages share."""

    def __init__(
        self, make_desk: Callable[[Callable[[], Opened]], Desk], address: Address, clocks: Clocks, manners: Manners
    ) -> None:
        self.address: Final = address
        self.lock_after_s: Final = int(manners.idle_s) + 5
        self.desk: Final = make_desk(self._take)
        self.sessions: Final = Sessions(clocks.steady_s, manners.idle_s, self.desk.forget)
        self._clocks = clocks
        self._sources: Final = Sources(clocks.wall_ms, lambda: int(clocks.steady_s() * 1000))
        self._manners = manners
        self._given: Opened | None = None
        self._opening = threading.Lock()
        self._stop = threading.Event()
        self._line: threading.Thread | None = None
        self._watch: threading.Thread | None = None
        self._opened = False

    @property
    def is_new(self) -> bool:
        """Whether there is no home yet, and it may be set up here: at this computer alone."""
        here = self.address.name == LOOPBACK and not self.address.tls
        return here and not self.is_open and is_new(self.desk.home.path)

    def begin(self, named: keys.Said, first: Newcomer) -> None:
        """Make the home with its first keys, open it, and give it its first person.

        Raises SetupError USAGE where there is one already, StoreError.
        """
        with self._opening:
            if not self.is_new:
                raise SetupError(Code.USAGE, said("there is a home already"))
            keys.found(self.desk.home.path, Actor(None), named, first.passphrase, self._clocks.wall_ms())
            self.open(Opened("", first.passphrase))
        people.begin(self.desk, self.actor, first)

    def recover(self, source: Path, texts: Sequence[str], first: Newcomer) -> None:
        """Bring a backup back by recovery sheets, open it, and give it to its only person. Its settings are not used.

        Raises SetupError RECOVERY_*, USAGE where there is a home already, and as `recovery.restore` does.
        """
        path = self.desk.home.path
        with self._opening:
            if not self.is_new:
                raise SetupError(Code.USAGE, said("there is a home already"))
            recovery.restore(path, Actor(None), source, texts, clock=self._clocks.wall_ms, use=lambda _: False)
            self.open(recovery.open_by_sheets(path, texts))
        recovery.take_over(self.desk, self.actor, texts, first)

    @property
    def actor(self) -> Actor:
        """The organisation as a whole: who acts while it has no users. Raises SetupError HOME_NOT_FOUND."""
        self.desk.home.require()
        return Actor(self.desk.home.member.identity().org_id)

    @property
    def is_open(self) -> bool:
        """Whether a passphrase has opened the home."""
        return self._opened

    def now_ms(self) -> int:
        """Return the time that counts, ms UTC."""
        return self.desk.gateway.now_ms()

    @property
    def has_people(self) -> bool:
        """Whether people sign in here by name, as against one passphrase for all."""
        return has_people(self.desk.home.path)

    def sign_in(self, claim: Claim, code: str = "") -> SignedIn:
        """Let somebody in by the passphrase: the one place that decides who it is. The first one opens the home.

        `code`: the one-time code of a person who uses them. Raises SetupError KEYFILE_WRONG_PASSPHRASE, and as
        `people.sign_in`, `people.admit` and `open_gateway` do.
        """
        actor, path = self.actor, self.desk.home.path
        if self.has_people and not claim.name:
            raise SetupError(Code.KEYFILE_WRONG_PASSPHRASE)
        clock = Clock(self._sources)
        if not self.has_people:
            home.check_passphrase(self.desk, actor, claim.passphrase, clock, claim.address)
        opened = people.sign_in(path, claim.name or None, claim.passphrase, clock, claim.address)
        with self._opening:
            if not self.is_open:
                self.open(opened)
        return people.admit(self.desk, opened, code)

    def open(self, opened: Opened) -> None:
        """Open the home and begin to read and send."""
        self._given = opened
        try:
            self.desk.open()
        finally:
            self._given = None
        self._opened = True
        self._watch = threading.Thread(target=self._lock_idle, name="watch", daemon=True)
        self._watch.start()
        if self._manners.reads_and_sends:
            self._line = threading.Thread(target=self._keep_line, name="line", daemon=True)
            self._line.start()

    def _take(self) -> Opened:
        """Return what opens the home, which is kept only until it is open."""
        if self._given is None:
            raise SetupError(Code.USAGE, said("nobody has signed in"))
        return self._given

    def close(self) -> None:
        """Send what is under way, stop, forget every session."""
        self._stop.set()
        for each in (self._line, self._watch):
            if each is not None:
                each.join()
        self.sessions.end_all()
        self.desk.close()

    def check(self, words: Catalogue, claim: Claim, code: str = "") -> SignedIn | Problem:
        """Let somebody in, or return what to tell at which field; guesses are slowed down."""
        return self._tried(words, claim, lambda: self.sign_in(claim, code))

    def confirm(self, words: Catalogue, claim: Claim, actor: Actor) -> Actor | Problem:
        """Return the actor for one request that cannot be taken back, or what is wrong with the passphrase."""
        if not actor.person:
            checked = self.check(words, claim)
            return checked if isinstance(checked, Problem) else actor
        return self._tried(words, claim, lambda: people.confirm(self.desk, actor, claim.passphrase, claim.address))

    def _tried(self, words: Catalogue, claim: Claim, try_it: Callable[[], _T]) -> _T | Problem:
        if not claim.passphrase:
            return _wrong_passphrase(words.text("Enter your passphrase"))
        try:
            return try_it()
        except SlowedError as slowed:
            return _wrong_passphrase(
                words.plural(
                    "Too many attempts. Wait %(n)s second, then try again.",
                    "Too many attempts. Wait %(n)s seconds, then try again.",
                    slowed.wait_s,
                )
            )
        except RefbusError as error:
            if error.code is Code.KEYFILE_WRONG_PASSPHRASE:
                return _wrong_passphrase(words.text("The passphrase is not right"))
            if error.code in _REFUSED:
                at = "passphrase_code" if error.code is Code.CODE_WRONG else "passphrase"
                told = f"{nextsteps.meaning(words, error.code)} {nextsteps.next_step(words, error.code)}"
                return Problem(at, error.code, told)
            raise

    def session_of(self, request: Request, *, use: bool = True) -> Session | None:
        """Return the session of a request; not to `use` it is what a page does by itself, without a person."""
        found = request.cookies.get(self.cookie)
        session = self.sessions.find(found, use=use) if found else None
        if session is None or session.actor is None:
            return session
        today = self.desk.as_today(session.actor)
        if today is not None:
            session.actor = today
            return session
        self.sessions.shut(session)
        if not session.actor.person:  # nobody can unlock it: the home has people since
            self.sessions.end(session)
            return None
        return session

    def language_of(self, request: Request) -> str:
        """Return the language that this browser chose before, English else."""
        wished = request.cookies.get(f"{self.cookie}-language", "")
        return wished if wished in LANGUAGES else "en"

    @property
    def cookie(self) -> str:
        """The name of the cookie: two desks on one computer differ by their port, which cookies do not know."""
        return f"__Host-desk-{self.address.port}" if self.address.tls else f"desk-{self.address.port}"

    def set_cookies(self, session: Session, request: Request, response: Response) -> None:
        """Let the browser know its session, if it does not yet, and the language it chose."""
        secure = self.address.tls
        if request.cookies.get(self.cookie) != session.id:
            response.set_cookie(self.cookie, session.id, httponly=True, samesite="strict", secure=secure)
        known = self.has_language(request) and self.language_of(request) == session.language
        if session.language_chosen and not known:
            name = f"{self.cookie}-language"
            response.set_cookie(name, session.language, _YEAR_S, httponly=True, samesite="strict", secure=secure)

    def has_language(self, request: Request) -> bool:
        """Whether this browser chose a language before."""
        return f"{self.cookie}-language" in request.cookies

    def wall_day(self) -> date:
        """Return the day of this computer's clock, for a page about nobody."""
        offset_min = self.desk.utc_offset_min
        return datetime.fromtimestamp(self._clocks.wall_ms() / 1000, timezone(timedelta(minutes=offset_min))).date()

    @staticmethod
    def token() -> str:
        """Return a random value."""
        return secrets.token_urlsafe(16)

    @staticmethod
    def status_of(error: RefbusError) -> int:
        """Return the HTTP status of an error."""
        by_class = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
        return _STATUS_OF_CODE.get(error.code, by_class)

    @staticmethod
    def words_of(error: RefbusError, words: Catalogue) -> Told:
        """Return an error as a person reads it."""
        reasons = error.reasons if isinstance(error, (ConsentError, RuleError)) else ()
        also = tuple(nextsteps.meaning(words, code) for code in reasons if code is not error.code)
        told = nextsteps.meaning(words, error.code), nextsteps.next_step(words, error.code)
        return Told(*told, also, printable(words.spoken(error.detail)) if error.detail else "")

    def unforeseen(self, failure: Exception) -> RefbusError:
        """Return the coded error that stands for an unplanned one."""
        return as_refbus_error(failure, self._manners.debug_dir)

    def _lock_idle(self) -> None:
        """Lock what nobody uses, and forget what a search opened in a home that another process locked."""
        while not self._stop.wait(_LOOK_S):
            self.sessions.shut_idle()
            if self.desk.is_locked():
                self.desk.forget()

    def _keep_line(self) -> None:
        """Read and send until the desk is closed; another process of this home may do it meanwhile."""
        while not self._stop.is_set():
            try:
                delivery.run(self.desk, self.actor, lambda _: None, self._stop.is_set, self._manners.metrics)
            except Exception as failure:  # noqa: BLE001 - a line that is broken is taken up again; pages go on
                self.unforeseen(failure)
            self._stop.wait(RETRY_S)


def _wrong_passphrase(told: str) -> Problem:
    return Problem("passphrase", Code.KEYFILE_WRONG_PASSPHRASE, told)
