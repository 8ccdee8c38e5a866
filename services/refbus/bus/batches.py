"""Record batches as a broker stores them (Kafka's record batch format, magic 2), taken apart without trusting them.

Whoever may write to a topic chooses the bytes: a codec, a size after unpacking, headers, a record count. Nothing here
asks for more than `MOST_UNPACKED` bytes, whatever a batch claims, and everything that is wrong with one batch is one
error. No I/O.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import cramjam
from aiokafka.record.util import calc_crc32c

from refbus.errors import Code, MalformedError

MOST_UNPACKED = 4 * 1_048_576
"""Most bytes of a batch after unpacking: four times what a topic takes in one batch. Sealed bytes do not shrink."""

LAST_MS = 253_402_300_799_999
"""The last millisecond of the year 9999, UTC."""

_LOG = struct.Struct(">qi")  # offset of the first record, length of what follows
_HEADER = struct.Struct(">qiibIhiqqqhii")  # up to the number of records: 61 bytes
_MAGIC_AT, _MAGIC = 16, 2
_CRC_AT, _CRC_FROM = 17, 21  # the checksum covers everything behind it
_CODEC, _APPEND_TIME, _TRANSACTIONAL, _CONTROL = 0x07, 0x08, 0x10, 0x20
_LEAST_RECORD = 7  # bytes of an empty one
_XERIAL, _XERIAL_HEADER = b"\x82SNAPPY\x00", 16


class Plain(NamedTuple):
    """What counts of a record. `value` is empty for a record without one."""

    offset: int
    timestamp_ms: int
    value: bytes


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch as it came, with offsets `first` to `last`."""

    first: int
    last: int
    data: bytes = field(repr=False)

    @property
    def producer(self) -> int | None:
        """The number that the broker gave the writer, -1 for a writer without one; None in an unknown format."""
        return int(_HEADER.unpack_from(self.data)[9]) if self._is_known else None

    @property
    def transactional(self) -> bool:
        """Whether the batch is data of a transaction."""
        flags = _TRANSACTIONAL | _CONTROL
        return self._is_known and _HEADER.unpack_from(self.data)[5] & flags == _TRANSACTIONAL

    def check(self) -> None:
        """Raise MalformedError BATCH_UNREADABLE for another format or a wrong checksum."""
        if not self._is_known:
            raise unreadable("it is not in record batch format 2")
        if calc_crc32c(self.data[_CRC_FROM:]) != _HEADER.unpack_from(self.data)[4]:
            raise unreadable("its checksum is wrong")

    def plain(self) -> bytes:
        """Return the same batch without compression. Raises MalformedError BATCH_UNREADABLE."""
        self.check()
        head = list(_HEADER.unpack_from(self.data))
        codec = head[5] & _CODEC
        if codec == 0:
            return self.data
        content = _unpacked(codec, self.data[_HEADER.size :])
        head[1], head[5] = _HEADER.size - _LOG.size + len(content), head[5] & ~_CODEC
        whole = bytearray(_HEADER.pack(*head) + content)
        struct.pack_into(">I", whole, _CRC_AT, calc_crc32c(bytes(whole[_CRC_FROM:])))
        return bytes(whole)

    @property
    def _is_known(self) -> bool:
        return len(self.data) >= _HEADER.size and self.data[_MAGIC_AT] == _MAGIC


def split(data: bytes) -> Iterator[Batch]:
    """Yield the whole batches of an answer; one that the answer cuts off comes again."""
    at = 0
    while len(data) - at > _MAGIC_AT:
        first, length = _LOG.unpack_from(data, at)
        behind = at + _LOG.size + length
        if length <= _MAGIC_AT - _LOG.size:
            yield Batch(first, first, data[at:])
            return
        if behind > len(data):
            return
        following = data[behind : behind + 8]
        yield _batch(first, data[at:behind], int.from_bytes(following, "big") if len(following) == 8 else None)
        at = behind


