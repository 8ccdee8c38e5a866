"""How many brokers a cluster has is data: what each is told of the others, before any starts."""

from __future__ import annotations

from pathlib import Path

from kafka import Brokers, properties
from kafka.properties import Seat


def seats(brokers: Brokers) -> list[Seat]:
    """Return the seats of a cluster."""
    return [each.seat for each in brokers.each if each.seat is not None]


def test_a_broker_alone_has_no_seat(tmp_path: Path) -> None:
    """It is what it always was: its own folder, its own cluster, ports of its choice."""
    alone = Brokers(tmp_path, "kz")
    assert [each.directory for each in alone.each] == [tmp_path]
    assert seats(alone) == []
    assert alone.each[0].principal == "kz-broker"


def test_three_know_each_other_before_they_start(tmp_path: Path) -> None:
    """Six ports, no two the same; each is told all controllers and one cluster, also by another process later."""
    first, again = Brokers(tmp_path, "kz", count=3), Brokers(tmp_path, "kz", count=3)
    assert seats(first) == seats(again)
    assert len({each.port for each in seats(first)} | set(seats(first)[0].controllers.values())) == 6
    assert len({each.cluster_id for each in seats(first)}) == 1
    assert [each.principal for each in first.each] == ["kz-broker-1", "kz-broker-2", "kz-broker-3"]
    assert first.bootstrap.split(",") == [f"127.0.0.1:{each.port}" for each in seats(first)]


def test_of_three_two_must_have_what_counts(tmp_path: Path) -> None:
    """Every topic of Kafka's own has three replicas, and no topic counts with one."""
    settings = properties.plain(tmp_path, 1, 2) | properties.seated(seats(Brokers(tmp_path, "kz", count=3))[1])
    assert settings["node.id"] == "2"
    assert len(settings["controller.quorum.voters"].split(",")) == 3
    assert settings["unclean.leader.election.enable"] == "false"
    factors = {value for name, value in settings.items() if name.endswith("replication.factor")}
    least = {value for name, value in settings.items() if name.endswith(("min.isr", "min.insync.replicas"))}
    assert (factors, least) == ({"3"}, {"2"})
