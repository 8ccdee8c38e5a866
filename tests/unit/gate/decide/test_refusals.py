"""What a gate stops: where it is put, who is told, and that the account still balances."""

from __future__ import annotations

import pytest

from refbus.audit.record import AuditOutcome
from refbus.audit.statement import Statement
from refbus.core.directory import OrgStatus
from refbus.core.gate.passage import Outcome
from refbus.core.ids import CountryCode
from refbus.core.units import HOUR_MS
from refbus.core.vocabulary import DataCategory, EventType
from refbus.crypto.framing import sha256
from refbus.wire.transport import (
    BorderKind,
    BorderRecord,
    HopOutcome,
    HopReceipt,
    NoticeKind,
    NoticeOutcome,
    Passed,
    StoppedRecord,
)
from support.directories import NOW_MS, agency, ngo
from support.envelopes import NOW_HOUR, forged, header_of, sealed
from support.gates import Node, World

KZ, UZ = CountryCode("kz"), CountryCode("uz")


def stopped(node: Node, family: str) -> list[StoppedRecord]:
    """Return what the operator of a node sees."""
    return [StoppedRecord.parse(each.value) for each in node.bus.records(f"{node.country}.{family}")]


def hops(node: Node, coming_from: str) -> list[HopReceipt]:
    """Return the hop receipts that a node was sent."""
    records = [BorderRecord.parse(each.value) for each in node.bus.records(f"{node.country}.border.{coming_from}")]
    return [HopReceipt.parse(each.body) for each in records if each.kind is BorderKind.HOP]


def test_a_refusal_goes_to_operator_and_sender(world: World) -> None:
    """The bytes go to the operator with the reasons, and the sender gets them sealed."""
    raw = world.event(consent_record=None)
    world.outbox("kz", raw)
    world.settle()
    (kept,) = stopped(world.nodes["kz"], "refused")
    assert (kept.record, kept.codes) == (raw, ("NO_CONSENT",))
    (notice,) = world.notices(agency("kz"))
    assert (notice.kind, notice.outcome, notice.codes) == (NoticeKind.REFUSAL, NoticeOutcome.REFUSED, ("NO_CONSENT",))
    assert notice.decision_id == kept.decision_id
    assert not world.nodes["uz"].bus.records("uz.border.kz")


def test_all_reasons_are_told(world: World) -> None:
    """A sender that broke two rules hears both at once."""
    raw = world.event(data_categories=(DataCategory.HEALTH,), recipient=ngo("uz"), purpose="MEDICAL")
    world.outbox("kz", raw)
    world.settle()
    (notice,) = world.notices(agency("kz"))
    assert {"CATEGORY_NOT_COVERED", "PURPOSE_NOT_COVERED"} <= set(notice.codes)


@pytest.mark.parametrize("garbage", [b"", b"\0", b"not avro", b"\xff" * 5000])
def test_what_does_not_parse_is_quarantined(world: World, garbage: bytes) -> None:
    """Bytes that are no envelope are kept for a person; nobody can be told."""
    world.outbox("kz", garbage)
    world.settle()
    (kept,) = stopped(world.nodes["kz"], "quarantine")
    assert kept.record == garbage
    assert world.notices(agency("kz")) == []
    assert world.nodes["kz"].balance().total(Outcome.QUARANTINED) == 1


def test_a_forged_sender_is_told_nothing(world: World) -> None:
    """An envelope signed with another key is refused, and the organisation that it names hears nothing."""
    raw = forged(world.fed, block=world.block(), signer=world.fed.pairs[ngo("uz")])
    world.outbox("kz", raw)
    world.settle()
    (kept,) = stopped(world.nodes["kz"], "refused")
    assert kept.codes == ("OPEN_FAILED",)
    assert world.notices(agency("kz")) == []


def test_an_expired_event_is_refused(world: World) -> None:
    """What is past its end does not leave the country."""
    world.outbox("kz", sealed(world.fed, world.block(), expires_at_hour=NOW_HOUR))
    world.settle()
    assert stopped(world.nodes["kz"], "refused")[0].codes == ("MESSAGE_EXPIRED",)


@pytest.mark.parametrize(
    ("hours", "code"), [(0, "MESSAGE_EXPIRED"), (-100, "MESSAGE_EXPIRED"), (722, "MESSAGE_LIFE_TOO_LONG")]
)
def test_an_envelope_of_a_wrong_clock_is_told_to_whoever_signed_it(world: World, hours: int, code: str) -> None:
    """Its header alone stops it, before its sender is looked at: the office whose clock is wrong hears of it."""
    world.outbox("kz", sealed(world.fed, world.block(), expires_at_hour=NOW_HOUR + hours))
    world.settle()
    (notice,) = world.notices(agency("kz"))
    assert (notice.kind, notice.outcome, notice.codes) == (NoticeKind.REFUSAL, NoticeOutcome.REFUSED, (code,))


def test_nobody_is_told_of_an_envelope_of_a_wrong_clock_that_they_did_not_sign(world: World) -> None:
    """Whoever forges a sender makes the gate tell nobody anything."""
    late = header_of(world.fed, expires_at_hour=NOW_HOUR + 722)
    raw = forged(world.fed, header=late, block=world.block(), signer=world.fed.pairs[ngo("uz")])
    world.outbox("kz", raw)
    world.settle()
    assert stopped(world.nodes["kz"], "refused")[0].codes == ("MESSAGE_LIFE_TOO_LONG",)
    assert world.notices(agency("kz")) == []


