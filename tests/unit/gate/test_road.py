"""The road of one event through two gates, on buses in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from refbus.core.passage import Outcome
from refbus.wire.transport import NoticeKind, NoticeOutcome
from support.directories import agency, ngo
from support.gates import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Two countries."""
    made = World(tmp_path)
    yield made
    made.close()


def test_an_event_crosses_the_border(world: World) -> None:
    """The recipient gets the exact bytes, the sender a receipt, the account balances, nothing waits for a receipt."""
    raw = world.event()
    world.outbox("kz", raw)
    world.settle()
    assert world.events(ngo("uz")) == [raw]
    assert [(each.kind, each.outcome) for each in world.notices(agency("kz"))] == [
        (NoticeKind.RECEIPT, NoticeOutcome.FORWARDED)
    ]
    for node in world.nodes.values():
        assert node.balance().total(Outcome.FORWARDED) == len(node.bus.records(f"{node.country}.outbox")) + 1
        assert set(node.balance().difference.values()) == {0}
    assert len(world.audit("kz")) == len(world.audit("uz")) == 1
