"""Who is at the pages: sessions in memory, known by a random cookie.

A session that nobody used for a while is locked: the person shows the passphrase again and finds the form as it was
left. Nothing of a session is on a disk. Times are seconds of the monotonic clock.
"""

from __future__ import annotations

import hmac
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from refbus.core.units import HOUR_S
from refbus_gateway.actions.actor import Actor
from refbus_gateway.forms.problems import Problem
from refbus_gateway.forms.values import whole_number

IDLE_S: Final = 600.0
"""How long a session may be unused before it is locked, if the office says nothing else."""
LONGEST_S: Final = 12 * HOUR_S
"""How long a session may last; then the person signs in anew."""
MOST: Final = 200
"""Sessions at once. When there are more, the one that was unused for longest ends; those without a person first."""
MOST_KEPT: Final = 20
"""Forms of a session that were not sent yet."""
MOST_DONE: Final = 200
"""Forms of a session that were sent: the same form again leads to the same page."""
_NEVER_KEPT: Final = ("passphrase", "csrf", "once")


@dataclass(frozen=True, slots=True)
class Form:
    """What a person typed: for each name of a field its texts. A file is under its name as bytes, in `files`."""

    fields: Mapping[str, Sequence[str]] = field(default_factory=dict, repr=False)
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    def get(self, name: str, otherwise: str = "") -> str:
        """Return the first text of a field, trimmed at both ends."""
        found = self.fields.get(name)
        return found[0].strip() if found else otherwise

    def number(self, name: str) -> int | None:
        """Return the first text of a field as a number, None where it is none."""
        return whole_number(self.get(name))

    def all(self, name: str) -> tuple[str, ...]:
        """Return every text of a field: of check boxes."""
        return tuple(self.fields.get(name, ()))

    def __contains__(self, name: str) -> bool:
        return name in self.fields

    def __iter__(self) -> Iterator[str]:
        return iter(self.fields)

    def __bool__(self) -> bool:
        return bool(self.fields)

    def to_keep(self) -> Form:
        """Return the form without secrets and files."""
        kept = {name: tuple(texts) for name, texts in self.fields.items() if not name.startswith(_NEVER_KEPT)}
        return Form(kept)


@dataclass(slots=True, eq=False)
class Session:
    """One browser. `after`: where the person goes after showing the passphrase."""

    id: str = field(repr=False)
    csrf: str = field(repr=False)
    language: str
    begun_s: float
    used_s: float
    actor: Actor | None = None
    person: str = ""
    locked: bool = False
    after: str = ""
    language_chosen: bool = False
    notices: list[str] = field(default_factory=list, repr=False)
    kept: OrderedDict[str, Form] = field(default_factory=OrderedDict, repr=False)
    problems: dict[str, tuple[Problem, ...]] = field(default_factory=dict, repr=False)
    done: OrderedDict[str, str] = field(default_factory=OrderedDict, repr=False)
    sought: OrderedDict[str, str] = field(default_factory=OrderedDict, repr=False)
    turn: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def at_work(self) -> bool:
        """Whether a person signed in and is still there."""
        return self.actor is not None and not self.locked

    def keep(self, path: str, form: Form, problems: Sequence[Problem] = ()) -> None:
        """Keep a form that was not sent, so that its page shows it again with what is wrong."""
        self.kept[path] = form.to_keep()
        self.kept.move_to_end(path)
        self.problems[path] = tuple(problems)
        while len(self.kept) > MOST_KEPT:
            oldest, _ = self.kept.popitem(last=False)
            self.problems.pop(oldest, None)

    def drop(self, path: str) -> None:
        """Forget the form of a page: it was sent."""
        self.kept.pop(path, None)
        self.problems.pop(path, None)

    def note_done(self, once: str, location: str) -> None:
        """Remember where a form led that was sent."""
        self.done[once] = location
        while len(self.done) > MOST_DONE:
            self.done.popitem(last=False)

    def seek(self, text: str) -> str:
        """Remember what is searched for; return what stands for it in an address, which a browser writes on a disk."""
        key = secrets.token_urlsafe(8)
        self.sought[key] = text
        while len(self.sought) > MOST_KEPT:
            self.sought.popitem(last=False)
        return key

    def knows(self, token: str) -> bool:
        """Whether a form came from a page of this session."""
        return hmac.compare_digest(self.csrf.encode(), token.encode("utf-8", "surrogateescape"))


