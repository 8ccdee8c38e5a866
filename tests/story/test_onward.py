"""The person is referred on: by the shelter to a third organisation, and by the agency again without a link."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from refbus.core.ids import OrgId
from refbus.core.vocabulary import DataCategory
from refbus.errors import Code, ConsentError, RuleError
from refbus_gateway.cases import casework, onward
from refbus_gateway.store import cases, referrals
from support.commands import Commands, file
from support.gateways import (
    CATEGORIES,
    case_file,
    consent_file,
    id_of,
    incoming,
    new_case,
    open_at,
    refer,
    sent,
    take_consent,
    withdraw_all,
)
from support.nodes import Road

THIRD = OrgId("uz-1ega1a1d")


def passing_on(*categories: str) -> bytes:
    """Return a consent to the shelter under which these categories may be passed on."""
    document = json.loads(consent_file())
    rule = document["permit"][0]
    may = {**rule, "actions": ["ONWARD_REFERRAL"], "data_categories": list(categories), "onward_transfer": True}
    return json.dumps({**document, "permit": [rule, may]}).encode()


@pytest.fixture(scope="module")
def helped(shared: Road) -> Road:
    """Give the shared road with a third organisation on it."""
    shared.gateway(THIRD)
    return shared


def received(road: Road, name: str, consent: bytes, **case: Any) -> tuple[int, int]:
    """Refer a case of its own to the shelter; return the case here and the referral there."""
    here, number = sent(road.kz, case_file(about=f"Fictional: {name}", **case), consent)
    road.settle()
    there = incoming(road.uz, id_of(road.kz, number))
    open_at(road.uz, there)
    return here, there


def file_for_third(road: Road, there: int, *withheld: DataCategory) -> bytes:
    """Make a case file of what came in, and fill in what the shelter's worker has to."""
    with road.uz.store.read() as tx:
        document = json.loads(onward.case_document(road.uz, tx, there, withheld))
    filled = {
        "recipient": {"organisation": THIRD},
        "reason": "AdditionalServicesRequired",
        "source_of_referral": "NGO",
        "services_requested": ["Legal"],
        "responsible_worker_role": "SOCIAL_WORKER",
    }
    return json.dumps({**document, **filled}).encode()


def test_without_a_word_about_passing_on_nothing_is_passed_on(helped: Road) -> None:
    """The consent covers the shelter alone: every category of the case is named as not covered."""
    _, there = received(helped, "not onward", consent_file())
    with pytest.raises(ConsentError) as refused:
        file_for_third(helped, there)
    assert refused.value.reasons == (Code.ONWARD_NOT_COVERED,)
    assert refused.value.detail == "HEALTH IDENTITY"


def test_what_is_not_covered_is_named_and_can_be_left_out(helped: Road) -> None:
    """Identity may go on, health may not: the refusal names it, and without it the file is made."""
    _, there = received(helped, "identity only", passing_on("IDENTITY"))
    with pytest.raises(ConsentError) as refused:
        file_for_third(helped, there)
    assert refused.value.reasons == (Code.ONWARD_NOT_COVERED,)
    assert refused.value.detail == "HEALTH"
    document = json.loads(file_for_third(helped, there, DataCategory.HEALTH))
    assert document["person"]["prs_FirstName"] == "Тўқима шахс"
    assert "health" not in document


def test_the_third_organisation_needs_a_consent_of_its_own_and_cannot_join_the_two(helped: Road) -> None:
    """Without a new consent nothing goes; then it goes under names that neither other organisation knows."""
    _, there = received(helped, "onward", passing_on(*CATEGORIES))
    made = new_case(helped.uz, file_for_third(helped, there))
    with pytest.raises(ConsentError) as refused:
        refer(helped.uz, made)
    assert refused.value.reasons == (Code.NO_CONSENT,)
    take_consent(helped.uz, made, consent_file(THIRD))
    number = refer(helped.uz, made)
    helped.settle()
    third = helped.of(THIRD)
    opened = open_at(third, incoming(third, id_of(helped.uz, number)))
    assert opened.events[0].sections["Person"]["First name"] == "Тўқима шахс"
    with helped.uz.store.read() as tx:
        onward_block = referrals.events_of(tx, referrals.get(tx, number))[0].block
        first_block = referrals.events_of(tx, referrals.get(tx, there))[0].block
        parties = [cases.counterparts_of(tx, each)[0] for each in cases.every(tx) if each.key is not None]
        assert onward.made_from(tx, referrals.get(tx, there)) == [made]
    assert onward_block.case_handle != first_block.case_handle
    assert onward_block.referral_id != first_block.referral_id
    assert len({party.subject_ref for party in parties}) == len(parties)
    assert onward_block.consent_record is not None
    assert helped.agency.encode() not in onward_block.consent_record


