"""The one door to aiokafka, Faust's driver: what it is handed of a topic, batch by batch, so that none stops it.

By itself the driver gives up a whole answer of the broker when one batch of it has a codec that is not installed, a
wrong checksum or a header that is no text, asks for the same again, and so on for ever. Here each batch is unpacked
within bounds first; one that cannot be read at all becomes a single record that says so and holds its bytes.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from traceback import clear_frames
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.consumer import fetcher
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    LeaderNotAvailableError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    for_code,
)
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import ConsumerRecord, TopicPartition

from refbus.bus.address import BrokerAddress, TlsFiles
from refbus.bus.batches import Batch, Plain, bounded_ms, records, split, unreadable
from refbus.bus.certificates import client_context
from refbus.bus.port import OpenTransaction, Record
from refbus.errors import Code, RefbusError, SetupError, TransportError

_log = logging.getLogger("refbus.bus.driver")

_MOST_FETCHED = 4 * 1_048_576
"""Bytes that are asked for at once: more than two batches, so that each shows where the one before it ends."""
_ONE_BATCH = 1
"""Bytes to ask for where one record is wanted: a broker gives the first batch whole, however large (KIP-74)."""
_PATIENCE_S = 10.0
_LONG_POLL_S = 5.0
"""So long a broker keeps a question for which it has nothing yet; a record that comes ends the wait at once."""
_SHORTEST_WAIT_S = 0.01
"""What has arrived on the connection is only taken while somebody waits."""
_READ_COMMITTED = 1


class RawBatch(bytes):
    """The bytes of a batch that cannot be read, in the place of a record's value. `first` is its first offset."""

    first: int
    why: str

    @classmethod
    def of(cls, batch: Batch, first: int, why: str) -> RawBatch:
        """Return the bytes of `batch`, of which the offsets from `first` on were not read."""
        raw = cls(batch.data)
        raw.first, raw.why = first, why
        return raw


class _Answer:
    """What stands where the driver keeps the records of an answer: the bytes as they are."""

    def __init__(self, data: bytes | None) -> None:
        self.data = bytes(data or b"")

    def has_next(self) -> bool:
        """Whether there is a whole batch."""
        return next(split(self.data), None) is not None

    def size_in_bytes(self) -> int:
        """How much there is, whole or not."""
        return len(self.data)


class Batches(fetcher.PartitionRecords):  # type: ignore[misc]
    """The records of an answer, of which the driver's own knows what belongs to an aborted transaction."""

    next_fetch_offset: int

    def _unpack_records(self) -> Iterator[ConsumerRecord]:
        self._check_crcs, answer = False, self._records  # checked here, before anything is unpacked
        for batch in split(answer.data):
            at = max(self.next_fetch_offset, batch.first)
            try:
                for record in () if self._is_aborted(batch) else self._read(batch.plain(), at):
                    _require_within(record.offset, at, batch.last)
                    at = record.offset + 1
                    yield record
            except Exception as error:  # noqa: BLE001 - whatever a batch makes the code raise
                self.next_fetch_offset = batch.last + 1
                if at <= batch.last:
                    unread = _Unread(RawBatch.of(batch, at, _named(error)), batch.last)
                    yield self._consumer_record(self._tp, unread)
            self.next_fetch_offset = batch.last + 1

    def _is_aborted(self, batch: Batch) -> bool:
        """Whether an unharmed batch is of a transaction that was given up: it is not even unpacked."""
        if not batch.transactional:
            return False
        batch.check()
        self._consume_aborted_up_to(batch.first)
        return batch.producer in self._aborted_producers

    def _read(self, plain: bytes, at: int) -> Iterator[ConsumerRecord]:
        """Yield the records of a batch from `at` on, by the driver's decoder or, what that cannot do, by ours."""
        try:
            self._records = MemoryRecords(plain)
            for record in super()._unpack_records():
                at = record.offset + 1
                yield record
        except Exception as error:  # noqa: BLE001 - the second way finds out what is wrong
            _log.info("a batch is read the second way: %s", type(error).__name__)
            yield from (self._consumer_record(self._tp, _Simple(each)) for each in records(plain) if each.offset >= at)


@dataclass(frozen=True, slots=True)
class _Simple:
    """A record that was read the second way, in the shape of the driver's."""

    plain: Plain
    key: None = None
    headers: tuple[()] = ()
    checksum: None = None
    timestamp_type: int = 0

    @property
    def offset(self) -> int:
        return self.plain.offset

    @property
    def timestamp(self) -> int:
        return self.plain.timestamp_ms

    @property
    def value(self) -> bytes:
        return self.plain.value


@dataclass(frozen=True, slots=True)
class _Unread:
    """A batch that cannot be read, in the shape of the driver's record; its offset is the last of the batch."""

    value: RawBatch
    offset: int
    key: None = None
    headers: tuple[()] = ()
    checksum: None = None
    timestamp: int = 0
    timestamp_type: int = 0


