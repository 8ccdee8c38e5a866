"""Withdrawals and changed consent at the gates."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from refbus.core.consent.chain import MOST_CHAINS
from refbus.core.consent.record import ConsentState, withdrawal_of
from refbus.core.gate.verdicts import Forward, MarkWithdrawn, NoteAnswer, RecordConsent, Refuse
from refbus.core.ids import CaseHandle, OrgId
from refbus.core.units import DAY_MS
from refbus.core.vocabulary import DataCategory
from refbus.errors import Code
from support.consents import (
    COLLECTOR,
    CONSENT_ID,
    PARTY,
    amended,
    consent_record,
    evidence,
    provision,
    withdrawn,
)
from support.directories import NOW_MS, ngo, second_ngo
from support.passages import (
    HANDLE,
    NOW_HOUR,
    MemoryNode,
    block,
    event_id,
    passed,
    presented,
)
from support.roads import FED, E, into, out, reply, sent, stop


@pytest.mark.parametrize("sender", [COLLECTOR, PARTY])
def test_a_withdrawal_by_either_side_closes_both_gates(sender: OrgId) -> None:
    """It goes through, and whatever relies on the consent afterwards is refused at once."""
    kz, uz = sent()
    first, second, origin = (kz, uz, "kz") if sender == COLLECTOR else (uz, kz, "uz")
    assert isinstance(out(stop(sender), node=first), Forward)
    assert isinstance(into(passed(stop(sender), origin), node=second), Forward)
    more = presented(block(E.INFORMATION_PROVIDED))
    assert out(more, node=kz).codes == (Code.WITHDRAWN,)
    assert into(passed(more), node=uz).codes == (Code.WITHDRAWN,)
    assert out(reply(), node=uz).codes == (Code.WITHDRAWN,)
    answer = presented(block(E.WITHDRAWAL_ACKNOWLEDGED, reply=True), proof=stop().consent)
    assert isinstance(out(answer, node=uz), Forward)
    assert isinstance(into(passed(answer, "uz"), node=kz), Forward)


def test_a_withdrawal_takes_effect_even_when_it_is_not_passed_on() -> None:
    """Nothing was disclosed, so the other side learns nothing; the consent is closed all the same."""
    node = MemoryNode("kz")
    verdict = out(stop(), node=node)
    assert isinstance(verdict, Refuse)
    mark = withdrawal_of(evidence(withdrawn(consent_record())))
    assert mark is not None
    assert verdict.effects == (MarkWithdrawn(mark), NoteAnswer(withdrawn(consent_record()), mark.signer))
    assert out(node=node).codes == (Code.WITHDRAWN,)


def test_a_withdrawal_that_overtakes_the_request_wins_at_ingress() -> None:
    """The gate of destination passes it on although it has never heard of the referral."""
    uz = MemoryNode("uz")
    assert isinstance(into(passed(stop()), node=uz), Forward)
    assert into(node=uz).codes == (Code.WITHDRAWN,)
    answer = presented(block(E.WITHDRAWAL_ACKNOWLEDGED, reply=True), proof=stop().consent)
    assert isinstance(out(answer, node=uz), Forward)


def test_a_withdrawal_must_be_about_the_two_organisations() -> None:
    """A record of another pair is no reason to write to this recipient, and an unsigned one is nothing."""
    record = withdrawn(consent_record(party=second_ngo("uz"), provisions=()))
    event = presented(block(E.CONSENT_WITHDRAWN), record=record)
    assert into(passed(event)).codes == (Code.NOT_A_PARTY,)
    forged = presented(block(E.CONSENT_WITHDRAWN), proof=evidence(withdrawn(consent_record()), signature_ok=False))
    node = MemoryNode("uz")
    assert into(passed(forged), node=node).codes == (Code.BAD_SIGNATURE,)
    assert node.consents == {}


def test_a_withdrawal_waits_for_neither_clock_nor_case_nor_directory_time() -> None:
    """Held events, clocks apart and a stale view hold everything else."""
    kz, uz = sent()
    other = CaseHandle(b"z" * 32)
    for node in (kz, uz):
        node.held.update({(HANDLE, COLLECTOR), (other, COLLECTOR)})
    late = dataclasses.replace(
        stop(),
        block=dataclasses.replace(stop().block, occurred_at_ms=NOW_MS + DAY_MS, case_handle=other),
    )
    assert isinstance(into(passed(late, hour=NOW_HOUR + 24), node=uz), Forward)
    stale = dataclasses.replace(FED.directory, expires_at_ms=NOW_MS)
    fed = dataclasses.replace(FED, history=type(FED.history)((stale,)))
    assert isinstance(out(stop(), fed, node=kz), Forward)


def test_a_withdrawal_is_remembered_once() -> None:
    """A second copy in a fresh envelope is passed on again and teaches nothing new."""
    kz, _ = sent()
    first, again = out(stop(), node=kz), out(stop(named="again"), node=kz)
    assert any(isinstance(effect, MarkWithdrawn) for effect in first.effects)
    assert isinstance(again, Forward)
    assert not any(isinstance(effect, MarkWithdrawn) for effect in again.effects)


def test_a_new_version_has_to_be_in_the_event_that_tells_of_it() -> None:
    """Without a record, with a withdrawal, by the other side or about another pair it changes nothing."""
    wider = amended(consent_record())
    for kind, record, code in (
        (E.CONSENT_GRANTED, None, Code.NO_CONSENT),
        (E.CONSENT_AMENDED, None, Code.NO_CONSENT),
        (E.CONSENT_AMENDED, withdrawn(consent_record()), Code.DECLARATION_MISMATCH),
        (E.CONSENT_GRANTED, dataclasses.replace(wider, state=ConsentState.REFUSED), Code.DECLARATION_MISMATCH),
        (E.CONSENT_AMENDED, dataclasses.replace(wider, party=second_ngo("uz")), Code.NOT_A_PARTY),
    ):
        bare = dataclasses.replace(presented(block(kind), record=wider), consent=None)
        event = bare if record is None else presented(block(kind), record=record)
        assert code in out(event, node=sent()[0]).codes
    assert isinstance(out(presented(block(E.CONSENT_GRANTED), record=wider), node=sent()[0]), Forward)


def test_a_narrower_version_counts_at_once_for_events_that_carry_the_older_one() -> None:
    """The store's newest record decides, and an older one that comes late does not replace it."""
    kz, uz = sent()
    narrow = amended(consent_record(), provisions=(provision(data_categories=(DataCategory.SERVICE_NEEDS,)),))
    told = presented(block(E.CONSENT_AMENDED), record=narrow)
    assert isinstance(into(passed(told), node=uz), Forward)
    assert into(passed(presented(block(E.INFORMATION_PROVIDED))), node=uz).codes == (Code.CATEGORY_NOT_COVERED,)
    assert isinstance(out(told, node=kz), Forward)
    verdict = out(presented(block(E.INFORMATION_PROVIDED)), node=kz)
    assert verdict.codes == (Code.CATEGORY_NOT_COVERED,)
    assert kz.consent(CONSENT_ID).newest[0].record.version == 2


