"""Batches as a hostile or foreign client may write them: any codec, size, header, time or damage, byte by byte.

For tests and chaos. A real broker checks what it is given, so some of these it refuses; `put` returns its answer.
"""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aiokafka.client import AIOKafkaClient
from aiokafka.codec import gzip_encode, lz4_encode, snappy_encode, zstd_encode
from aiokafka.errors import LeaderNotAvailableError, NoError, for_code
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.util import calc_crc32c
from aiokafka.structs import TopicPartition

from refbus.bus.address import BrokerAddress
from refbus.bus.driver import ssl_context
from refbus.clock.sources import machine_ms

GZIP, SNAPPY, LZ4, ZSTD = 1, 2, 3, 4
CODECS = {"none": 0, "gzip": GZIP, "snappy": SNAPPY, "lz4": LZ4, "zstd": ZSTD}

_HEAD = struct.Struct(">qiibIhiqqqhii")
_FROM = 21
_PATIENCE_S, _PAUSE_S = 60.0, 0.2


@dataclass(frozen=True, slots=True)
class Draft:
    """A batch to be made: everything that its bytes say. `values` may hold None, a tombstone."""

    values: Sequence[bytes | None]
    codec: int = 0
    key: bytes | None = None
    headers: Sequence[tuple[bytes, bytes]] = ()
    time_ms: int = field(default_factory=machine_ms)  # a broker deletes what is older than a week, at any moment
    first: int = 0
    magic: int = 2
    transaction_of: int = -1  # the number of the writer in whose transaction it is
    spoil: str = ""  # "checksum", "codec" (7), "packing" (not what the codec says), "record" (lengths that do not fit)

    def encode(self) -> bytes:
        """Return the bytes."""
        content = b"".join(self._record(number, value) for number, value in enumerate(self.values))
        packed = _pack(self.codec, content)
        if self.spoil == "packing":
            packed = b"\x00\x01" + packed[2:]
        attributes = 7 if self.spoil == "codec" else self.codec
        attributes |= 0x10 if self.transaction_of >= 0 else 0
        number = len(self.values)
        times = (self.time_ms, self.time_ms)
        head = (
            self.first,
            49 + len(packed),
            0,
            self.magic,
            0,
            attributes,
            number - 1,
            *times,
            self.transaction_of,
            -1,
            -1,
            number,
        )
        whole = bytearray(_HEAD.pack(*head) + packed)
        crc = calc_crc32c(bytes(whole[_FROM:]))
        struct.pack_into(">I", whole, _FROM - 4, crc ^ 1 if self.spoil == "checksum" else crc)
        return bytes(whole)

    def _record(self, number: int, value: bytes | None) -> bytes:
        headers = b"".join(_field(name) + _field(content) for name, content in self.headers)
        body = b"\x00" + _varint(0) + _varint(number) + _field(self.key) + _field(value)
        body += _varint(len(self.headers)) + headers
        return _varint(len(body) + (5 if self.spoil == "record" else 0)) + body


def bomb(codec: int, size: int) -> bytes:
    """Return a batch of one record that unpacks to `size` zero bytes."""
    return Draft([bytes(size)], codec).encode()


def put(address: BrokerAddress, topic: str, batch: bytes) -> str:
    """Write a batch as it is; return "" when the broker took it, otherwise the name of its refusal."""
    return asyncio.run(_put(address, topic, batch))


async def _put(address: BrokerAddress, topic: str, batch: bytes) -> str:
    tls = address.tls
    client = AIOKafkaClient(
        bootstrap_servers=address.bootstrap,
        security_protocol="PLAINTEXT" if tls is None else "SSL",
        ssl_context=None if tls is None else ssl_context(tls),
    )
    await client.bootstrap()
    try:
        await client.set_topics([topic])
        until_s = time.monotonic() + _PATIENCE_S
        while (answer := for_code(await _code(client, topic, batch))).retriable and time.monotonic() < until_s:
            await asyncio.sleep(_PAUSE_S)
            await client.force_metadata_update()
        return "" if answer is NoError else str(answer.__name__)
    finally:
        await client.close()
        await asyncio.sleep(0)  # its transports are closed by a turn of the loop


async def _code(client: AIOKafkaClient, topic: str, batch: bytes) -> int:
    """Return Kafka's number for what became of a batch."""
    node = client.cluster.leader_for_partition(TopicPartition(topic, 0))
    if node in {None, -1}:  # a new topic has no leader for a moment
        return int(LeaderNotAvailableError.errno)
    answer = await client.send(node, ProduceRequest(None, -1, 10_000, [(topic, [(0, batch)])]))
    ((_, ((_, code, *_),)),) = answer.topics
    return int(code)


def damage(data: Path, topic: str, needle: bytes) -> None:
    """Flip one bit of `needle` in the broker's own file of a topic, as a failing disk does."""
    path = data / f"{topic}-0" / "00000000000000000000.log"
    content = bytearray(path.read_bytes())
    content[content.index(needle)] ^= 1
    path.write_bytes(content)


def cut(data: Path, topic: str, batches: int) -> None:
    """Leave only the first `batches` in the broker's own file of a topic, as a disk does that lost what came later.

    The broker must be stopped; it then looks through its files at its start.
    """
    path = data / f"{topic}-0" / "00000000000000000000.log"
    content, end = path.read_bytes(), 0
    for _ in range(batches):
        end += 12 + int.from_bytes(content[end + 8 : end + 12], "big")
    path.write_bytes(content[:end])
    (data / ".kafka_cleanshutdown").unlink(missing_ok=True)


def _pack(codec: int, content: bytes) -> bytes:
    if codec == GZIP:
        return bytes(gzip_encode(content))
    if codec == SNAPPY:
        return bytes(snappy_encode(content))
    if codec == LZ4:
        return bytes(lz4_encode(content))
    return bytes(zstd_encode(content)) if codec == ZSTD else content


def _field(value: bytes | None) -> bytes:
    return _varint(-1) if value is None else _varint(len(value)) + value


def _varint(number: int) -> bytes:
    rest = (number << 1) ^ (number >> 63)
    out = bytearray()
    while rest > 0x7F:
        out.append((rest & 0x7F) | 0x80)
        rest >>= 7
    return bytes([*out, rest])
