"""The gate's metrics: what was decided, what waits, and whether the account balances."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace
from typing import cast

import pytest

from refbus import telemetry
from refbus.core.ids import OrgId
from refbus.core.units import HOUR_MS
from refbus.errors import Code
from refbus.node.directory_follower import DirectoryFollower
from refbus.node.store.tables import position
from refbus.trust.reader.assembly import Problem
from refbus_gate.decide import quotas
from refbus_gate.decide.batch import GateCore
from refbus_gate.decide.quotas import Quota
from refbus_gate.meters import Meters
from refbus_gate.source import consumer_of
from support.directories import gate
from support.envelopes import fixed
from support.gates import Node, World


class Metered:
    """The kz node with metrics."""

    def __init__(self, world: World) -> None:
        self.node: Node = world.nodes["kz"]
        self.metrics = telemetry.Metrics(telemetry.Service.GATE, world.now)
        self.meters = Meters(self.metrics)
        core = GateCore(self.node.core.parts, self.meters.wrote)
        for topic, source in self.node.sources.items():
            self.node.consumers[topic] = consumer_of(core, source, partial(self.node.bus.reader, topic))
            self.node.consumers[topic].start(None)

    def value(self, name: str, **labels: str) -> float | None:
        """Return one series after a refresh from the store."""
        with self.node.store.database.reading() as connection:
            self.meters.account(connection)
            self.meters.store(connection, self.node.world.now_ms)
        self.meters.damaged(len(self.node.store.damaged))
        self.meters.deliveries(list(self.node.pumps.values()))
        return self.metrics.registry.get_sample_value(f"refbus_gate_{name}", labels)


def test_decisions_and_reasons_are_counted(world: World) -> None:
    """Each outcome once, each reason of a refusal once."""
    metered = Metered(world)
    for raw in (world.event("a"), world.event("b", consent_record=None), b"garbage"):
        world.outbox("kz", raw)
    world.settle()
    for outcome in ("FORWARDED", "REFUSED", "QUARANTINED"):
        assert metered.value("decisions_total", direction="EGRESS", outcome=outcome) == 1
    assert metered.value("refusals_total", direction="EGRESS", code="NO_CONSENT") == 1
    assert metered.value("quarantined_records") == 1
    assert metered.value("delivered_total", destination="BORDER") == 1


def test_what_nobody_verified_is_counted_by_reason_however_much_there_is(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The operator alone can hear of it: kept or dropped, of the outbox and of another gate's topic."""
    monkeypatch.setattr(quotas, "KEPT", Quota(2, 1 << 30))
    metered = Metered(world)
    for number in range(5):
        world.outbox("kz", b"rubbish %d" % number)
        metered.node.bus.put("kz.border.uz", b"rubbish of a gate %d" % number)
    world.outbox("kz", world.event("signed", consent_record=None))
    world.settle()
    for direction in ("EGRESS", "INGRESS"):
        counted = [metered.value("unverified_total", direction=direction, code=code) or 0 for code in Code]
        assert sum(counted) == 5
    assert not metered.value("unverified_total", direction="EGRESS", code="NO_CONSENT")


def test_the_balance_is_a_metric(world: World) -> None:
    """It is 0 as long as every record is accounted for, and anything else is seen."""
    metered = Metered(world)
    world.outbox("kz", world.event())
    world.settle()
    assert metered.value("received_records", direction="EGRESS") == 1
    assert metered.value("imbalance_records", direction="EGRESS") == 0
    with metered.node.store.database.writing() as connection:
        connection.execute(position.update().values(next_offset=position.c.next_offset + 1))
    assert metered.value("imbalance_records", direction="EGRESS") == 1


def test_what_waits_has_number_and_age(world: World) -> None:
    """Undelivered rows, events without a receipt, and held events, each with the age of the oldest."""
    metered = Metered(world)
    world.nodes["uz"].bus.down = True
    world.outbox("kz", world.event("a"))
    world.outbox("kz", world.event("b", occurred_at_ms=world.now_ms + HOUR_MS, respond_by_ms=None))
    metered.node.consume()
    world.now_ms += 5_000
    assert metered.value("outgoing_waiting_records", destination="BORDER") == 1
    assert metered.value("outgoing_oldest_age_seconds", destination="BORDER") == 5
    assert metered.value("held_records", code="CLOCK_SKEW") == 1
    assert metered.value("held_oldest_age_seconds") == 5
    world.nodes["uz"].bus.down = False
    metered.node.pump()
    assert metered.value("awaiting_receipt_records") == 1
    world.settle()
    assert metered.value("awaiting_receipt_records") == 0
    assert metered.value("awaiting_receipt_oldest_age_seconds") == 0


def test_how_long_the_keys_of_the_gate_run_is_a_metric(world: World) -> None:
    """The first of its two keys in the directory counts; a gate that the directory does not know has none."""
    metered, directory = Metered(world), world.fed.directory
    follower = SimpleNamespace(newest=lambda: directory, problems=tuple)
    member = directory.organisations[gate("kz")]
    ends = [key.not_after_ms for key in member.signing_keys] + [key.not_after_ms for key in member.kem_keys]
    ends_ms = min(ends)
    for org, left_s in ((gate("kz"), (ends_ms - world.now_ms) / 1000), (OrgId("kz-00000000"), 0)):
        metered.meters.directory(cast("DirectoryFollower", follower), org, world.now_ms)
        assert metered.value("key_left_seconds") == left_s


def test_another_event_under_a_used_number_is_counted(world: World) -> None:
    """It is told as a repeat with a reason, and counts as a refusal: the alarm RefbusEventIdReused looks at that."""
    metered = Metered(world)
    world.outbox("kz", world.event("one"))
    world.outbox("kz", world.event("two", event_id=fixed("one")))
    world.outbox("kz", world.event("one"))
    world.settle()
    assert metered.value("refusals_total", direction="EGRESS", code="EVENT_ID_REUSED") == 1


def test_a_key_that_its_organisation_did_not_sign_is_a_metric(world: World) -> None:
    """What the directory leaves out for it is counted, and nothing else that it leaves out."""
    metered = Metered(world)
    left_out = [Problem(f"{code}.json", code, "") for code in (Code.KEY_NOT_ENDORSED, Code.KEY_INVALID)]
    for problems, count in ((left_out, 1), ((), 0)):
        follower = SimpleNamespace(newest=lambda: world.fed.directory, problems=lambda found=problems: tuple(found))
        metered.meters.directory(cast("DirectoryFollower", follower), gate("kz"), world.now_ms)
        assert metered.value("directory_not_endorsed_files") == count