def test_a_newer_record_is_remembered_even_when_its_event_is_refused() -> None:
    """Narrowing is immediate: the refusal of the amendment does not bring the wider version back."""
    kz, _ = sent()
    nothing = amended(consent_record(), provisions=())
    assert isinstance(out(presented(block(E.TRANSFER_PROPOSED), record=nothing), node=kz), Refuse)
    assert Code.PURPOSE_NOT_COVERED in out(presented(block(E.INFORMATION_PROVIDED)), node=kz).codes


def test_a_refused_consent_is_remembered() -> None:
    """A person who says no under the same id is heard."""
    kz, _ = sent()
    no = amended(consent_record(), state=ConsentState.REFUSED)
    assert out(presented(block(E.INFORMATION_PROVIDED), record=no), node=kz).codes == (Code.REFUSED,)
    later = presented(block(E.INFORMATION_PROVIDED), named="later")
    assert out(later, node=kz).codes == (Code.REFUSED,)


def test_a_record_by_another_collector_is_kept_beside() -> None:
    """The same id by somebody else neither replaces the record nor is hidden by a higher version of it."""
    node = MemoryNode("kz")
    out(presented(record=amended(consent_record())), node=node)
    other = consent_record(collected_by=ngo("kz"))
    event = presented(block(sender=ngo("kz"), referral_id=b"other referral.."), record=other, named="other")
    verdict = out(event, node=node)
    assert RecordConsent(evidence(other)) in verdict.effects
    assert len(node.consent(CONSENT_ID).newest) == 2


