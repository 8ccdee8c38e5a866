"""A return home as case-workers type it: from the wish to the departure, with the guards that still stand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from refbus.core.units import DAY_MS
from refbus.core.vocabulary import DataCategory
from refbus.errors import Code
from refbus.explain import explanation
from support.commands import Commands, file
from support.gateways import case_file, consent_file, id_of, incoming
from support.homecoming import RETURN_PURPOSES, WISH, plan, risks
from support.nodes import Road

OFFICERS = ("--first-officer-role", "CASE_MANAGER", "--second-officer-role", "NATIONAL_FOCAL_POINT")


def test_a_return_is_typed_step_by_step(shared: Road, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Options for short steps, a file for long ones; what stands in the way is shown with its command."""

    def written(name: str, document: object) -> str:
        return file(tmp_path, f"{name}.json", json.dumps(document))

    refbus, kz, uz = Commands(shared, capsys), shared.agency, shared.shelter
    case = file(tmp_path, "case.json", case_file(about="Fictional: typed"))
    permit = {"purposes": RETURN_PURPOSES, "actions": ["DISCLOSE", "REPORT_BACK"]}
    categories = sorted(set(DataCategory) - {DataCategory.PHOTO_BIOMETRIC})
    consent = file(tmp_path, "consent.json", consent_file(permit=[{**permit, "data_categories": categories}]))
    refbus.run(kz, "consent", "grant", case, "--file", consent)
    begun = refbus.json(kz, "return", "begin", case, "--to", uz, "--file", written("wish", WISH))
    here = str(begun["return"])
    shared.settle()
    there = str(incoming(shared.uz, id_of(shared.kz, int(here))))

    shown = refbus.run(uz, "return", "show", there).out
    assert "Wish to return recorded" in shown
    assert "GUARD_RECEPTION" in shown
    assert "(refbus return reception)" in shown
    template = json.loads(refbus.run(kz, "return", "template", "assess").out)
    assert template["risks"] == []
    assert "assessment_sha256" not in template, "what is computed is not asked for"

    now_ms = shared.clock()
    refbus.run(kz, "return", "assess", here, "--file", file(tmp_path, "risks.json", json.dumps(risks(now_ms))))
    shared.settle()
    refbus.run(uz, "return", "co-sign", there)
    worker = ("--responsible-worker-role", "SHELTER_MANAGER", "--available-from", "2026-10-01T00:00+05:00")
    place = written("reception", {"place_kind": "SHELTER", "meets_on_arrival": True})
    refbus.run(uz, "return", "reception", there, *worker, "--file", place)
    passport = written("passport", {"kind": "PASSPORT", "valid_until_ms": "2027-10-01T00:00+05:00"})
    refbus.run(uz, "return", "document", there, "--file", passport)
    shared.settle()
    leaving = (*OFFICERS, "--file", written("departure", {"departs_ms": "2026-11-02T08:00+05:00"}))
    refused = refbus.run(kz, "return", "authorise", here, *leaving, ok=False)
    assert "error: GUARD_LEGAL_STATUS" in refused.err
    assert f"refbus return show {here} says how to settle each" in refused.err
    for code in (Code.GUARD_PLAN, Code.GUARD_NOT_FIT):
        assert f"also:  {code} {explanation(code).meaning}" in refused.err, "every open guard is told, in words"
    scripted = refbus.run(kz, "return", "authorise", here, *leaving, "--json", ok=False).value
    assert scripted["error"]["reasons"] == sorted(scripted["error"]["reasons"])
    assert {Code.GUARD_LEGAL_STATUS, Code.GUARD_PLAN, Code.GUARD_NOT_FIT} <= set(scripted["error"]["reasons"])
    refbus.run(kz, "return", "plan", here, "--file", file(tmp_path, "plan.json", json.dumps(plan(now_ms + DAY_MS))))
    shared.settle()
    assert refbus.json(kz, "return", "show", here)["guards"] == []
    refbus.run(kz, "return", "authorise", here, *leaving)
    shared.settle()
    assert refbus.json(uz, "return", "show", there)["state"] == "DEPARTURE_AUTHORISED"
    assert "Выезд разрешён" in refbus.run(uz, "--lang", "ru", "return", "show", there).out
    left = written("left", {"at_ms": "2026-11-02T08:10+05:00"})
    wrong_year = ("--expected", "2027-11-02T20:00+05:00", "--file", left)
    refused = refbus.run(kz, "return", "depart", here, *wrong_year, ok=False)
    assert "error: EXPECTED_TIME_INVALID" in refused.err
    assert "the day and the year" in refused.err


def test_a_transfer_is_typed(shared: Road, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Proposed, shown with what to type, accepted."""
    refbus, kz, uz = Commands(shared, capsys), shared.agency, shared.shelter
    case = file(tmp_path, "case.json", case_file(about="Fictional: custody typed"))
    refbus.run(kz, "consent", "grant", case, "--file", file(tmp_path, "consent.json", consent_file()))
    here = str(refbus.json(kz, "send", case)["referral"])
    shared.settle()
    there = str(incoming(shared.uz, id_of(shared.kz, int(here))))
    refbus.run(uz, "inbox", "accept", there, "--responsible-worker-role", "SOCIAL_WORKER")
    shared.settle()
    worker = ("--responsible-worker-role", "CASE_MANAGER")
    refbus.run(kz, "transfer", "propose", here, *worker, "--file", file(tmp_path, "why.json", '{"reason": "MOVED"}'))
    shared.settle()
    assert f"refbus transfer accept {there}" in refbus.run(uz, "inbox", "show", there).out
    refbus.run(uz, "transfer", "accept", there, *worker)
    shared.settle()
    assert refbus.json(kz, "inbox", "show", here)["custody"] == "TARGET"
