"""The work of one batch: what was decided, what is still to be signed or sealed for it, what the transaction writes.

deciding      each record adds its row, its state and its `Send`s, in order
finishing     stamps are signed, then the `Send`s are made on all cores, outside every lock
committing    inbox records get their numbers, and everything is written at once
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from refbus.core.ids import CountryCode, OrgId
from refbus.crypto.framing import sha256
from refbus.each import alone
from refbus.errors import RefbusError
from refbus.node.store.audit_keys import AuditKeys
from refbus.node.store.node import NodeStore
from refbus.node.store.outgoing import Outgoing
from refbus.node.store.rows import Changes, InboxRow
from refbus.wire.transport import InboxKind, InboxRecord
from refbus_gate.decide.stamps import Stamps
from refbus_gate.names import family, inbox

_log = logging.getLogger("refbus.gate.work")
_In = TypeVar("_In")
_Out = TypeVar("_Out")


@dataclass(frozen=True, slots=True)
class Send:
    """A record to be made and delivered. One with a `kind` is for an inbox and gets a number there."""

    make: Callable[[], bytes] = field(repr=False)
    destination: CountryCode
    topic: str
    lane: bytes
    envelope_key: bytes | None = None
    expires_ms: int | None = None
    kind: InboxKind | None = None
    urgent: int = 0
    sender: bytes = b""


class Work:
    """Collects what a batch decides."""

    def __init__(self, store: NodeStore, country: CountryCode) -> None:
        self._store = store
        self._country = country
        self.began = time.monotonic()
        self.changes = Changes()
        self.sends: list[Send] = []
        self.stamps = Stamps()
        self.audit_names: set[bytes] = set()
        self._audit_keys: dict[bytes, bytes] = {}

    def lane(self, topic: str) -> bytes:
        """Return the lane of everything that goes to one topic in order."""
        return self._store.name("lane", topic.encode())

    def audit_key(self, name: bytes) -> bytes:
        """Return an audit key; they are there once `finish` has begun."""
        return self._audit_keys[name]

    def to_own_topic(self, topic: str, make: Callable[[], bytes]) -> None:
        """Send a record to a topic of this country's cluster."""
        self.sends.append(Send(make, self._country, topic, self.lane(topic)))

    def to_inbox(self, org: OrgId, kind: InboxKind, make: Callable[[], bytes]) -> None:
        """Send a numbered record to an organisation of this country."""
        topic = inbox(org)
        self.sends.append(Send(make, self._country, topic, self.lane(topic), kind=kind))

    def finish(self, pool: Workers, audit_keys: AuditKeys, known: Callable[[set[str]], dict[str, InboxRow]]) -> None:
        """Make every record, number those for inboxes, and put them among the changes. `known`: how far inboxes are."""
        self._audit_keys = audit_keys.of(self.audit_names)
        self.stamps.sign()
        values = pool.spread(_made, self.sends)
        inboxes = known({send.topic for send in self.sends if send.kind is not None})
        for send, value in zip(self.sends, values, strict=True):
            if value is None:
                continue
            body = value if send.kind is None else _numbered(inboxes, send.topic, send.kind, value)
            row = Outgoing(
                send.destination,
                send.topic,
                body,
                send.lane,
                send.envelope_key,
                send.expires_ms,
                send.urgent,
                send.sender,
            )
            self.changes.outgoing.append(row)
        self.changes.inboxes = inboxes
        self.sends.clear()  # what makes them refers back to this work: the bytes would wait for the collector
        self.stamps = Stamps()


def _made(send: Send) -> bytes | None:
    """Make a record. A notice that cannot be sealed is left out: it keeps no event and no other member's from going."""
    if send.kind is not InboxKind.NOTICE:
        return send.make()
    with alone(send, _not_sealed):
        return send.make()
    return None


def _not_sealed(send: Send, error: RefbusError) -> None:
    _log.error("a notice for an %s could not be sealed: %s %s", family(send.topic), error.code, error.detail)


def _numbered(inboxes: dict[str, InboxRow], topic: str, kind: InboxKind, body: bytes) -> bytes:
    """Give a body the next number of its inbox, and take it into the running hash."""
    before = inboxes.get(topic, InboxRow(topic, 0, bytes(32)))
    after = InboxRow(topic, before.sequence + 1, sha256(before.hash + sha256(body)))
    inboxes[topic] = after
    return InboxRecord(kind, after.sequence, body).encode()


class Workers:
    """Runs the same function over many values on `threads` cores; the cryptography releases the interpreter's lock.

    Who asks works too, and begins at once: to sleep and be woken costs as much as a signature, and most batches have
    two or three things to do.
    """

    def __init__(self, threads: int) -> None:
        self._helpers = threads - 1
        self._pool = ThreadPoolExecutor(self._helpers, thread_name_prefix="crypto") if self._helpers > 0 else None

    def spread(self, function: Callable[[_In], _Out], values: Sequence[_In]) -> list[_Out]:
        """Return the results in order; the first exception of any of them is raised, when all have ended."""
        if self._pool is None or len(values) < 2:
            return [function(value) for value in values]
        task = _Task(function, values)
        helpers = [self._pool.submit(task.work) for _ in range(min(self._helpers, len(values) - 1))]
        task.work()
        for helper in helpers:
            if not helper.cancel():  # one that did not even begin has nothing left to do
                helper.result()
        return task.results()

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown()


class _Task(Generic[_In, _Out]):
    """One function for many values, which whoever has time takes one by one."""

    def __init__(self, function: Callable[[_In], _Out], values: Sequence[_In]) -> None:
        self._function = function
        self._values = values
        self._left = deque(range(len(values)))
        self._done: dict[int, _Out] = {}
        self._failed: dict[int, BaseException] = {}

    def work(self) -> None:
        """Take values until none is left; a failure is kept."""
        while True:
            try:
                place = self._left.popleft()
            except IndexError:
                return
            try:
                self._done[place] = self._function(self._values[place])
            except BaseException as error:  # noqa: BLE001 - raised by whoever asked, as if it had worked alone
                self._failed[place] = error

    def results(self) -> list[_Out]:
        """Return what came of each value; raise what the first failed with."""
        if self._failed:
            raise self._failed[min(self._failed)]
        return [self._done[place] for place in range(len(self._values))]
