"""What gates demand of a return home: every guard before a departure, and each step under its own purpose."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from refbus.core.consent.record import Assent, Grantor, GrantorKind
from refbus.core.gate.passage import Presented
from refbus.core.gate.verdicts import Forward
from refbus.core.ids import ConsentId, CountryCode
from refbus.core.vocabulary import PURPOSE_OF, EventType, Purpose
from refbus.errors import Code
from support.consents import consent_record, provision
from support.directories import NOW_MS
from support.passages import MemoryNode, block, passed, presented
from support.roads import FED, E, into, out

PURPOSES = (
    Purpose.REPATRIATION,
    Purpose.IDENTITY_TRAVEL_DOCUMENT,
    Purpose.FAMILY_TRACING,
    Purpose.MONITORING,
)


def step(kind: EventType, *, reply: bool = False, child: bool = False, **changes: object) -> Presented:
    """Return an event of a return under its own purpose, with a consent that covers it, of a guardian for a `child`."""
    routing = block(kind, reply=reply, **{"purpose": PURPOSE_OF.get(kind, Purpose.REPATRIATION), **changes})
    spoke = for_a_child() if child else {}
    return presented(routing, record=consent_record(provisions=(provision(purposes=PURPOSES),), **spoke))


def for_a_child() -> dict[str, Any]:
    """Return what is different in the consent record of a child's parent."""
    before = consent_record()
    grantor = Grantor(GrantorKind.PARENT, bytes(32), before.valid_until_ms, conflict_checked=True)
    spoke = {"majority_at_ms": before.valid_until_ms, "grantor": grantor, "assent": Assent.GIVEN}
    return {**spoke, "consent_id": ConsentId(b"child".ljust(16))}


def prepared(*without: EventType, child: bool = False) -> MemoryNode:
    """Return the gate of the host country after a preparation that lacks `without`; `child`: as the wish said."""
    kz = MemoryNode("kz")
    for kind in (E.RETURN_WISH_RECORDED, E.RISK_ASSESSED, E.DOCUMENT_ISSUED, E.PLAN_AGREED):
        if kind not in without:
            event = step(kind, child=child and kind is E.RETURN_WISH_RECORDED)
            assert isinstance(out(event, node=kz), Forward), kind
    assessed = step(E.RISK_ASSESSED, reply=True, event_id=bytes(15) + b"r")
    for event in (assessed, step(E.RECEPTION_CONFIRMED, reply=True)):
        if event.block.event_type not in without:
            assert isinstance(into(passed(event, "uz"), node=kz), Forward), event.block.event_type
    return kz


def test_a_departure_with_every_guard_leaves() -> None:
    """The gate lets it out."""
    assert isinstance(out(step(E.DEPARTURE_AUTHORISED), node=prepared()), Forward)


def test_a_departure_is_refused_with_every_guard_that_is_missing() -> None:
    """All at once, so that the office knows what to do."""
    node = prepared(E.RISK_ASSESSED, E.DOCUMENT_ISSUED, E.RECEPTION_CONFIRMED)
    assert out(step(E.DEPARTURE_AUTHORISED), node=node).codes == (
        Code.GUARD_DOCUMENTS,
        Code.GUARD_RECEPTION,
        Code.GUARD_RISK_ASSESSMENT,
    )


def test_the_gate_of_the_home_country_does_not_refuse_for_what_it_has_not_seen() -> None:
    """Events cross on the way: the guards were checked where the departure was authorised."""
    uz = MemoryNode("uz")
    assert isinstance(into(passed(step(E.RETURN_WISH_RECORDED)), node=uz), Forward)
    assert isinstance(into(passed(step(E.DEPARTURE_AUTHORISED)), node=uz), Forward)


def test_a_word_of_the_road_that_sets_no_timer_does_not_leave() -> None:
    """The office is asked again; what crossed a border all the same is not held up there."""
    event = step(E.DEPARTED, respond_by_ms=None)
    assert out(event, node=prepared()).codes == (Code.EXPECTED_TIME_INVALID, Code.STATE_NOT_ALLOWED)
    said = step(E.DEPARTED, respond_by_ms=event.block.occurred_at_ms)
    assert out(said, node=prepared()).codes == (Code.STATE_NOT_ALLOWED,)
    uz = MemoryNode("uz")
    into(passed(step(E.RETURN_WISH_RECORDED)), node=uz)
    assert isinstance(into(passed(event), node=uz), Forward)


