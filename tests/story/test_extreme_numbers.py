"""Numbers that nobody honest writes, through two gates: whatever they are, the next honest event arrives."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from refbus.core.gate.passage import Outcome
from refbus.core.units import DAY_MS
from refbus.errors import RefbusError
from refbus.wire.message import encode_block
from refbus.wire.schema import codec
from support.directories import ngo
from support.envelopes import NOW_HOUR, forged, header_of
from support.extremes import NUMBERS, as_written, changed, places
from support.gates import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Return kz and uz."""
    made = World(tmp_path)
    yield made
    made.close()


def decoded(name: str, raw: bytes) -> Any:
    """Return a record as its schema reads it."""
    return codec(name).decode(raw)


def require_open_road(world: World) -> None:
    """Check that an honest event arrives at the other country, and that both accounts balance."""
    honest = world.event("honest")
    world.outbox("kz", honest)
    world.settle()
    assert honest in world.events(ngo("uz"))
    for node in world.nodes.values():
        assert set(node.balance().difference.values()) <= {0}
        node.redecider.holds()
        node.upkeep.heartbeats()


def test_no_number_that_a_sender_signs_stops_a_gate(world: World) -> None:
    """Every integer of a signed block at every extreme, in the outbox and at the border of the other country."""
    full = {"respond_by_ms": world.now_ms + DAY_MS, "travel_document": "PASSPORT"}
    whole = decoded("RoutingBlock", encode_block(world.block("whole", **full)))
    spots = list(places(whole))
    assert len(spots) > 1
    for spot in spots:
        for number in NUMBERS:
            raw = forged(world.fed, block=as_written("RoutingBlock", changed(whole, spot, number)))
            world.outbox("kz", raw)
            world.nodes["uz"].bus.put("uz.border.kz", raw)
    world.settle()
    assert world.nodes["kz"].balance().total(Outcome.QUARANTINED) == len(spots) * len(NUMBERS)
    world.outbox("kz", forged(world.fed, block=as_written("RoutingBlock", whole)))
    world.settle()
    assert len(world.events(ngo("uz"))) == 1, "it was not for another reason"
    require_open_road(world)


@pytest.mark.parametrize("field", ["version", "suite", "expires_at_hour", "directory_version"])
def test_no_number_of_a_header_stops_a_gate(world: World, field: str) -> None:
    """As far as the format can say it: version, suite, the hour of its end, the version of the directory."""
    written = 0
    for number in (*NUMBERS, 2**32 - 1, 7, NOW_HOUR + 1):
        with suppress(struct.error, OverflowError, ValueError, RefbusError):
            world.outbox("kz", forged(world.fed, header=header_of(world.fed, **{field: number})))
            written += 1
    assert written
    world.settle()
    require_open_road(world)


@pytest.mark.parametrize("topic", ["uz.border.kz", "kz.border.uz"])
def test_no_number_of_a_border_record_stops_a_gate(world: World, topic: str) -> None:
    """What a hostile gate writes: its records with every integer at every extreme."""
    world.outbox("kz", world.event("first"))
    world.settle()
    node = world.nodes[topic[:2]]
    made = [decoded("BorderRecord", record.value) for record in node.bus.records(topic)]
    assert made
    for record in made:
        for spot in places(record):
            for number in NUMBERS:
                node.bus.put(topic, as_written("BorderRecord", changed(record, spot, number)))
    world.settle()
    require_open_road(world)
