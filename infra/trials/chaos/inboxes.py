"""Reads one inbox as its organisation does: skip what was seen by number, open with its keys, believe signatures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from chaos.logs import Line
from refbus.core.directory import DirectoryHistory, OrgRole, SigningKey
from refbus.core.ids import KeyId, OrgId
from refbus.crypto.kem import KemPrivate
from refbus.envelope.content import open_content
from refbus.envelope.format import Envelope
from refbus.envelope.notice import open_notice
from refbus.envelope.routing import receive
from refbus.errors import RefbusError
from refbus.wire.payload import decode_payload
from refbus.wire.transport import InboxKind, InboxRecord


@dataclass(frozen=True, slots=True)
class Reading:
    """Who reads, with which keys, under which versions of the directory.

    `moment`: what the readers' clock said when the broker took a record; both UTC ms. Each record is judged as of then:
    what has run out since is no loss.
    """

    org: OrgId
    keys: Sequence[KemPrivate] = field(repr=False)
    directories: DirectoryHistory
    moment: Callable[[int], int]

    def gate_key(self, org: OrgId, kid: KeyId) -> SigningKey | None:
        """Return the signing key of a gate."""
        found = self.directories.latest.find(org)
        return found.signing_key(kid) if found is not None and found.role is OrgRole.GATE else None


@dataclass(slots=True)
class Inbox:
    """What was in an inbox: events in order, numbers in order, envelopes that a notice speaks of, what is wrong."""

    org: OrgId
    events: list[str] = field(default_factory=list)
    sequences: list[int] = field(default_factory=list)
    told: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)


def read_inbox(reading: Reading, lines: Iterable[Line]) -> Inbox:
    """Return what the organisation gets from these records. A record with a number it has had is skipped."""
    inbox = Inbox(reading.org)
    last = 0
    for line in lines:
        record = InboxRecord.parse(line.value)
        if record.sequence <= last:
            continue
        last = record.sequence
        inbox.sequences.append(last)
        try:
            _take(reading, record, inbox, reading.moment(line.time_ms))
        except RefbusError as error:
            inbox.problems.append(f"number {last}: {error.code}")
    return inbox


def _take(reading: Reading, record: InboxRecord, inbox: Inbox, now_ms: int) -> None:
    if record.kind is InboxKind.NOTICE:
        notice = open_notice(record.body, reading.org, reading.keys, reading.gate_key)
        inbox.told.add(notice.envelope_sha256.hex())
        return
    authenticated = receive(Envelope.parse(record.body), reading.keys, reading.directories, now_ms)
    block = authenticated.opened.block
    key = next(key for key in reading.keys if key.kid == block.recipient_kid)
    event_type, payload = decode_payload(open_content(authenticated, reading.org, key))
    if event_type is not block.event_type or payload["event_id"] != block.event_id:
        inbox.problems.append(f"number {record.sequence}: the content is of another event")
    inbox.events.append(block.event_id.hex())
