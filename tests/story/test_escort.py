"""Who travels with an escort is handed over in two words: when and where, and that the other office took over."""

from __future__ import annotations

from typing import Any

import pytest

from refbus.core.courses.deadlines import DeadlineKind
from refbus.core.courses.machine import Role
from refbus.core.units import DAY_MS, HOUR_MS
from refbus.errors import Code, RuleError
from refbus_gateway.actions import returns
from refbus_gateway.courses import returns as courses
from refbus_gateway.reports.overview import Hop
from support.desks import desk_of
from support.gateways import alarm_codes, line, open_at, view
from support.homecoming import CHILD_CONSENT, E, Homecoming
from support.nodes import Road

S, T = Role.SOURCE, Role.TARGET


def child_on_the_road(road: Road, name: str) -> Homecoming:
    """Return a child that has left with its guardian."""
    return Homecoming(road, name, consent=CHILD_CONSENT, is_minor=True).prepare_child().leave()


def handed(road: Road) -> dict[str, Any]:
    """Return the word of an escort who hands over at a border post; the answer is due in two hours."""
    now_ms = road.clock()
    place = {"place_kind": "BORDER_POST", "from_escort": "GUARDIAN", "to_role": "SOCIAL_WORKER"}
    return {"at_ms": now_ms, "expected_ms": now_ms + 2 * HOUR_MS, **place}


def test_a_child_is_handed_over_by_its_escort_and_taken_over(shared: Road) -> None:
    """Both desks read role, place and time; nobody signs the hand-over before, nor takes over what is their own."""
    child = child_on_the_road(shared, "handed over")
    child.say(S, E.ESCORT_HANDED_OVER, **handed(shared))
    for gateway, number in ((shared.kz, child.here), (shared.uz, child.there)):
        shown = repr(open_at(gateway, number).events[-1].sections)
        assert all(text in shown for text in ("Border post", "Guardian", "Social worker")), shown
        waits = returns.stands(*desk_of(shared, gateway), number).waits
        assert (DeadlineKind.ESCORT, gateway is shared.uz) in {(each.kind, each.ours) for each in waits}
    with pytest.raises(RuleError) as own:
        child.say(S, E.ESCORT_TAKEN_OVER, at_ms=shared.clock())
    assert own.value.code is Code.STATE_NOT_ALLOWED
    child.say(T, E.ARRIVED, at_ms=shared.clock(), expected_ms=shared.clock() + DAY_MS)
    for role in (S, T):
        with pytest.raises(RuleError) as early:
            child.say(role, E.HANDOVER_CONFIRMED, at_ms=shared.clock())
        assert early.value.code is Code.GUARD_ESCORT_HANDOVER
    child.say(T, E.ESCORT_TAKEN_OVER, at_ms=shared.clock())
    for role in (S, T):
        child.say(role, E.HANDOVER_CONFIRMED, at_ms=shared.clock())
    assert view(shared.kz, child.here).status == view(shared.uz, child.there).status == "HANDED_OVER"


def test_an_adult_whose_plan_names_an_escort_is_handed_over_in_the_same_way(shared: Road) -> None:
    """Whose plan names nobody needs no such word."""
    alone, escorted = Homecoming(shared, "alone"), Homecoming(shared, "with a social worker")
    alone.prepare().leave()
    escorted.prepare(plan={"escort": "SOCIAL"}).leave()
    for road in (alone, escorted):
        road.say(T, E.ARRIVED, at_ms=shared.clock(), expected_ms=shared.clock() + DAY_MS)
    alone.say(T, E.HANDOVER_CONFIRMED, at_ms=shared.clock())
    with pytest.raises(RuleError) as early:
        escorted.say(T, E.HANDOVER_CONFIRMED, at_ms=shared.clock())
    assert early.value.code is Code.GUARD_ESCORT_HANDOVER


def test_the_gate_holds_an_altered_office_to_it_for_a_child(shared: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    """The signature of an office that did not wait is refused by its own gate."""
    child = child_on_the_road(shared, "altered office")
    child.say(T, E.ARRIVED, at_ms=shared.clock(), expected_ms=shared.clock() + DAY_MS)
    monkeypatch.setattr(courses, "_require_taken_over", lambda *_: None)
    child.say(T, E.HANDOVER_CONFIRMED, at_ms=shared.clock())
    told = line(shared.uz, child.there, E.HANDOVER_CONFIRMED)
    assert (told.hop, told.codes) == (Hop.REFUSED, (Code.GUARD_ESCORT_HANDOVER,))


def test_a_person_whom_nobody_took_over_in_time_alarms_both_offices(shared: Road) -> None:
    """At the time that the word itself named, at both ends at once."""
    child = child_on_the_road(shared, "nobody there")
    child.say(S, E.ESCORT_HANDED_OVER, **handed(shared))
    assert Code.PERSON_NOT_ARRIVED not in {*alarm_codes(shared.kz), *alarm_codes(shared.uz)}
    shared.pass_time(hours=3)
    for gateway in (shared.kz, shared.uz):
        assert Code.PERSON_NOT_ARRIVED in alarm_codes(gateway)
