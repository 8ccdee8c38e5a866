"""A mother goes home with her child: the child has a return and guards of its own, and she does not leave before."""

from __future__ import annotations

from typing import Any

import pytest

from refbus.core.courses.machine import Role
from refbus.errors import Code, RuleError
from refbus_gateway.actions import links, referrals, returns
from support.desks import desk_of
from support.gateways import view
from support.homecoming import CHILD_CONSENT, WISH, E, Homecoming
from support.nodes import Road

S, T = Role.SOURCE, Role.TARGET


def child_of(road: Road, mother: Homecoming, **options: Any) -> Homecoming:
    """Begin the return of a child of the mother, linked with her."""
    child = Homecoming(road, f"child of {mother.case}", consent=CHILD_CONSENT, is_minor=True)
    desk, actor = desk_of(road, road.kz)
    links.link(desk, actor, mother.case, [child.case], "CHILD", **options)
    return child


def test_a_mother_does_not_leave_before_the_guards_of_her_child_are_met(shared: Road) -> None:
    """Her own conditions are met; the departure is refused until the child's are, and the page says so before."""
    mother = Homecoming(shared, "a mother").prepare()
    assert mother.gaps() == ()
    child = child_of(shared, mother)
    assert mother.gaps() == (Code.GUARD_COMPANION,)
    with pytest.raises(RuleError) as refused:
        mother.leave()
    assert (refused.value.code, str(child.case) in refused.value.detail) == (Code.GUARD_COMPANION, True)
    desk, actor = desk_of(shared, shared.kz)
    checks = returns.stands(desk, actor, mother.here).checks
    assert [each.guard for each in checks if not each.met] == [Code.GUARD_COMPANION]
    child.prepare_child()
    assert mother.gaps() == ()
    mother.leave()
    assert view(shared.kz, mother.here).status == "IN_TRANSIT"
    child.leave()
    assert view(shared.uz, child.there).status == "IN_TRANSIT"


def test_a_child_without_a_return_of_its_own_holds_her_back(shared: Road) -> None:
    """A return that was given up is none; that they travel apart is said in the link."""
    mother = Homecoming(shared, "a mother whose child stays").prepare()
    child = child_of(shared, mother).prepare_child()
    assert mother.gaps() == ()
    child.say(S, E.REPATRIATION_ABORTED, reason="PERSON_DECLINED")
    assert mother.gaps() == (Code.GUARD_COMPANION,)
    desk, actor = desk_of(shared, shared.kz)
    links.link(desk, actor, mother.case, [child.case], "CHILD", travels=False)
    assert mother.gaps() == ()


def test_the_home_country_sees_who_travels_along(shared: Road) -> None:
    """A wish names the others by a reference, and each return leads to the other one."""
    mother = Homecoming(shared, "a mother who is told of")
    child = child_of(shared, mother)
    desk, actor = desk_of(shared, shared.kz)
    for course in (mother, child):
        links.tell(desk, actor, course.here, later=True)
    shared.settle()
    there, who = desk_of(shared, shared.uz)
    shown = returns.open_return(there, who, mother.there, "en").companions
    assert [(each.relation, each.travels, each.referral) for each in shown] == [("CHILD", True, child.there)]
    back = returns.open_return(there, who, child.there, "en").companions
    assert [(each.relation, each.referral) for each in back] == [("PARENT", mother.there)]
    ours = referrals.own_words(desk, actor, mother.here, "en").companions
    assert [(each.relation, each.case) for each in ours] == [("CHILD", child.case)]


def test_a_wish_that_begins_after_the_link_says_it_by_itself(shared: Road) -> None:
    """The companions are in the wish, and left out when what is family is withheld."""
    mother = Homecoming(shared, "a mother, linked first")
    child_of(shared, mother)
    desk, actor = desk_of(shared, shared.kz)
    wish = {**WISH, "wishes": "Fictional: soon"}
    begun = returns.begin(desk, actor, mother.case, shared.shelter, wish, later=True)
    shared.settle()
    there = referrals.own_words(desk, actor, begun.return_, "en")
    assert [each.relation for each in there.companions] == ["CHILD"]
