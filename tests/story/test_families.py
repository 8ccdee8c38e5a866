"""A mother and a baby: each a case of their own, referred together; a no of one stops nothing of the other (ADR 74)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from refbus.core.ids import OrgId
from refbus.core.vocabulary import DataCategory, EventType
from refbus.errors import Code, ConsentError, RuleError
from refbus_gateway.actions import erasure, links
from refbus_gateway.cases import casework, companions
from refbus_gateway.cases.companions import Companion
from refbus_gateway.rules import course_state
from refbus_gateway.store import cases, referrals
from support.ceremonies import AGENCY
from support.commands import Commands, file
from support.desks import desk_of
from support.gateways import (
    CATEGORIES,
    case_file,
    consent_file,
    id_of,
    incoming,
    new_case,
    open_at,
    refer,
    take_consent,
    view,
    withdraw_all,
)
from support.homecoming import CHILD_CONSENT
from support.nodes import Road

BABY = {"prs_FirstName": "Тўқима бола", "prs_Birthdate": "2026-05-01", "is_minor": True}
GUARDIAN = {name: value for name, value in CHILD_CONSENT.items() if name != "majority_on"} | {"assent": "NOT_REQUIRED"}
THIRD = OrgId("uz-1ega1a1d")


@dataclass(frozen=True)
class Family:
    """Numbers of the cases and referrals of a mother and a baby at the agency, and of the referrals at the shelter."""

    road: Road
    mother: int
    baby: int
    mother_here: int
    baby_here: int
    mother_there: int
    baby_there: int


def permit(*without: DataCategory) -> dict[str, Any]:
    """Return what a form permits, without some kinds of data."""
    kinds = [str(each) for each in CATEGORIES if each not in without]
    rule = {"purposes": ["REFERRAL_SERVICES"], "actions": ["DISCLOSE", "REPORT_BACK"], "data_categories": kinds}
    return {"permit": [rule]}


def two_cases(road: Road, name: str) -> tuple[int, int]:
    """Make both cases and link them; nobody was asked yet."""
    mother = new_case(road.kz, case_file(about=f"Fictional: mother, {name}"))
    baby = new_case(road.kz, case_file(about=f"Fictional: baby, {name}", person=BABY))
    desk, actor = desk_of(road, road.kz)
    links.link(desk, actor, mother, [baby], "CHILD")
    return mother, baby


def family(road: Road, name: str) -> Family:
    """Refer a mother and her baby to the shelter, each under a consent of its own."""
    mother, baby = two_cases(road, name)
    take_consent(road.kz, mother, consent_file())
    take_consent(road.kz, baby, consent_file(**GUARDIAN))
    here = refer(road.kz, mother), refer(road.kz, baby)
    road.settle()
    there = [incoming(road.uz, id_of(road.kz, number)) for number in here]
    return Family(road, mother, baby, *here, *there)


def produced(road: Road) -> list[int]:
    """Return how many records each topic has."""
    return [len(road.bus.records(name)) for name in road.bus.states()]


def together(road: Road, there: int) -> list[Companion]:
    """Return who belongs to the person of a referral, as the shelter sees it."""
    with road.uz.store.read() as tx:
        referral = referrals.get(tx, there)
        return companions.together(tx, referral, referrals.events_of(tx, referral))


def said(road: Road, there: int) -> list[dict[str, Any]]:
    """Return every change of companions that came in."""
    with road.uz.store.read() as tx:
        events = referrals.events_of(tx, referrals.get(tx, there))
        changes = [each for each in events if each.block.event_type is EventType.COMPANIONS_CHANGED]
        return [course_state.payload_of(each) for each in changes]


def test_the_recipient_sees_that_both_belong_together(shared: Road) -> None:
    """Each referral names the relation, and an opaque reference by which the other one is found."""
    both = family(shared, "together")
    assert together(shared, both.mother_there) == [Companion("CHILD", True, both.baby_there, None)]
    assert together(shared, both.baby_there) == [Companion("PARENT", True, both.mother_there, None)]
    shown = repr(open_at(shared.uz, both.baby_there).events[0].sections)
    assert "Parent" in shown
    assert "mother, together" not in shown


def test_the_mother_withdraws_and_the_referral_of_the_baby_goes_on(shared: Road) -> None:
    """What the baby's referral says of her is taken back, with no reason; the baby is helped."""
    both = family(shared, "mother withdraws")
    withdraw_all(shared.kz, both.mother)
    shared.settle()
    assert view(shared.uz, both.mother_there).suspended
    assert not view(shared.uz, both.baby_there).suspended
    assert together(shared, both.baby_there) == []
    (change,) = said(shared, both.baby_there)
    assert {name for name, value in change.items() if value} == {"event_id", "referral_id"}
    assert said(shared, both.mother_there) == []
    assert refer(shared.kz, both.baby, again=True)


