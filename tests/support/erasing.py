"""What stories of erasing begin with: a case that was opened there, and the answer of who received it."""

from __future__ import annotations

import pytest

from refbus.errors import Code, RefbusError
from refbus_gateway.courses import referral_steps
from refbus_gateway.home.gateway import Gateway
from support.canaries import CANARY
from support.gateways import case_file, id_of, incoming, open_at, sent
from support.nodes import Road


def delivered(road: Road) -> tuple[int, int, int]:
    """Refer a case with the canary and open it there; return the numbers of case, referral, referral there."""
    case, number = sent(road.kz, case_file(health={"summary": CANARY}))
    road.settle()
    there = incoming(road.uz, id_of(road.kz, number))
    assert CANARY in str(open_at(road.uz, there).events[0].sections)
    road.settle()
    return case, number, there


def acknowledge(road: Road, there: int, result: str, reason: str | None = None) -> None:
    """Answer at the shelter and let it arrive."""
    with road.uz.store.write() as tx:
        referral_steps.acknowledge(road.uz, tx, there, result, reason)
    road.settle()


def delivered_other(road: Road) -> tuple[int, int, int]:
    """Refer another case."""
    case, number = sent(road.kz, case_file(about="Another fictional case"))
    road.settle()
    return case, number, incoming(road.uz, id_of(road.kz, number))


def refusal(gateway: Gateway, number: int) -> Code:
    """Return why a referral cannot be opened."""
    with pytest.raises(RefbusError) as refused:
        open_at(gateway, number)
    return refused.value.code
