"""Whoever may say stop can do it, whatever else he or she may not."""

from __future__ import annotations

import pytest

from refbus.bus.cluster import Cluster
from refbus_gateway.actions import actor as actors
from refbus_gateway.actions import erasure
from refbus_gateway.actions.actor import Actor, Permission, Role
from refbus_gateway.actions.desk import Desk
from support.ceremonies import AGENCY
from support.gateways import Pair, new_case


def no_line() -> Cluster:
    """Return no connection: nothing is to be sent now."""
    raise AssertionError("nothing is sent now")


def test_a_case_is_erased_by_one_who_may_only_stop(own: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """An erasure asks for no right to read cases."""
    case = new_case(own.kz)
    monkeypatch.setitem(actors.ALLOWED, Role.ORGANISATION, frozenset({Permission.STOP}))
    desk = Desk(own.world.home(AGENCY), lambda: own.kz, no_line)
    assert erasure.erase(desk, Actor(AGENCY), case, later=True).erased
