"""Every command that takes a no, with everything that can be wrong with its form: the no counts all the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from refbus.core.consent.record import ConsentState
from refbus.core.ids import OrgId
from refbus.core.vocabulary import STOPS as STOPPING
from refbus.errors import Code, ConsentError
from refbus_gateway.cases import casework
from refbus_gateway.cli.answers import SAYINGS, Saying
from refbus_gateway.cli.returns import STEPS
from refbus_gateway.forms.asked import written_fields
from refbus_gateway.rules import permission
from refbus_gateway.store import cases, consents, tellings
from refbus_gateway.store.schema import consents as consent_table
from support.ceremonies import AGENCY, SHELTER
from support.commands import Commands, file
from support.gateways import Pair, case_file, consent_file, home_health, new_case, refer, take_consent, view

OTHER = OrgId("kg-she1ter1")


def _with(**changes: Any) -> Callable[[bytes], bytes]:
    return lambda form: json.dumps({**json.loads(form), **changes}).encode()


def _without(*names: str) -> Callable[[bytes], bytes]:
    return lambda form: json.dumps({k: v for k, v in json.loads(form).items() if k not in names}).encode()


_FILLED_IN = tuple(name for name in json.loads(consent_file()) if name not in {"organisation", "state", "assent"})
BAD: dict[str, Callable[[bytes], bytes]] = {
    "a placeholder": _with(withdrawal_contact="<<where the person can withdraw; no person's name>>"),
    "placeholders in every text": _with(method="<<how>>", notice={"notice_id": "<<text>>", "language": "<<which>>"}),
    "an unreadable date": _with(valid_until="31.31.2026"),
    "a date that was never filled in": _with(retain_until="<<when they must erase it>>"),
    "an end in the past": _with(valid_until="2020-01-01", retain_until="2020-01-01"),
    "an unreadable moment": _with(said_at="yesterday"),
    "a moment that is still to come": _with(said_at="2199-01-01T00:00:00Z"),
    "a text that the country does not have": _with(notice={"notice_id": "referral-99", "language": "ru"}),
    "no text at all": _without("notice"),
    "a field that does not exist": _with(remarks="fictional"),
    "an unknown method": _with(method="BY_PIGEON"),
    "an unknown category": _with(permit=[{"purposes": ["X"], "actions": [], "data_categories": ["SHOE_SIZE"]}]),
    "a list that is none": _with(informed="PURPOSE", deny=7),
    "a guardian without a document": _with(grantor={"kind": "PARENT"}),
    "a majority that cannot be": _with(majority_on="1900-01-01"),
    "another format": _with(format="refbus-consent/99"),
    "nothing but who and what": _without(*_FILLED_IN),
    "letters of another terminal": lambda form: form.replace(b"fictional agency", "агентство".encode("koi8-r")),
    "a field given twice": lambda form: form[:-1] + b', "method": "ORAL"}',
    "a yes and a no": lambda form: b'{"state": "GIVEN", "assent": "NOT_REQUIRED", ' + form[1:],
}
NOS: dict[str, tuple[str, dict[str, Any]]] = {
    "grant, refused": ("grant", {"state": "REFUSED", "permit": []}),
    "amend, refused": ("amend", {"state": "REFUSED", "permit": []}),
    "renew, refused": ("renew", {"state": "REFUSED", "permit": []}),
    "guardian, refused": ("guardian", {"state": "REFUSED", "permit": []}),
    "grant, the child said no": ("grant", {"assent": "REFUSED"}),
}


def _may_send(pair: Pair, case: int, org: OrgId = SHELTER) -> bool:
    try:
        with pair.kz.store.write() as tx:
            casework.send_case(pair.kz, tx, cases.get(tx, case), to=org, again=True)
    except ConsentError:
        return False
    return True


def _case(pair: Pair, name: str, *, consent: bool = True) -> int:
    number = new_case(pair.kz, case_file(about=f"Fictional: {name}"))
    if consent:
        take_consent(pair.kz, number, consent_file())
    return number


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("no", NOS)
def test_a_no_on_a_form_counts_whatever_else_is_on_it(
    pair: Pair, capsys: pytest.CaptureFixture[str], tmp_path: Path, no: str, bad: str
) -> None:
    """It ends well, says what was left out, takes back what waited, tells the organisation, and permits nothing."""
    command, changes = NOS[no]
    case = _case(pair, f"{no}, {bad}")
    refer(pair.kz, case)
    form = file(tmp_path, "no.json", BAD[bad](consent_file(**changes)))
    value = Commands(pair.world, capsys).json(AGENCY, "consent", command, str(case), "--file", form)
    assert value["taken_back"] == 1
    assert value.get("complete", True) or value["left_out"]
    with pair.kz.store.read() as tx:
        said = consents.of_case(tx, cases.get(tx, case))[-1].signed.record
    assert said.state is not ConsentState.GIVEN or said.assent == "REFUSED"
    assert not _may_send(pair, case)


@pytest.mark.parametrize("bad", BAD)
def test_a_no_before_any_consent_counts_and_is_completed_later(
    pair: Pair, capsys: pytest.CaptureFixture[str], tmp_path: Path, bad: str
) -> None:
    """An old yes is not taken after it; the whole form takes its place; nobody is named as not told."""
    refbus, case = Commands(pair.world, capsys), _case(pair, f"first, {bad}", consent=False)
    whole = consent_file(state="REFUSED", permit=[])
    refbus.json(AGENCY, "consent", "grant", str(case), "--file", file(tmp_path, "no.json", BAD[bad](whole)))
    pair.world.clock.now_ms += 60_000
    old = file(tmp_path, "old.json", consent_file(said_at="2026-01-01T00:00:00Z"))
    assert "CONSENT_FORM_OLD" in refbus.run(AGENCY, "consent", "grant", str(case), "--file", old, ok=False).err
    assert not any(row.case_id == case for row in home_health(pair.kz).untold)
    done = refbus.json(AGENCY, "consent", "grant", str(case), "--file", file(tmp_path, "whole.json", whole))
    assert (done["state"], done.get("complete", True)) == ("REFUSED", True)
    with pair.kz.store.read() as tx:
        assert not tellings.of_case(tx, cases.get(tx, case))


@pytest.mark.parametrize("bad", [bad for bad in BAD if bad != "nothing but who and what"])
def test_a_denied_organisation_is_kept_although_the_rest_is_refused(
    pair: Pair, capsys: pytest.CaptureFixture[str], tmp_path: Path, bad: str
) -> None:
    """Whoever must never know is taken down from any form; the yes on it may be refused."""
    case = _case(pair, f"denied, {bad}", consent=False)
    form = file(tmp_path, "form.json", BAD[bad](consent_file(denied_recipients=[OTHER, "<<others>>"])))
    ran = Commands(pair.world, capsys).run(AGENCY, "consent", "grant", str(case), "--file", form, ok=False)
    assert OTHER in ran.err
    with pair.kz.store.read() as tx:
        assert permission.denied_recipients(tx, cases.get(tx, case)) == {OTHER}


OWN_STOPS = ("cancel", "mistake")
BAD_STOPS: dict[str, tuple[str, ...]] = {
    "no reason": (),
    "an unknown reason": ("--reason", "BECAUSE"),
    "a placeholder": ("--reason", "<<why>>"),
    "a file that is not there": ("--file", "missing.json"),
    "a file that is no JSON": ("--file", "@{"),
    "a field that does not exist": ("--file", '@{"reason": "OTHER", "note": "fictional"}'),
    "a reason of another kind": ("--file", '@{"reason": 7}'),
}


@pytest.mark.parametrize("bad", BAD_STOPS)
@pytest.mark.parametrize("stop", OWN_STOPS)
def test_a_stop_of_a_course_counts_whatever_its_fields(
    pair: Pair, capsys: pytest.CaptureFixture[str], tmp_path: Path, stop: str, bad: str
) -> None:
    """It goes under a directory that ran out too; the reason becomes the other one, and the worker is told."""
    number = refer(pair.kz, _case(pair, f"{stop}, {bad}"))
    given = BAD_STOPS[bad]
    if given and given[1].startswith("@"):
        given = (given[0], file(tmp_path, "stop.json", given[1][1:]))
    pair.world.clock.move(days=8)
    try:
        value = Commands(pair.world, capsys).json(AGENCY, "inbox", stop, str(number), *given, "--later")
    finally:
        pair.world.clock.move(days=-8)
    assert value["left_out"]
    assert view(pair.kz, number).status in {"CANCELLED", "ENTERED_IN_ERROR"}


@pytest.mark.parametrize("saying", [each for each in (*SAYINGS, *STEPS) if each.event_type in STOPPING], ids=str)
def test_every_stop_that_a_person_can_say_has_one_reason_and_another_one(saying: Saying) -> None:
    """So the form needs nothing: an unknown reason becomes the other one, whatever stop is added."""
    (reason,) = written_fields(saying.event_type)
    assert len([symbol for symbol in reason.symbols if symbol.startswith("OTHER")]) == 1


def test_a_withdrawal_of_what_was_never_given_is_a_no(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    """It names the organisation, so it is kept: an old yes permits nothing after it. Without a name nobody is meant."""
    refbus, case = Commands(pair.world, capsys), _case(pair, "never given", consent=False)
    value = refbus.json(AGENCY, "consent", "withdraw", str(case), "--to", SHELTER)
    assert value["withdrawn"] == [
        {"organisation": SHELTER, "version": None, "notified": False, "not_told": None, "taken_back": 0}
    ]
    with pair.kz.store.read() as tx:
        (row,) = tellings.of_case(tx, cases.get(tx, case))
    assert row.org == SHELTER
    assert "NO_CONSENT" in refbus.run(AGENCY, "consent", "withdraw", str(case), ok=False).err


def test_a_stop_of_one_category_counts_beside_one_that_does_not_exist(
    pair: Pair, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is known is stopped, what is not is named."""
    case = _case(pair, "two categories")
    ran = Commands(pair.world, capsys).run(
        AGENCY, "consent", "amend", str(case), "--to", SHELTER, "--stop", "HEALTH", "--stop", "SHOE_SIZE", ok=False
    )
    assert "SHOE_SIZE" in ran.err
    with pair.kz.store.read() as tx:
        record = consents.of_case(tx, cases.get(tx, case))[-1].signed.record
    assert record.version == 2
    assert all("HEALTH" not in rule.data_categories for rule in record.provisions)


