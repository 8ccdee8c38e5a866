"""Whose word counts for what about an envelope."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from refbus.core.ids import CountryCode, EventId
from refbus.envelope.confirmations import may_say, sign_hop, verify_hop
from refbus.errors import Code, UntrustedError
from refbus.wire.transport import GateNotice, HopOutcome, HopReceipt, NoticeKind, NoticeOutcome
from support.directories import NOW_MS, federation, gate, signing_key
from support.envelopes import NOW_HOUR

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
        (NoticeKind.RECEIPT, NoticeOutcome.FORWARDED, {"kz"}),
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


def test_a_receipt_of_a_crossing_holds_for_its_envelope_its_road_and_its_outcome() -> None:
    """Signed by the gate of destination; any other value, or another key, is SIGNATURE_INVALID."""
    pair = FED.pairs[gate("uz")]
    signed = HopReceipt.parse(sign_hop(pair, bytes(32), (KZ, UZ), (HopOutcome.TAKEN, NOW_HOUR)))
    verify_hop(signed, signing_key(pair))
    changes: list[dict[str, Any]] = [
        {"envelope_sha256": bytes(31) + b"1"},
        {"from_country": CountryCode("kg")},
        {"to_country": CountryCode("kg")},
        {"outcome": HopOutcome.QUARANTINED},
        {"hour": NOW_HOUR + 1},
    ]
    for change in changes:
        with pytest.raises(UntrustedError) as caught:
            verify_hop(dataclasses.replace(signed, **change), signing_key(pair))
        assert caught.value.code is Code.SIGNATURE_INVALID
    with pytest.raises(UntrustedError):
        verify_hop(signed, signing_key(FED.pairs[gate("kz")]))
