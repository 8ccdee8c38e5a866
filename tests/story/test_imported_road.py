"""A case that was imported goes the whole road over two gates, and keeps the number that it came with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from refbus.errors import Code
from support.commands import Commands, file
from support.gateways import consent_file
from support.imported import FILES, SERVICES
from support.nodes import Road, road

NUMBER = "NRM-2026/17"


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Road]:
    """Give a road whose gateways are opened by commands only."""
    with road(tmp_path) as made:
        yield made


def gates(made: Road) -> None:
    """Let the gates work; the gateways are commands that come and go."""
    while sum(node.work() for node in made.nodes.values()):
        pass


def test_an_imported_case_is_completed_asked_sent_and_accepted(
    made: Road, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No consent comes with the file; the number is read at the other side, and leaves only where it came in."""
    refbus, kz, uz = Commands(made, capsys), made.agency, made.shelter
    for org in (kz, uz):
        refbus.run(org, "sync")
    source, mapping, drafts = str(FILES / "nrm-form.csv"), str(FILES / "nrm-form.mapping.json"), tmp_path / "drafts"
    refbus.run(kz, "case", "import", source, "--mapping", mapping, "--drafts", str(drafts))
    draft = json.loads((drafts / "001.json").read_text(encoding="utf-8"))
    completed = {**SERVICES, **draft, "recipient": {"organisation": uz}}
    case = file(tmp_path, "case.json", json.dumps(completed))
    refbus.run(kz, "case", "add", case)
    assert Code.NO_CONSENT in refbus.run(kz, "send", "1", ok=False).err
    refbus.run(kz, "consent", "grant", "1", "--file", file(tmp_path, "consent.json", consent_file()))
    assert refbus.json(kz, "send", "1")["delivery"] == "sent"
    gates(made)
    refbus.run(uz, "sync")
    assert NUMBER in refbus.run(uz, "inbox", "show", "1").out
    refbus.run(uz, "inbox", "accept", "1", "--responsible-worker-role", "SOCIAL_WORKER")
    gates(made)
    refbus.run(kz, "sync")
    assert refbus.json(kz, "status", "1")["referrals"][0]["state"] == "ACCEPTED"
    out = tmp_path / "out.csv"
    refbus.run(kz, "case", "export", "1", "--format", "refbus-csv", "--out", str(out))
    known = file(tmp_path, "known.json", json.dumps({"recipient": {"organisation": kz}}))
    back = refbus.json(uz, "case", "import", str(out), "--answers", known)
    assert back["persons"][0]["file_number"] == NUMBER
    there = tmp_path / "there.csv"
    refused = refbus.run(uz, "case", "export", "1", "--format", "refbus-csv", "--out", str(there), ok=False)
    assert Code.CASE_UNKNOWN in refused.err
    assert not there.exists()