@pytest.mark.parametrize("said", [("consent", "withdraw"), ("erase", "--yes"), ("consent", "grant")], ids=" ".join)
def test_a_damaged_record_keeps_no_no_out(
    pair: Pair, capsys: pytest.CaptureFixture[str], tmp_path: Path, said: tuple[str, ...]
) -> None:
    """A consent of the case cannot be read any more: withdrawal, refusal and erasure are taken all the same."""
    case = _case(pair, f"damaged, {said}")
    refer(pair.kz, case)
    with pair.kz.store.write() as tx:
        tx.connection.execute(consent_table.update().where(consent_table.c.case_id == case).values(body=b"damaged"))
    form = file(tmp_path, "no.json", consent_file(state="REFUSED", permit=[]))
    more = ("--file", form) if said[-1] == "grant" else ()
    words = (said[0], str(case), *said[1:]) if said[0] == "erase" else (*said, str(case), *more)
    Commands(pair.world, capsys).run(AGENCY, *words)
    with pair.kz.store.read() as tx:
        found = cases.get(tx, case)
        assert not found.live or tellings.of_case(tx, found)


def test_a_file_that_is_no_form_says_how_a_no_is_said(
    pair: Pair, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Nothing in it names anybody: the answer tells the command that needs no form."""
    case = _case(pair, "no form", consent=False)
    ran = Commands(pair.world, capsys).run(
        AGENCY, "consent", "grant", str(case), "--file", file(tmp_path, "no.json", '{"state": "REFUSED",'), ok=False
    )
    assert Code.CASE_INVALID in ran.err
    assert "refbus consent withdraw" in ran.err