def test_the_hand_over_of_a_child_waits_for_who_took_over_from_the_escort() -> None:
    """The gate sees that the person is a child, and whether somebody took over; of an adult it knows no plan."""
    for child in (True, False):
        kz = prepared(child=child)
        for reply, kind in ((False, E.DEPARTURE_AUTHORISED), (False, E.DEPARTED), (True, E.ARRIVED)):
            event = step(kind, reply=reply, respond_by_ms=NOW_MS)
            into(passed(event, "uz"), node=kz) if reply else out(event, node=kz)
        codes = out(step(E.HANDOVER_CONFIRMED), node=kz).codes
        assert (Code.GUARD_ESCORT_HANDOVER in codes) is child


@pytest.mark.parametrize("named", [("kz",), ("uz",), ("kz", "uz")])
def test_a_paper_passes_both_gates_only_where_both_policies_name_it(named: tuple[str, ...]) -> None:
    """The gate of origin and that of destination ask the same policies, by the kind that the block declares."""
    fed = FED
    for country, other in (("kz", "uz"), ("uz", "kz")):
        papers = {CountryCode(other): frozenset({"ID_CARD"})} if country in named else {}
        fed = fed.with_policy(country, travel_papers=papers)
    event, kz, uz = step(E.DOCUMENT_ISSUED, travel_document="ID_CARD"), MemoryNode("kz"), MemoryNode("uz")
    begins = step(E.RETURN_WISH_RECORDED)
    assert isinstance(out(begins, fed, node=kz), Forward)
    assert isinstance(into(passed(begins), fed, node=uz), Forward)
    expected = () if named == ("kz", "uz") else (Code.GUARD_DOCUMENT_NOT_ACCEPTED,)
    assert out(event, fed, node=kz).codes == expected
    assert into(passed(event), fed, node=uz).codes == expected


@pytest.mark.parametrize("kind", PURPOSE_OF)
def test_a_step_under_another_purpose_is_refused(kind: EventType) -> None:
    """Consent to one purpose covers no other, whatever the envelope says."""
    right = PURPOSE_OF[kind]
    wrong = Purpose.REFERRAL_SERVICES
    assert right is not wrong
    assert Code.PURPOSE_MISMATCH in out(step(kind, purpose=wrong)).codes
    assert Code.PURPOSE_MISMATCH not in out(step(kind)).codes


def test_the_purposes_of_a_return_are_these() -> None:
    """Identity and family steps need their own consent, monitoring too; everything else is the return."""
    identity = {
        E.NATIONALITY_REQUESTED,
        E.NATIONALITY_CONFIRMED,
        E.NATIONALITY_NEGATIVE,
        E.DOCUMENT_REQUESTED,
        E.DOCUMENT_ISSUED,
    }
    family = {E.FAMILY_TRACING_REQUESTED, E.FAMILY_ASSESSED}
    found = {each: {kind for kind, purpose in PURPOSE_OF.items() if purpose is each} for each in PURPOSES}
    assert found[Purpose.IDENTITY_TRAVEL_DOCUMENT] == identity
    assert found[Purpose.FAMILY_TRACING] == family
    assert found[Purpose.MONITORING] == {E.MONITORING_RECORDED}
    assert found[Purpose.REPATRIATION] == PURPOSE_OF.keys() - identity - family - {E.MONITORING_RECORDED}


def test_a_minor_needs_more_than_an_adult() -> None:
    """The consent record tells the gate that the person is a child."""
    event = step(E.DEPARTURE_AUTHORISED)
    assert event.consent is not None
    record = dataclasses.replace(event.consent.record, majority_at_ms=event.consent.record.event_time_ms + 10**12)
    child = presented(event.block, record=record)
    codes = set(out(child, node=prepared()).codes)
    assert {Code.GUARD_BEST_INTERESTS, Code.GUARD_FAMILY_ASSESSMENT} <= codes


def test_a_child_does_not_become_an_adult_on_the_way() -> None:
    """A later consent that leaves the majority out does not take the guards for minors away."""
    codes = set(out(step(E.DEPARTURE_AUTHORISED), node=prepared(child=True)).codes)
    assert {Code.GUARD_BEST_INTERESTS, Code.GUARD_FAMILY_ASSESSMENT} <= codes
