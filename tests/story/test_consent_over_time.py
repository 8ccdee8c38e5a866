"""What a person agreed to changes: less at once, more only by a new word, longer, by a guardian, when of age."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from refbus.core.consent.change import ConsentChange
from refbus.core.consent.record import ConsentState
from refbus.core.courses.machine import Role
from refbus.core.ids import OrgId
from refbus.core.vocabulary import DataCategory, EventType
from refbus.errors import Code, ConsentError, RefbusError, RuleError
from refbus.wire.transport import InboxRecord
from refbus_gateway.cases import casework
from refbus_gateway.consent import amendments, audience, endings
from refbus_gateway.consent.versions import Version
from refbus_gateway.courses import referral_steps
from refbus_gateway.forms.consentfile import parse_consent
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.store import cases, consents, referrals, set_aside
from refbus_gateway.store.set_aside import AsideState
from support.commands import Commands, file
from support.gateways import (
    CATEGORIES,
    alarm_codes,
    case_file,
    consent_file,
    home_health,
    id_of,
    incoming,
    line,
    new_case,
    open_at,
    refer,
    say,
    sent,
    take_consent,
    view,
    withdraw_all,
)
from support.homecoming import CHILD_CONSENT, Homecoming, plan
from support.nodes import Road

E = EventType
CANARY = "Қалқан-сынақ-сөзі"
THIRD = OrgId("uz-1ega1a1d")


def permit(*categories: str) -> list[dict[str, Any]]:
    """Return a permit for these categories."""
    rule = {"purposes": ["REFERRAL_SERVICES"], "actions": ["DISCLOSE", "REPORT_BACK"]}
    return [{**rule, "data_categories": sorted(categories)}]


def amend(gateway: Gateway, case: int, command: str, content: bytes) -> Version:
    """Take a form in as a command of `refbus consent` does."""
    form = parse_consent(content, now_ms=gateway.now_ms())
    with gateway.store.write() as tx:
        return amendments.amend(gateway, tx, cases.get(tx, case), form, command)


def arrived(road: Road, name: str, consent: bytes | None = None) -> tuple[int, int, int]:
    """Refer a case of its own and let it arrive; return case, referral here, referral there."""
    case, number = sent(road.kz, case_file(about=f"Fictional: {name}"), consent)
    road.settle()
    road.clock.move(hours=1)
    return case, number, incoming(road.uz, id_of(road.kz, number))


def records_at(gateway: Gateway, number: int) -> list[tuple[int, ConsentState]]:
    """Return version and state of every record that a gateway keeps of a referral's case."""
    with gateway.store.read() as tx:
        kept = consents.of_case(tx, cases.get(tx, referrals.get(tx, number).case_id))
    return [(each.signed.record.version, each.signed.record.state) for each in kept]


def changes_at(gateway: Gateway, number: int) -> list[EventType]:
    """Return the events of a referral that brought a new version."""
    with gateway.store.read() as tx:
        types = [event.block.event_type for event in referrals.events_of(tx, referrals.get(tx, number))]
    return [each for each in types if each in {E.CONSENT_AMENDED, E.CONSENT_GRANTED}]


def test_narrowing_counts_at_once_here_and_at_the_recipient(shared: Road) -> None:
    """Health is stopped: nothing with it leaves, and what came before is hidden there."""
    case, number, there = arrived(shared, "narrowed")
    with shared.kz.store.write() as tx:
        done = amendments.stop(shared.kz, tx, cases.get(tx, case), shared.shelter, [DataCategory.HEALTH])
    assert (done.change, done.widened, done.told) == (ConsentChange.NARROWED, False, True)
    with pytest.raises(ConsentError) as refused:
        refer(shared.kz, case, again=True)
    assert Code.CATEGORY_NOT_COVERED in refused.value.reasons
    shared.settle()
    assert records_at(shared.uz, there) == [(1, ConsentState.GIVEN), (2, ConsentState.GIVEN)]
    assert changes_at(shared.uz, there) == [E.CONSENT_AMENDED]
    opened = open_at(shared.uz, there)
    assert opened.events[0].hidden == (Code.CATEGORY_NOT_COVERED,)
    assert not view(shared.uz, there).suspended
    assert refer(shared.kz, case, again=True, withhold=[DataCategory.HEALTH]) != number


def test_the_gate_holds_an_office_to_the_narrower_answer(own: Road) -> None:
    """An office that went back to an older store still sends health; its own gate has learnt the newer record."""
    case, _, _ = arrived(own, "forgetful")
    home = own.home(own.agency).path
    own.kz.store.database.copy_to(home / "before.db")
    amend(own.kz, case, "amend", consent_file(permit=permit("IDENTITY", "SERVICE_NEEDS")))
    own.settle()
    own.kz.close()
    for name in ("store.db", "store.db-wal", "store.db-shm"):
        (home / name).unlink(missing_ok=True)
    shutil.move(home / "before.db", home / "store.db")
    forgetful = own.gateway(own.agency)
    number = refer(forgetful, case, again=True)
    own.settle()
    assert line(forgetful, number).codes == (Code.CATEGORY_NOT_COVERED,)