class Sessions:
    """All sessions of one process. Any number of threads may ask."""

    def __init__(
        self, steady_s: Callable[[], float], idle_s: float = IDLE_S, gone: Callable[[], None] = lambda: None
    ) -> None:
        """`gone` is called after a session was locked or ended: what was opened for it is forgotten."""
        self._steady_s = steady_s
        self._idle_s = idle_s
        self._gone = gone
        self._lock = threading.Lock()
        self._all: OrderedDict[str, Session] = OrderedDict()

    def find(self, session_id: str, *, use: bool = True) -> Session | None:
        """Return the session of a cookie, locked if nobody used it for too long; None for one that is not known."""
        now_s = self._steady_s()
        with self._lock:
            found = self._all.get(session_id)
            if found is None:
                return None
            self._all.move_to_end(session_id)
        self._lock_if_idle(found, now_s)
        if use:
            found.used_s = now_s
        return found

    def nobody(self, language: str) -> Session:
        """Return a session that no cookie leads to: for a page that is shown once."""
        now_s = self._steady_s()
        return Session("", "", language, now_s, now_s)

    def begin(self, language: str) -> Session:
        """Return a new session of nobody."""
        now_s = self._steady_s()
        made = Session(secrets.token_urlsafe(32), secrets.token_urlsafe(32), language, now_s, now_s)
        with self._lock:
            self._all[made.id] = made
            self._make_room()
        return made

    def sign_in(self, session: Session, actor: Actor, person: str) -> Session:
        """Return the session of a person under a new cookie: one that somebody else may know is worth nothing.

        Forms that the same person left in it are kept. The session before stays what it was, of nobody or locked: a
        second click on the same button signs in once more.
        """
        made = self.begin(session.language)
        if session.actor == actor and session.person == person:
            made.kept, made.done, made.after = session.kept, session.done, session.after
            made.sought = session.sought
        made.actor, made.person = actor, person
        return made

    def end(self, session: Session) -> None:
        """Forget a session and what was typed in it."""
        session.kept.clear()
        session.sought.clear()
        session.actor = None
        with self._lock:
            self._all.pop(session.id, None)
        self._gone()

    def shut(self, session: Session) -> None:
        """Lock a session: who comes back shows the passphrase, and finds the form as it was left."""
        session.locked = True
        self._gone()

    def shut_idle(self) -> None:
        """Lock each session that nobody used for too long, though no browser asks any more."""
        now_s = self._steady_s()
        for each in self.all():
            self._lock_if_idle(each, now_s)

    def _lock_if_idle(self, session: Session, now_s: float) -> None:
        idle = now_s - session.used_s > self._idle_s or now_s - session.begun_s > LONGEST_S
        if session.at_work and idle:
            self.shut(session)

    def lock(self, person: str, but: Session | None = None) -> None:
        """Lock every session of a person, by id: what the person may do, or the passphrase, is another one now."""
        for each in self.all():
            if each is not but and each.actor is not None and each.actor.person == person:
                self.shut(each)

    def all(self) -> list[Session]:
        """Return every session, the one that was unused for longest first."""
        with self._lock:
            return list(self._all.values())

    def end_all(self) -> None:
        """Forget every session."""
        with self._lock:
            self._all.clear()
        self._gone()

    def _make_room(self) -> None:
        while len(self._all) > MOST:
            nobodys = (each.id for each in self._all.values() if each.actor is None)
            if self._all.pop(next(nobodys, next(iter(self._all)))).at_work:
                self._gone()


@dataclass(frozen=True, slots=True)
class Claim:
    """What somebody shows to be let in. `address`: of the computer that they are at."""

    address: str
    name: str
    passphrase: str = field(repr=False)
