"""Disclosure without consent: on the word of two officers, for a short time, reviewed by a third, and loud."""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from refbus.core.consent.legal_basis import Ground, Incapacity, Protects, ReviewResult
from refbus.core.directory import OrgStatus
from refbus.core.ids import OrgId
from refbus.core.vocabulary import DataCategory, EventType
from refbus.crypto.signing import SigningPair
from refbus.errors import Code, ConsentError, SetupError
from refbus.wire.legal_basis import SignedRoll
from refbus_gateway.consent import withdrawals
from refbus_gateway.courses import emergencies, referral_steps
from refbus_gateway.courses.emergencies import Decision
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.paper import disclosure_page
from refbus_gateway.paper.disclosure_page import Wording
from refbus_gateway.people import officers
from refbus_gateway.reports import disclosure_report
from refbus_gateway.reports.disclosure_report import Became, Report
from refbus_gateway.reports.overview import Hop
from refbus_gateway.rules import age_check, course_state
from refbus_gateway.store import alarms, cases, referrals
from support.commands import Commands, file
from support.gateways import (
    alarm_codes,
    case_file,
    consent_file,
    id_of,
    incoming,
    line,
    new_case,
    open_at,
    refer,
    take_consent,
    view,
    withdraw_all,
)
from support.nodes import Road, allow_emergencies, road, road_with_officers
from support.replays import newest_refused, replay, set_status

CHEAP = 1024
ANOTHER = OrgId("uz-1ega1a1d")
CHILD = {"prs_FirstName": "Тўқима шахс", "prs_Birthdate": "2015-04-12", "is_minor": False}
FALLEN = Decision(
    recipient=OrgId("uz-she1ter1"),
    ground=Ground.MEDICAL_EMERGENCY,
    protects=Protects.PERSON,
    incapacity=Incapacity.UNCONSCIOUS,
    categories=(DataCategory.IDENTITY, DataCategory.HEALTH),
    hours=24,
    needed_now="Fictional: allergies and medicines, at once.",
)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Road]:
    """Give a road whose first country allows it, with three officers at the agency."""
    with road_with_officers(tmp_path_factory.mktemp("road"), CHEAP) as made:
        yield made


def word(made: Road, *numbers: int) -> tuple[SignedRoll, tuple[SigningPair, ...]]:
    """Return the word of some officers."""
    home = made.home(made.agency)
    names = [each.officer.kid.hex() for each in officers.listed(home, made.clock())]
    return officers.roll_of(home), tuple(officers.unlock(made.kz, home, names[n], f"own {n}") for n in numbers)


def disclose(made: Road, name: str, signers: tuple[int, ...] = (0, 1), **changed: object) -> tuple[int, int]:
    """Disclose a case of its own; return case and course here."""
    case = new_case(made.kz, case_file(about=f"Fictional: {name}"))
    return case, invoke(made, case, signers, **changed)


def invoke(made: Road, case: int, signers: tuple[int, ...] = (0, 1), **changed: object) -> int:
    """Disclose a case that is there."""
    decision = dataclasses.replace(FALLEN, **changed)  # type: ignore[arg-type]
    with made.kz.store.write() as tx:
        number = emergencies.invoke(made.kz, tx, cases.get(tx, case), decision, word(made, *signers)).id
    made.settle()
    return number


def test_the_least_crosses_the_border_without_consent_and_loudly(office: Road) -> None:
    """Two officers' word takes it through both gates; what they did not name stays; alarm and audit tell it."""
    _, number = disclose(office, "unconscious")
    there = incoming(office.uz, id_of(office.kz, number))
    shown = open_at(office.uz, there)
    assert shown.events[0].sections["Person"]["First name"] == "Тўқима шахс"
    assert "dentist" in str(shown.events[0].sections["Health"])
    assert "Location" not in shown.events[0].sections
    assert view(office.uz, there).status == "INVOKED"
    assert Code.EMERGENCY_DISCLOSED in alarm_codes(office.uz)


def test_who_the_person_is_comes_with_every_spelling_and_the_reference_of_the_sender(office: Road) -> None:
    """What helps to recognise and to answer: other names, the sign language, the file of the sender's own system."""
    person = {
        "prs_FirstName": "Тўқима шахс",
        "prs_Birthdate": "1991",
        "is_minor": False,
        "spellings": ["TUKIMA SHAKHS"],
        "sign_language": "rsl",
    }
    case = new_case(office.kz, case_file(about="Fictional: deaf", person=person, reference="A-2026/118"))
    number = invoke(office, case)
    office.settle()
    shown = repr(open_at(office.uz, incoming(office.uz, id_of(office.kz, number))).events[0].sections)
    for text in ("TUKIMA SHAKHS", "Russian Sign Language", "A-2026/118"):
        assert text in shown, text


