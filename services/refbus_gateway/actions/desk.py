"""Where requests are worked on: one home, its gateway once it is needed, and the way to its broker."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from refbus.clock import Clock
from refbus.core.directory import Directory
from refbus.core.ids import CountryCode
from refbus.errors import Code, RefbusError, StoreError, TransportError
from refbus.files import store_errors, write_whole
from refbus.settings import GatewaySettings
from refbus_gateway.actions.actor import Actor, take_noted
from refbus_gateway.home import slots
from refbus_gateway.home.folder import Config, Home
from refbus_gateway.home.gateway import Gateway, open_gateway
from refbus_gateway.home.keyring import Keyring
from refbus_gateway.home.pace import Pace
from refbus_gateway.home.slots import Opened
from refbus_gateway.people import users
from refbus_gateway.people.users import State
from refbus_gateway.store import doings
from refbus_gateway.store.doings import Doing
from refbus_gateway.store.session import Transaction

if TYPE_CHECKING:  # only for the types: most requests need no broker
    from refbus.bus.cluster import Cluster

__all__ = [
    "Cluster",
    "Config",
    "Connect",
    "Delivery",
    "Desk",
    "Opened",
    "connect_to_kafka",
    "has_people",
    "is_new",
    "open_desk",
]

Connect = Callable[[Config, GatewaySettings, CountryCode], "Cluster"]
"""Gives the bus of an organisation in that country."""


class Delivery(StrEnum):
    """What became of what was queued: on its way, taken by the process that runs already, or kept for later."""

    SENT = "sent"
    RUNNING = "running"
    LATER = "later"


class Desk:
    """One home at work for whoever asks. The gateway is opened when it is first needed, and closed by `close`."""

    def __init__(self, home: Home, unlock: Callable[[], Gateway], connect: Callable[[], Cluster]) -> None:
        self.home: Final = home
        self._unlock = unlock
        self._connect = connect
        self.secret = ""
        """What the keys of this home are sealed under, as whoever opened it showed."""
        self.brokers: Mapping[CountryCode, str] = {}
        """Brokers by country that the surroundings name; they count before the home's own."""

    @property
    def gateway(self) -> Gateway:
        """The gateway of the home, with the directory as `catch_up` found it. Raises what `open_gateway` raises."""
        return self._opened

    def catch_up(self) -> None:
        """Take over a newer directory that another process of the home brought: once a request, and before each change.

        Where that cannot be read, the one before stays in force. A gateway that is not open yet opens with the newest.
        """
        if "_opened" in self.__dict__:
            with suppress(StoreError):
                self._opened.catch_up()

    @cached_property
    def _opened(self) -> Gateway:
        return self._unlock()

    def open(self) -> None:
        """Open the gateway now: whoever must give the passphrase is asked here. Raises what `open_gateway` raises."""
        _ = self.gateway

    @property
    def bootstrap(self) -> str:
        """Where the broker of this home's country is, from the surroundings or from the home; empty for nowhere."""
        return self.brokers.get(self.home.member.identity().country) or self.home.config().bootstrap

    @property
    def utc_offset_min(self) -> int:
        """How many minutes the clocks of this home's country are ahead of UTC; 0 where no gateway was opened."""
        return self.gateway.utc_offset_min() if "_opened" in self.__dict__ else 0

    def directory(self) -> Directory | None:
        """Return the newest directory here, in force or not, None before the first: it names organisations."""
        return self.gateway.newest_directory()

    def read(self) -> AbstractContextManager[Transaction]:
        """Return a transaction that only reads. What people ask to see is in the log of the home before they see it."""
        self.note()
        return self.gateway.store.read()

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """Give a transaction that may write; who asked for it is in the log of the home with it, or not at all."""
        noted = take_noted()
        self.catch_up()
        try:
            with self.gateway.store.write() as tx:
                yield tx
                self._log(tx, noted)
        finally:
            take_noted()  # what was asked for within is part of the same request

    def note(self) -> None:
        """Write what people asked for, in this thread and without a transaction, into the log of the home."""
        noted = take_noted()
        if noted:
            with self.gateway.store.write() as tx:
                self._log(tx, noted)

    def _log(self, tx: Transaction, noted: Sequence[Doing]) -> None:
        if noted:
            clock = self.gateway.clock
            doings.append(tx, noted, clock.now_ms(), may_forget=clock.may_forget())

    def is_locked(self) -> bool:
        """Whether only an administrator may sign in."""
        return self.home.locked.exists()

    def as_today(self, actor: Actor) -> Actor | None:
        """Return who signed in with the role of today; None for who was locked out since, and in a locked home.

        A session asks at each request, so the directory is looked for here too. Who signed in for all stays until the
        home has people.
        """
        self.catch_up()
        if not actor.person:
            return None if slots.has_slots(self.home) else actor
        if self.is_locked() or actor.person not in slots.ids(self.home):
            return None
        with self.gateway.store.read() as tx:
            person = users.find(tx, actor.person)
        return replace(actor, role=person.role) if person and person.state is State.ACTIVE else None

    def lock(self) -> None:
        """Let nobody but an administrator sign in from now on. Raises StoreError."""
        write_whole(self.home.locked, b"")

    def unlock(self) -> None:
        """Let everybody sign in again. Raises StoreError."""
        with store_errors("locked"):
            self.home.locked.unlink(missing_ok=True)

    def bus(self) -> Cluster:
        """Return a new connection to this organisation's broker. Raises SetupError."""
        return self._connect()

    def deliver(self, *, later: bool = False) -> Delivery:
        """Send what waits, if the broker is there and no other process of this home does it already.

        What cannot be sent now is kept and goes out by itself; so a broker that is away is no error here.
        """
        if later:
            return Delivery.LATER
        try:
            with self.home.exclusive():
                from refbus_gateway.sync.synchroniser import Synchroniser  # late: see above

                synchroniser = Synchroniser(self.gateway, self.bus())
                try:
                    return Delivery.LATER if synchroniser.once().waiting else Delivery.SENT
                finally:
                    synchroniser.close()
        except TransportError:
            return Delivery.LATER
        except RefbusError as error:
            if error.code is Code.HOME_IN_USE:
                return Delivery.RUNNING
            if error.code in {Code.SETTINGS_INVALID, Code.TOPIC_MISSING}:
                return Delivery.LATER
            raise

    def require_synchronised(self) -> None:
        """Read everything that waits before something is shown. Raises UncheckableError NOT_SYNCHRONISED."""
        from refbus_gateway.sync.synchroniser import require_synchronised  # late: see above

        require_synchronised(self.gateway, self.bus())

    def forget(self) -> None:
        """Drop from memory what a search has opened of cases."""
        if "_opened" in self.__dict__:
            self._opened.forget()

    def close(self) -> None:
        """Release what was opened."""
        if "_opened" in self.__dict__:
            try:
                self.note()
            finally:
                self._opened.close()


