"""Where the time of an event goes: its way by legs, dated by the brokers that it passes.

One machine has one clock, so that a broker's date and ours can be compared; both are read in milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from bench.events import DESTINATION, ORIGIN
from bench.stage import Stage
from refbus.bus import confluent
from refbus.bus.port import Record
from refbus.core.ids import CountryCode, OrgId
from refbus.crypto.framing import sha256
from refbus.wire.transport import BorderKind, BorderRecord, InboxKind, InboxRecord, Passed
from refbus_gate.names import border, inbox, outbox

LEGS = (
    "the sender's gateway hands it to its cluster",
    "the gate of its country lets it out",
    "the gate of the other country lets it in",
    "the recipient's gateway verifies and keeps it",
)


@dataclass(frozen=True, slots=True)
class Way:
    """One event: when the sender's commit had returned and when the recipient had it, seconds since the epoch."""

    sha256: bytes
    sent: float
    arrived: float

    @property
    def took(self) -> float:
        """Seconds from one to the other."""
        return self.arrived - self.sent


class Passing:
    """What passes the three topics of the way from now on."""

    def __init__(self, stage: Stage, recipient: OrgId) -> None:
        asked = (
            (outbox(ORIGIN), ORIGIN, _sent),
            (border(DESTINATION, ORIGIN), DESTINATION, _passed),
            (inbox(recipient), DESTINATION, _received),
        )
        self._topics = [_Topic(stage, topic, cluster, parse) for topic, cluster, parse in asked]

    def legs(self, ways: Sequence[Way]) -> dict[str, float]:
        """Return the median of each leg in seconds. Every one of `ways` must have passed."""
        dates = [topic.dates() for topic in self._topics]
        moments = [[way.sent, *(each[way.sha256] for each in dates), way.arrived] for way in ways]
        return {name: median(each[number + 1] - each[number] for each in moments) for number, name in enumerate(LEGS)}


class _Topic:
    def __init__(self, stage: Stage, topic: str, cluster: CountryCode, parse: Callable[[Record], bytes | None]) -> None:
        self._reader = confluent.reader(stage.operator(cluster), topic)
        self._begin = self._reader.end_offset()
        self._parse = parse

    def dates(self) -> Mapping[bytes, float]:
        """Return when the first record with each envelope came, by the envelope's hash."""
        self._reader.seek(self._begin)
        found, end = dict[bytes, float](), self._reader.end_offset()
        while self._reader.position() < end:
            for record in self._reader.read(500, 5.0):
                envelope = self._parse(record)
                if envelope is not None:
                    found.setdefault(sha256(envelope), record.timestamp_ms / 1000)
        self._reader.close()
        return found


def _sent(record: Record) -> bytes | None:
    return record.value


def _passed(record: Record) -> bytes | None:
    parsed = BorderRecord.parse(record.value)
    return Passed.parse(parsed.body).envelope if parsed.kind is BorderKind.PASSED else None


def _received(record: Record) -> bytes | None:
    parsed = InboxRecord.parse(record.value)
    return parsed.body if parsed.kind is InboxKind.EVENT else None
