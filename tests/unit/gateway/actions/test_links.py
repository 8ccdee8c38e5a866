"""Links between own cases: mirrored, bounded, for those who may write; nothing of them is readable in the file."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import text

from refbus.errors import Code, RuleError
from refbus.wire.codelists import code_list
from refbus_gateway.actions import links
from refbus_gateway.actions.actor import Role
from refbus_gateway.cases.companions import MIRRORED, OWN_KNOWLEDGE
from refbus_gateway.store import links as rows
from support.desks import desk_of
from support.gateways import Pair, case_file, new_case


def made(pair: Pair, name: str) -> int:
    """Keep a case."""
    return new_case(pair.kz, case_file(about=f"Fictional: {name}"))


def test_every_relation_has_the_other_side(pair: Pair) -> None:
    """What one is to the other is told from both sides, in codes of the list, and twice mirrored it is a like one."""
    codes = set(code_list("refbus.Relation").codes)
    assert {*MIRRORED, *MIRRORED.values(), *OWN_KNOWLEDGE} <= codes
    desk, actor = desk_of(pair.world, pair.kz)
    one, other = made(pair, "one side"), made(pair, "other side")
    for relation in codes:
        (here,) = links.link(desk, actor, one, [other], relation).links
        (there,) = links.shown(desk, actor, other).links
        assert (here.relation, there.relation) == (relation, MIRRORED.get(relation, relation))
        assert here.travels is there.travels is (relation not in OWN_KNOWLEDGE)


def test_a_case_belongs_to_a_bounded_number_of_others(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more is refused, whoever asks first; a link that is there may be changed."""
    monkeypatch.setattr(rows, "MOST", 2)
    desk, actor = desk_of(pair.world, pair.kz)
    head, *others = (made(pair, f"group {number}") for number in range(4))
    links.link(desk, actor, head, others[:2], "RELATIVE")
    for one, other in ((head, others[2]), (others[2], head)):
        with pytest.raises(RuleError) as refused:
            links.link(desk, actor, one, [other], "RELATIVE")
        assert refused.value.code is Code.LINK_INVALID
    assert links.link(desk, actor, head, [others[0]], "SIBLING").links[-1].relation == "SIBLING"


def test_who_only_reads_links_nothing(pair: Pair) -> None:
    """A focal point sees links, and makes and takes away none."""
    desk, actor = desk_of(pair.world, pair.kz)
    reader = replace(actor, role=Role.FOCAL_POINT)
    one, other = made(pair, "read one"), made(pair, "read other")
    assert links.shown(desk, reader, one).links == ()
    for act in (
        lambda: links.link(desk, reader, one, [other], "CHILD"),
        lambda: links.unlink(desk, reader, one, other),
        lambda: links.tell(desk, reader, 1),
    ):
        with pytest.raises(RuleError) as refused:
            act()
        assert refused.value.code is Code.NOT_PERMITTED


def test_a_link_that_is_not_there_is_not_taken_away(pair: Pair) -> None:
    """It says so."""
    desk, actor = desk_of(pair.world, pair.kz)
    with pytest.raises(RuleError) as refused:
        links.unlink(desk, actor, made(pair, "alone"), 9_999)
    assert refused.value.code is Code.LINK_INVALID


def test_the_file_does_not_tell_who_belongs_together(pair: Pair) -> None:
    """No column of a half names the other case or has a value in common with the other half."""
    desk, actor = desk_of(pair.world, pair.kz)
    one, other = made(pair, "hidden one"), made(pair, "hidden other")
    links.link(desk, actor, one, [other], "CHILD")
    with pair.kz.store.read() as tx:
        query = text("SELECT case_id, other_hash, body FROM links WHERE case_id IN (:one, :other)")
        halves = tx.connection.execute(query, {"one": one, "other": other}).all()
    values = [bytes(half.other_hash) for half in halves] + [bytes(half.body) for half in halves]
    assert len(halves) == 2
    assert len(set(values)) == 4
    assert not [value for value in values if b"CHILD" in value or str(other).encode() == value]
