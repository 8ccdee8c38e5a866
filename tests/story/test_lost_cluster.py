"""The cluster of a country is lost whole: topics are made anew, and what was on it comes again, each event once."""

from __future__ import annotations

from refbus.node.store.reads import read_position
from refbus_gate.home import GateHome
from refbus_gate.orders.gaps import accept_gap
from refbus_gateway.store import referrals
from support.ceremonies import PASSPHRASE
from support.gateways import case_file, id_of, incoming, open_at, sent, withdraw_all
from support.nodes import Node, Road

COUNT = 4


def lose_cluster(road: Road, country: str) -> list[str]:
    """Stop the gate, make every topic of the country anew, accept that, and start; return what was accepted."""
    node = next(each for name, each in road.nodes.items() if name == country)
    node.close()
    for topic in sorted(road.bus.states()):
        if topic.startswith(f"{country}."):
            road.bus.recreate_topic(topic)
    home = GateHome.open(road.lab.paths.gate(node.country), PASSPHRASE)
    accepted = []
    for topic in node.consumers:
        with home.store.database.reading() as connection:
            known = read_position(connection, topic)
        if known is not None:
            accept_gap(home.store, road.bus.offsets(topic), topic, None, road.clock())
            accepted.append(topic)
    home.close()
    road.publish()
    road.nodes[node.country] = Node(road, node.country)
    return accepted


def test_a_lost_cluster_loses_no_event_and_doubles_none(own: Road) -> None:
    """Offices and the other country's gate send again what has no receipt: counts are the same on both sides."""
    case, first = sent(own.kz)
    own.settle(step_ms=1)
    numbers = [first]
    for _ in range(COUNT - 1):
        numbers.append(sent(own.kz, case_file(about=f"Fictional case at {own.clock()}."))[1])
        own.settle(step_ms=1)
    for _ in range(COUNT):
        numbers.append(sent(own.kz, case_file(about=f"Fictional case at {own.clock()}."))[1])
        own.clock.now_ms += 1
    own.sync(own.kz)
    assert lose_cluster(own, "kz")
    own.settle()
    for _ in range(3):
        own.pass_time(hours=13)
        own.settle()
    with own.uz.store.read() as tx:
        assert len(referrals.every(tx)) == 2 * COUNT
    for number in numbers:
        assert incoming(own.uz, id_of(own.kz, number))
    withdraw_all(own.kz, case)
    own.settle()
    assert open_at(own.uz, incoming(own.uz, id_of(own.kz, first))).withdrawn
