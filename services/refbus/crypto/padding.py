"""Padding that hides lengths: pad(x) = u32be length || x || zeros, to an exact size or to a PADMÉ size.

PADMÉ lets at most O(log log n) bits of the length show, for at most 12 % more bytes.
Source: Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and Communication with PURBs", PoPETs 2019 §4.
"""

from __future__ import annotations

from refbus.errors import Code, MalformedError

_PREFIX = 4


def padme(length: int) -> int:
    """Return the smallest PADMÉ size that holds `length` bytes (`length` at least 2)."""
    exponent = length.bit_length() - 1
    mask = (1 << (exponent - exponent.bit_length())) - 1
    return (length + mask) & ~mask


def padme_size(length: int, minimum: int) -> int:
    """Return how many bytes `length` bytes take once padded: PADMÉ of prefix and data, at least `minimum`."""
    return max(minimum, padme(_PREFIX + length))


def pad_padme(data: bytes, minimum: int) -> bytes:
    """Return `data` padded to its PADMÉ size, at least `minimum` bytes."""
    return pad_exact(data, padme_size(len(data), minimum))


def pad_exact(data: bytes, size: int) -> bytes:
    """Return `data` padded to exactly `size` bytes. Raises MalformedError TOO_LARGE when it does not fit."""
    room = size - _PREFIX - len(data)
    if room < 0:
        raise MalformedError(Code.TOO_LARGE, f"{len(data)} bytes do not fit a box of {size}")
    return len(data).to_bytes(_PREFIX, "big") + data + bytes(room)


def unpad_padme(padded: bytes, minimum: int) -> bytes:
    """Return the data inside; demands zeros and the one size that this length has. Raises MalformedError."""
    data = _strip(padded)
    if len(padded) != padme_size(len(data), minimum):
        raise MalformedError(Code.NOT_CANONICAL, "padded size")
    return data


def unpad_exact(padded: bytes, size: int) -> bytes:
    """Return the data inside; demands zeros and `size` bytes. Raises MalformedError."""
    if len(padded) != size:
        raise MalformedError(Code.NOT_CANONICAL, "padded size")
    return _strip(padded)


def _strip(padded: bytes) -> bytes:
    end = _PREFIX + int.from_bytes(padded[:_PREFIX], "big")
    if len(padded) < end:
        raise MalformedError(Code.MALFORMED, "padded length")
    if padded[end:] != bytes(len(padded) - end):
        raise MalformedError(Code.NOT_CANONICAL, "padding is not zeros")
    return padded[_PREFIX:end]
