"""What is asked about disclosures: who received what of a case, and that the person was told."""

from __future__ import annotations

import pytest

from refbus.errors import Code, RuleError
from refbus_gateway.actions import actor as people
from refbus_gateway.actions import disclosures
from refbus_gateway.actions.actor import Permission, Role
from refbus_gateway.actions.disclosures import How, PersonTold
from refbus_gateway.actions.shape import json_of
from support.ceremonies import AGENCY, SHELTER
from support.commands import Commands
from support.desks import desk_of
from support.gateways import Pair, case_file, sent


def test_the_command_prints_the_value(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    """--json, and --format json, are the JSON of the report's values: one entry for what was sent, with its consent."""
    desk, actor = desk_of(pair.world, pair.kz)
    case, _ = sent(pair.kz, case_file(about="Fictional: disclosed"))
    found = disclosures.values(disclosures.report(desk, actor, case))
    (one,) = found.disclosures
    assert (one.organisation, one.consent_version, one.withdrawn_ms, one.receipts) == (SHELTER, 1, None, ())
    refbus = Commands(pair.world, capsys)
    assert refbus.json(AGENCY, "case", "disclosures", str(case)) == json_of(found)
    assert refbus.run(AGENCY, "case", "disclosures", str(case), "--format", "json").value == json_of(found)


def test_telling_a_person_is_noted(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says how many are still to be told; a role that may not write cases notes nothing."""
    desk, actor = desk_of(pair.world, pair.kz)
    case, _ = sent(pair.kz, case_file(about="Fictional: told"))
    assert disclosures.note_told(desk, actor, case, How.DEFERRED_UNSAFE) == PersonTold(case, How.DEFERRED_UNSAFE, 1)
    assert disclosures.note_told(desk, actor, case, How.IN_PERSON).untold == 0
    monkeypatch.setattr(people, "ALLOWED", {role: frozenset({Permission.READ_CASES}) for role in Role})
    with pytest.raises(RuleError) as refused:
        disclosures.note_told(desk, actor, case, How.PHONE)
    assert refused.value.code is Code.NOT_PERMITTED
    assert len(disclosures.report(desk, actor, case).told) == 2
