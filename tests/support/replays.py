"""A member that is suspended and not, and orders of two operators about what a gate refused meanwhile."""

from __future__ import annotations

from refbus.core.directory import OrgStatus
from refbus.node.replay import Order, Person, Request
from refbus.trust.publisher import changes
from refbus.wire.transport import StoppedRecord
from support.nodes import Road


def set_status(road: Road, status: OrgStatus) -> None:
    """Publish a directory in which the shelter has this status."""
    publication = road.lab.publication(road.clock())
    changes.set_status(publication, road.shelter, status)
    road.lab.publish(publication)
    road.publish()


def refused_by(road: Road, gate: str) -> StoppedRecord:
    """Let a gate refuse what is on its way to the shelter, which is suspended meanwhile; return what the gate kept."""
    if gate == "uz":
        road.nodes["kz"].work()
    set_status(road, OrgStatus.SUSPENDED)
    road.settle()
    set_status(road, OrgStatus.ACTIVE)
    road.settle()
    road.clock.move(hours=1)
    return newest_refused(road, gate)


def newest_refused(road: Road, gate: str) -> StoppedRecord:
    """Return what the gate of a country refused last."""
    return StoppedRecord.parse(road.bus.records(f"{gate}.refused")[-1].value)


def replay(road: Road, gate: str, kept: StoppedRecord) -> None:
    """Let two operators of a gate decide again about what it refused."""
    request = Request(kept.decision_id.hex(), "no longer suspended", Person("Anna", "anna", road.clock()))
    order = Order(request, Person("Boris", "boris", road.clock() + 1))
    road.nodes[gate].redecider.replay(kept.decision_id, order, lambda *_: None)