def test_the_consent_for_the_baby_is_withdrawn_and_the_mother_is_helped_on(shared: Road) -> None:
    """The other way round."""
    both = family(shared, "baby withdraws")
    withdraw_all(shared.kz, both.baby)
    shared.settle()
    assert view(shared.uz, both.baby_there).suspended
    assert not view(shared.uz, both.mother_there).suspended
    assert together(shared, both.mother_there) == []
    assert len(said(shared, both.mother_there)) == 1


def test_erasing_one_erases_the_link_and_nothing_else(shared: Road) -> None:
    """Neither side finds the other any more; the home of the agency has no half of the link."""
    both = family(shared, "erased")
    desk, actor = desk_of(shared, shared.kz)
    erasure.erase(desk, actor, both.mother, later=True)
    shared.settle()
    assert links.shown(desk, actor, both.baby).links == ()
    assert together(shared, both.baby_there) == []
    assert not view(shared.uz, both.baby_there).suspended
    assert not view(shared.uz, both.baby_there).suspended


def test_a_link_that_is_taken_away_is_taken_back(shared: Road) -> None:
    """Both referrals say so, once each."""
    both = family(shared, "unlinked")
    desk, actor = desk_of(shared, shared.kz)
    links.unlink(desk, actor, both.mother, both.baby, later=True)
    shared.settle()
    for there in (both.mother_there, both.baby_there):
        assert together(shared, there) == []
        assert len(said(shared, there)) == 1


