"""Who may confirm what: a gate, an organisation, a third party, each tried against the table."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from refbus.core.ids import OrgId
from refbus.core.message import RoutingBlock
from refbus.core.vocabulary import EventType
from refbus.envelope.confirmations import NOTICES, Gate
from refbus.errors import Code
from refbus.wire.consent import decode_signed
from refbus.wire.transport import HopOutcome, HopReceipt, NoticeKind, NoticeOutcome
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.outbox import envelopes
from refbus_gateway.reports.overview import Hop, also_signed_by
from refbus_gateway.store import consents, outbox, referrals, set_aside
from refbus_gateway.store.outbox import RowState
from support.gateways import (
    Pair,
    alarm_codes,
    case_file,
    consent_file,
    home_health,
    line,
    new_case,
    refer,
    sent,
    take_consent,
    withdraw_all,
)
from support.notices import gate_pair, hop_of, newest_row, notice_of, tell

THIRD = OrgId("kg-she1ter1")
SPEAKERS = {"kz": Gate.ORIGIN, "uz": Gate.DESTINATION, "kg": None}
ABOUT_ENVELOPES = [
    (kind, outcome)
    for kind in (NoticeKind.RECEIPT, NoticeKind.REFUSAL, NoticeKind.DELIVERY_FAILED)
    for outcome in NoticeOutcome
]


def waiting(pair: Pair, name: str) -> int:
    """Refer a case of its own that our gate has confirmed nothing of, and return the referral's number."""
    _, number = sent(pair.kz, case_file(about=f"Fictional: {name}"))
    pair.world.sync(pair.kz)
    return number


def refused_notices(pair: Pair) -> list[str]:
    """Return the codes under which notices were set aside."""
    with pair.kz.store.read() as tx:
        return [each.code for each in set_aside.aside(tx, set_aside.AsideState.REFUSED)]


@pytest.mark.parametrize("speaker", SPEAKERS)
@pytest.mark.parametrize(("kind", "outcome"), ABOUT_ENVELOPES, ids=lambda value: value or "NONE")
def test_each_notice_counts_from_the_gates_in_the_table(
    pair: Pair, kind: NoticeKind, outcome: NoticeOutcome, speaker: str
) -> None:
    """Whatever a gate says of an envelope without being one that may, is set aside and moves nothing."""
    number = waiting(pair, f"{kind} {outcome} {speaker}")
    before = newest_row(pair, number)
    facts: dict[str, Any] = {"signer": speaker, "kind": kind}
    tell(pair, notice_of(pair, number, outcome, Code.CATEGORY_NOT_COVERED, **facts))
    may = SPEAKERS[speaker] in NOTICES.get((kind, outcome), frozenset())
    with pair.kz.store.read() as tx:
        kept = outbox.receipts(tx, before.id)
    assert bool(kept) == may
    if not may:
        assert newest_row(pair, number) == before
        assert refused_notices(pair)[-1] == Code.NOT_A_PARTY
        assert Code.NOT_A_PARTY in alarm_codes(pair.kz)


def test_our_gate_alone_cannot_pretend_delivery(pair: Pair) -> None:
    """TAKEN without the other gate's signature, as the first release sent it, shows that ours passed it on."""
    number = waiting(pair, "bare word")
    tell(pair, notice_of(pair, number, NoticeOutcome.TAKEN))
    assert line(pair.kz, number).hop is Hop.BORDER


@pytest.mark.parametrize("batch", [False, True])
def test_the_other_gates_signature_is_what_counts_and_is_kept(pair: Pair, batch: bool) -> None:
    """With the destination's receipt, of either version, the event is across, and the bytes stay here as evidence."""
    number = waiting(pair, f"signed {batch}")
    receipt = hop_of(pair, number, batch=batch)
    tell(pair, notice_of(pair, number, NoticeOutcome.TAKEN, receipt=receipt))
    found = line(pair.kz, number)
    assert found.hop is Hop.THEIR_INBOX
    assert found.receipts[-1].receipt == receipt
    assert also_signed_by(found.receipts[-1]) == "uz-gate"


FALSE: dict[str, dict[str, Any]] = {
    "signed by a third gate": {"by": "kg"},
    "of a third country's road": {"by": "kg", "road": ("kz", "kg")},
    "of another envelope": {"sha256": bytes(32)},
    "of another origin": {"road": ("kg", "uz")},
    "of bytes that were put aside": {"outcome": HopOutcome.QUARANTINED},
}


@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize("lie", FALSE)
def test_a_receipt_that_the_destination_did_not_sign_is_told_and_moves_nothing(
    pair: Pair, lie: str, batch: bool
) -> None:
    """RECEIPT_INVALID, or a key that is not that gate's: nobody takes the event for delivered."""
    number = waiting(pair, f"{lie} {batch}")
    receipt = hop_of(pair, number, batch=batch, **FALSE[lie])
    if lie == "signed by a third gate":  # in the name of the destination's key
        receipt = replace(HopReceipt.parse(receipt), kid=gate_pair(pair, "uz").kid).encode()
    tell(pair, notice_of(pair, number, NoticeOutcome.TAKEN, receipt=receipt))
    assert line(pair.kz, number).hop is Hop.MY_GATE
    assert refused_notices(pair)[-1] == Code.RECEIPT_INVALID


