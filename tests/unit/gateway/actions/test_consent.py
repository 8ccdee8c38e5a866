"""What is asked about consent: forms, versions, less than before, a no; and what a role without TAKE_CONSENT may do."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields
from pathlib import Path
from typing import Any

import pytest

from refbus.core.consent.change import ConsentChange
from refbus.core.consent.record import ConsentState
from refbus.core.ids import OrgId
from refbus.core.vocabulary import DataCategory
from refbus.errors import Code, ConsentError, RefbusError, RuleError, SetupError
from refbus_gateway.actions import actor as people
from refbus_gateway.actions import consent
from refbus_gateway.actions.actor import Permission, Role
from refbus_gateway.actions.consent import FormRefusedError, RefusalKept, VersionTaken
from refbus_gateway.actions.desk import Delivery
from refbus_gateway.actions.shape import json_of
from refbus_gateway.rules import permission
from refbus_gateway.store import cases
from support.ceremonies import AGENCY, SHELTER
from support.commands import Commands, file
from support.desks import desk_of
from support.gateways import Pair, case_file, consent_file, new_case, refer, take_consent

OTHER = OrgId("kg-she1ter1")
CHILD = {
    "grantor": {"kind": "PARENT", "authority_evidence": "0" * 64, "authority_until": "2030-01-01"},
    "assent": "REFUSED",
}


@pytest.fixture
def stopping(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every role stop and read cases, and nothing else."""
    allowed = {role: frozenset({Permission.STOP, Permission.READ_CASES}) for role in Role}
    monkeypatch.setattr(people, "ALLOWED", allowed)


def case_of(pair: Pair, name: str, consent_form: bytes | None = None) -> int:
    """Keep a case of its own, with a consent if there is a form."""
    number = new_case(pair.kz, case_file(about=f"Fictional: {name}"))
    if consent_form is not None:
        take_consent(pair.kz, number, consent_form)
    return number


def test_a_form_becomes_a_version_that_nobody_changes(pair: Pair) -> None:
    """The value has what was signed; word of a first version goes to nobody yet."""
    desk, actor = desk_of(pair.world, pair.kz)
    case = case_of(pair, "a form")
    done = consent.take_down(desk, actor, case, consent_file())
    assert isinstance(done, VersionTaken)
    assert (done.case, done.organisation, done.version, done.state) == (case, SHELTER, 1, ConsentState.GIVEN)
    assert (done.change, done.widened, done.told, done.delivery) == (None, False, False, None)
    with pytest.raises(FrozenInstanceError):
        done.version = 2  # type: ignore[misc]
    (shown,) = consent.shown(desk, actor, case)
    assert (shown.consent_id, shown.valid_until_ms) == (done.consent_id, done.valid_until_ms)


