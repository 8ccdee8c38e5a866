"""Facts that do not go together: refused or asked about at the desk, and shown, never refused, at the recipient."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from refbus.core.plausibility import RULES, Weight
from refbus.errors import Code
from refbus_gateway.forms import casefile
from refbus_gateway.forms.problems import CaseInvalidError
from support.commands import Commands, file
from support.gateways import alarm_codes, case_file, consent_file, id_of, incoming, new_case, open_at, sent
from support.nodes import Road

NAME = {"prs_FirstName": "Тўқима шахс", "prs_Birthdate": "2005"}
WHY = "Fictional: the office that prolongs it is closed"


def problems_of(road: Road, **changes: Any) -> list[tuple[str, Code]]:
    """Return what the desk says about a case with these facts."""
    with pytest.raises(CaseInvalidError) as refused:
        new_case(road.kz, case_file(**{"person": NAME, **changes}))
    return [(each.path, each.code) for each in refused.value.problems]


@pytest.mark.parametrize(
    ("changes", "path", "code"),
    [
        ({"person": {**NAME, "prs_Birthdate": "1400-12-23"}}, "person.prs_Birthdate", Code.FACTS_CONTRADICT),
        ({"risk": {"level": "LOW", "assessed_on": "1.12.2026"}}, "risk.assessed_on", Code.FACTS_CONTRADICT),
        ({"trafficking": {"vic_AgeWhenTrafficked": 60}}, "trafficking.vic_AgeWhenTrafficked", Code.FACTS_CONTRADICT),
        ({"immigration": {"status": ["NATIONAL", "STATELESS"]}}, "immigration.status", Code.FACTS_CONTRADICT),
        ({"immigration": {"permit_until": "1.9.2026"}}, "confirmed.PERMIT_ENDED", Code.FACTS_DOUBTFUL),
        ({"guardian": {"relation": "OTHER_RELATIVE"}}, "confirmed.GUARDIAN_OF_ADULT", Code.FACTS_DOUBTFUL),
    ],
)
def test_the_desk_finds_it(shared: Road, changes: dict[str, Any], path: str, code: Code) -> None:
    """Each of them at its place, whichever way the day was written; nothing is kept."""
    assert problems_of(shared, **changes) == [(path, code)]


def test_a_reason_lets_a_doubt_pass_and_stays_at_home(own: Road) -> None:
    """The recipient is shown the doubt itself, by the rules of the sender's country, and not the reason."""
    ended = {"immigration": {"permit_until": "1.9.2026"}}
    _, number = sent(own.kz, case_file(**ended, confirmed={"PERMIT_ENDED": WHY}), consent_file())
    own.settle()
    opened = open_at(own.uz, incoming(own.uz, id_of(own.kz, number)))
    assert [[each.rule for each in event.doubts] for event in opened.events if event.doubts] == [["PERMIT_ENDED"]]
    assert WHY not in repr([event.sections for event in opened.events])


def test_a_recipient_refuses_no_old_case_for_it(own: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a sender without the table sent arrives, is opened, and what cannot be is shown beside it."""
    with monkeypatch.context() as earlier:
        earlier.setattr(casefile, "check_facts", lambda *_: None)
        wrong = case_file(immigration={"status": ["NATIONAL", "STATELESS"]}, risk={"assessed_on": "2026-12-01"})
        _, number = sent(own.kz, wrong, consent_file())
    own.settle()
    opened = open_at(own.uz, incoming(own.uz, id_of(own.kz, number)))
    assert {each.rule for event in opened.events for each in event.doubts} == {
        "RISK_ASSESSED_AHEAD",
        "NATIONAL_AND_STATELESS",
    }
    assert alarm_codes(own.uz) == []


def test_a_reason_is_asked_only_for_what_may_be(shared: Road) -> None:
    """What is refused cannot be confirmed, nor a rule that nobody has; an empty reason is none."""
    refused = next(rule.name for rule in RULES if rule.weight is Weight.REFUSED)
    for confirmed in ({refused: WHY}, {"NO_RULE": WHY}, {"PERMIT_ENDED": " "}, [WHY]):
        found = problems_of(shared, confirmed=confirmed)
        assert [path.partition(".")[0] for path, _ in found] == ["confirmed"], confirmed


def test_both_ends_of_it_at_the_command_line(own: Road, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The worker is told which name to write a reason under; the recipient reads what does not go together."""
    refbus = Commands(own, capsys)
    ended = {"immigration": {"permit_until": "01/09/2026"}}
    case = file(tmp_path, "case.json", case_file(**ended))
    told = refbus.run(own.agency, "case", "add", case, ok=False).err
    assert "confirmed.PERMIT_ENDED" in told
    assert "the right to stay has ended already: correct it, or write here why it is so" in told
    case = file(tmp_path, "case.json", case_file(**ended, confirmed={"PERMIT_ENDED": WHY}))
    refbus.run(own.agency, "consent", "grant", case, "--file", file(tmp_path, "consent.json", consent_file()))
    refbus.run(own.agency, "send", case)
    own.settle()
    shown = refbus.run(own.shelter, "inbox", "show", "1").out
    assert "FACTS_DOUBTFUL PERMIT_ENDED: the right to stay has ended already" in shown
    assert WHY not in shown
    assert refbus.json(own.shelter, "inbox", "show", "1")["events"][0]["doubts"][0]["rule"] == "PERMIT_ENDED"