def _require_within(offset: int, first: int, last: int) -> None:
    """Raise when a record claims an offset that is not of its batch: what lies between would be passed over."""
    if not first <= offset <= last:
        raise unreadable("an offset is not in it")


def _named(error: Exception) -> str:
    return str(getattr(error, "detail", "")) or type(error).__name__


def install() -> None:
    """Put the reading above in the place of the driver's. Raises SetupError when the driver is not the known one."""
    if not hasattr(fetcher, "PartitionRecords") or not hasattr(fetcher, "MemoryRecords"):
        raise SetupError(Code.SETTINGS_INVALID, "this version of aiokafka is not known")
    fetcher.PartitionRecords, fetcher.MemoryRecords = Batches, _Answer


def record_of(topic: str, offset: int, value: bytes | None, timestamp_ms: int) -> Record:
    """Return what the driver read as a record of ours."""
    when_ms = bounded_ms(timestamp_ms)
    if isinstance(value, RawBatch):
        return Record(topic, offset, bytes(value), when_ms, value.first, value.why)
    return Record(topic, offset, value or b"", when_ms)


def ssl_context(tls: TlsFiles) -> ssl.SSLContext:
    """Return the client side of mutual TLS 1.3 with host name check. Raises SetupError for unusable files."""
    tls.check()
    context = client_context(tls)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer of the broker: batches as they are, what was aborted, and the offsets behind it all.

    From `committed_end` to `end` are records of transactions that are still open, and what waits behind them.
    """

    data: bytes
    aborted: tuple[tuple[int, int], ...]
    committed_end: int
    end: int

    def batches(self, topic: str, offset: int) -> Batches:
        """Return the records from `offset` on."""
        place = TopicPartition(topic, 0)
        return Batches(place, _Answer(self.data), list(self.aborted), offset, None, None, True, _READ_COMMITTED)


async def _closed(client: AIOKafkaClient) -> None:
    """Close a client and its sockets at once: a broker that keeps a question does not answer the farewell of TLS.

    Its reading ends with an error that holds the last answer, megabytes, in a circle until the collector comes.
    """
    connections = list(client._conns.values())
    reading = [each._read_task for each in connections if each._read_task is not None]
    for each in connections:
        if each._writer is not None:
            each._writer.transport.abort()
    await client.close()
    for task in reading:
        if task.done() and not task.cancelled() and (error := task.exception()) is not None:
            clear_frames(error.__traceback__)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question that is with the broker; nobody waits for it beyond `until_s` on the monotonic clock."""

    offset: int
    task: asyncio.Task[Fetched]
    until_s: float


