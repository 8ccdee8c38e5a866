"""What gates confirm about an envelope, and whose word counts for what (docs/spec/envelope.md section 5).

An envelope has two gates: that of its sender's country and that of its recipient's. A third one may say nothing about
it, and neither of the two may say what only the other can know.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from refbus.core.ids import CountryCode, gate_id
from refbus.wire.transport import GateNotice, HopOutcome, NoticeKind, NoticeOutcome


class Gate(StrEnum):
    """One of the two gates of an envelope."""

    ORIGIN = "ORIGIN"  # of the sender's country
    DESTINATION = "DESTINATION"  # of the recipient's country; within one country both are one gate


_ORIGIN, _BOTH = frozenset({Gate.ORIGIN}), frozenset(Gate)
NOTICES: Final[Mapping[tuple[NoticeKind, NoticeOutcome], frozenset[Gate]]] = {
    (NoticeKind.RECEIPT, NoticeOutcome.FORWARDED): _BOTH,
    (NoticeKind.RECEIPT, NoticeOutcome.DUPLICATE): _ORIGIN,
    (NoticeKind.RECEIPT, NoticeOutcome.HELD): _BOTH,
    (NoticeKind.RECEIPT, NoticeOutcome.TAKEN): _ORIGIN,
    (NoticeKind.RECEIPT, NoticeOutcome.QUARANTINED): _ORIGIN,
    (NoticeKind.REFUSAL, NoticeOutcome.REFUSED): _BOTH,
    (NoticeKind.REFUSAL, NoticeOutcome.DUPLICATE): _BOTH,
    **{(NoticeKind.DELIVERY_FAILED, outcome): _ORIGIN for outcome in NoticeOutcome},
}
"""Who may say what about an envelope. TAKEN and QUARANTINED count with the destination's own receipt only. FORWARDED
of the destination's gate: it had refused the envelope, and let it through by order."""
HOPS: Final[Mapping[NoticeOutcome, HopOutcome]] = {
    NoticeOutcome.TAKEN: HopOutcome.TAKEN,
    NoticeOutcome.QUARANTINED: HopOutcome.QUARANTINED,
}
"""What the destination's gate must have signed for a notice with this outcome."""


def may_say(notice: GateNotice, origin: CountryCode, destination: CountryCode | None) -> bool:
    """Whether the gate that speaks may say this of an envelope that went from `origin` to `destination`.

    None for a destination that is not known any more: then only the gate of origin counts.
    """
    gates = {Gate.ORIGIN: gate_id(origin), Gate.DESTINATION: None if destination is None else gate_id(destination)}
    return any(gates[role] == notice.from_gate for role in NOTICES.get((notice.kind, notice.outcome), ()))
