"""How gates follow the course of a referral."""

from __future__ import annotations

from refbus.core.gate.verdicts import Forward, Refuse
from refbus.core.ids import CaseHandle, SubjectRef
from refbus.errors import Code
from support.consents import (
    COLLECTOR,
    PARTY,
    consent_record,
    provision,
)
from support.directories import NOW_MS, ngo, second_ngo
from support.passages import (
    REFERRAL,
    MemoryNode,
    block,
    passed,
    presented,
)
from support.roads import E, into, out, reply, sent


def test_egress_enforces_the_state_that_is_seen_there() -> None:
    """Completing what was not accepted does not leave the target's country; at ingress it would not be stopped."""
    kz, uz = sent()
    event = reply(E.REFERRAL_COMPLETED)
    assert out(event, node=uz).codes == (Code.STATE_NOT_ALLOWED,)
    assert isinstance(into(passed(event, "uz"), node=kz), Forward)


def test_both_gates_enforce_the_role() -> None:
    """The source cannot accept its own request, at either gate."""
    kz, uz = sent()
    event = presented(block(E.REFERRAL_ACCEPTED))
    assert out(event, node=kz).codes == (Code.ROLE_NOT_ALLOWED,)
    assert into(passed(event), node=uz).codes == (Code.ROLE_NOT_ALLOWED,)


def test_a_referral_stays_between_its_two_organisations() -> None:
    """A third organisation cannot speak in it, nor be spoken to, even with a consent of its own."""
    for sender, recipient in ((ngo("kz"), PARTY), (COLLECTOR, second_ngo("uz"))):
        kz, uz = sent()
        record = consent_record(collected_by=sender, party=recipient, provisions=(provision(recipients=(recipient,)),))
        event = presented(block(E.INFORMATION_PROVIDED, sender=sender, recipient=recipient), record=record)
        assert Code.NOT_A_PARTY in out(event, node=kz).codes
        assert Code.NOT_A_PARTY in into(passed(event), node=uz).codes


def test_a_referral_keeps_its_case_and_its_person() -> None:
    """Another case handle or another pseudonym under a known referral is refused."""
    other_case = CaseHandle(bytes(32))
    kz, uz = sent()
    event = presented(block(E.INFORMATION_PROVIDED, case_handle=other_case))
    assert out(event, node=kz).codes == (Code.DECLARATION_MISMATCH,)
    assert into(passed(event), node=uz).codes == (Code.DECLARATION_MISMATCH,)
    kz, _ = sent()
    other_person = consent_record(consent_id=b"x" * 16, subject_ref=SubjectRef(bytes(32)))
    event = presented(block(E.INFORMATION_PROVIDED), record=other_person)
    assert out(event, node=kz).codes == (Code.SUBJECT_MISMATCH,)


def test_a_rule_broken_at_ingress_still_counts_as_said() -> None:
    """Both nodes keep the same set of events; only what its sender had no business to say is left out."""
    node = MemoryNode("uz")
    verdict = into(passed(presented(consent=None)), node=node)
    assert isinstance(verdict, Refuse)
    known = node.referral(REFERRAL)
    assert known is not None
    assert [fact.type for fact in known.facts] == [E.REFERRAL_REQUESTED]
    assert node.ledger == {}
    kz, uz = sent()
    stranger = block(E.INFORMATION_PROVIDED, sender=ngo("kz"))
    other_case = block(E.INFORMATION_PROVIDED, case_handle=CaseHandle(bytes(32)))
    for routing, code in (
        (block(E.REFERRAL_ACCEPTED), Code.ROLE_NOT_ALLOWED),
        (stranger, Code.NOT_A_PARTY),
        (other_case, Code.DECLARATION_MISMATCH),
    ):
        event = passed(presented(routing, record=consent_record(collected_by=routing.sender), named=code))
        assert into(event, node=uz).codes == (code,)
    assert uz.referral(REFERRAL) == kz.referral(REFERRAL)


def test_control_events_pass_without_a_permit_between_those_whom_the_ledger_knows() -> None:
    """After expiry of the consent the source can still cancel, and the target can say that it cannot open."""
    over = consent_record(valid_until_ms=NOW_MS - 1)
    for event in (
        presented(block(E.REFERRAL_CANCELLED), record=over),
        presented(block(E.ENTERED_IN_ERROR), consent=None),
        presented(block(E.UNDECRYPTABLE), consent=None),
    ):
        kz, uz = sent()
        assert isinstance(out(event, node=kz), Forward)
        assert isinstance(into(passed(event), node=uz), Forward)


def test_a_control_event_needs_both_organisations_in_the_ledger_at_both_gates() -> None:
    """Being a party is not enough when nothing was ever disclosed."""
    kz, uz = sent()
    kz.ledger.clear()
    event = presented(block(E.UNDECRYPTABLE))
    assert out(event, node=kz).codes == (Code.NOT_A_PARTY,)
    for only in (PARTY, COLLECTOR):
        uz.ledger[REFERRAL] = {only}
        assert into(passed(presented(block(E.UNDECRYPTABLE), named=only)), node=uz).codes == (Code.NOT_A_PARTY,)
