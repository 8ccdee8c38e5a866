"""What ends by law is counted whole and shown by its day, however much there is of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from refbus_gateway.actions import worklist
from refbus_gateway.actions.worklist import MOST
from support.desks import desk_of
from support.gateways import Pair, case_file, new_case


def day(pair: Pair, days: int) -> str:
    """Return the day so many days from now."""
    now = datetime.fromtimestamp(pair.world.clock() / 1000, UTC)
    return (now + timedelta(days=days)).date().isoformat()


def ending(pair: Pair, name: str, **days: int) -> int:
    """Make a case of whose person something ends in so many days."""
    law = {field: day(pair, ahead) for field, ahead in days.items()}
    return new_case(pair.kz, case_file(about=f"Fictional: {name}", immigration=law))


def test_the_nearest_of_many_are_shown_and_all_are_counted(own: Pair) -> None:
    """Whichever case was made first: cases are counted, each once, and what is long past hides nothing."""
    for each in range(MOST):
        ending(own, f"long past {each}", reflection_until=22)
    own.world.clock.move(days=53)
    far = [ending(own, f"far {each}", reflection_until=24, permit_until=26) for each in range(MOST)]
    near = [ending(own, f"near {each}", reflection_until=20 + each) for each in range(3)]
    ending(own, "later than anybody is warned of", reflection_until=200)
    found = worklist.today(*desk_of(own.world, own.kz))
    shown = list(dict.fromkeys(each.case for each in found.terms))
    assert found.counts.terms == len(far) + len(near)
    assert shown == [*near, *far[: MOST - len(near)]]
    assert [each.day for each in found.terms] == sorted(each.day for each in found.terms)
