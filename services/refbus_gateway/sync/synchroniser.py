"""One organisation's conversation with its broker: read everything, send everything, look after what waits.

`once` is a round; `run` goes on until it is told to stop. Only one process of a home does this at a time
(`Home.exclusive`); other commands write to the store meanwhile and need no broker.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from refbus.bell import Bell
from refbus.bus.cluster import Cluster
from refbus.core.units import HOUR_MS
from refbus.each import each
from refbus.errors import Code, RefbusError, StoreError, TransportError, UncheckableError
from refbus.said import named, said
from refbus_gateway.cases import retention
from refbus_gateway.directory import door, own_keys, profiles
from refbus_gateway.erasure import removal
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.store import alarms, outbox
from refbus_gateway.sync import certificates, unreadable, writer
from refbus_gateway.sync.proof_reader import Proving
from refbus_gateway.sync.reader import Draining
from refbus_gateway.sync.writer import FIRST_RESEND_MS, Outgoing

_TURN_S: Final = 0.02
"""Longest wait while the broker's client has something of ours, or where no other process can ring."""
_REST_S: Final = 1.0
"""Longest wait otherwise. What arrives in the inbox ends it at once, and so does the bell after a commit."""
_LOOK_MS: Final = 10_000
"""How often the outbox is looked at although nothing was written and nothing is due: a clock may have been wrong."""
_KEEP_UP_MS: Final = 2_000
_TEND_MS: Final = 60_000
"""How often is looked after what waits although nothing was written: for what is done by time, and by other files."""
_DRAIN_MS: Final = 60_000
"""How often a running gateway asks for the ends of its topics, to say when it had everything; it reads all the time."""
_WATCH_MS: Final = HOUR_MS
_LARGE_BYTES: Final = 8 << 20
"""A store from this size on takes long to look through: it is not done again within the hour by every command."""
_WATCHED: Final = "watched-ms"
_PROOFS_IN_A_TURN: Final = 20
_PROOFS_IN_A_ROUND: Final = 2_000
"""Records of the audit log that are read at a time; the rest waits for the next."""
_PROOFS_WAIT_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Round:
    """What one round did: things new for a person, rows that the broker has not taken."""

    news: int
    waiting: int


