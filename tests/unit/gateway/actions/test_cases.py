"""What is asked about cases: kept, changed, listed, copied; and what is refused to a role that may not."""

from __future__ import annotations

import json
from dataclasses import FrozenInstanceError

import pytest

from refbus.errors import Code, RuleError
from refbus_gateway.actions import actor as people
from refbus_gateway.actions import cases, consent, referrals
from refbus_gateway.actions.actor import Permission, Role
from refbus_gateway.actions.cases import CaseCopied
from refbus_gateway.actions.shape import json_of
from support.ceremonies import AGENCY, SHELTER
from support.commands import Commands
from support.desks import desk_of
from support.gateways import Pair, case_file


def test_a_case_is_kept_changed_and_copied(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    """The same file is the same case; the list and the case that commands print are the values' JSON."""
    desk, actor = desk_of(pair.world, pair.kz)
    file = case_file(about="Fictional: kept", file_number="F-1")
    kept = cases.add(desk, actor, file)
    assert cases.add(desk, actor, file) == kept
    with pytest.raises(FrozenInstanceError):
        kept.case = 0  # type: ignore[misc]
    edited = {**cases.file_to_edit(desk, actor, kept.case), "reason_details": "Fictional: edited"}
    changed = cases.update(desk, actor, kept.case, json.dumps(edited).encode())
    assert changed.revision != edited["revision"]
    made = cases.copy(desk, actor, kept.case)
    assert made == CaseCopied(made.case, kept.case)
    found = cases.listed(desk, actor)
    assert [each.case for each in found.cases[-2:]] == [kept.case, made.case]
    refbus = Commands(pair.world, capsys)
    assert refbus.json(AGENCY, "case", "list") == json_of(found.cases)
    assert refbus.json(AGENCY, "case", "show", str(kept.case)) == json_of(cases.show(desk, actor, kept.case, "en"))


def test_a_role_asks_for_what_it_may(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """A role that only reads keeps no case; one that only stops is shown none, not even that there is none."""
    desk, actor = desk_of(pair.world, pair.kz)
    monkeypatch.setattr(people, "ALLOWED", {role: frozenset({Permission.READ_CASES}) for role in Role})
    count = cases.listed(desk, actor).total
    with pytest.raises(RuleError) as kept:
        cases.add(desk, actor, case_file(about="Fictional: not kept"))
    assert (kept.value.code, cases.listed(desk, actor).total) == (Code.NOT_PERMITTED, count)
    monkeypatch.setattr(people, "ALLOWED", {role: frozenset({Permission.STOP}) for role in Role})
    for ask in (cases.file_to_edit, cases.copy):
        with pytest.raises(RuleError) as refused:
            ask(desk, actor, 4096)
        assert refused.value.code is Code.NOT_PERMITTED


def test_no_case_is_made_on_the_way_for_who_may_not_write(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is a case already is found; a new one is refused, but for a no, which waits for no permission."""
    desk, actor = desk_of(pair.world, pair.kz)
    known, new = case_file(about="Fictional: known"), case_file(about="Fictional: new")
    number, count = cases.add(desk, actor, known).case, cases.listed(desk, actor).total
    few = frozenset({Permission.READ_CASES, Permission.REFER, Permission.STOP})
    monkeypatch.setattr(people, "ALLOWED", dict.fromkeys(Role, few))
    assert cases.show(desk, actor, known, "en").case == number
    for ask in (
        lambda: cases.show(desk, actor, new, "en"),
        lambda: consent.new_form(desk, actor, new),
        lambda: referrals.send(desk, actor, new),
    ):
        with pytest.raises(RuleError) as refused:
            ask()
        assert (refused.value.code, cases.listed(desk, actor).total) == (Code.NOT_PERMITTED, count)
    consent.withdraw(desk, actor, new, SHELTER)
    assert cases.listed(desk, actor).total == count + 1