def test_what_is_linked_later_is_told_when_a_person_asks_for_it(
    shared: Road, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is told by itself; `case links --tell` tells it, and a second time there is nothing to tell."""
    mother = new_case(shared.kz, case_file(about="Fictional: mother, later"))
    take_consent(shared.kz, mother, consent_file())
    here = refer(shared.kz, mother)
    shared.settle()
    there = incoming(shared.uz, id_of(shared.kz, here))
    baby = new_case(shared.kz, case_file(about="Fictional: baby, later", person=BABY))
    commands = Commands(shared, capsys)
    linked = commands.json(shared.agency, "case", "link", str(mother), str(baby), "--relation", "CHILD")
    (one,) = linked["links"]
    assert (one["case"], one["relation"], one["travels"], one["told"], one["age"]) == (
        *(baby, "CHILD", True, True, "CHILD"),
    )
    shared.settle()
    assert together(shared, there) == []
    told = commands.json(shared.agency, "case", "links", str(mother), "--tell", str(here), "--later")
    assert told["event"]
    shared.settle()
    assert [each.relation for each in together(shared, there)] == ["CHILD"]
    assert commands.json(shared.agency, "case", "links", str(mother), "--tell", str(here))["event"] is None


def test_without_a_yes_to_family_nothing_of_it_travels(shared: Road) -> None:
    """The referral is refused with the kind of data that is missing; left out, it goes and says nothing of anybody."""
    mother, _ = two_cases(shared, "no family")
    take_consent(shared.kz, mother, consent_file(**permit(DataCategory.FAMILY)))
    with pytest.raises(ConsentError) as refused:
        refer(shared.kz, mother)
    assert (refused.value.reasons, "FAMILY" in refused.value.detail) == ((Code.CATEGORY_NOT_COVERED,), True)
    here = refer(shared.kz, mother, withhold=[DataCategory.FAMILY])
    shared.settle()
    assert together(shared, incoming(shared.uz, id_of(shared.kz, here))) == []


def test_two_recipients_cannot_compare_and_own_knowledge_never_leaves(shared: Road) -> None:
    """A pair has another reference at each organisation; that two were exploited together stays in the office."""
    mother, baby = two_cases(shared, "references")
    other = new_case(shared.kz, case_file(about="Fictional: exploited at the same place"))
    desk, actor = desk_of(shared, shared.kz)
    links.link(desk, actor, mother, [other], "CO_VICTIM")
    with shared.kz.store.read() as tx:
        here = {org: companions.to_tell(tx, cases.get(tx, mother), org) for org in (shared.shelter, THIRD)}
        back = companions.to_tell(tx, cases.get(tx, baby), shared.shelter)
    assert {len(told) for told in here.values()} == {1}
    first, second = (told[0]["reference"] for told in here.values())
    assert first != second
    assert back[0]["reference"] == first
    seen = links.shown(desk, actor, other).links
    assert [(each.case, each.told, each.travels) for each in seen] == [(mother, False, False)]


def test_who_must_never_know_hears_nothing_of_the_others_either(shared: Road) -> None:
    """The mother named the shelter as one that must not know of her: the baby's referral does not mention her."""
    mother, baby = two_cases(shared, "denied")
    with shared.kz.store.write() as tx:
        casework.deny(tx, cases.get(tx, mother), [shared.shelter])
        assert companions.to_tell(tx, cases.get(tx, baby), shared.shelter) == []


def test_who_is_passed_on_goes_alone_and_a_new_case_file_can_be_filled(
    shared: Road, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A third organisation learns of nobody else and not of the first one's file; the empty form has neither."""
    mother = new_case(shared.kz, case_file(about="Fictional: mother, passed on", reference="A-2026/7"))
    baby = new_case(shared.kz, case_file(about="Fictional: baby, passed on", person=BABY))
    desk, actor = desk_of(shared, shared.kz)
    links.link(desk, actor, mother, [baby], "CHILD")
    (rule,) = permit()["permit"]
    may = {**rule, "actions": ["ONWARD_REFERRAL"], "onward_transfer": True}
    kinds = [each for each in rule["data_categories"] if each != "FAMILY"]
    take_consent(shared.kz, mother, consent_file(permit=[rule, {**may, "data_categories": kinds}]))
    here = refer(shared.kz, mother)
    shared.settle()
    there = incoming(shared.uz, id_of(shared.kz, here))
    open_at(shared.uz, there)
    commands = Commands(shared, capsys)
    onward = json.loads(commands.run(shared.shelter, "case", "onward", str(there)).out)
    assert not {"companions", "reference"} & onward.keys()
    empty = json.loads(commands.run(shared.agency, "case", "new").out)
    filled = {**empty, **json.loads(case_file(about="Fictional: from the empty form"))}
    assert commands.json(shared.agency, "case", "add", file(tmp_path, "filled.json", json.dumps(filled)))["case"]


def test_links_that_cannot_be_are_refused(shared: Road, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With itself, with a case that came in, with one that is not there, by a relation that no list has."""
    mother, baby = two_cases(shared, "refused")
    commands = Commands(shared, capsys)
    for others, relation, code in (
        ([mother], "CHILD", Code.LINK_INVALID),
        ([9_999], "CHILD", Code.CASE_UNKNOWN),
        ([baby], "AUNTIE", Code.USAGE),
    ):
        numbers = [str(mother), *map(str, others)]
        ran = commands.run(shared.agency, "case", "link", *numbers, "--relation", relation, ok=False)
        assert code in ran.err
    group = [new_case(shared.kz, case_file(about=f"Fictional: worker {number}")) for number in range(3)]
    linked = commands.json(shared.agency, "case", "link", *map(str, group), "--relation", "TRAVELS_WITH")
    assert len(linked["links"]) == 2
    last = json.loads(commands.run(shared.agency, "case", "links", str(group[2]), "--json").out)
    assert {each["case"] for each in last["links"]} == set(group[:2])


@pytest.mark.parametrize(("relation", "mirror"), [("EARLIER_CASE", "LATER_CASE"), ("CO_VICTIM", "CO_VICTIM")])
def test_a_received_case_is_linked_with_an_own_one_for_this_office_alone(
    shared: Road, relation: str, mirror: str
) -> None:
    """The shelter sees it from both sides; nothing of it is in a referral of the own case, and no event is made."""
    case = new_case(shared.kz, case_file(about=f"Fictional: sent to the shelter, {relation}"))
    take_consent(shared.kz, case, consent_file())
    first = refer(shared.kz, case)
    shared.settle()
    with shared.uz.store.read() as tx:
        received = referrals.get(tx, incoming(shared.uz, id_of(shared.kz, first))).case_id
    own = new_case(
        shared.uz, case_file(recipient={"organisation": AGENCY}, about=f"Fictional: of the shelter, {relation}")
    )
    desk, actor = desk_of(shared, shared.uz)
    (one,) = links.link(desk, actor, own, [received], relation).links
    (back,) = links.shown(desk, actor, received).links
    assert (one.case, one.relation, one.told, one.travels, one.age) == (received, relation, False, False, None)
    assert (back.case, back.relation, back.told, back.travels) == (own, mirror, False, False)
    before = produced(shared)
    shared.settle()
    assert produced(shared) == before
    take_consent(shared.uz, own, consent_file(AGENCY))
    sent = refer(shared.uz, own)
    shared.settle()
    there = incoming(shared.kz, id_of(shared.uz, sent))
    with shared.kz.store.read() as tx:
        events = referrals.events_of(tx, referrals.get(tx, there))
        payloads = [course_state.payload_of(each) for each in events]
    assert not any(each.get("companions") for each in payloads)
    assert relation not in repr(payloads)
    before = produced(shared)
    links.unlink(desk, actor, own, received, later=True)
    shared.settle()
    assert produced(shared) == before
    with pytest.raises(RuleError) as refused:
        links.link(desk, actor, own, [received], "CHILD")
    assert refused.value.code is Code.LINK_INVALID
