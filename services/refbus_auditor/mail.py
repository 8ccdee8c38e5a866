"""What passes between auditors on `<cc>.federation`: requests of others are answered, answers to ours are taken."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from refbus.bus.port import Producer, Reader
from refbus.core.ids import CountryCode
from refbus.each import alone, each
from refbus.errors import Code, MalformedError, RefbusError, SetupError, UntrustedError
from refbus.tlog.checkpoint import Checkpoint
from refbus.tlog.note import Note
from refbus.tlog.witness import AddCheckpoint, OtherSizeError, origin_hash
from refbus.wire.logs import MailKind, WitnessMail
from refbus_auditor.cosignatures import Cosigning, conflict
from refbus_auditor.witness import Witness

_log = logging.getLogger("refbus.auditor.mail")
_BATCH = 100
_WAIT_S = 2.0
"""So long is waited for a record, which ends the wait; and a stop waits so long for the wait."""


@dataclass(slots=True)
class Outbound:
    """Sends mails without waiting. A mail that is lost is asked for again, so nothing is kept."""

    connect: Mapping[CountryCode, Callable[[], Producer]]
    _producers: dict[CountryCode, Producer] = field(default_factory=dict)

    def send(self, to: CountryCode, mail: WitnessMail) -> None:
        """Put a mail on its way to the auditor of a country; nothing when there is no way to it."""
        if to not in self.connect:
            return
        with alone(to, lambda _, error: _reported(error)):  # a country that cannot be reached keeps no other waiting
            producer = self._producers.get(to)
            if producer is None:
                producer = self._producers[to] = self.connect[to]()
            producer.produce(f"{to}.federation", mail.encode(), _reported)

    def poll(self) -> None:
        """Take delivery reports that are due."""
        each(list(self._producers.values()), lambda producer: producer.poll(0), lambda _, error: _reported(error))

    def close(self) -> None:
        """Give up what is still queued."""
        for producer in self._producers.values():
            producer.close()


@dataclass(slots=True)
class Inbound:
    """Reads the mails that others wrote, from where the topic ends at the start: what came before is asked again."""

    country: CountryCode
    witness: Witness
    cosigning: Cosigning
    outbound: Outbound
    connect: Callable[[], Reader]
    settled: Callable[[Note], None]
    alarm: Callable[[Code], None]
    _reader: Reader | None = None

    def run(self, stop: threading.Event) -> None:
        """Read until `stop` is set. Raises StoreError, SetupError."""
        while not stop.is_set():
            self.turn(_WAIT_S)
        if self._reader is not None:
            self._reader.close()

    def turn(self, wait_s: float) -> None:
        """Take what has arrived."""
        for record in self._connected().read(_BATCH, wait_s):
            try:
                mail = WitnessMail.parse(record.value)
            except MalformedError:
                continue  # a file of the directory, which the gate takes
            with alone(mail, lambda _, error: self._not_counted(error), stops=(SetupError,)):
                self._take(mail)

    def _not_counted(self, error: RefbusError) -> None:
        _log.warning("a mail of another auditor does not count: %s", error.code)
        self.alarm(error.code)

    def _take(self, mail: WitnessMail) -> None:
        if mail.kind is MailKind.ADD_CHECKPOINT:
            self._answer(mail)
            return
        note = self.cosigning.take(mail)
        if note is not None:
            self.settled(note)

    def _answer(self, mail: WitnessMail) -> None:
        request = AddCheckpoint.parse(mail.body)
        try:
            cosigned = self.witness.add_checkpoint(request)
        except UntrustedError as error:
            if error.code is not Code.SIGNATURE_INVALID:  # anybody can send what no log has signed
                self._tell_conflict(mail.country, request.origin)
            if isinstance(error, OtherSizeError):
                return
            raise
        self.outbound.send(mail.country, WitnessMail(self.country, MailKind.COSIGNED, cosigned.note.encode()))

    def _tell_conflict(self, country: CountryCode, origin: str) -> None:
        """Tell a log what this witness knows of it: whoever owns its key can see from that what is wrong with it."""
        newest = self.witness.newest(origin_hash(origin))
        size = 0 if newest is None else Checkpoint.parse(Note.parse(newest).text).size
        self.outbound.send(country, conflict(self.country, origin, size, newest))

    def _connected(self) -> Reader:
        if self._reader is None:
            self._reader = self.connect()
            self._reader.seek(self._reader.end_offset())
        return self._reader


def _reported(error: RefbusError | None) -> None:
    if error is not None:
        _log.info("a mail to another auditor was not delivered: %s", error.code)