class Line:
    """A connection that asks for one topic, from the caller's thread; after any failure it connects anew."""

    def __init__(self, address: BrokerAddress, topic: str) -> None:
        self._address = address
        self._topic = topic
        self._loop = asyncio.new_event_loop()
        self._client: AIOKafkaClient | None = None
        self._making: asyncio.Task[None] | None = None
        self._asked: _Asked | None = None

    def ask(self, offset: int, wait_s: float, *, one: bool = False) -> Fetched | None:
        """Return what there is from `offset` on, None when it is not here within `wait_s` seconds; `one`: one batch.

        The question stays with the broker meanwhile, and the next call for the same offset goes on with it: short waits
        cost a question in five seconds, however many they are. Raises as `fetch`.
        """
        if self._asked is not None and self._asked.offset != offset:
            self.close_client()
        if self._asked is None:
            most = _ONE_BATCH if one else _MOST_FETCHED
            task = self._loop.create_task(self._fetch(offset, _LONG_POLL_S, committed=True, most=most))
            self._asked = _Asked(offset, task, time.monotonic() + _LONG_POLL_S + _PATIENCE_S)
        asked, wait_s = self._asked, max(wait_s, _SHORTEST_WAIT_S)
        self._loop.run_until_complete(asyncio.wait({asked.task}, timeout=wait_s))
        if not asked.task.done():
            if time.monotonic() > asked.until_s:
                self.close_client()
                raise TransportError(Code.BROKER_UNREACHABLE, "no answer")
            return None
        self._asked = None
        try:
            return asked.task.result()
        except (KafkaError, OSError, TimeoutError) as error:
            self.close_client()
            raise _translated(error) from None

    def fetch(self, offset: int, wait_s: float, *, committed: bool = True) -> Fetched:
        """Return what there is from `offset` on, waiting `wait_s` seconds for the first byte.

        With `committed` False, also what is of transactions that are still open. Raises SetupError LOG_TRUNCATED,
        TransportError TOPIC_MISSING, BROKER_UNREACHABLE, BROKER_REFUSED.
        """
        if self._asked is not None:
            self.close_client()
        try:
            answer: Fetched = self._run(self._fetch(offset, wait_s, committed=committed), wait_s + _PATIENCE_S)
        except (KafkaError, OSError, TimeoutError) as error:
            self.close_client()
            raise _translated(error) from None
        return answer

    def open_transaction(self, committed_end: int) -> OpenTransaction | None:
        """Return what is open behind the end of what is committed. Raises as `fetch`."""
        seen = self.fetch(committed_end, 0.0)
        if seen.end <= seen.committed_end:
            return None
        first = next(split(self.fetch(seen.committed_end, 0.0, committed=False).data), None)
        producer = None if first is None else first.producer
        return OpenTransaction(seen.committed_end, seen.end - seen.committed_end, producer)

    def close(self) -> None:
        """Free the connection."""
        self.close_client()
        self._loop.close()

    def close_client(self) -> None:
        """Drop the connection; the next question makes a new one, and waits behind none that the broker still keeps."""
        self._forget()
        self._let_it_come()
        client, self._client = self._client, None
        if client is not None:
            with suppress(KafkaError, OSError, TimeoutError):
                self._run(_closed(client), 2.0)

    def _forget(self) -> None:
        """Wait no longer for what was asked."""
        asked, self._asked = self._asked, None
        if asked is not None:
            asked.task.cancel()
            self._loop.run_until_complete(asyncio.wait({asked.task}))

    def _let_it_come(self) -> None:
        """Wait for a connection in the making, two seconds at most: one that is broken off stays open in the driver."""
        making, self._making = self._making, None
        if making is not None:
            self._loop.run_until_complete(asyncio.wait({making}, timeout=2.0))
            making.cancel()
            self._loop.run_until_complete(asyncio.gather(making, return_exceptions=True))

    def _run(self, work: Any, patience_s: float) -> Any:
        return self._loop.run_until_complete(asyncio.wait_for(work, patience_s))

    async def _fetch(self, offset: int, wait_s: float, *, committed: bool, most: int = _MOST_FETCHED) -> Fetched:
        """Ask, and take whatever is no answer to that for a broker that is away."""
        try:
            return await self._answered(offset, wait_s, committed=committed, most=most)
        except (KafkaError, OSError, RefbusError):
            raise
        except Exception as error:  # noqa: BLE001 - whatever a broker says makes the driver, or us, raise
            _log.error("%s: what the broker answers is not understood: %s", self._topic, type(error).__name__)
            raise KafkaConnectionError("an answer to another question") from None

    async def _answered(self, offset: int, wait_s: float, *, committed: bool, most: int) -> Fetched:
        client, place = await self._connected(), TopicPartition(self._topic, 0)
        node = client.cluster.leader_for_partition(place)
        if node is None or node == -1:
            raise for_code(self._missing(client, node))
        asked = [(self._topic, [(0, offset, most)])]
        isolation = _READ_COMMITTED if committed else 0
        question = FetchRequest(int(wait_s * 1000), 1, most, isolation, asked)
        while not (answer := await client.send(node, question)).topics:
            # KIP-219: a broker that slows somebody answers with no topic at all, and says for how long
            await asyncio.sleep(max(answer.throttle_time_ms / 1000, _SHORTEST_WAIT_S))
        ((_, ((_, code, high, stable, *rest),)),) = answer.topics
        if code:
            raise for_code(code)
        aborted = rest[1] if answer.API_VERSION >= 11 else rest[-2]  # rest: [log start,] aborted, [replica,] batches
        return Fetched(bytes(rest[-1] or b""), tuple(aborted or ()), stable, high)

    def _missing(self, client: AIOKafkaClient, node: int | None) -> int:
        """Return Kafka's number for why there is no broker to ask."""
        if self._topic in client.cluster.unauthorized_topics:
            return int(TopicAuthorizationFailedError.errno)
        return int(UnknownTopicOrPartitionError.errno if node is None else LeaderNotAvailableError.errno)

    async def _connected(self) -> AIOKafkaClient:
        if self._client is None:
            tls = self._address.tls
            client = AIOKafkaClient(
                bootstrap_servers=self._address.bootstrap,
                client_id="refbus-reader",
                security_protocol="PLAINTEXT" if tls is None else "SSL",
                ssl_context=None if tls is None else ssl_context(tls),
            )
            self._client = client
            self._making = asyncio.create_task(self._make(client))
        if self._making is not None:
            await asyncio.shield(self._making)
        return self._client

    async def _make(self, client: AIOKafkaClient) -> None:
        await client.bootstrap()
        await client.set_topics([self._topic])


_CODES = {
    "OffsetOutOfRangeError": Code.LOG_TRUNCATED,
    "UnknownTopicOrPartitionError": Code.TOPIC_MISSING,
    "TopicAuthorizationFailedError": Code.BROKER_REFUSED,
}


def failure_code(error: BaseException) -> Code:
    """Return the code of what the driver, or whoever uses it, raised."""
    if isinstance(error, RefbusError):
        return error.code
    if isinstance(error, KafkaError | OSError | TimeoutError):
        return _CODES.get(type(error).__name__, Code.BROKER_UNREACHABLE)
    return Code.INTERNAL_ERROR


def _translated(error: BaseException) -> SetupError | TransportError:
    code = failure_code(error)
    return SetupError(code) if code is Code.LOG_TRUNCATED else TransportError(code, type(error).__name__)