def test_a_sender_of_another_country_has_no_business_here(world: World) -> None:
    """An event of a uz member in the outbox of kz is refused by kz."""
    block = world.block(sender=ngo("uz"), recipient=agency("kz"), sender_kid=world.fed.pairs[ngo("uz")].kid)
    world.outbox("kz", sealed(world.fed, block))
    world.settle()
    assert world.nodes["kz"].balance().total(Outcome.REFUSED) == 1


def test_biometric_data_stays_in_uz(world: World) -> None:
    """The residency table of the country of origin is applied before anything leaves."""
    world.outbox("kz", world.event("one"))
    world.settle()
    answer = world.answer("one", EventType.REFERRAL_ACCEPTED, data_categories=(DataCategory.PHOTO_BIOMETRIC,))
    world.outbox("uz", answer)
    world.settle()
    assert "RESIDENCY_FORBIDDEN" in world.notices(ngo("uz"))[-1].codes


def test_a_refusal_at_the_destination_comes_back_sealed(world: World) -> None:
    """Uz suspended the recipient meanwhile: the kz sender learns it, the kz gate cannot read it."""
    raw = world.event()
    world.outbox("kz", raw)
    world.nodes["kz"].consume()
    world.nodes["kz"].pump()
    world.fed = world.fed.changed(ngo("uz"), status=OrgStatus.SUSPENDED)
    world.settle()
    notice = world.notices(agency("kz"))[-1]
    assert (notice.from_gate, notice.kind) == ("uz-gate", NoticeKind.REFUSAL)
    assert notice.envelope_sha256 == sha256(raw)
    assert [each.outcome for each in hops(world.nodes["kz"], "uz")] == [HopOutcome.TAKEN]
    statement = Statement.parse(notice.statement)
    assert statement.leaf in [entry.leaf for entry in world.audit("uz")]
    assert (statement.record.writer, statement.record.outcome) == ("uz-gate", AuditOutcome.REFUSED)


def passed_of(world: World, raw: bytes, **changes: object) -> bytes:
    """Return the border record that kz would write for `raw`, with fields replaced."""
    world.outbox("kz", raw)
    world.nodes["kz"].consume()
    (row,) = world.nodes["kz"].waiting("uz")
    record = BorderRecord.parse(row.value)
    fields = {name: getattr(Passed.parse(record.body), name) for name in Passed.__slots__}
    return BorderRecord(BorderKind.PASSED, Passed(**{**fields, **changes}).encode()).encode()


@pytest.mark.parametrize(
    "changes",
    [{"hour": NOW_HOUR - 5}, {"to_country": "kz"}, {"from_country": "uz"}, {"ed25519": bytes(64)}, {"mldsa65": None}],
    ids=["hour", "to", "from", "Ed25519", "without ML-DSA"],
)
def test_an_event_without_a_valid_stamp_does_not_enter(world: World, changes: dict[str, object]) -> None:
    """Ingress demands the word of the gate of origin, and signs no receipt without it."""
    forged_record = passed_of(world, world.event(), **changes)
    uz = world.nodes["uz"]
    uz.bus.put("uz.border.kz", forged_record)
    uz.consume()
    uz.pump()
    assert stopped(uz, "refused")[0].codes == ("PASS_INVALID",)
    assert hops(world.nodes["kz"], "uz") == []


def test_a_forged_stamp_does_not_spoil_the_honest_record(world: World) -> None:
    """After a forged record with the same envelope the honest one still arrives."""
    raw = world.event()
    world.nodes["uz"].bus.put("uz.border.kz", passed_of(world, raw, ed25519=bytes(64)))
    world.settle()
    assert world.events(ngo("uz")) == [raw]


def test_an_envelope_that_does_not_parse_is_signed_for_as_quarantined(world: World) -> None:
    """A stamped envelope that this gate cannot parse ends its delivery all the same."""
    world.nodes["uz"].bus.put("uz.border.kz", world.stamped(b"odd"))
    world.settle()
    assert [each.outcome for each in hops(world.nodes["kz"], "uz")] == [HopOutcome.QUARANTINED]


def test_a_forged_hop_receipt_ends_no_delivery(world: World) -> None:
    """Only the destination's gate can end a delivery."""
    raw = world.event()
    world.outbox("kz", raw)
    kz = world.nodes["kz"]
    kz.consume()
    kz.pump()
    pair = world.fed.pairs[ngo("uz")]
    fake = HopReceipt(sha256(raw), KZ, UZ, HopOutcome.TAKEN, NOW_MS // HOUR_MS, pair.kid, bytes(64))
    kz.bus.put("kz.border.uz", BorderRecord(BorderKind.HOP, fake.encode()).encode())
    kz.consume()
    assert len(kz.waiting("uz")) == 1


def test_a_notice_about_a_foreign_envelope_is_refused(world: World) -> None:
    """A gate relays notices only about envelopes that its own organisations sent."""
    from refbus_gate.decide.receipts import relayed

    world.nodes["kz"].bus.put("kz.border.uz", relayed(bytes(32), b"sealed"))
    world.settle()
    assert stopped(world.nodes["kz"], "refused")[0].codes == ("NOT_A_PARTY",)