def test_a_forged_record_is_refused_although_the_store_knows_a_good_one() -> None:
    """What is presented must itself be signed."""
    kz, _ = sent()
    forged = evidence(consent_record(interpreter=False), signature_ok=False)
    verdict = out(presented(block(E.INFORMATION_PROVIDED), proof=forged), node=kz)
    assert verdict.codes == (Code.BAD_SIGNATURE,)
    assert verdict.effects == ()


def test_a_consent_serves_the_case_that_it_was_given_for() -> None:
    """A new referral under another case handle is refused at both gates; a withdrawal counts wherever it comes."""
    kz, uz = sent()
    ids: dict[str, Any] = {"referral_id": b"another referral", "event_id": b"another event id"}
    again = block(**ids, case_handle=CaseHandle(bytes(32)))
    event = presented(again, named="second case")
    assert out(event, node=kz).codes == (Code.SUBJECT_MISMATCH,)
    assert into(passed(event), node=uz).codes == (Code.SUBJECT_MISMATCH,)
    same = presented(block(referral_id=b"third referral..", event_id=b"third event id.."), named="same case")
    assert isinstance(out(same, node=kz), Forward)
    stop = block(E.CONSENT_WITHDRAWN, case_handle=CaseHandle(bytes(32)))
    told = out(presented(stop, record=withdrawn(consent_record()), named="stop"), node=kz)
    assert Code.SUBJECT_MISMATCH not in told.codes


def test_what_refused_binds_nothing() -> None:
    """Only an event that was let through says which case a consent is of."""
    kz = MemoryNode("kz")
    stray = block(E.INFORMATION_PROVIDED, sender=PARTY, recipient=COLLECTOR, case_handle=CaseHandle(bytes(32)))
    out(presented(stray, named="stray"), node=kz)
    assert kz.consent(CONSENT_ID).case_handle is None
    assert isinstance(out(presented(), node=kz), Forward)


def test_one_signer_fills_bounded_room_under_the_consent_of_others() -> None:
    """It refuses the same id in the names of more and more collectors: few are kept, and its no closes its own."""
    kz, other = MemoryNode("kz"), second_ngo("kz")
    out(node=kz)
    for number in range(MOST_CHAINS + 20):
        collector = OrgId(f"uz-{number:07d}")
        junk = consent_record(state=ConsentState.REFUSED, provisions=(), party=other, collected_by=collector)
        event = block(sender=other, event_id=event_id(f"junk {number}"))
        out(presented(event, proof=evidence(junk, signer=other)), node=kz)
    known = kz.consent(CONSENT_ID)
    assert len(known.newest) == MOST_CHAINS + 1
    assert {each.signer for each in known.withdrawals} == {other}
    assert isinstance(out(presented(block(E.INFORMATION_PROVIDED)), node=kz), Forward)
    kz.egress(stop(), FED.history)
    assert Code.WITHDRAWN in out(presented(block(E.INFORMATION_PROVIDED), named="again"), node=kz).codes
