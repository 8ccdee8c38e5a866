"""Asking for work: what changed is found at once, erased cases leave nothing to be found by."""

from __future__ import annotations

from sqlalchemy import select

from refbus_gateway.actions import referrals, worklist
from refbus_gateway.actions.worklist import Search, Turn
from refbus_gateway.erasure import demand
from refbus_gateway.reports import lookups as refreshing
from refbus_gateway.store import lookups
from refbus_gateway.store.schema import cases
from refbus_gateway.store.schema import referrals as rows
from support.desks import desk_of
from support.gateways import Pair, case_file, sent


def test_what_changed_is_found_at_once(own: Pair) -> None:
    """A referral moves from one state and turn to the next in the search, whatever was looked up before."""
    case, number = sent(own.kz, case_file(file_number="Green lamp"))
    desk, actor = desk_of(own.world, own.kz)
    ours, theirs = Search(turn=Turn.OURS), Search(turn=Turn.THEIRS, nickname="green l")
    assert [each.referral for each in worklist.found(desk, actor, theirs, 10).referrals] == [number]
    assert worklist.found(desk, actor, Search(state="DELIVERED"), 10).total == 0
    own.exchange()
    assert [each.referral for each in worklist.found(desk, actor, Search(state="DELIVERED"), 10).referrals] == [number]
    there, shelter = desk_of(own.world, own.uz)
    assert [each.referral for each in worklist.today(there, shelter).to_answer] == [1]
    assert worklist.found(there, shelter, ours, 10).total == 1
    referrals.open_course(there, shelter, 1, "en")
    own.exchange()
    assert worklist.found(desk, actor, Search(state="UNDER_REVIEW"), 10).total == 1
    assert worklist.found(desk, actor, Search(state="DELIVERED"), 10).total == 0
    assert case == number


def test_what_was_not_looked_at_yet_is_in_no_search_left_out(own: Pair) -> None:
    """Without anything derived the store gives the referral to whoever searches, and counts it."""
    _, number = sent(own.kz)
    with own.kz.store.read() as tx:
        assert lookups.find(tx, lookups.Wanted(states=frozenset({"COMPLETED"})), 10) == ([number], 1)
    refreshing.refresh(own.kz)
    with own.kz.store.read() as tx:
        assert lookups.find(tx, lookups.Wanted(states=frozenset({"COMPLETED"})), 10) == ([], 0)
        assert lookups.stale_referrals(tx) == lookups.stale_cases(tx) == []


def test_an_erased_case_leaves_nothing_to_be_found_by(own: Pair) -> None:
    """State, turn, day and nickname go with its content."""
    case, number = sent(own.kz, case_file(file_number="Green lamp"))
    refreshing.refresh(own.kz)
    demand.erase(own.kz, case)
    with own.kz.store.read() as tx:
        row = tx.connection.execute(select(rows).where(rows.c.id == number)).one()
        assert (row.state_hash, row.turn_hash, row.due_ms, row.unseen) == (None, None, None, 0)
        kept = tx.connection.execute(select(cases.c.ends_month, cases.c.nickname).where(cases.c.id == case)).one()
        assert tuple(kept) == (None, None)
