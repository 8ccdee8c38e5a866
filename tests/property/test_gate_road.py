"""Whatever is repeated, refused, killed or made up: each event arrives once, in order, and the account balances."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from refbus.bus.memory import Fault
from refbus.core.gate.passage import Outcome
from refbus.wire.transport import BorderKind, BorderRecord
from support.directories import ngo
from support.envelopes import fixed
from support.gates import World

RELAXED: dict[str, Any] = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
}
NAMES = ("a", "b", "c")


@contextmanager
def new_world() -> Iterator[World]:
    """Give two countries on empty stores."""
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder))
        yield world
        world.close()


def difference(world: World) -> set[int]:
    """Return what is unaccounted for."""
    return {number for node in world.nodes.values() for number in node.balance().difference.values()}


border_records = st.builds(
    lambda kind, body: BorderRecord(kind, body).encode(), st.sampled_from(BorderKind), st.binary(max_size=200)
)


@given(st.lists(st.tuples(st.sampled_from(["kz.outbox", "kz.border.uz"]), st.binary(max_size=300) | border_records)))
@settings(max_examples=15, **RELAXED)
def test_no_bytes_stop_a_gate(records: list[tuple[str, bytes]]) -> None:
    """Any bytes in any source are accounted for, and an honest event behind them goes through."""
    with new_world() as world:
        for topic, value in records:
            world.nodes["kz"].bus.put(topic, value)
        raw = world.event()
        world.outbox("kz", raw)
        world.settle()
        assert world.events(ngo("uz")) == [raw]
        assert difference(world) == {0}
        balance = world.nodes["kz"].balance()
        assert balance.total(Outcome.FORWARDED) == 2  # the event, and the hop receipt that answers it


def flipped(raw: bytes, bit: int) -> bytes:
    """Return `raw` with one bit changed."""
    place, rest = divmod(bit % (len(raw) * 8), 8)
    return raw[:place] + bytes([raw[place] ^ (1 << rest)]) + raw[place + 1 :]


@given(st.lists(st.integers(min_value=0), min_size=1, max_size=10))
@settings(max_examples=10, **RELAXED)
def test_a_changed_bit_is_never_forwarded(bits: list[int]) -> None:
    """Neither in the outbox nor on the border does a changed event go on, and the true one still does."""
    with new_world() as world:
        raw = world.event()
        stamped = world.stamped(raw)
        for bit in bits:
            world.outbox("kz", flipped(raw, bit))
            world.nodes["uz"].bus.put("uz.border.kz", flipped(stamped, bit))
        world.settle()
        assert world.events(ngo("uz")) == []
        world.outbox("kz", raw)
        world.settle()
        assert world.events(ngo("uz")) == [raw]
        assert difference(world) == {0}


steps = st.one_of(
    st.tuples(st.just("send"), st.sampled_from(NAMES)),
    st.tuples(st.just("restart"), st.sampled_from(["kz", "uz"])),
    st.tuples(st.just("consume"), st.sampled_from(["kz", "uz"])),
    st.tuples(st.just("pump"), st.sampled_from(["kz", "uz"])),
    st.tuples(st.just("down"), st.sampled_from(["kz", "uz"])),
    st.tuples(st.just("up"), st.sampled_from(["kz", "uz"])),
    st.tuples(st.sampled_from([Fault.REJECT, Fault.REPEAT, Fault.UNKNOWN]), st.sampled_from(["kz", "uz"])),
)


def play(world: World, raws: dict[str, bytes], what: str, which: str) -> None:
    """Do one step."""
    if what == "send":
        world.outbox("kz", raws[which])
        return
    node = world.nodes[which]
    if what == "restart":
        node.bus.down, down = False, node.bus.down
        node.restart()
        node.bus.down = down
    elif what == "consume":
        node.consume()
    elif what == "pump":
        for pump in node.pumps.values():
            pump.turn()
    elif what in {"down", "up"}:
        node.bus.down = what == "down"
    else:
        for topic in ("uz.border.kz", "uz.inbox.uz-she1ter1") if which == "uz" else ("kz.border.uz", "kz.audit"):
            node.bus.inject(topic, Fault(what))


@given(st.lists(steps, max_size=25))
@settings(max_examples=40, **RELAXED)
def test_each_event_has_one_effect(script: list[tuple[str, str]]) -> None:
    """Kills, rejected and repeated records, brokers that go away: once everything is up again, all has come once."""
    with new_world() as world:
        raws = {name: world.event(name) for name in NAMES}
        for what, which in script:
            play(world, raws, what, which)
        sent = [which for what, which in script if what == "send"]
        for node in world.nodes.values():
            node.bus.down = False
        for _ in range(6 + len(script)):  # each rejected record costs a round
            world.settle()
            world.now_ms += 120_000
        inbox = world.inbox(ngo("uz"))
        numbers = [each.sequence for each in inbox]
        firsts = [each for place, each in enumerate(inbox) if each.sequence > max(numbers[:place], default=0)]
        assert [each.sequence for each in firsts] == list(range(1, len(firsts) + 1))
        assert sorted(each.body for each in firsts) == sorted(raws[name] for name in set(sent))
        assert difference(world) <= {0}
        assert all(node.waiting(other) == [] for node in world.nodes.values() for other in world.countries)


@given(st.permutations(range(4)), st.integers(min_value=1, max_value=4))
@settings(max_examples=10, **RELAXED)
def test_batches_do_not_matter(order: list[int], size: int) -> None:
    """The same log in batches of any size gives the same decisions."""
    with new_world() as world:
        same_case = {"referral_id": fixed("r"), "case_handle": fixed("c", 32)}
        kinds = [("one", "ReferralRequested"), ("two", "ConsentAmended"), ("three", "ConsentAmended")]
        events = [world.event(name, event_type=kind, **same_case) for name, kind in kinds]
        events.append(world.withdrawal("one", **same_case))
        for place in order:
            world.outbox("kz", events[place])
        kz = world.nodes["kz"]
        records = kz.bus.records("kz.outbox")
        for start in range(0, len(records), size):
            kz.consumers["kz.outbox"].handle(records[start : start + size])
        together = [world.outcome("kz", record.offset) for record in records]
        kz.start_anew()
        kz.consumers["kz.outbox"].handle(records)
        assert [world.outcome("kz", record.offset) for record in records] == together