def test_the_command_prints_the_value(pair: Pair, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """--json of `consent new`, `grant`, `show` and `withdraw` is the JSON of what the actions return."""
    desk, actor = desk_of(pair.world, pair.kz)
    refbus, case = Commands(pair.world, capsys), case_of(pair, "printed")
    assert refbus.json(AGENCY, "consent", "new", str(case)) == json_of(consent.new_form(desk, actor, case))
    printed = refbus.json(AGENCY, "consent", "grant", str(case), "--file", file(tmp_path, "form.json", consent_file()))
    assert list(printed) == [each.name for each in fields(VersionTaken)]
    shown = json_of(consent.shown(desk, actor, case))
    assert refbus.json(AGENCY, "consent", "show", str(case)) == shown
    assert shown[0]["consent_id"] == printed["consent_id"]
    withdrawn = refbus.json(AGENCY, "consent", "withdraw", str(case))
    assert list(withdrawn) == [each.name for each in fields(consent.ConsentWithdrawn)]


def test_questions_follow_from_the_case(pair: Pair) -> None:
    """What has to be asked comes as one value: of an adult nobody asks when they come of age."""
    desk, actor = desk_of(pair.world, pair.kz)
    asked = consent.questions(desk, actor, case_file(about="Fictional: asked"))
    assert (asked.organisation, asked.majority) == (SHELTER, False)
    assert DataCategory.SERVICE_NEEDS in asked.categories
    assert asked.latest_until_ms > pair.world.clock()
    assert asked.notices
    young = case_file(about="Fictional: young", person={"prs_FirstName": "Fictional", "is_minor": True})
    assert consent.questions(desk, actor, young).majority


def test_less_needs_nothing_but_stop_and_more_needs_a_permission(pair: Pair, stopping: None) -> None:
    """A form that narrows is kept; one that widens, or a first yes, is refused whole, with nothing of it kept."""
    desk, actor = desk_of(pair.world, pair.kz)
    case = case_of(pair, "less", consent_file())
    pair.world.clock.now_ms += 60_000
    done = consent.stop_categories(desk, actor, case, SHELTER, [DataCategory.HEALTH])
    assert done.change is ConsentChange.NARROWED
    with pytest.raises(RuleError) as nothing:
        consent.stop_categories(desk, actor, case, SHELTER, [DataCategory.HEALTH])
    assert nothing.value.code is Code.CONSENT_CHANGE_DIFFERS
    pair.world.clock.now_ms += 60_000
    for number, change in ((case, "amend"), (case, None), (case_of(pair, "first"), None)):
        before = consent.shown(desk, actor, number)
        with pytest.raises(FormRefusedError) as refused:
            consent.take_down(desk, actor, number, consent_file(), change=change)
        assert refused.value.error.code is Code.NOT_PERMITTED
        assert consent.shown(desk, actor, number) == before
    narrow = consent_file(permit=[{"purposes": ["SERVICE_PROVISION"], "actions": ["DISCLOSE"], "data_categories": []}])
    assert consent.shown(desk, actor, case)[-1].change is ConsentChange.NARROWED
    with pytest.raises(FormRefusedError):  # a yes of another kind than it is meant for, whoever takes it down
        consent.take_down(desk, actor, case, narrow, change="renew")


@pytest.mark.parametrize("form", [{"state": "REFUSED", "permit": []}, {"state": "REFUSED", "method": "<<how>>"}, CHILD])
def test_a_no_counts_whoever_takes_it_down(pair: Pair, stopping: None, form: dict[str, Any]) -> None:
    """A no on a whole form, on half a form, or a child's no on a yes of its guardian: every role may take it down."""
    desk, actor = desk_of(pair.world, pair.kz)
    case = case_of(pair, f"no {sorted(form)}", consent_file())
    refer(pair.kz, case)
    pair.world.clock.now_ms += 60_000
    done = consent.take_down(desk, actor, case, consent_file(**form))
    assert done.state is ConsentState.REFUSED or form is CHILD
    assert done.taken_back == 1
    assert (done.told, done.delivery) in {(True, Delivery.SENT), (False, None)}
    with pytest.raises(ConsentError):
        refer(pair.kz, case, again=True)


def test_what_is_left_out_of_a_no_is_said(pair: Pair) -> None:
    """A no without the rest of its form is a value of its own, with each problem."""
    desk, actor = desk_of(pair.world, pair.kz)
    done = consent.take_down(desk, actor, case_of(pair, "half"), consent_file(state="REFUSED", method="<<how>>"))
    assert isinstance(done, RefusalKept)
    assert (done.complete, [each.path for each in done.left_out]) == (False, ["method"])
    assert json_of(done)["left_out"][0].keys() == {"path", "code", "advice"}


def test_who_must_never_know_is_kept_from_a_form_that_is_refused(pair: Pair, stopping: None) -> None:
    """The error names them, and says what it is that a person is told."""
    desk, actor = desk_of(pair.world, pair.kz)
    case = case_of(pair, "denied")
    with pytest.raises(FormRefusedError) as refused:
        consent.take_down(desk, actor, case, consent_file(denied_recipients=[OTHER]))
    assert (refused.value.case, refused.value.denied, refused.value.unread) == (case, (OTHER,), False)
    with pair.kz.store.read() as tx:
        assert permission.denied_recipients(tx, cases.get(tx, case)) == {OTHER}
    with pytest.raises(FormRefusedError) as unread:
        consent.take_down(desk, actor, case, b"no form at all")
    assert unread.value.unread


def test_a_form_about_somebody_else_is_not_taken(pair: Pair) -> None:
    """USAGE, and nothing of it is kept."""
    desk, actor = desk_of(pair.world, pair.kz)
    case = case_of(pair, "somebody else")
    with pytest.raises(RefbusError) as refused:
        consent.take_down(desk, actor, case, consent_file(state="REFUSED", permit=[]), to=OTHER)
    assert isinstance(refused.value, SetupError)
    assert refused.value.code is Code.USAGE
    assert consent.shown(desk, actor, case) == ()


def test_a_withdrawal_names_each_organisation(pair: Pair, stopping: None) -> None:
    """Whoever received something hears of it; every role may take a withdrawal down."""
    desk, actor = desk_of(pair.world, pair.kz)
    case = case_of(pair, "withdrawn", consent_file())
    refer(pair.kz, case)
    pair.exchange()
    pair.world.clock.now_ms += 60_000
    done = consent.withdraw(desk, actor, case, later=True)
    (one,) = done.withdrawn
    assert (one.organisation, one.version, one.notified, one.not_told) == (SHELTER, 2, True, None)
    assert (done.case, done.delivery, done.same_content_as_cases) == (case, Delivery.LATER, ())


def test_a_role_that_may_not_read_cases_is_shown_none(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """NOT_PERMITTED, before anything of the case is looked at."""
    desk, actor = desk_of(pair.world, pair.kz)
    monkeypatch.setattr(people, "ALLOWED", {role: frozenset({Permission.STOP}) for role in Role})
    for ask in (consent.shown, consent.questions, consent.new_form):
        with pytest.raises(RuleError) as refused:
            ask(desk, actor, 4096)
        assert refused.value.code is Code.NOT_PERMITTED
