"""Desks of tests: a gateway of a world, and its organisation as the one who asks."""

from __future__ import annotations

from refbus_gateway.actions.actor import Actor
from refbus_gateway.actions.desk import Desk
from refbus_gateway.home.gateway import Gateway
from support.ceremonies import PASSPHRASE
from support.gateways import World


def desk_of(world: World, gateway: Gateway) -> tuple[Desk, Actor]:
    """Return a desk at an open gateway, and who asks there."""
    desk = Desk(gateway.home, lambda: gateway, lambda: world.bus)
    desk.secret = PASSPHRASE
    return desk, Actor(gateway.me)