def open_desk(
    path: Path,
    settings: GatewaySettings,
    *,
    opened: Callable[[], Opened],
    time: Callable[[], Clock],
    connect: Connect,
) -> Desk:
    """Return the desk of the home in `path`. Who opens it and the judge of time are asked for with the gateway."""
    home = Home(path)

    def reread() -> Keyring:
        home.require()
        return Keyring.unlock(home, desk.secret)

    def unlock() -> Gateway:
        desk.secret = opened().secret
        gateway = open_gateway(home, desk.secret, time())
        gateway.reread_keys = reread
        gateway.pace = Pace(*(int(each * 1000) for each in (settings.answer_wait_s, settings.audit_interval_s)))
        return gateway

    desk = Desk(home, unlock, lambda: connect(home.config(), settings, home.member.identity().country))
    desk.brokers = settings.bootstrap
    return desk


def has_people(path: Path) -> bool:
    """Whether the home in `path` is opened by people, each by name, as against one passphrase."""
    return slots.has_slots(Home(path))


def is_new(path: Path) -> bool:
    """Whether `path` is an empty or missing folder, where a first home may be made."""
    from refbus_gateway.home import founding  # late: most homes are not new

    return founding.is_new(Home(path))


def connect_to_kafka(config: Config, settings: GatewaySettings, country: CountryCode) -> Cluster:
    """Return the broker of `country`: from the environment, else from the home. Raises SetupError."""
    from refbus_gateway.sync.broker import kafka  # late: see above

    return kafka(config, settings.bootstrap.get(country), settings.tls.get(country))
