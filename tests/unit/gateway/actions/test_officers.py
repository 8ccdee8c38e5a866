"""What is asked about the officers of an organisation."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from kafka.patience import wait
from refbus.errors import Code, SetupError
from refbus.files import alone_in
from refbus_gateway.actions import officers
from refbus_gateway.home import officer_list
from support.desks import desk_of
from support.gateways import Pair


def test_officers_come_are_vouched_for_and_go(own: Pair) -> None:
    """The value of each action names the officer by the id of the key; the list says who is vouched for now."""
    desk, actor = desk_of(own.world, own.kz)
    made = officers.add(desk, actor, "DUTY_OFFICER", "fictional words")
    assert made.role == "DUTY_OFFICER"
    (listed,) = officers.listed(desk, actor, own.world.clock())
    assert (listed.officer, listed.role, listed.endorsed) == (made.officer, made.role, True)
    (own.kz.home.officers / "roll").unlink()  # as after a restore
    assert [each.endorsed for each in officers.listed(desk, actor, own.world.clock())] == [False]
    until_ms = officers.renew(desk, actor).valid_until_ms
    assert until_ms > own.world.clock()
    assert [each.endorsed for each in officers.listed(desk, actor, own.world.clock())] == [True]
    assert officers.remove(desk, actor, made.officer[:6]).officer == made.officer
    assert officers.listed(desk, actor, own.world.clock()) == ()


def test_a_role_is_judged_before_a_passphrase_is_typed(pair: Pair) -> None:
    """USAGE, with the roles that there are."""
    desk, actor = desk_of(pair.world, pair.kz)
    officers.require_role(desk, actor, "DUTY_OFFICER")
    with pytest.raises(SetupError, match="DUTY_OFFICER") as refused:
        officers.require_role(desk, actor, "NOBODY")
    assert refused.value.code is Code.USAGE


def test_two_changes_of_the_officers_at_once_both_count(own: Pair) -> None:
    """Who was removed while another officer is added does not come back with the list that was read before."""
    desk, actor = desk_of(own.world, own.kz)
    officers.add(desk, actor, "DUTY_OFFICER", "fictional words")
    folder = own.kz.home.officers
    with ThreadPoolExecutor(1) as other:
        with alone_in(folder):
            added = other.submit(officers.add, desk, actor, "DUTY_OFFICER", "other fictional words")
            wait("the new key is there", lambda: len(list(folder.glob("*.key"))) == 2)
            officer_list.save(own.kz.home, [])
        made = added.result()
    assert [each.officer for each in officers.listed(desk, actor, own.world.clock())] == [made.officer]
