"""The settings of a development broker: loopback only, nothing created by being written to; alone or in a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Seat:
    """Which broker of a cluster one is: its number and port, the controller's port of each by number, the cluster."""

    number: int
    port: int
    controllers: Mapping[int, int]
    cluster_id: str


_COMMON = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    # Safety of the log: what bus.md sections 3 and 8 rest on.
    "auto.create.topics.enable": "false",
    "unclean.leader.election.enable": "false",
    "delete.topic.enable": "true",
    # One node: the broker's own topics cannot be replicated.
    "default.replication.factor": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "1",
    "transaction.max.timeout.ms": "60000",  # so long may a writer that dies keep what is behind it from being read
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    # A small machine: few threads, little memory, no waiting for more members of a group.
    "num.network.threads": "2",
    "num.io.threads": "4",
    "background.threads": "2",
    "log.cleaner.dedupe.buffer.size": "4194304",
    "group.initial.rebalance.delay.ms": "0",
    "broker.heartbeat.interval.ms": "500",
}


def plain(data: Path, port: int, controller_port: int) -> dict[str, str]:
    """Return the settings of a broker without TLS or access rules. It listens on 127.0.0.1 only."""
    return _COMMON | _listeners(data, "PLAINTEXT", port, controller_port)


def tls(
    data: Path, port: int, controller_port: int, *, keystore: Path, truststore: Path, supers: str
) -> dict[str, str]:
    """Return the settings of a broker that demands client certificates and enforces access rules.

    `supers` are the principals past all rules: the node's operator and the broker itself, "User:a;User:b".
    """
    return (
        _COMMON
        | _listeners(data, "SSL", port, controller_port)
        | {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": str(keystore),
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": str(truststore),
            "ssl.client.auth": "required",
            "ssl.enabled.protocols": "TLSv1.3",
            "ssl.protocol": "TLSv1.3",
            "ssl.principal.mapping.rules": "RULE:^CN=([a-z0-9-]+)$/$1/",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "allow.everyone.if.no.acl.found": "false",
            "super.users": supers,
        }
    )


def session(*, short: bool) -> dict[str, str]:
    """Return for how long the controller believes in a broker that it does not hear.

    After a kill it takes the broker back only when its last session is over: then a `short` one. Else a long one: on a
    busy machine a heartbeat may be many seconds late, and a broker that is believed gone has its topics refused.
    """
    return {"broker.session.timeout.ms": "2000" if short else "60000"}


def seated(seat: Seat) -> dict[str, str]:
    """Return what a broker of a cluster has other than one alone: all keep everything, and what two have counts.

    A broker that is not heard for nine seconds (Kafka's default) is out, and others lead what it led.
    """
    count = str(len(seat.controllers))
    replicated = ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic")
    return {
        "node.id": str(seat.number),
        "controller.quorum.voters": ",".join(f"{each}@127.0.0.1:{port}" for each, port in seat.controllers.items()),
        "min.insync.replicas": "2",
        "default.replication.factor": count,
        **{f"{each}.replication.factor": count for each in replicated},
        **{f"{each}.min.isr": "2" for each in replicated[1:]},
        "offsets.topic.num.partitions": "3",
        "broker.session.timeout.ms": "9000",
    }


def render(settings: Mapping[str, str]) -> str:
    """Return the text of a server.properties file."""
    return "".join(f"{name}={value.replace(chr(92), chr(92) * 2)}\n" for name, value in settings.items())


def _listeners(data: Path, protocol: str, port: int, controller_port: int) -> dict[str, str]:
    return {
        "log.dirs": str(data),
        "listeners": f"{protocol}://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"{protocol}://127.0.0.1:{port}",
        "inter.broker.listener.name": protocol,
        "listener.security.protocol.map": f"{protocol}:{protocol},CONTROLLER:{protocol}",
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
    }
