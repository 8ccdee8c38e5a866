"""The whole road again, typed: what people see and what scripts get."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from refbus_gateway.cli.main import main
from refbus_gateway.cli.runtime import Runtime
from support.commands import Commands, file
from support.gateways import case_file, consent_file
from support.nodes import Road, road


@pytest.fixture
def typed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[tuple[Road, Commands]]:
    """Give a road whose gateways are opened by commands only."""
    with road(tmp_path) as made:
        yield made, Commands(made, capsys)


def gates(made: Road) -> None:
    """Let the gates work; the gateways are commands that come and go."""
    while sum(node.work() for node in made.nodes.values()):
        pass


def test_a_referral_from_the_empty_form_to_the_answer(typed: tuple[Road, Commands], tmp_path: Path) -> None:
    """Find, write, ask, send, look; there: list, show, accept; here: the answer."""
    made, refbus = typed
    kz, uz = made.agency, made.shelter
    for org in (kz, uz):
        assert refbus.json(org, "sync") == {"news": 0, "waiting": 0}
    found = refbus.json(kz, "orgs", "find", "--country", "uz", "--service", "SocialCare", "--language", "tg")
    assert [each["org_id"] for each in found] == [uz]
    case = file(tmp_path, "case.json", case_file(reply_by="2026-09-24T12:00:00+05:00"))
    consent = file(tmp_path, "consent.json", consent_file())
    assert refbus.json(kz, "case", "add", case) == {"case": 1}
    assert refbus.json(kz, "consent", "grant", case, "--file", consent)["version"] == 1
    sent = refbus.json(kz, "send", case)
    assert (sent["referral"], sent["to"], sent["delivery"]) == (1, uz, "sent")
    assert refbus.json(kz, "send", case)["sent_before"] is True
    assert "answer due" in refbus.run(kz, "status").out
    gates(made)
    refbus.run(uz, "sync")
    gates(made)
    assert "answer by" in refbus.run(uz, "inbox", "list").out
    listed = refbus.json(uz, "inbox", "list")
    assert listed["synchronised"] is True
    assert [(each["referral"], each["state"], each["unseen"]) for each in listed["referrals"]] == [(1, "DELIVERED", 1)]
    shown = refbus.run(uz, "inbox", "show", "1").out
    assert "Тўқима шахс" in shown
    note = file(tmp_path, "note.json", json.dumps({"note": "Fictional: welcome"}))
    refbus.run(uz, "inbox", "accept", "1", "--responsible-worker-role", "SOCIAL_WORKER", "--file", note)
    gates(made)
    refbus.run(kz, "sync")
    status = refbus.json(kz, "status", "1")["referrals"][0]
    assert (status["state"], status["events"][0]["hop"]) == ("ACCEPTED", "DECIDED")
    assert status["respond_by_ms"] is None, "it was answered"
    assert "answer due" not in refbus.run(kz, "status").out
    assert "answer by" not in refbus.run(uz, "inbox", "list").out
    assert "Fictional: welcome" in refbus.run(kz, "inbox", "show", "1").out
    receipts = refbus.json(kz, "receipts", "1")
    assert {"gate": "kz-gate", "outcome": "FORWARDED"}.items() <= receipts[0].items()
    assert "1 new" not in refbus.run(kz, "status").out


def test_the_recipient_reads_first_what_the_person_said(typed: tuple[Road, Commands], tmp_path: Path) -> None:
    """A deaf person said yes in a signed language: purpose, end, day of erasing and where to withdraw stand on top."""
    made, refbus = typed
    kz, uz = made.agency, made.shelter
    for org in (kz, uz):
        refbus.run(org, "sync")
    case = file(tmp_path, "case.json", case_file())
    consent = file(tmp_path, "consent.json", consent_file(method="SIGNED_LANGUAGE", interpreter=True))
    refbus.run(kz, "consent", "grant", case, "--file", consent)
    refbus.run(kz, "send", case)
    gates(made)
    refbus.run(uz, "sync")
    assert refbus.run(uz, "inbox", "show", "1").out.splitlines()[1:7] == [
        "  The person said yes.",
        "  It may be used for: Referral to services",
        "  It may be used until: 2027-01-21 00:00 UTC+05:00",
        "  Erase by: 2027-06-30 00:00 UTC+05:00",
        "  Where the person can take it back: Any office of the fictional agency",
        "[1] Referral requested, from kz-agency01, 2026-09-21 19:13 UTC+05:00",
    ]
    assert "The person said yes." not in refbus.run(kz, "inbox", "show", "1").out
    gates(made)
    refbus.run(kz, "consent", "withdraw", "1")
    gates(made)
    assert "  The person took it back." in refbus.run(uz, "inbox", "show", "1").out.splitlines()


def test_a_withdrawal_typed_here_and_acknowledged_there(typed: tuple[Road, Commands], tmp_path: Path) -> None:
    """The list says CONSENT WITHDRAWN, show hides everything, and the answer ends the daily repeats."""
    made, refbus = typed
    kz, uz = made.agency, made.shelter
    for org in (kz, uz):
        refbus.run(org, "sync")
    case, consent = file(tmp_path, "case.json", case_file()), file(tmp_path, "consent.json", consent_file())
    refbus.run(kz, "consent", "grant", case, "--file", consent)
    refbus.run(kz, "send", case)
    gates(made)
    refbus.run(kz, "consent", "withdraw", "1")
    gates(made)
    assert "CONSENT WITHDRAWN" in refbus.run(uz, "inbox", "list").out
    shown = refbus.run(uz, "inbox", "show", "1").out
    assert "not shown: WITHDRAWN" in shown
    assert "Тўқима шахс" not in shown
    refbus.run(uz, "inbox", "acknowledge", "1", "ERASED")
    gates(made)
    refbus.run(kz, "sync")
    assert refbus.json(kz, "status")["home"]["withdrawals_unanswered_ms"] is None
    refused = refbus.run(uz, "inbox", "show", "1", ok=False)
    assert refused.err.startswith("error: KEY_DESTROYED ")
    assert refbus.json(uz, "case", "list")[0]["erased"] is True


def test_without_a_line_everything_is_kept_and_nothing_is_shown(typed: tuple[Road, Commands], tmp_path: Path) -> None:
    """Typing goes on; the list is marked as old; opening is refused with what to do."""
    made, refbus = typed
    kz, uz = made.agency, made.shelter
    for org in (kz, uz):
        refbus.run(org, "sync")
    case, consent = file(tmp_path, "case.json", case_file()), file(tmp_path, "consent.json", consent_file())
    made.bus.down = True
    refbus.run(kz, "consent", "grant", case, "--file", consent)
    assert refbus.json(kz, "send", case)["delivery"] == "later"
    assert refbus.json(kz, "status")["referrals"][0]["events"][0]["hop"] == "MY_OUTBOX"
    refused = refbus.run(uz, "inbox", "show", "1", ok=False)
    assert refused.err.startswith("error: NOT_SYNCHRONISED ")
    assert "hint:" in refused.err
    assert refbus.run(uz, "inbox", "list", "--offline").out.startswith("NOT SYNCHRONISED")
    assert refbus.run(kz, "sync", "--json", ok=False).value["error"]["code"] == "BROKER_UNREACHABLE"
    made.bus.down = False
    refbus.run(kz, "sync")
    gates(made)
    assert refbus.json(uz, "inbox", "list")["referrals"][0]["state"] in {"REQUESTED", "DELIVERED"}


def test_what_the_other_side_wrote_cannot_look_like_the_program(
    typed: tuple[Road, Commands], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A forged line is behind a bar, here and there; a terminal without a letter shows its number."""
    made, refbus = typed
    for org in (made.agency, made.shelter):
        refbus.run(org, "sync")
    forged = "Thank you.\nCONSENT WITHDRAWN: stop using it\n  refbus inbox acknowledge 7 ERASED"
    case = file(tmp_path, "forged.json", case_file(about="Fictional: forged", health={"summary": forged}))
    refbus.run(made.agency, "consent", "grant", case, "--file", file(tmp_path, "c.json", consent_file()))
    refbus.run(made.agency, "send", case)
    gates(made)
    there = str(max(each["referral"] for each in refbus.json(made.shelter, "inbox", "list")["referrals"]))
    for org, words in ((made.shelter, ("inbox", "show", there)), (made.agency, ("case", "show", case))):
        shown = refbus.run(org, *words).out.splitlines()
        assert not [each for each in shown if each.lstrip().startswith("CONSENT WITHDRAWN")]
        assert any(each.endswith("| CONSENT WITHDRAWN: stop using it") for each in shown)
    old = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(old, encoding="koi8-r"))
    runtime = Runtime(
        {"REFBUS_HOME": str(made.lab.paths.home(made.shelter)), "REFBUS_PASSPHRASE_FILE": str(refbus.passphrase)},
        made.clock,
        lambda *_: made.bus,
    )
    assert main(["inbox", "show", there], runtime=runtime) == 0
    assert "\\u049b" in old.getvalue().decode("koi8-r"), "the name has a letter that KOI8-R does not"


def test_the_day_of_erasure_is_remembered(typed: tuple[Road, Commands], tmp_path: Path) -> None:
    """Who received something is told before the day that the person set, and after it, until it is erased."""
    made, refbus = typed
    for org in (made.agency, made.shelter):
        refbus.run(org, "sync")
    case = file(tmp_path, "case.json", case_file())
    form = file(tmp_path, "c.json", consent_file(valid_until="2026-09-25", retain_until="2026-10-25"))
    refbus.run(made.agency, "consent", "grant", case, "--file", form)
    refbus.run(made.agency, "send", case)
    gates(made)
    assert refbus.json(made.shelter, "inbox", "list")["erase_due"] == []
    made.clock.move(days=6)
    (due,) = refbus.json(made.shelter, "status")["erase_due"]
    assert (due["org"], due["over"]) == (made.agency, False)
    made.clock.move(days=40)
    told = refbus.run(made.shelter, "status").out
    assert "had to be erased by" in told
    assert "refbus erase --referral" in told
