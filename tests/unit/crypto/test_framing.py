"""Length prefixes: one reading for each sequence of bytes."""

from __future__ import annotations

import pytest

from refbus.crypto.framing import lp, sha256, split_lp, u16be, u32be, u64be
from refbus.errors import Code, MalformedError


def test_integers_are_big_endian() -> None:
    """Integers are unsigned and big-endian, of the size in their name."""
    assert (u16be(1), u32be(258), u64be(1)) == (b"\0\1", b"\0\0\1\2", bytes(7) + b"\1")


def test_parts_come_back() -> None:
    """What was put behind length prefixes is read again, empty parts too."""
    assert split_lp(lp(b"one") + lp(b"") + lp(b"three"), 3) == [b"one", b"", b"three"]


@pytest.mark.parametrize(
    ("data", "count"),
    [
        (b"", 1),
        (b"\0\0\0", 1),
        (lp(b"abc")[:-1], 1),
        (lp(b"abc") + b"x", 1),
        (lp(b"a"), 2),
        (b"\xff" * 8, 1),
        (b"x", 0),
    ],
)
def test_anything_but_the_exact_parts_is_refused(data: bytes, count: int) -> None:
    """A short prefix, a short part, a missing part and trailing bytes are malformed."""
    with pytest.raises(MalformedError) as caught:
        split_lp(data, count)
    assert caught.value.code is Code.MALFORMED


def test_sha256_is_the_standard_one() -> None:
    """FIPS 180-4: the digest of "abc"."""
    assert sha256(b"abc").hex().startswith("ba7816bf8f01cfea414140de5dae2223")