def test_our_gate_cannot_take_back_what_the_other_has_signed_for(pair: Pair) -> None:
    """After the crossing only the destination's gate may still refuse."""
    number = waiting(pair, "taken back")
    tell(pair, notice_of(pair, number, NoticeOutcome.TAKEN, receipt=hop_of(pair, number)))
    refusal: dict[str, Any] = {"decision_id": b"r" * 16}
    tell(pair, notice_of(pair, number, NoticeOutcome.REFUSED, Code.CATEGORY_NOT_COVERED, **refusal))
    assert line(pair.kz, number).hop is Hop.THEIR_INBOX
    tell(pair, notice_of(pair, number, NoticeOutcome.REFUSED, Code.CATEGORY_NOT_COVERED, signer="uz", **refusal))
    assert line(pair.kz, number).hop is Hop.REFUSED


def test_what_the_other_gate_put_aside_is_told_to_a_person(pair: Pair) -> None:
    """SET_ASIDE_THERE: no silence after FORWARDED, and no delivery either."""
    number = waiting(pair, "put aside")
    tell(pair, notice_of(pair, number, NoticeOutcome.FORWARDED))
    receipt = hop_of(pair, number, outcome=HopOutcome.QUARANTINED)
    facts: dict[str, Any] = {"receipt": receipt, "decision_id": b"q" * 16}
    tell(pair, notice_of(pair, number, NoticeOutcome.QUARANTINED, Code.SET_ASIDE_THERE, **facts))
    found = line(pair.kz, number)
    assert (found.hop, found.codes) == (Hop.HELD, (Code.SET_ASIDE_THERE,))
    assert Code.SET_ASIDE_THERE in alarm_codes(pair.kz)


def of_two(own: Pair) -> tuple[Gateway, int, int]:
    """Refer one case to the shelter and to an office in kg; return that office, and both referrals."""
    kg = own.world.gateway(THIRD)
    case, first = sent(own.kz)
    take_consent(own.kz, case, consent_file(THIRD))
    second = refer(own.kz, case, to=THIRD)
    own.world.exchange(own.kz, own.uz, kg)
    return kg, first, second


def request_of(gateway: Gateway, number: int) -> RoutingBlock:
    """Return the block of the request of a referral."""
    with gateway.store.read() as tx:
        return referrals.events_of(tx, referrals.get(tx, number))[0].block


def answer(gateway: Gateway, asked: RoutingBlock, event_type: EventType, **fields: Any) -> None:
    """Let an office say something by itself in a referral."""
    with gateway.store.write() as tx:
        envelopes.answer(gateway, tx, asked, event_type, fields)


def test_nobody_acknowledges_the_withdrawal_of_others(own: Pair) -> None:
    """Another recipient of the same case knows the consent's id: its ERASED ends no retry and erases nothing."""
    kg, first, second = of_two(own)
    with own.kz.store.read() as tx:
        case = referrals.get(tx, first).case_id
    withdraw_all(own.kz, case)
    with own.kz.store.read() as tx:
        told = [event for event in referrals.events_of(tx, referrals.get(tx, first)) if event.outgoing][-1].block
    consent = decode_signed(told.consent_record or b"").record
    fields = {"consent_id": consent.consent_id, "consent_version": consent.version, "result": "ERASED"}
    asked = request_of(own.kz, second)
    answer(kg, asked, EventType.WITHDRAWAL_ACKNOWLEDGED, **fields, retention_reason=None)
    own.world.sync(kg)
    own.world.carry()
    own.world.sync(own.kz)
    assert home_health(own.kz).withdrawals_unanswered_ms is not None
    with own.kz.store.read() as tx:
        rows = consents.withdrawal_rows(tx, outgoing=True)
    assert [row.answer for row in rows] == [None, None]
    kg.close()


def test_nobody_has_the_envelopes_of_others_sealed_again(own: Pair) -> None:
    """UNDECRYPTABLE counts from the organisation that the envelope is for; else six of them would end an event."""
    kg, first, second = of_two(own)
    fields = {"envelope_sha256": newest_row(own, first).sha256, "reason": "OPEN_FAILED"}
    answer(kg, request_of(own.kz, second), EventType.UNDECRYPTABLE, **fields)
    own.world.sync(kg)
    own.world.carry()
    own.world.sync(own.kz)
    assert line(own.kz, first).envelopes == 1
    assert refused_notices(own) == [Code.NOT_A_PARTY]
    kg.close()


def test_within_a_country_our_gate_is_the_destination(own: Pair) -> None:
    """FORWARDED by it means that the recipient's gate has the event: there is no other."""
    neighbour = OrgId("kz-she1ter1")
    case = new_case(own.kz)
    take_consent(own.kz, case, consent_file(neighbour))
    number = refer(own.kz, case, to=neighbour)
    own.world.sync(own.kz)
    tell(own, notice_of(own, number, NoticeOutcome.FORWARDED))
    assert line(own.kz, number).hop is Hop.THEIR_INBOX
    with own.kz.store.read() as tx:
        assert outbox.of_event(tx, line(own.kz, number).event.id)[-1].state is RowState.TAKEN
