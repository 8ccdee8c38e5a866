"""A round asks with statements that are compiled already, whatever lies in the store: it comes every few seconds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from refbus_gateway.home.gateway import Gateway
from support.ceremonies import AGENCY, SHELTER
from support.gateways import World, new_case, sent, withdraw_all


@contextmanager
def built_anew() -> Iterator[list[str]]:
    """Note the statements that SQLAlchemy is given to compile meanwhile."""
    found: list[str] = []

    def note(_connection: Any, statement: Any, *_: object) -> None:
        found.append(str(statement))

    event.listen(Engine, "before_execute", note)
    try:
        yield found
    finally:
        event.remove(Engine, "before_execute", note)


def built_by_rounds(world: World, *gateways: Gateway) -> list[str]:
    """Let everything arrive, and each gateway tell what is new; return the statements that its next round builds."""
    world.exchange(*gateways)
    with built_anew() as found:
        for each in gateways:
            world.sync(each)
    return found


def test_a_round_builds_no_statement(tmp_path: Path) -> None:
    """Whether there is no case yet, a referral, an old directory, or a withdrawal that nobody answered."""
    world = World(tmp_path)
    kz, uz = world.gateway(AGENCY), world.gateway(SHELTER)
    assert built_by_rounds(world, kz, uz) == []
    case, _ = sent(kz)
    new_case(kz)
    assert built_by_rounds(world, kz, uz) == []
    world.clock.move(days=1)
    assert built_by_rounds(world, kz, uz) == []
    withdraw_all(kz, case)
    assert built_by_rounds(world, kz, uz) == []
    kz.close()
    uz.close()


def test_what_a_statement_is_built_for_is_noticed(tmp_path: Path) -> None:
    """A search, which nobody asks every few seconds, is compiled when it is asked."""
    world = World(tmp_path)
    kz = world.gateway(AGENCY)
    with built_anew() as found, kz.store.read() as tx:
        tx.names("any")
    kz.close()
    assert found
