"""A reader for topics that others may write to: it unpacks within bounds, and no batch stops it. See `port.Reader`.

The client behind `confluent` unpacks whatever a batch claims (a megabyte of gzip is a gigabyte) and gives no bytes of
one that it cannot read. Offsets are asked of it all the same.
"""

from __future__ import annotations

import logging
import time
from itertools import islice

from refbus.bus.address import BrokerAddress
from refbus.bus.confluent_offsets import TopicOffsets
from refbus.bus.driver import Batches, Line, record_of
from refbus.bus.port import Record, Told
from refbus.errors import Code, SetupError, TransportError

_log = logging.getLogger("refbus.bus.batchreader")
_PAUSE_S = 0.2


def reader(address: BrokerAddress, topic: str, told: Told = lambda _record: None) -> BatchReader:
    """Return a reader at the beginning of `topic`."""
    return BatchReader(address, topic, told)


class BatchReader(TopicOffsets):
    """Reads batches as they are and unpacks them here."""

    def __init__(self, address: BrokerAddress, topic: str, told: Told = lambda _record: None) -> None:
        super().__init__(address, topic)
        self._told = told
        self._position: int | None = None
        self._line = Line(address, topic)
        self._batches: Batches | None = None
        self._known = False  # whether the broker ever gave an answer about this topic

    def read(self, max_records: int, timeout_s: float) -> list[Record]:
        """Return the next records. Raises SetupError LOG_TRUNCATED, TOPIC_MISSING, TransportError BROKER_REFUSED."""
        deadline, one = time.monotonic() + timeout_s, max_records == 1
        began: int | None = None  # where the last answer began
        while True:
            records = self._ready(max_records)
            left = max(0.0, deadline - time.monotonic())
            if records or (began is not None and not left):
                return records
            if began is not None and self.position() <= began:  # a damaged batch of which only the next shows the end
                one = False
                time.sleep(min(left, _PAUSE_S))
            came = self._fetch(left, one=one)
            if not (came or left):
                return records
            began = self._position if came else None

    def seek(self, offset: int) -> None:
        """Make `offset` the next one to be read."""
        self._batches, self._position = None, offset

    def position(self) -> int:
        """Return the next offset to be read. Before the first read this asks the broker for the beginning."""
        if self._position is None:
            self._position = self.begin_offset()
        return self._position

    def close(self) -> None:
        """Free the connections."""
        self._line.close()
        super().close()

    def _ready(self, most: int) -> list[Record]:
        """Return records of the last answer; behind the last of them the position passes what is never shown."""
        if self._batches is None:
            return []
        some = islice(self._batches, most)
        taken = [record_of(self._topic, each.offset, each.value, each.timestamp) for each in some]
        self._position = max(self.position(), self._batches.next_fetch_offset)  # never back, whatever a batch says
        if len(taken) < most:
            self._batches = None
        for record in taken:
            if record.unreadable:
                place = (self._topic, record.begin, record.offset)
                _log.error("%s: offsets %d to %d cannot be read: %s", *place, record.unreadable)
                self._told(record)
        return taken

    def _fetch(self, wait_s: float, *, one: bool) -> bool:
        """Ask for more, or for `one` batch; return whether anything came."""
        try:
            answer = self._line.ask(self._started(), wait_s, one=one)
        except TransportError as error:
            if error.code is Code.BROKER_REFUSED:
                raise
            if error.code is Code.TOPIC_MISSING and not self._known:
                raise SetupError(Code.TOPIC_MISSING) from None
            time.sleep(min(wait_s, _PAUSE_S))  # the broker is away
            return False
        if answer is None:
            return False
        self._known = True
        self._batches = answer.batches(self._topic, self.position()) if answer.data else None
        return self._batches is not None

    def _started(self) -> int:
        """Return the next offset. A topic that is closed to us looks missing to who asks where it begins."""
        try:
            return self.position()
        except SetupError:
            self._line.fetch(0, 0.0)  # says which of the two it is
            raise
