"""`refbus audit report`: an account of a case, a period or an event, and how sure each step of it is."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest
from sqlalchemy import update

from refbus.audit.export import Exported
from refbus.errors import Code
from refbus_gateway.erasure import removal
from refbus_gateway.reports.accounts import Surety
from refbus_gateway.store import cases
from refbus_gateway.store.schema import statements
from support.auditlogs import CountryLog
from support.ceremonies import AGENCY, KZ, SHELTER, UZ
from support.commands import Commands, file
from support.gateways import Pair, case_file, new_case, open_at, sent

HOSTILE = "<script>alert('x')</script>"


@pytest.fixture
def commands(own: Pair, capsys: pytest.CaptureFixture[str]) -> Commands:
    """Give the command over the world of the pair."""
    return Commands(own.world, capsys)


def prove(own: Pair, *logs: CountryLog) -> None:
    """Let logs prove everything that was stated."""
    own.exchange()
    for log in logs:
        log.take()
        log.publish()
    own.exchange()


def test_a_case_is_told_step_by_step(own: Pair, commands: Commands) -> None:
    """Both ends tell every step in time order: who, to whom, why, on which consent, and that it is proven."""
    sent(own.kz)
    own.exchange()
    own.world.clock.move(hours=1)
    open_at(own.uz, 1)
    prove(own, CountryLog(own.world, KZ), CountryLog(own.world, UZ))
    value = commands.json(AGENCY, "audit", "report", "--case", "1")
    times = [step["at_ms"] for step in value["steps"]]
    assert times == sorted(times)
    first = next(step for step in value["steps"] if step["surety"] == Surety.PROVEN)
    told = {fact["name"]: fact["text"] for fact in first["facts"]}
    assert first["heading"] == "Sealed and sent: Done (SENT DONE)"
    assert told["Who"] == f"the gateway of Fictional national referral agency ({AGENCY})"
    assert told["To"] == f"Fictional shelter and reintegration, valley ({SHELTER})"
    assert told["Purpose"] == "Referral to services"
    assert re.fullmatch("[0-9a-f]{32}, version 1", told["Consent"])
    assert first["proof"]["index"] == 0
    theirs = commands.json(SHELTER, "audit", "report", "--case", "1")["steps"]
    told = {step["heading"]: step["surety"] for step in theirs}
    assert told["Received and verified: Referral requested"] == Surety.SIGNED
    assert told["Opened: Done (OPENED DONE)"] == Surety.PROVEN
    assert told["Opened by a person here: Referral requested"] == Surety.UNCHECKED


def test_the_page_prints_and_loads_nothing(own: Pair, commands: Commands) -> None:
    """One page for A4: no script, no address, a policy that forbids both, and how to check it oneself."""
    sent(own.kz)
    prove(own, CountryLog(own.world, KZ))
    page = commands.run(AGENCY, "audit", "report", "--case", "1").out
    assert page.startswith("<!doctype html>")
    assert "default-src 'none'; style-src 'unsafe-inline'" in page
    assert "@page { size: A4; margin: 2cm; }" in page
    assert "<script" not in page
    assert not re.search(r"(?:src|href)=", page)
    assert "How to check this yourself" in page
    assert "refbus audit verify" in page
    assert "Proven. Audit log kz.audit.refbus.example/2026b, entry 0 of" in page
    assert "Witnesses: kg.audit.refbus.example/witness" in page


def test_the_page_names_no_person(own: Pair, commands: Commands) -> None:
    """What a case says about the person is on no account of it."""
    sent(own.kz, case_file(person={"prs_FirstName": "Қалқан", "prs_Birthdate": "1991", "is_minor": False}))
    prove(own, CountryLog(own.world, KZ))
    out = own.world.folder / "account.html"
    commands.run(AGENCY, "audit", "report", "--case", "1", "--out", str(out))
    assert out.stat().st_mode & 0o777 == 0o600
    assert "Қалқан" not in out.read_text()
    assert "dentist" not in out.read_text()


def test_words_are_of_the_chosen_language(own: Pair, commands: Commands) -> None:
    """Codes are told in the language that was asked for."""
    sent(own.kz)
    page = commands.run(AGENCY, "audit", "report", "--case", "1", "--lang", "ru").out
    assert "Запечатано и отправлено: Сделано (SENT DONE)" in page


def test_hostile_words_are_escaped(own: Pair, commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """A label in a directory cannot put a script onto the page."""
    sent(own.kz)
    old = own.kz.history.latest
    shelter = dataclasses.replace(old.organisations[SHELTER], label=HOSTILE)
    hostile = dataclasses.replace(old, organisations={**old.organisations, SHELTER: shelter})
    monkeypatch.setattr("refbus_gateway.home.gateway.Gateway.newest_directory", lambda _self: hostile)
    page = commands.run(AGENCY, "audit", "report", "--case", "1").out
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_what_is_not_proven_is_told_as_it_is(own: Pair, commands: Commands) -> None:
    """A decision that waits for its proof is a step all the same."""
    sent(own.kz)
    own.exchange()
    steps = commands.json(AGENCY, "audit", "report", "--case", "1")["steps"]
    assert [(step["surety"], step["proof"]) for step in steps if step["heading"].startswith("Sealed")] == [
        (Surety.WAITING, None)
    ]
    assert "Stated, not proven yet" in commands.run(AGENCY, "audit", "report", "--case", "1").out


def test_a_proof_that_no_longer_holds_is_told(own: Pair, commands: Commands) -> None:
    """An edited proof in the store is told with its code, loudly."""
    sent(own.kz)
    prove(own, CountryLog(own.world, KZ))
    with own.kz.store.write() as tx:
        row = tx.connection.execute(statements.select()).first()
        assert row is not None
        changed = row.proof.replace(b"\nindex 0\n", b"\nindex 7\n")
        tx.connection.execute(update(statements).values(proof=changed))
    (step,) = (
        each
        for each in commands.json(AGENCY, "audit", "report", "--case", "1")["steps"]
        if each["heading"].startswith("Sealed")
    )
    assert (step["surety"], step["codes"]) == (Surety.FALSE, [Code.PROOF_INVALID])
    assert "DOES NOT HOLD" in commands.run(AGENCY, "audit", "report", "--case", "1").out


def test_an_erased_case_leaves_an_account_of_nothing_but_that(own: Pair, commands: Commands) -> None:
    """After erasure it says when something was decided, where that stands in the log, and that the case was erased."""
    case, _ = sent(own.kz)
    prove(own, CountryLog(own.world, KZ))
    with own.kz.store.write() as tx:
        removal.content(own.kz, tx, cases.get(tx, case))
    steps = commands.json(AGENCY, "audit", "report", "--case", "1")["steps"]
    assert [step["surety"] for step in steps] == [Surety.DESTROYED, Surety.WAITING]
    assert steps[0]["facts"] == []
    assert steps[0]["place"] == "kz.audit.refbus.example/2026b, entry 0"
    assert steps[1]["heading"] == "Erasure: Done (ERASED DONE)"


def test_a_period_has_what_was_decided_in_it(own: Pair, commands: Commands) -> None:
    """From a day on, until before another: what this organisation decided, of all cases."""
    sent(own.kz)
    own.world.clock.move(days=2)
    new_case(own.kz, case_file(priority="ROUTINE"))
    report = ("audit", "report")
    assert len(commands.json(AGENCY, *report, "--from", "2026-09-21", "--to", "2026-09-22")["steps"]) == 1
    assert commands.json(AGENCY, *report, "--from", "2026-09-22")["steps"] == []
    for wrong in ((), ("--case", "1", "--from", "2026-09-21"), ("--from", "yesterday")):
        assert Code.USAGE in commands.run(AGENCY, *report, *wrong, ok=False).err


def test_the_inspector_tells_a_period_and_an_event(own: Pair, commands: Commands) -> None:
    """From an export: all of a time, or one event alone, each step looked up in the published log."""
    sent(own.kz)
    log = CountryLog(own.world, KZ)
    prove(own, log)
    inspector = log.inspector(KZ)
    own.world.lab.home(inspector).trust_store().refresh_from(own.world.lab.files(), own.world.clock.now_ms)
    policy = file(own.world.folder, "policy", log.policy_text)
    place = str(log.write(own.world.folder / "log"))
    raw = b"".join(Exported(log.origin, at, ms, each.encode()).encode() for at, each, ms in log.exported)
    arguments = ("audit", "report", "--export", file(own.world.folder, "export", raw))
    looked = commands.json(inspector, *arguments, "--policy", policy, "--log", place)
    assert {step["surety"] for step in looked["steps"]} == {Surety.PROVEN}
    event = next(fact["text"] for fact in looked["steps"][0]["facts"] if fact["name"] == "Event id")
    alone = commands.json(inspector, *arguments, "--event", event)
    assert [step["surety"] for step in alone["steps"]] == [Surety.UNCHECKED]
    assert commands.json(inspector, *arguments, "--event", "00" * 16)["steps"] == []
    assert commands.json(inspector, *arguments, "--to", "2026-01-01")["steps"] == []
    page = commands.run(inspector, *arguments, "--event", event).out
    assert "the inspector, from entries that the auditor exported" in page
    assert f"the gateway of Fictional national referral agency ({AGENCY})" in page


def test_a_folder_that_is_not_there_is_told(own: Pair, commands: Commands, tmp_path: Path) -> None:
    """An export that cannot be read is an error with its name."""
    log = CountryLog(own.world, KZ)
    inspector = log.inspector(KZ)
    own.world.lab.home(inspector).trust_store().refresh_from(own.world.lab.files(), own.world.clock.now_ms)
    ran = commands.run(inspector, "audit", "report", "--export", str(tmp_path / "none"), ok=False)
    assert Code.FILE_UNREADABLE in ran.err