def test_a_third_officer_reviews_it_and_the_recipient_hears(office: Road) -> None:
    """One of the two cannot; another can, and what was found stands at both ends."""
    _, number = disclose(office, "reviewed")
    with office.kz.store.write() as tx, pytest.raises(ConsentError) as caught:
        emergencies.review(office.kz, tx, number, ReviewResult.UPHELD, word(office, 1)[1][0])
    assert caught.value.reasons == (Code.REVIEWER_NOT_INDEPENDENT,)
    with office.kz.store.write() as tx:
        emergencies.review(office.kz, tx, number, ReviewResult.NOT_UPHELD, word(office, 2)[1][0])
    office.settle()
    there = incoming(office.uz, id_of(office.kz, number))
    assert (view(office.kz, number).status, view(office.uz, there).status) == ("REVIEWED", "REVIEWED")
    assert Code.EMERGENCY_NOT_UPHELD in alarm_codes(office.uz)


def test_a_date_that_passed_stops_no_emergency(office: Road) -> None:
    """What is needed now is disclosed from a case whose time to answer has passed."""
    soon = datetime.fromtimestamp(office.clock() / 1000 + 3600, UTC).isoformat()
    case = new_case(office.kz, case_file(about="Fictional: late", reply_by=soon))
    office.clock.move(hours=2)
    number = invoke(office, case)
    assert view(office.uz, incoming(office.uz, id_of(office.kz, number))).status == "INVOKED"


