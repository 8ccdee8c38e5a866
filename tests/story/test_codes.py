"""Countries, languages and sectors by code: all travel, a slip gets the nearest, older gateways read the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from refbus.wire.payload import payload_fields, unknown_codes
from refbus_gateway.rules.course_state import payload_of
from refbus_gateway.store import referrals
from support.commands import Commands, file
from support.gateways import case_file, consent_file, id_of, incoming, open_at, sent
from support.nodes import Road

PERSON = {"prs_FirstName": "Тўқима шахс", "prs_Birthdate": "1991"}


def test_every_country_language_and_sector_travels(own: Road) -> None:
    """A stateless signer of Ghana's neighbour: nothing is parked, and the recipient reads names, not codes."""
    person = {**PERSON, "prs_Citizenship": ["x_STATELESS"], "prs_PrimaryLanguage": "rsl", "prs_MailingCountry": "GH"}
    happened = {
        "vic_ForcedLabourIndustry": ["x_A011_NonPerennialCrops", "F_Construction"],
        "vic_TypeOfExploitation": ["x_PurchaseAndSale", "x_PracticesSimilarToSlavery", "x_ForcedMilitaryByState"],
    }
    content = case_file(person=person, trafficking=happened, location={"place_kind": "WITH_EXPLOITER"})
    _, number = sent(own.kz, content, consent_file())
    own.settle()
    there = incoming(own.uz, id_of(own.kz, number))
    shown = repr([event.sections for event in open_at(own.uz, there).events])
    for words in ("Stateless", "Russian Sign Language", "Ghana", "cotton", "Purchase and sale", "Still with"):
        assert words in shown, words
    with own.uz.store.read() as tx:
        events = referrals.events_of(tx, referrals.get(tx, there))
    assert [unknown_codes(event.block.event_type, payload_of(event)) for event in events if not event.outgoing] == [()]
    versions = {
        code["code"]: code["code_list_version"]
        for event in events
        if not event.outgoing
        for code in payload_of(event)["trafficking"]["vic_ForcedLabourIndustry"]
    }
    assert versions["F_Construction"] == "2.0", "a gateway from before the sectors grew reads it"
    assert payload_fields(events[0].block.event_type)


def test_a_wrong_code_gets_the_nearest_in_the_persons_language(
    own: Road, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """KGZ is Kyrgyzstan, and never Kazakhstan; tg is Tajik, and never Tagalog."""
    refbus = Commands(own, capsys)
    wrong = {**PERSON, "prs_Citizenship": ["KGZ"], "prs_PrimaryLanguage": "tg", "prs_SecondaryLanguage": "узбегский"}
    case = file(tmp_path, "case.json", case_file(person=wrong))
    told = refbus.run(own.agency, "case", "add", case, ok=False).err
    assert "did you mean KG (Kyrgyzstan)?" in told
    assert "did you mean tgk (Tajik)?" in told
    assert "did you mean uzb (Uzbek)?" in told
    told = refbus.run(own.agency, "case", "add", case, "--lang", "ru", ok=False).err
    assert "KG (Кыргызстан)" in told
    assert "tgk (таджикский)" in told.casefold()


def test_one_language_is_found_by_each_of_its_codes_and_names(own: Road, capsys: pytest.CaptureFixture[str]) -> None:
    """`orgs find` means the same by all of them."""
    refbus = Commands(own, capsys)
    found = [
        tuple(each["org_id"] for each in refbus.json(own.agency, "orgs", "find", "--language", text))
        for text in ("ru", "rus", "RU", "Russian", "русский", "орыс тілі", "ruscha", "Rus dili")
    ]
    assert len(set(found)) == 1
    assert found[0]
    told = refbus.run(own.agency, "orgs", "find", "--language", "тджикский", ok=False).err
    assert "did you mean tgk (Tajik)?" in told
