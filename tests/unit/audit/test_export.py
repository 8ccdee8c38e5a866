from __future__ import annotations

import io

import pytest

from refbus.audit.export import MOST_RECORD_BYTES, Exported, read_export
from refbus.crypto.framing import lp, u32be
from refbus.errors import Code, MalformedError
from support.audit import audit_entry
from support.logs import ORIGIN

ENTRY = audit_entry()
FIRST = Exported(ORIGIN, 0, 1_700_000_000_000, ENTRY.encode())
SECOND = Exported(ORIGIN, (1 << 40) + 7, 1_700_000_000_001, ENTRY.encode())


def read(data: bytes) -> list[Exported]:
    """Read a whole file."""
    return list(read_export(io.BytesIO(data).read))


def test_what_was_written_is_read() -> None:
    """Entries come back in order, each with origin, place, time and its exact bytes; an empty file has none."""
    assert read(FIRST.encode() + SECOND.encode()) == [FIRST, SECOND]
    assert read(b"") == []
    assert FIRST.entry() == ENTRY


def test_bytes_of_the_format() -> None:
    """A record is its length, then origin, index, time and entry, each behind its length."""
    inner = lp(ORIGIN.encode()) + lp(bytes(8)) + lp((1_700_000_000_000).to_bytes(8, "big")) + lp(ENTRY.encode())
    assert FIRST.encode() == lp(inner)


@pytest.mark.parametrize(
    "damaged",
    [
        FIRST.encode()[:-1],
        FIRST.encode()[:3],
        FIRST.encode() + b"\0\0\0",
        u32be(MOST_RECORD_BYTES + 1) + bytes(MOST_RECORD_BYTES + 1),
        lp(lp(b"a") + lp(bytes(7)) + lp(bytes(8)) + lp(b"")),
        lp(lp(b"a") + lp(bytes(8)) + lp(bytes(9)) + lp(b"")),
        lp(lp(b"\xff") + lp(bytes(8)) + lp(bytes(8)) + lp(b"")),
        lp(lp(b"a") + lp(bytes(8)) + lp(bytes(8))),
    ],
)
def test_damage_is_told(damaged: bytes) -> None:
    """A file that is cut off, or whose lengths are wrong, is an error and never a shorter list."""
    with pytest.raises(MalformedError) as caught:
        read(damaged)
    assert caught.value.code is Code.MALFORMED


def test_entries_before_the_damage_are_given() -> None:
    """What stands before the damage is not lost."""
    found = read_export(io.BytesIO(FIRST.encode() + b"\0").read)
    assert next(found) == FIRST
    with pytest.raises(MalformedError):
        next(found)