REFUSED = {
    "one officer twice": ((0, 0), {}, Code.OFFICERS_MISSING),
    "one officer": ((0,), {}, Code.OFFICERS_MISSING),
    "a person who can be asked": ((0, 1), {"incapacity": None}, Code.INCAPACITY_MISSING),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_breaks_a_rule_never_leaves_the_office(office: Road, name: str) -> None:
    """With the code, and nothing in the outbox."""
    signers, changed, code = REFUSED[name]
    with pytest.raises(ConsentError) as caught:
        disclose(office, name, signers, **changed)
    assert code in caught.value.reasons


def test_the_explicit_no_of_an_adult_stands(office: Road) -> None:
    """Withdrawn consent, or a refusal towards this organisation: only another person's danger goes before it."""
    case = new_case(office.kz, case_file(about="Fictional: said no"))
    take_consent(office.kz, case, consent_file())
    withdraw_all(office.kz, case)
    with pytest.raises(ConsentError) as caught:
        invoke(office, case)
    assert Code.DENIED_BY_PERSON in caught.value.reasons
    number = invoke(office, case, protects=Protects.ANOTHER, incapacity=None)
    assert view(office.kz, number).status == "INVOKED"


def test_a_country_that_did_not_allow_it_does_not(tmp_path: Path) -> None:
    """Off by default."""
    with road(tmp_path) as made:
        made.gateway(made.agency)
        made.gateway(made.shelter)
        for number in range(3):
            officers.add(made.kz, made.home(made.agency), "DUTY_OFFICER", f"own {number}", CHEAP)
        with pytest.raises(ConsentError) as caught:
            disclose(made, "off")
        assert caught.value.reasons == (Code.EMERGENCY_OFF,)


def test_it_ends_by_itself(tmp_path: Path) -> None:
    """After its hours the recipient sees nothing of it any more; the missing review is told."""
    with road(tmp_path) as made:
        made.gateway(made.agency)
        made.gateway(made.shelter)
        allow_emergencies(made, "kz")
        for number in range(3):
            officers.add(made.kz, made.home(made.agency), "DUTY_OFFICER", f"own {number}", CHEAP)
        _, number = disclose(made, "ends", hours=2)
        there = incoming(made.uz, id_of(made.kz, number))
        assert open_at(made.uz, there).events[0].hidden == ()
        made.pass_time(hours=3)
        assert open_at(made.uz, there).events[0].hidden == (Code.EMERGENCY_OVER,)
        made.pass_time(days=3)
        assert Code.DEADLINE_PASSED in alarm_codes(made.kz)


def test_officers_hold_their_own_keys(office: Road) -> None:
    """A wrong passphrase opens nothing, a removed officer is on no roll, and every name is a key id."""
    home = office.home(office.agency)
    fourth = officers.add(office.kz, home, "CASE_MANAGER", "own 3", CHEAP)
    with pytest.raises(SetupError) as caught:
        officers.unlock(office.kz, home, fourth.kid.hex(), "own 0")
    assert caught.value.code is Code.KEYFILE_WRONG_PASSPHRASE
    officers.remove(office.kz, home, fourth.kid.hex()[:8])
    assert fourth.kid not in {each.officer.kid for each in officers.listed(home, office.clock())}
    with pytest.raises(SetupError):
        officers.unlock(office.kz, home, fourth.kid.hex(), "own 3")
    with pytest.raises(SetupError):
        officers.add(office.kz, home, "NOBODY", "own 3", CHEAP)


def test_an_emergency_is_typed(office: Road, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Officers listed, disclosed, shown, reviewed: as people type it."""
    refbus, kz = Commands(office, capsys), office.agency
    names = [row["officer"] for row in refbus.json(kz, "officers", "list")]
    secrets = []
    for own in range(3):
        path = tmp_path / f"own-{own}"
        path.write_text(f"own {own}\n", encoding="utf-8")
        path.chmod(0o600)
        secrets.append(str(path))
    case = file(tmp_path, "case.json", case_file(about="Fictional: typed emergency"))
    needed = file(tmp_path, "needed.json", json.dumps({"needed_now": "Fictional: look for her"}))
    made = refbus.json(
        kz,
        *("emergency", "invoke", case, "--to", office.shelter, "--ground", "MISSING_PERSON"),
        *("--incapacity", "MISSING", "--category", "IDENTITY", "--file", needed),
        *("--first", names[0], "--second", names[1]),
        *("--first-passphrase-file", secrets[0], "--second-passphrase-file", secrets[1]),
    )
    number = str(made["emergency"])
    office.settle()
    review = ("--result", "UPHELD", "--officer", names[2], "--officer-passphrase-file", secrets[2])
    refbus.run(kz, "emergency", "review", number, *review)
    assert refbus.json(kz, "emergency", "show", number)["state"] == "REVIEWED"
    refused = refbus.run(kz, "emergency", "review", number, *review, ok=False)
    assert "STATE_NOT_ALLOWED" in refused.err
    assert json.loads(json.dumps(made))["to"] == office.shelter
    with office.kz.store.read() as tx:
        assert referrals.get(tx, int(number)).own


def test_status_names_the_case_until_the_person_was_told(office: Road, capsys: pytest.CaptureFixture[str]) -> None:
    """Also where the law demands it of no other disclosure. To be unable to tell is not to have told."""
    case, _ = disclose(office, "not told yet")
    other = new_case(office.kz, case_file(about="Fictional: sent with consent"))
    take_consent(office.kz, other, consent_file())
    refer(office.kz, other)
    refbus = Commands(office, capsys)

    def untold() -> dict[int, int]:
        rows = refbus.json(office.agency, "status")["untold"]
        return {row["case"]: row["disclosures"] for row in rows if row["case"] in {case, other}}

    assert untold() == {case: 1}
    assert f"refbus case disclosures {case}" in refbus.run(office.agency, "status").out
    refbus.run(office.agency, "case", "told", str(case), "--how", "DEFERRED_UNSAFE")
    assert untold() == {case: 1}
    office.clock.move(hours=1)
    refbus.run(office.agency, "case", "told", str(case), "--how", "IN_PERSON")
    assert untold() == {}


def test_an_emergency_is_told_as_one_and_its_recipient_can_be_made_to_stop(office: Road) -> None:
    """No consent stands in the report; the person, awake, says no, and the withdrawal reaches that recipient too."""
    case, number = disclose(office, "told as one")
    told = report_of(office, case)
    (entry,) = told.entries
    assert entry.disclosure.event_type is EventType.EMERGENCY_INVOKED
    assert (entry.disclosure.consent, entry.became, len(entry.envelopes)) == (None, Became.DELIVERED, 1)
    wording = Wording("en", office.kz.directory(), 0)
    assert wording.say("on_emergency") in disclosure_page.text(told, wording)
    take_consent(office.kz, case, consent_file(state="REFUSED", permit=[]))
    withdraw_all(office.kz, case)
    office.settle()
    with office.uz.store.write() as tx:
        referral_steps.acknowledge(office.uz, tx, incoming(office.uz, id_of(office.kz, number)), "ERASED", None)
    office.settle()
    word = report_of(office, case).entries[0].withdrawal
    assert word is not None
    assert word.answer == "ERASED"


def test_a_withdrawal_reaches_who_received_something_in_an_emergency(office: Road) -> None:
    """Asked about another organisation only, the person takes everything back: the hospital has to stop as well."""
    case, number = disclose(office, "reached as well")
    take_consent(office.kz, case, consent_file(OrgId("uz-1ega1a1d")))
    withdraw_all(office.kz, case)
    office.settle()
    there = incoming(office.uz, id_of(office.kz, number))
    assert view(office.uz, there).suspended
    with office.uz.store.write() as tx:
        referral_steps.acknowledge(office.uz, tx, there, "ERASED", None)
    office.settle()
    word = report_of(office, case).entries[0].withdrawal
    assert word is not None
    assert word.answer == "ERASED"
    again = new_case(office.kz, case_file(about="Fictional: after a no"))
    with pytest.raises(ConsentError) as caught, office.kz.store.write() as tx:
        withdrawals.withdraw(office.kz, tx, cases.get(tx, again), None)
    assert caught.value.reasons == (Code.NO_CONSENT,)


def report_of(made: Road, case: int) -> Report:
    """Return the person's report of a case."""
    with made.kz.store.read() as tx:
        return disclosure_report.report(tx, cases.get(tx, case))


@pytest.mark.parametrize("honest", [True, False], ids=["an honest sender", "a sender that says it all the same"])
def test_a_doubt_about_the_age_refuses_no_help(office: Road, monkeypatch: pytest.MonkeyPatch, honest: bool) -> None:
    """A case says of a child that it is an adult: it is disclosed, not as an adult, and both sides are told."""
    case = new_case(office.kz, case_file(about=f"Fictional: eleven years old, {honest}"))
    with office.kz.store.write() as tx:  # as an older version took it in
        found = cases.get(tx, case)
        content = case_file(about=f"Fictional: eleven years old, {honest}", person=CHILD)
        cases.replace_body(tx, found, {**cases.body_of(tx, found), "file": base64.b64encode(content).decode()})
    if not honest:
        monkeypatch.setattr(age_check, "protective", lambda fields, _: fields)
    number = invoke(office, case)
    office.settle()
    there = incoming(office.uz, id_of(office.kz, number))
    with office.uz.store.read() as tx:
        (event,) = [each for each in referrals.events_of(tx, referrals.get(tx, there)) if not each.outgoing]
        person = course_state.payload_of(event)["person"]
    assert person["prs_Birthdate"] == "2015-04-12"
    assert (person.get("is_minor") is None) is honest
    assert doubts(office.kz) >= 1
    assert (f"number {there}" in " ".join(words(office.uz))) is not honest


def words(gateway: Gateway) -> list[str]:
    """Return the words of the alarms about ages."""
    with gateway.store.read() as tx:
        return [each.detail for each in alarms.standing_alarms(tx) if each.code == Code.AGE_CONTRADICTS]


def doubts(gateway: Gateway) -> int:
    """Return how many alarms about ages stand."""
    return len(words(gateway))


def test_a_no_is_told_behind_an_emergency_that_a_gate_refused_and_let_through(office: Road) -> None:
    """The person woke up and said no while it was refused: nobody had to be told then, and the recipient is later."""
    case = new_case(office.kz, case_file(about="Fictional: refused"))
    take_consent(office.kz, case, consent_file(ANOTHER))
    set_status(office, OrgStatus.SUSPENDED)
    office.nodes["kz"].work()
    with office.kz.store.write() as tx:
        number = emergencies.invoke(office.kz, tx, cases.get(tx, case), FALLEN, word(office, 0, 1)).id
    office.settle()
    assert line(office.kz, number, EventType.EMERGENCY_INVOKED).hop is Hop.REFUSED
    set_status(office, OrgStatus.ACTIVE)
    withdraw_all(office.kz, case)
    office.settle()
    replay(office, "kz", newest_refused(office, "kz"))
    office.settle()
    there = incoming(office.uz, id_of(office.kz, number))
    with office.uz.store.read() as tx:
        events = referrals.events_of(tx, referrals.get(tx, there))
        heard = [one.block.event_type for one in events if not one.outgoing]
    assert heard == [EventType.EMERGENCY_INVOKED, EventType.CONSENT_WITHDRAWN]