def test_when_the_first_consent_is_withdrawn_nothing_more_is_passed_on(helped: Road) -> None:
    """The case was made in time, but the person withdrew before it went to the third organisation."""
    case, there = received(helped, "withdrawn before onward", passing_on(*CATEGORIES))
    made = new_case(helped.uz, file_for_third(helped, there))
    take_consent(helped.uz, made, consent_file(THIRD))
    withdraw_all(helped.kz, case)
    helped.settle()
    with pytest.raises(ConsentError) as refused:
        refer(helped.uz, made)
    assert Code.WITHDRAWN in refused.value.reasons
    assert open_at(helped.uz, there).passed_on == (made,)


def test_only_what_came_in_is_passed_on(helped: Road) -> None:
    """A referral of one's own is sent again with `refbus send`, never as somebody else's."""
    _, number = sent(helped.kz, case_file(about="Fictional: own one"))
    with helped.kz.store.read() as tx, pytest.raises(RuleError) as refused:
        onward.case_document(helped.kz, tx, number, ())
    assert refused.value.code is Code.STATE_NOT_ALLOWED


def test_two_referrals_of_a_case_to_one_organisation_stand_side_by_side(helped: Road) -> None:
    """A later referral to the same recipient has its own course, and both sides see that it is the same case."""
    case, first = sent(helped.kz, case_file(about="Fictional: twice"))
    second = refer(helped.kz, case, again=True)
    helped.settle()
    there = [incoming(helped.uz, id_of(helped.kz, number)) for number in (first, second)]
    assert there[0] != there[1]
    with helped.uz.store.read() as tx:
        assert len({referrals.get(tx, number).case_id for number in there}) == 1


def test_a_copy_cannot_be_joined_with_the_first_case(helped: Road) -> None:
    """The copy needs a consent of its own, has another handle and subject, and is another case at the recipient."""
    case, first = sent(helped.kz, case_file(about="Fictional: copied"))
    with helped.kz.store.write() as tx:
        copy = casework.copy_case(helped.kz, tx, cases.get(tx, case)).id
        assert casework.copies_of(helped.kz, tx, cases.get(tx, case)) == [copy]
        assert casework.copies_of(helped.kz, tx, cases.get(tx, copy)) == [case]
    with pytest.raises(ConsentError):
        refer(helped.kz, copy)
    take_consent(helped.kz, copy, consent_file())
    second = refer(helped.kz, copy)
    helped.settle()
    with helped.uz.store.read() as tx:
        found = [referrals.get(tx, incoming(helped.uz, id_of(helped.kz, number))) for number in (first, second)]
        parties = [cases.counterparts_of(tx, cases.get(tx, each.case_id))[0] for each in found]
    assert len({each.case_id for each in found}) == 2
    assert len({party.case_handle for party in parties}) == len({party.subject_ref for party in parties}) == 2


def test_typed(own: Road, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`refbus case onward` prints a file that `refbus case add` asks to complete; `refbus case copy` makes a case."""
    _, there = received(own, "typed", passing_on(*CATEGORIES))
    own.uz.close()
    refbus = Commands(own, capsys)
    printed = refbus.run(own.shelter, "case", "onward", str(there)).out
    unfinished = file(tmp_path, "case.json", printed)
    wrong = refbus.run(own.shelter, "case", "add", unfinished, "--json", ok=False).value
    assert {each["path"] for each in wrong["problems"]} == {
        "recipient.organisation",
        "reason",
        "source_of_referral",
        "services_requested",
        "responsible_worker_role",
    }
    made = refbus.json(own.agency, "case", "copy", "1")
    assert made == {"case": 2, "copy_of": 1}
    assert refbus.json(own.agency, "consent", "withdraw", "1")["same_content_as_cases"] == [2]
