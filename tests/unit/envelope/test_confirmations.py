"""Whose word counts for what about an envelope."""

from __future__ import annotations

import pytest

from refbus.core.ids import CountryCode, EventId
from refbus.envelope.confirmations import may_say
from refbus.wire.transport import GateNotice, NoticeKind, NoticeOutcome
from support.directories import NOW_MS, federation, gate, signing_key

FED = federation()
KZ, UZ = CountryCode("kz"), CountryCode("uz")


def notice(by: str, kind: NoticeKind, outcome: NoticeOutcome) -> GateNotice:
    """Return what the gate of `by` says."""
    who = gate(by)
    return GateNotice(
        from_gate=who,
        kid=signing_key(FED.pairs[gate("kz")]).kid,
        kind=kind,
        envelope_sha256=bytes(32),
        event_id=EventId(bytes(16)),
        outcome=outcome,
        codes=(),
        at_ms=NOW_MS,
        inbox_count=0,
        inbox_hash=bytes(32),
        decision_id=bytes(16),
    )


@pytest.mark.parametrize(
    ("kind", "outcome", "speakers"),
    [
        (NoticeKind.RECEIPT, NoticeOutcome.FORWARDED, {"kz", "uz"}),
        (NoticeKind.RECEIPT, NoticeOutcome.TAKEN, {"kz"}),
        (NoticeKind.RECEIPT, NoticeOutcome.HELD, {"kz", "uz"}),
        (NoticeKind.REFUSAL, NoticeOutcome.REFUSED, {"kz", "uz"}),
        (NoticeKind.REFUSAL, NoticeOutcome.TAKEN, set()),
        (NoticeKind.DELIVERY_FAILED, NoticeOutcome.REFUSED, {"kz"}),
    ],
)
def test_only_a_gate_of_the_road_may_say_what_it_can_know(
    kind: NoticeKind, outcome: NoticeOutcome, speakers: set[str]
) -> None:
    """From kz to uz: a third gate says nothing, and no gate what has no meaning."""
    said = {by for by in ("kz", "kg", "uz") if may_say(notice(by, kind, outcome), KZ, UZ)}
    assert said == speakers
    forgotten = {by for by in ("kz", "kg", "uz") if may_say(notice(by, kind, outcome), KZ, None)}
    assert forgotten == speakers - {"uz"}
