r"""What is behind a leaf, for whoever may see it: the opening, the type of the record, the record.

    statement = LP(opening) || LP(record type) || LP(record)

It is what an entry seals to the inspector, what a writer keeps of its own decisions, and the `extra` of the proof that
it hands out: with it anyone computes the leaf again, and without it the leaf says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from refbus.audit.leaf import leaf_of, opening_of
from refbus.audit.record import AnyRecord, AuditRecord, ReplayRecord
from refbus.crypto.framing import lp, split_lp
from refbus.errors import Code, MalformedError

RECORD_TYPE = "refbus.v1.AuditRecord"
REPLAY_TYPE = "refbus.v1.ReplayRecord"
_KINDS: Mapping[bytes, type[AnyRecord]] = {RECORD_TYPE.encode(): AuditRecord, REPLAY_TYPE.encode(): ReplayRecord}


@dataclass(frozen=True, slots=True)
class Statement:
    """One decision with its opening (32 bytes, secret until it is shown). `raw` is the record as it was committed to.

    It is only a claim until its leaf is found in a log: `leaf` says what to look for.
    """

    opening: bytes = field(repr=False)
    raw: bytes = field(repr=False)
    record: AnyRecord

    @classmethod
    def of(cls, record: AnyRecord, audit_key: bytes) -> Statement:
        """Return the statement of a decision; the key (32 secret bytes) is that of its case. Raises MalformedError."""
        return cls(opening_of(audit_key, record.decision_id), record.encode(), record)

    @classmethod
    def parse(cls, data: bytes) -> Statement:
        """Return the statement in `data`. Raises MalformedError."""
        opening, record_type, raw = split_lp(data, 3)
        kind = _KINDS.get(record_type)
        if kind is None:
            raise MalformedError(Code.UNKNOWN_VALUE, "type of an audit record")
        statement = cls(opening, raw, kind.parse(raw))
        _ = statement.leaf  # an opening of another size is told here
        return statement

    @property
    def leaf(self) -> bytes:
        """The leaf (47 bytes) that commits to it."""
        return leaf_of(self.opening, self.record_type, self.raw)

    @property
    def record_type(self) -> str:
        """The type that the leaf commits to."""
        return RECORD_TYPE if isinstance(self.record, AuditRecord) else REPLAY_TYPE

    @property
    def decision(self) -> AuditRecord:
        """The record of a decision. Raises MalformedError when it is of an order to decide again."""
        if not isinstance(self.record, AuditRecord):
            raise MalformedError(Code.UNKNOWN_VALUE, "type of an audit record")
        return self.record

    def encode(self) -> bytes:
        """Return the bytes; `parse` of them gives an equal value."""
        return lp(self.opening) + lp(self.record_type.encode()) + lp(self.raw)