class Synchroniser:
    """Reads and writes for one home. Hold `home.exclusive()` while one exists."""

    def __init__(self, gateway: Gateway, bus: Cluster, *, resend_ms: int = FIRST_RESEND_MS) -> None:
        self._gateway = gateway
        self._bus = bus
        self._producer = bus.producer()
        self._draining = Draining(gateway, bus)
        self._proving = Proving(gateway, bus)
        self._outgoing = Outgoing(gateway, self._producer, resend_ms)
        self._kept_up_ms = -_DRAIN_MS
        self._tended_ms = -_DRAIN_MS
        self._tended_mark: int | None = None
        self._drained_ms = -_DRAIN_MS
        self._looked_ms = -_DRAIN_MS
        self._pushed_ms = 0
        self._due_ms: int | None = None  # when the next row is due, None while that was not asked since the last push
        self._explained_ms = -_DRAIN_MS
        self._watched_ms = -_WATCH_MS
        self._mark = -1
        self.last_error: RefbusError | None = None

    def once(self, timeout_s: float = 10.0) -> Round:
        """Read both topics to their ends, then send until the broker has everything that is due.

        A withdrawal is sent even when something cannot be read. Raises TransportError when the broker is away,
        StoreError. What it could not send stays in the outbox.
        """
        news, unread = 0, None
        try:
            self._proving.read(
                _PROOFS_IN_A_ROUND, _PROOFS_WAIT_S
            )  # first: what is under a newer directory waits for it
            news = self._draining.drain()
        except StoreError:
            raise
        except RefbusError as error:  # what cannot be read keeps back a yes, never a no
            unread = error
        self._tend(patient=False)
        if unread is not None:
            self._send_nos(timeout_s)
            raise certificates.explain(self._gateway, self._bus, unread) from None
        deadline = time.monotonic() + timeout_s
        while self._outgoing.push(0.05, early=True) or not self._outgoing.idle():
            if time.monotonic() > deadline:
                break
        self._proving.read(_PROOFS_IN_A_ROUND, _PROOFS_WAIT_S)
        if self._outgoing.last_error is not None:
            raise certificates.explain(self._gateway, self._bus, self._outgoing.last_error) from None
        return Round(news, self.waiting())

    def run(self, stop: Callable[[], bool], after_turn: Callable[[int], None]) -> None:
        """Go on until `stop()`; an error is kept in `last_error` and the next turn tries again.

        `after_turn` hears after each turn how many things are new for a person. Whatever it raises ends the run.
        """
        store = self._gateway.store
        rung, store.bell = store.bell, None
        bell = Bell(self._gateway.home.bell_path)
        bell.ring()  # what was written before nobody heard
        try:
            while not stop():
                after_turn(self._safe_turn(bell))
        finally:
            self._draining.stop_hearing()
            bell.close()
            store.bell = rung

    def waiting(self) -> int:
        """Return how many rows the broker has not taken yet."""
        with self._gateway.store.read() as tx:
            return outbox.waiting(tx)

    def close(self) -> None:
        """Give the broker a moment to take what is under way, note what it took, and free the connections."""
        self._producer.flush(2.0)
        self._outgoing.note()
        self._producer.close()
        self._draining.close()
        self._proving.close()

    def _safe_turn(self, bell: Bell) -> int:
        try:
            news = self._turn(bell)
            self.last_error = self._outgoing.last_error
        except RefbusError as error:
            self.last_error = error
            self._go_on_with_nos()
            self._explain(error)
            time.sleep(_TURN_S * 10)
            return 0
        return news

    def _turn(self, bell: Bell) -> int:
        news = 0
        steady_ms = self._gateway.steady_ms()
        if steady_ms - self._kept_up_ms >= _KEEP_UP_MS:
            self._kept_up_ms = steady_ms
            if steady_ms - self._drained_ms >= _DRAIN_MS:
                news += self._draining.drain()
                self._drained_ms = steady_ms
            self._draining.keep_up()
            self._tend_if_needed()
            self._proving.read(_PROOFS_IN_A_TURN)
        may_rest = bell.hears and self._outgoing.idle()
        arrived = self._draining.hear(bell, self._rest_s() if may_rest else _TURN_S)
        if arrived:
            writer.seal_owed(self._gateway)  # what a person sees by now is answered; a stop before it loses nothing
        news += arrived
        if self._has_work():
            self._outgoing.push()
        return news

    def _has_work(self) -> bool:
        """Whether something was written since the last look, is with the broker's client, or may be due again."""
        mark, steady_ms = self._gateway.store.change_mark(), self._gateway.steady_ms()
        now_ms = self._gateway.now_ms()
        rests = mark == self._mark and self._outgoing.idle() and steady_ms - self._looked_ms < _LOOK_MS
        if rests and now_ms < self._next_ms():
            return False
        self._mark, self._looked_ms, self._pushed_ms, self._due_ms = mark, steady_ms, now_ms, None
        return True

    def _next_ms(self) -> int:
        """Return when the next row is due, UTC ms. It is asked once: while nothing is written, no row moves."""
        if self._due_ms is None:
            self._due_ms = self._outgoing.next_ms(self._pushed_ms)
        return self._due_ms

    def _rest_s(self) -> float:
        """Return how long may be waited for others: no longer than until a row is due, as far as that is known."""
        left_ms = _REST_S * 1000 if self._due_ms is None else self._due_ms - self._gateway.now_ms()
        return min(max(left_ms / 1000, _TURN_S), _REST_S)

    def _tend_if_needed(self) -> None:
        """Look after what waits when something was written since the last time, when that failed, or was long ago."""
        mark, steady_ms = self._gateway.store.change_mark(), self._gateway.steady_ms()
        if mark == self._tended_mark and steady_ms - self._tended_ms < _TEND_MS:
            self._tell_jumps()
            return
        self._tended_mark = mark
        self._tend()

    def _tend(self, *, patient: bool = True) -> None:
        """Renew what aged; each of these goes on whatever became of the others."""
        self._tended_ms = self._gateway.steady_ms()
        self._tell_jumps()

        def tend(gateway: Gateway) -> None:
            writer.tend(gateway, patient=patient)

        looks = (
            Gateway.catch_up,
            Gateway.catch_up_keys,
            door.release,
            own_keys.check,
            profiles.send_again,
            self._watch_hourly,
        )
        steps: tuple[Callable[[Gateway], object], ...] = (*looks, tend, removal.settle)
        each(steps, lambda step: step(self._gateway), lambda _, error: self._note(error))

    def _note(self, error: RefbusError) -> None:
        self.last_error, self._tended_mark = error, None

    def _send_nos(self, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while self._outgoing.push(0.05, nos_only=True) or not self._outgoing.idle():
            if time.monotonic() > deadline:
                break

    def _explain(self, error: RefbusError) -> None:
        """Look for a refused certificate behind a silent broker, at most once in a while."""
        steady_ms = self._gateway.steady_ms()
        if error.code is Code.BROKER_UNREACHABLE and steady_ms - self._explained_ms >= _DRAIN_MS:
            self._explained_ms = steady_ms
            self.last_error = certificates.explain(self._gateway, self._bus, error)

    def _watch_hourly(self, gateway: Gateway) -> None:
        steady_ms = gateway.steady_ms()
        if steady_ms - self._watched_ms >= _WATCH_MS and not _watched_lately(gateway):
            self._watched_ms = steady_ms

            def watch_certificate(of: Gateway) -> None:
                certificates.watch(of, self._bus)

            looks = (watch_certificate, unreadable.watch, retention.remind)
            each(looks, lambda look: look(gateway), lambda _, error: self._note(error))
            if _is_large(gateway):
                with gateway.store.write() as tx:
                    tx.put_int(_WATCHED, gateway.now_ms())

    def _go_on_with_nos(self) -> None:
        """Tell and send what a person has stopped, and erase, although something else keeps this turn from its end."""
        try:
            if self._gateway.steady_ms() - self._tended_ms >= _KEEP_UP_MS:
                self._tend()
            self._outgoing.push(nos_only=True)
        except RefbusError as error:
            self.last_error = error

    def _tell_jumps(self) -> None:
        """Make an alarm of each jump of the clock, with both times."""
        gateway = self._gateway
        gateway.now_ms()
        while gateway.jumps:
            with gateway.store.write() as tx:
                alarms.raise_alarm(tx, Code.CLOCK_JUMPED, named(gateway.jumps[0].detail), gateway.now_ms())
            del gateway.jumps[0]


def _watched_lately(gateway: Gateway) -> bool:
    """Whether a large store was looked through less than an hour ago; one in the future was not."""
    if not _is_large(gateway):
        return False
    with gateway.store.read() as tx:
        return 0 <= gateway.now_ms() - tx.get_int(_WATCHED) < _WATCH_MS


def _is_large(gateway: Gateway) -> bool:
    return gateway.home.store_path.stat().st_size >= _LARGE_BYTES


def require_synchronised(gateway: Gateway, bus: Cluster, patience_s: float = 25.0) -> None:
    """Return once this home has everything that waits for it: by reading it, or by waiting for `refbus run`.

    Raises UncheckableError NOT_SYNCHRONISED when the broker is away or does not finish in time.
    """
    draining: Draining | None = None
    proving = Proving(gateway, bus)
    try:
        draining = Draining(gateway, bus)
        deadline = time.monotonic() + patience_s
        while not draining.at_end():
            _catch_up(gateway, draining, proving)
            if time.monotonic() > deadline:
                raise UncheckableError(Code.NOT_SYNCHRONISED, said("still reading"))
        gateway.load_directory()
    except TransportError as error:
        raise UncheckableError(Code.NOT_SYNCHRONISED, certificates.explain(gateway, bus, error).code) from None
    finally:
        proving.close()
        if draining is not None:
            draining.close()


def _catch_up(gateway: Gateway, draining: Draining, proving: Proving) -> None:
    try:
        with gateway.home.exclusive():
            proving.read(_PROOFS_IN_A_ROUND, _PROOFS_WAIT_S)
            draining.drain()
    except RefbusError as error:
        if error.code is not Code.HOME_IN_USE:
            raise
        time.sleep(_TURN_S)
