"""Byte framing that hashes and signatures rest on. LP(x) = u32be length || x; integers are big-endian, unsigned."""

from __future__ import annotations

import hashlib

from refbus.errors import Code, MalformedError


def u16be(number: int) -> bytes:
    """Return `number` as 2 bytes."""
    return number.to_bytes(2, "big")


def u32be(number: int) -> bytes:
    """Return `number` as 4 bytes."""
    return number.to_bytes(4, "big")


def u64be(number: int) -> bytes:
    """Return `number` as 8 bytes."""
    return number.to_bytes(8, "big")


def lp(data: bytes) -> bytes:
    """Return `data` behind its length: u32be length || data."""
    return len(data).to_bytes(4, "big") + data


def split_lp(data: bytes, count: int) -> list[bytes]:
    """Return exactly `count` length-prefixed parts that fill `data`. Raises MalformedError on anything else."""
    parts = []
    position = 0
    for _ in range(count):
        start = position + 4
        end = start + int.from_bytes(data[position:start], "big")
        if start > len(data) or end > len(data):
            raise MalformedError(Code.MALFORMED, "length prefix")
        parts.append(data[start:end])
        position = end
    if position != len(data):
        raise MalformedError(Code.MALFORMED, "trailing bytes")
    return parts


def sha256(data: bytes) -> bytes:
    """Return the 32-byte SHA-256 of `data`."""
    return hashlib.sha256(data).digest()
