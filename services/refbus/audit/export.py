"""Exported audit entries: what the auditor of a country hands to its inspector, in one file.

    file   = LP(record) for each entry
    record = LP(origin) || LP(u64be index) || LP(u64be logged_at_ms) || LP(AuditEntry or ErasureOrder as received)

Origin and index say where the leaf of the entry stands in the log. Nothing in the file is trusted: a reader checks the
signature of each entry, its leaf in the log, and what is sealed in it. Specification: docs/spec/audit-entry.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from refbus.crypto.framing import lp, split_lp, u64be
from refbus.errors import Code, MalformedError
from refbus.wire.transport import AuditEntry, ErasureOrder

MOST_RECORD_BYTES: Final = 262_144
"""The largest order to erase has 160 kB; a longer length is damage and not read."""


@dataclass(frozen=True, slots=True)
class Exported:
    """One entry as the auditor keeps it. `raw` are its exact bytes, `logged_at_ms` is the broker's time (UTC)."""

    origin: str
    index: int
    logged_at_ms: int
    raw: bytes = field(repr=False)

    def entry(self) -> AuditEntry:
        """Return the entry in `raw`. Raises MalformedError."""
        return AuditEntry.parse(self.raw)

    def order(self) -> ErasureOrder | None:
        """Return the order to erase in `raw`, None when it holds something else."""
        try:
            return ErasureOrder.parse(self.raw)
        except MalformedError:
            return None

    def encode(self) -> bytes:
        """Return the record with its length, as it stands in the file."""
        return lp(lp(self.origin.encode()) + lp(u64be(self.index)) + lp(u64be(self.logged_at_ms)) + lp(self.raw))


def read_export(read: Callable[[int], bytes]) -> Iterator[Exported]:
    """Yield the entries of a file; `read` returns that many bytes, fewer only at the end of it.

    Raises MalformedError at a record that is damaged or cut off; those before it have been yielded.
    """
    while head := read(4):
        size = int.from_bytes(head, "big")
        if len(head) != 4 or size > MOST_RECORD_BYTES:
            raise MalformedError(Code.MALFORMED, "length of an exported entry")
        data = read(size)
        if len(data) != size:
            raise MalformedError(Code.MALFORMED, "an exported entry is cut off")
        yield _parsed(data)


def _parsed(data: bytes) -> Exported:
    origin, index, logged_at_ms, raw = split_lp(data, 4)
    if len(index) != 8 or len(logged_at_ms) != 8:
        raise MalformedError(Code.MALFORMED, "numbers of an exported entry")
    try:
        name = origin.decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedError(Code.MALFORMED, "origin of an exported entry") from None
    return Exported(name, int.from_bytes(index, "big"), int.from_bytes(logged_at_ms, "big"), raw)