def test_a_false_word_about_a_change_alarms(shared: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says narrowed and widens: the signed record counts, and a person at the recipient looks at it."""
    case, _, there = arrived(shared, "false word", consent_file(permit=permit("HEALTH", "IDENTITY", "SERVICE_NEEDS")))
    monkeypatch.setattr(audience, "change_between", lambda *_records: ConsentChange.NARROWED)
    amend(shared.kz, case, "amend", consent_file(permit=permit(*CATEGORIES)))
    shared.settle()
    assert Code.DECLARATION_MISMATCH in alarm_codes(shared.uz)
    assert [version for version, _ in records_at(shared.uz, there)] == [1, 2]


def test_what_waits_unsent_is_taken_back(own: Road) -> None:
    """An office without a line: the narrower answer stops what has not left the house, and nobody is told anything."""
    case, _ = sent(own.kz, case_file(about="Fictional: unsent"))
    own.clock.move(hours=1)
    done = amend(own.kz, case, "amend", consent_file(permit=permit("IDENTITY", "SERVICE_NEEDS")))
    assert (done.change, done.taken_back, done.told) == (ConsentChange.NARROWED, 1, False)
    own.settle()
    with own.uz.store.read() as tx:
        assert referrals.every(tx) == []
    assert Code.CATEGORY_NOT_COVERED in alarm_codes(own.kz)


def test_widening_needs_a_form_of_its_own(shared: Road) -> None:
    """A newly signed form widens; an old one, said before the newest answer, never does."""
    case, _, there = arrived(shared, "widened", consent_file(permit=permit("HEALTH", "IDENTITY", "SERVICE_NEEDS")))
    old = consent_file(permit=permit(*CATEGORIES), said_at="2026-09-01")
    with pytest.raises(RuleError) as refused:
        amend(shared.kz, case, "amend", old)
    assert refused.value.code is Code.CONSENT_FORM_OLD
    done = amend(shared.kz, case, "amend", consent_file(permit=permit(*CATEGORIES)))
    assert (done.change, done.widened) == (ConsentChange.WIDENED, True)
    shared.settle()
    assert [version for version, _ in records_at(shared.uz, there)] == [1, 2]


def test_a_command_takes_only_the_change_that_it_is_for(shared: Road) -> None:
    """Nothing is kept of the others."""
    case, number, _ = arrived(shared, "another change")
    for command, changes in (
        ("renew", {"permit": permit("SERVICE_NEEDS")}),
        ("amend", {}),
        ("guardian", {"valid_until": "2027-02-01"}),
        ("majority", {}),
    ):
        with pytest.raises(RuleError) as refused:
            amend(shared.kz, case, command, consent_file(**changes))
        assert refused.value.code is Code.CONSENT_CHANGE_DIFFERS
    assert [version for version, _ in records_at(shared.kz, number)] == [1]


def test_a_consent_is_renewed_in_time(own: Road) -> None:
    """The office is warned thirty days before the end; then the person says that it goes on."""
    case, _, there = arrived(own, "renewed", consent_file(valid_until="2026-10-25"))
    with own.kz.store.read() as tx:
        assert endings.endings(own.kz, tx) == []
    own.clock.move(days=6)
    _refresh(own)
    with own.kz.store.read() as tx:
        (ending,) = endings.endings(own.kz, tx)
    assert (ending.case, ending.org, ending.majority, ending.over) == (case, own.shelter, False, False)
    done = amend(own.kz, case, "renew", consent_file(valid_until="2027-01-21"))
    assert done.change is ConsentChange.RENEWED
    own.settle()
    with own.kz.store.read() as tx:
        assert endings.endings(own.kz, tx, cases.get(tx, case)) == []
    assert open_at(own.uz, there).events[0].hidden == ()


def test_after_a_no_a_new_yes_lets_the_course_go_on(shared: Road) -> None:
    """ConsentGranted lifts the suspension at both sides; a change of something withdrawn is refused."""
    case, number, there = arrived(shared, "yes again")
    withdraw_all(shared.kz, case)
    shared.settle()
    assert view(shared.uz, there).suspended
    with pytest.raises(ConsentError) as refused:
        amend(shared.kz, case, "amend", consent_file())
    assert refused.value.reasons == (Code.WITHDRAWN,)
    shared.clock.move(hours=1)
    take_consent(shared.kz, case, consent_file())
    shared.settle()
    assert not view(shared.uz, there).suspended
    assert not view(shared.kz, number).suspended
    assert changes_at(shared.uz, there) == [E.CONSENT_GRANTED]


def test_an_old_form_does_not_undo_a_withdrawal(shared: Road) -> None:
    """The form of last month was said before the person withdrew."""
    case, _, _ = arrived(shared, "old form")
    withdraw_all(shared.kz, case)
    shared.clock.move(hours=1)
    with pytest.raises(RuleError) as refused:
        take_consent(shared.kz, case, consent_file(said_at="2026-09-01"))
    assert refused.value.code is Code.CONSENT_FORM_OLD


def test_another_guardian_the_childs_answer_and_majority(own: Road) -> None:
    """Each is a version of its own; from majority on the guardian's word permits nothing and the person is asked."""
    child = {**CHILD_CONSENT, "majority_on": "2026-10-05"}
    document = case_file(about="Fictional: a child", person={"prs_FirstName": "Тўқима бола", "is_minor": True})
    case = new_case(own.kz, document)
    take_consent(own.kz, case, consent_file(**child))
    own.clock.move(hours=1)
    other = {**child, "grantor": {**child["grantor"], "authority_evidence": "cd" * 32}}
    assert amend(own.kz, case, "guardian", consent_file(**other)).change is ConsentChange.GUARDIAN_REPLACED
    own.clock.move(hours=1)
    says_no = {**other, "assent": "REFUSED"}
    assert amend(own.kz, case, "assent", consent_file(**says_no)).change is ConsentChange.ASSENT_RECORDED
    with pytest.raises(ConsentError) as refused:
        refer(own.kz, case)
    assert refused.value.reasons == (Code.ASSENT_MISSING,)
    own.clock.move(hours=1)
    assert amend(own.kz, case, "assent", consent_file(**other)).change is ConsentChange.ASSENT_RECORDED
    refer(own.kz, case)
    own.settle()
    own.clock.move(days=16)
    _refresh(own)
    with own.kz.store.read() as tx:
        (ending,) = endings.endings(own.kz, tx)
    assert (ending.majority, ending.over) == (True, True)
    with pytest.raises(ConsentError) as refused:
        refer(own.kz, case, again=True)
    assert Code.GRANTOR_NOT_ENTITLED in refused.value.reasons
    with own.kz.store.write() as tx:
        grown = {"prs_FirstName": "Тўқима бола", "prs_Birthdate": "2008-10-05", "is_minor": False}
        of_age = case_file(about="Fictional: now of age", person=grown)
        casework.update_case(own.kz, tx, cases.get(tx, case), of_age)
    assert amend(own.kz, case, "majority", consent_file()).change is ConsentChange.MAJORITY_REACHED
    assert refer(own.kz, case, again=True)


def test_a_withdrawal_reaches_every_course_of_the_case(own: Road) -> None:
    """A return in mid-course is suspended although a later referral went to the same organisation."""
    road = Homecoming(own, "two courses", consent={"permit": [*_both()]}).prepare()
    later = refer(own.kz, road.case)
    own.settle()
    there = incoming(own.uz, id_of(own.kz, later))
    withdraw_all(own.kz, road.case)
    own.settle()
    assert view(own.uz, road.there).status == "SUSPENDED"
    assert view(own.uz, there).suspended
    with own.kz.store.read() as tx:
        assert consents.count_unanswered(tx) == 1
    with pytest.raises(ConsentError):
        road.say(Role.SOURCE, E.PLAN_AGREED, **plan(own.clock()))
    with own.uz.store.write() as tx:
        referral_steps.acknowledge(own.uz, tx, road.there, "ERASED", None)
    own.settle()
    assert home_health(own.kz).withdrawals_unanswered_ms is None


def test_a_withdrawal_reaches_every_organisation_that_received_anything(own: Road) -> None:
    """Two recipients of one case are both told; one that only stands in the list of consents is not."""
    own.gateway(THIRD)
    case, number = sent(own.kz, case_file(about="Fictional: two recipients"))
    take_consent(own.kz, case, consent_file(THIRD))
    second = refer(own.kz, case, to=THIRD)
    own.settle()
    withdraw_all(own.kz, case)
    own.settle()
    for gateway, referral in ((own.uz, number), (own.of(THIRD), second)):
        assert view(gateway, incoming(gateway, id_of(own.kz, referral))).suspended
        assert home_health(gateway).withdrawals_to_answer_ms is not None
    assert home_health(own.kz).withdrawals_unanswered_ms is not None


def test_old_mail_about_an_erased_case_leaves_nothing_anywhere(own: Road) -> None:
    """Every old envelope comes again after ERASED: KEY_DESTROYED, and no byte of the text is in any file."""
    case, number = sent(own.kz, case_file(about="Fictional", health={"summary": CANARY}))
    own.settle()
    there = incoming(own.uz, id_of(own.kz, number))
    assert CANARY in str(open_at(own.uz, there).events[0].sections)
    topic = f"uz.inbox.{own.shelter}"
    old = [record.value for record in own.bus.records(topic)]
    withdraw_all(own.kz, case)
    own.settle()
    with own.uz.store.write() as tx:
        referral_steps.acknowledge(own.uz, tx, there, "ERASED", None)
    own.settle()
    before = home_health(own.uz).refused
    _deliver_again(own, old)
    with own.uz.store.read() as tx:
        refused = set_aside.aside(tx, AsideState.REFUSED)
    assert {row.code for row in refused} == {Code.KEY_DESTROYED}
    assert {row.value for row in refused} == {b""}, "the sealed bytes could still be opened with the home's key"
    assert home_health(own.uz).refused > before
    needle = CANARY.encode()
    files = [path for path in own.lab.paths.home(own.shelter).rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if needle in path.read_bytes()]
    with pytest.raises(RefbusError) as gone:
        say(own.uz, there, E.REFERRAL_ACCEPTED, responsible_worker_role="SOCIAL_WORKER")
    assert gone.value.code is Code.KEY_DESTROYED


def test_typed(own: Road, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The commands say what changed, in words and as JSON."""
    case, _, _ = arrived(own, "typed")
    own.kz.close()
    refbus = Commands(own, capsys)
    less = refbus.json(own.agency, "consent", "amend", str(case), "--to", own.shelter, "--stop", "HEALTH")
    assert (less["change"], less["widened"], less["version"], less["told"]) == ("NARROWED", False, 2, True)
    own.clock.move(hours=1)
    form = file(tmp_path, "renewed.json", consent_file(permit=json.loads(consent_file())["permit"]))
    wrong = refbus.run(own.agency, "consent", "renew", str(case), "--file", form, ok=False)
    assert "CONSENT_CHANGE_DIFFERS" in wrong.err
    assert "WIDENED" in wrong.err
    more = refbus.run(own.agency, "consent", "amend", str(case), "--file", form).out
    assert "permits more than before" in more
    shown = refbus.json(own.agency, "consent", "show", str(case))
    assert [each["change"] for each in shown] == [None, "NARROWED", "WIDENED"]
    assert refbus.run(own.agency, "consent", "amend", str(case), ok=False).status != 0


def test_status_and_case_name_a_consent_that_ends(own: Road, capsys: pytest.CaptureFixture[str]) -> None:
    """With the day and the command; a guardian's ends with majority."""
    case, _, _ = arrived(own, "ends soon", consent_file(valid_until="2026-10-01"))
    child = new_case(own.kz, case_file(about="Fictional: a child", person={"is_minor": True}))
    take_consent(own.kz, child, consent_file(**{**CHILD_CONSENT, "majority_on": "2026-10-05"}))
    own.kz.close()
    refbus = Commands(own, capsys)
    found = refbus.json(own.agency, "status")["consents_ending"]
    assert [(each["case"], each["majority"], each["over"]) for each in found] == [
        (case, False, False),
        (child, True, False),
    ]
    text = refbus.run(own.agency, "status").out
    assert f"refbus consent renew {case}" in text
    assert f"refbus consent majority {child}" in text
    assert "CONSENT_ENDING" in refbus.run(own.agency, "case", "show", str(case)).out
    own.clock.move(days=12)
    assert "EXPIRED" in refbus.run(own.agency, "case", "show", str(case)).out


def _both() -> list[dict[str, Any]]:
    rule = {"actions": ["DISCLOSE", "REPORT_BACK"], "data_categories": [str(each) for each in CATEGORIES]}
    purposes = ["FAMILY_TRACING", "IDENTITY_TRAVEL_DOCUMENT", "MONITORING", "REFERRAL_SERVICES", "REPATRIATION"]
    return [{**rule, "purposes": purposes}]


def _deliver_again(road: Road, values: list[bytes]) -> None:
    """Put old inbox bodies into the shelter's inbox once more."""
    topic = f"uz.inbox.{road.shelter}"
    sequence = max(InboxRecord.parse(each.value).sequence for each in road.bus.records(topic))
    for number, value in enumerate(values, sequence + 1):
        record = InboxRecord.parse(value)
        road.bus.put(topic, InboxRecord(record.kind, number, record.body).encode())
    road.sync(road.uz)


def _refresh(road: Road) -> None:
    """Publish a fresh timestamp, as the node does every day."""
    road.lab.republish(road.clock())
    road.publish()
    road.settle()
