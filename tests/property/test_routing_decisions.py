"""Properties of the gates' decisions: total, pure, nothing leaves without consent, withdrawals always win."""

from __future__ import annotations

import dataclasses

from hypothesis import given, settings
from hypothesis import strategies as st

from refbus.core.consent.permit import decide, request_for
from refbus.core.consent.record import withdrawal_of
from refbus.core.gate.passage import Pass, Presented
from refbus.core.gate.routing import decide_egress, decide_ingress
from refbus.core.gate.verdicts import Duplicate, Forward, Hold, Refuse
from refbus.core.ids import CaseHandle, CountryCode, EventId, KeyId, ReferralId
from refbus.core.message import RoutingBlock
from refbus.core.units import HOUR_MS
from refbus.core.vocabulary import CONTROL_EVENTS, Action, DataCategory, EventType, Priority, Purpose
from refbus.errors import Code
from support.consents import COLLECTOR, PARTY, consent_record, evidence, withdrawn
from support.directories import NOW_MS, agency, federation, gate, kem_private, ngo, second_ngo, signing_pair
from support.passages import HANDLE, REFERRAL, MemoryNode, block, header, passed, presented

FED = federation(("kz", "uz"))
ORGS = st.sampled_from((COLLECTOR, PARTY, agency("uz"), ngo("kz"), second_ngo("uz"), gate("kz")))
RECORDS = (
    consent_record(),
    consent_record(valid_until_ms=NOW_MS),
    consent_record(subject_ref=bytes(32)),
    withdrawn(consent_record()),
)
PROOFS = st.one_of(
    st.none(),
    st.sampled_from(RECORDS).map(evidence),
    st.just(evidence(consent_record(), signature_ok=False)),
)


@st.composite
def blocks(draw: st.DrawFn) -> RoutingBlock:
    """Return a routing block, mostly of the request that would pass."""
    sender = draw(st.one_of(st.just(COLLECTOR), ORGS))
    recipient = draw(st.one_of(st.just(PARTY), ORGS))
    return block(
        draw(st.sampled_from(EventType)),
        sender=sender,
        recipient=recipient,
        sender_kid=draw(st.sampled_from((signing_pair(sender).kid, KeyId(bytes(16))))),
        recipient_kid=draw(st.sampled_from((kem_private(recipient).kid, KeyId(bytes(16))))),
        event_id=EventId(draw(st.sampled_from((b"a" * 16, b"b" * 16)))),
        referral_id=draw(st.sampled_from((REFERRAL, ReferralId(bytes(16))))),
        case_handle=draw(st.sampled_from((HANDLE, CaseHandle(bytes(32))))),
        priority=draw(st.sampled_from(Priority)),
        purpose=draw(st.sampled_from((Purpose.REFERRAL_SERVICES, Purpose.MEDICAL))),
        actions=tuple(draw(st.sets(st.sampled_from(Action), max_size=2))),
        data_categories=tuple(draw(st.sets(st.sampled_from((DataCategory.IDENTITY, DataCategory.PHOTO_BIOMETRIC))))),
        occurred_at_ms=draw(st.sampled_from((-1, 0, NOW_MS, NOW_MS + 600_001, 2**62))),
    )


@st.composite
def events(draw: st.DrawFn) -> Presented:
    """Return an event in a gate's hands."""
    return presented(
        draw(st.one_of(st.builds(block), blocks())),
        named=draw(st.sampled_from(("one", "two"))),
        header=header(
            expires_at_hour=NOW_MS // HOUR_MS + draw(st.integers(-1, 800)),
            directory_version=draw(st.sampled_from((0, 1, 2))),
        ),
        consent=draw(PROOFS),
        consent_error=draw(st.sampled_from((None, Code.MALFORMED))),
        resumed=draw(st.booleans()),
        passed=draw(
            st.sampled_from((None, Pass(CountryCode("kz"), NOW_MS // HOUR_MS), Pass(CountryCode("xx"), 2**40)))
        ),
    )


@st.composite
def nodes(draw: st.DrawFn) -> MemoryNode:
    """Return a node that some events have passed."""
    node = MemoryNode(draw(st.sampled_from(("kz", "uz", "xx"))))
    for event in draw(st.lists(events(), max_size=3)):
        (node.egress if draw(st.booleans()) else node.ingress)(event, FED.history)
    return node


@given(events(), nodes(), st.integers(-1, 2**62))
@settings(max_examples=200, deadline=None)
def test_any_event_at_any_node_gets_one_verdict(event: Presented, node: MemoryNode, now: int) -> None:
    """Total and pure: a verdict, the same one again, sorted codes, and reasons exactly where something is stopped."""
    for decision in (decide_egress, decide_ingress):
        verdict = decision(event, node, FED.history, now)
        assert decision(event, node, FED.history, now) == verdict
        assert list(verdict.codes) == sorted(set(verdict.codes))
        assert isinstance(verdict, Forward | Hold | Refuse | Duplicate)
        assert bool(verdict.codes) == (
            isinstance(verdict, Hold | Refuse) or (isinstance(verdict, Duplicate) and verdict.alarm)
        )


@given(events(), nodes())
@settings(max_examples=200, deadline=None)
def test_nothing_passes_without_consent(event: Presented, node: MemoryNode) -> None:
    """What is forwarded is a control event without data, or permitted by the record that it carries, at either gate."""
    for decision in (decide_egress, decide_ingress):
        verdict = decision(event, node, FED.history, NOW_MS)
        if not isinstance(verdict, Forward):
            continue
        if event.block.event_type in CONTROL_EVENTS:
            assert event.block.data_categories == ()
        else:
            assert event.consent is not None
            policy = FED.directory.policies[node.country]
            assert decide(request_for(event.block), [event.consent], FED.directory, policy, NOW_MS).permit


@given(events())
@settings(max_examples=100, deadline=None)
def test_after_a_withdrawal_no_event_passes_on_that_consent(event: Presented) -> None:
    """Whatever else is true of the event, at both gates."""
    stop = withdrawal_of(evidence(withdrawn(consent_record())))
    assert stop is not None
    for country in ("kz", "uz"):
        node = MemoryNode(country)
        node.consents[stop.consent_id] = dataclasses.replace(node.consent(stop.consent_id), withdrawals=(stop,))
        for decision in (decide_egress, decide_ingress):
            verdict = decision(event, node, FED.history, NOW_MS)
            assert not isinstance(verdict, Forward) or event.block.event_type in CONTROL_EVENTS


@given(st.permutations(("request", "information", "withdrawal")), st.sampled_from(("kz", "uz")))
@settings(deadline=None)
def test_log_order_decides_between_a_withdrawal_and_what_is_sent(order: tuple[str, ...], country: str) -> None:
    """Everything before the withdrawal may pass, everything after it is refused WITHDRAWN; the withdrawal is marked."""
    node = MemoryNode(country)
    made = {
        "request": presented(),
        "information": presented(block(EventType.INFORMATION_PROVIDED)),
        "withdrawal": presented(block(EventType.CONSENT_WITHDRAWN), record=withdrawn(consent_record())),
    }
    withdrawn_already = False
    for name in order:
        event = made[name]
        verdict = node.egress(event, FED.history) if country == "kz" else node.ingress(passed(event), FED.history)
        if name == "withdrawal":
            withdrawn_already = True
        else:
            assert (Code.WITHDRAWN in verdict.codes) == withdrawn_already
    assert node.consent(consent_record().consent_id).withdrawals
