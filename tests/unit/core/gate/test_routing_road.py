"""The road of an event through both gates, and what each verdict leaves behind."""

from __future__ import annotations

from refbus.core.consent.record import Obligation
from refbus.core.courses.facts import EventFact
from refbus.core.directory import OrgRole
from refbus.core.gate.passage import Outcome
from refbus.core.gate.verdicts import About, AddDisclosure, AddReferralFact, BindConsent, Forward, Point, RecordConsent
from support.consents import (
    COLLECTOR,
    CONSENT_ID,
    PARTY,
    SUBJECT,
    consent_record,
    evidence,
    provision,
)
from support.directories import NOW_MS, ngo
from support.passages import (
    HANDLE,
    REFERRAL,
    MemoryNode,
    block,
    passed,
    presented,
)
from support.roads import FED, E, into, out, reply, sent


def test_a_request_leaves_with_everything_the_node_must_remember() -> None:
    """Egress forwards to the recipient's country; consent, fact, disclosure and time are effects."""
    event = presented()
    verdict = out(event)
    fact = EventFact(
        event.block.event_id,
        E.REFERRAL_REQUESTED,
        COLLECTOR,
        PARTY,
        None,
        NOW_MS - 1000,
        None,
        event.block.priority,
        event.block.respond_by_ms,
    )
    assert verdict == Forward(
        about=About(
            Point.EGRESS,
            event.header.message_id,
            E.REFERRAL_REQUESTED,
            event.block.event_id,
            REFERRAL,
            HANDLE,
            COLLECTOR,
            PARTY,
            CONSENT_ID,
            1,
        ),
        destination=FED.directory.organisations[PARTY].country,
        effects=(
            RecordConsent(evidence(consent_record())),
            BindConsent(CONSENT_ID, HANDLE),
            AddReferralFact(REFERRAL, HANDLE, SUBJECT, fact, minor=False),
            AddDisclosure(REFERRAL, CONSENT_ID, COLLECTOR, PARTY),
        ),
    )
    assert (verdict.outcome, verdict.codes) == (Outcome.FORWARDED, ())


def test_the_same_event_arrives_with_the_word_of_the_gate_of_origin() -> None:
    """Ingress forwards into the inbox of the recipient's own country."""
    verdict = into()
    assert isinstance(verdict, Forward)
    assert (verdict.about.point, verdict.destination) == (Point.INGRESS, "uz")


def test_a_referral_is_accepted_helped_and_completed() -> None:
    """The answers take the same road back, each permitted by the record that came with the request."""
    kz, uz = sent()
    for kind in (E.REFERRAL_DELIVERED, E.REFERRAL_OPENED, E.REFERRAL_ACCEPTED, E.REFERRAL_IN_PROGRESS):
        event = reply(kind)
        assert isinstance(out(event, node=uz), Forward)
        assert isinstance(into(passed(event, "uz"), node=kz), Forward)
    known = kz.referral(REFERRAL)
    assert known is not None
    assert known == uz.referral(REFERRAL)
    assert [fact.type for fact in known.facts].count(E.REFERRAL_ACCEPTED) == 1


def test_within_one_country_the_destination_is_the_country_itself() -> None:
    """A domestic referral passes both decisions of the same node's country."""
    record = consent_record(party=ngo("kz"), provisions=(provision(recipients=(ngo("kz"),), countries=("kz",)),))
    event = presented(block(recipient=ngo("kz")), record=record)
    verdict = out(event)
    assert isinstance(verdict, Forward)
    assert verdict.destination == "kz"
    assert isinstance(into(passed(event), node=MemoryNode("kz")), Forward)


def test_obligations_of_the_permit_come_with_the_verdict() -> None:
    """A country that wants the person told gets the obligation in the audit entry."""
    verdict = out(fed=FED.with_policy("kz", notify_subject=True))
    assert isinstance(verdict, Forward)
    assert verdict.obligations == (Obligation.NOTIFY_SUBJECT,)


def test_an_embassy_is_an_ordinary_member() -> None:
    """It can be named in a consent, receive and answer like an agency or an NGO."""
    fed = FED.changed(PARTY, role=OrgRole.EMBASSY)
    assert isinstance(out(fed=fed), Forward)