def records(plain: bytes) -> list[Plain]:
    """Return the records of a batch without compression; keys and headers are passed over. Raises MalformedError.

    The second way to read a batch, for what the driver's decoder stumbles over: a header whose name is no text.
    """
    head = _HEADER.unpack_from(plain)
    first, attributes, began_ms, newest_ms, number = head[0], head[5], head[7], head[8], head[12]
    at, by_broker = _HEADER.size, bool(attributes & _APPEND_TIME)
    found: list[Plain] = []
    for _ in range(number):
        length, start = _varint(plain, at)
        at = start + length
        if length <= 0 or at > len(plain):
            raise unreadable("a record leaves it")
        step_ms, place = _varint(plain, start + 1)  # one byte of attributes, unused
        delta, place = _varint(plain, place)
        when_ms = newest_ms if by_broker else began_ms + step_ms
        found.append(Plain(first + delta, bounded_ms(when_ms), _value(plain, place, at)))
    if at != len(plain):
        raise unreadable("something is left behind its records")
    return found


def bounded_ms(timestamp_ms: int) -> int:
    """Return a writer's time brought within the years 1970 to 9999: no calendar and no column is left by it."""
    return min(max(timestamp_ms, 0), LAST_MS)


def unreadable(why: str) -> MalformedError:
    """Return the error of a batch; `why` says what is wrong and nothing of its bytes."""
    return MalformedError(Code.BATCH_UNREADABLE, why)


def _batch(first: int, whole: bytes, following: int | None) -> Batch:
    """Return a batch with its last offset. A damaged header may claim any: then it ends where the next one begins.

    Where none follows in the answer it counts as one record, and its next offset brings it again: nothing is passed.
    """
    if Batch(first, first, whole).producer is not None:
        head = _HEADER.unpack_from(whole)
        step, number = head[6], head[12]
        agrees = step + 1 == number <= MOST_UNPACKED // _LEAST_RECORD
        if step >= 0 and (agrees or calc_crc32c(whole[_CRC_FROM:]) == head[4]):
            return Batch(first, first + step, whole)
    return Batch(first, first if following is None else max(first, following - 1), whole)


def _value(plain: bytes, place: int, end: int) -> bytes:
    """Return the value of a record whose key begins at `place`; its headers must end where the record does."""
    key, start = _varint(plain, place)
    length, start = _varint(plain, start + max(0, key))
    value_end = start + max(0, length)
    headers, place = _varint(plain, value_end)
    for _ in range(2 * headers):
        size, place = _varint(plain, place)
        place += max(0, size)
    if place != end:
        raise unreadable("its fields are not as long as a record")
    return plain[start:value_end]


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the whole number at a place (zigzag, groups of seven bits) and the place behind it."""
    number = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (number >> 1) ^ -(number & 1), at
    raise unreadable("a number does not end")


def _unpacked(codec: int, content: bytes) -> bytes:
    if codec not in _CODECS:
        raise unreadable("its codec is unknown")
    try:
        return _CODECS[codec](content)
    except (cramjam.DecompressionError, zlib.error, struct.error, ValueError, IndexError):
        raise unreadable("it does not unpack, or to too much") from None


def _gzip(content: bytes) -> bytes:
    unpacked, rest = bytearray(), content
    while rest:
        stream = zlib.decompressobj(wbits=31)
        unpacked += stream.decompress(rest, MOST_UNPACKED + 1 - len(unpacked))
        if not stream.eof or len(unpacked) > MOST_UNPACKED:
            raise ValueError("cut off, or too much")
        rest = stream.unused_data
    return bytes(unpacked)


def _snappy(content: bytes) -> bytes:
    """Unpack either shape: one block, or blocks with their lengths behind the header that Java clients write."""
    blocks = [content]
    if content.startswith(_XERIAL):
        blocks, at = [], _XERIAL_HEADER
        while at < len(content):
            size = int.from_bytes(content[at : at + 4], "big")
            blocks.append(content[at + 4 : at + 4 + size])
            at += 4 + size
    if sum(cramjam.snappy.decompress_raw_len(block) for block in blocks) > MOST_UNPACKED:
        raise ValueError("too much")
    return b"".join(bytes(cramjam.snappy.decompress_raw(block)) for block in blocks)


def _lz4(content: bytes) -> bytes:
    space = bytearray(MOST_UNPACKED)
    return bytes(space[: cramjam.lz4.decompress_into(content, space)])


def _zstd(content: bytes) -> bytes:
    space = bytearray(MOST_UNPACKED)
    return bytes(space[: cramjam.zstd.decompress_into(content, space)])


_CODECS: dict[int, Callable[[bytes], bytes]] = {1: _gzip, 2: _snappy, 3: _lz4, 4: _zstd}
