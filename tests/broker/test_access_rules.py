"""Topics and access rules on a real broker that speaks TLS only: what is planned is what is enforced."""

from __future__ import annotations

import gc
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from kafka import Broker
from kafka.certificates import Certificates
from refbus.bus import batchreader, certificates, confluent
from refbus.bus.address import BrokerAddress
from refbus.bus.port import AclRule, Operation, QuotaChange, Reader, Record, ResourceKind, reader_group
from refbus.bus.topicplan import apply, plan, verify
from refbus.bus.topicset import gate_group, wanted
from refbus.core.directory import OrgStatus
from refbus.core.ids import CountryCode
from refbus.core.units import DAY_MS
from refbus.errors import Code, RefbusError, SetupError, TransportError
from support.directories import agency, federation, gate, ngo, second_ngo

KZ = CountryCode("kz")
FED = federation(("kz", "uz", "kg"))
WANTED = wanted(FED.directory, KZ, production=False)
STRANGER = "kz-0000000a"
WAIT_S = 30.0


@pytest.fixture(scope="module")
def cluster(tls_broker: Broker) -> Iterator[Broker]:
    """Return the cluster of kz with everything applied."""
    admin = confluent.admin(tls_broker.address())
    apply(plan(WANTED, admin), admin)
    yield tls_broker
    apply(plan(WANTED, admin), admin)


def wait_for(condition: Callable[[], bool]) -> None:
    """Ask until it is so; every question goes to the broker and back."""
    for _ in range(500):
        if condition():
            return
    raise AssertionError("the broker did not get there")


def report_of(broker: Broker, who: str, topic: str) -> RefbusError | None:
    """Write one record as `who`; return its delivery report."""
    reports: list[RefbusError | None] = []
    producer = confluent.producer(broker.address(who), delivery_timeout_s=WAIT_S)
    producer.produce(topic, b"sealed", reports.append)
    assert producer.flush(WAIT_S) == 0
    return reports[0]


def may_read(broker: Broker, who: str, topic: str) -> bool:
    """Whether `who` gets the first record of a topic that has one, by both ways of reading."""
    ways = {gets_the_first(way(broker.address(who), topic)) for way in (confluent.reader, batchreader.reader)}
    assert len(ways) == 1
    return ways.pop()


def gets_the_first(reader: Reader) -> bool:
    """Whether a record comes; a refusal is one by name, not silence."""
    refusals: list[Code] = []
    records: list[Record] = []
    for _ in range(30):
        try:
            records = reader.read(1, 1.0)
        except TransportError as refusal:
            refusals.append(refusal.code)
        if records or refusals:
            break
    reader.close()
    assert refusals == ([] if records else [Code.BROKER_REFUSED])
    return bool(records)


def test_apply_makes_the_cluster_as_declared(cluster: Broker) -> None:
    """On a real broker too nothing is left to do afterwards."""
    assert plan(WANTED, confluent.admin(cluster.address())).lines() == ["kz: as declared"]


def test_drift_of_topics_and_rules_is_seen_and_undone(cluster: Broker) -> None:
    """A setting changed by hand and a rule added by hand show, and apply takes both back."""
    admin = confluent.admin(cluster.address())
    rule = AclRule(ResourceKind.TOPIC, "kz.outbox", f"User:{STRANGER}", Operation.READ)
    admin.set_topic_config("kz.outbox", {"retention.ms": "3600000"})
    admin.add_acls([rule])
    drifted = plan(WANTED, admin)
    assert drifted.lines()[:2] == [
        f"~ topic kz.outbox  retention.ms: 3600000 -> {30 * DAY_MS}",
        f"- allow User:{STRANGER} READ topic kz.outbox",
    ]
    apply(drifted, admin)
    assert plan(WANTED, admin).is_clean


def test_drift_of_quotas_is_seen_and_undone(cluster: Broker) -> None:
    """By Kafka's own request: what slows the own gate goes, and an office has its quota again."""
    admin = confluent.admin(cluster.address())
    assert dict(admin.quotas()) == {user: values for user, values in WANTED.quotas.items() if values}
    slow = {"consumer_byte_rate": 1.0}
    office = WANTED.quotas[ngo("kz")]
    admin.set_quotas([QuotaChange(gate("kz"), {}, slow), QuotaChange(ngo("kz"), office, {})])
    wait_for(lambda: len(plan(WANTED, admin).quotas) == 2)
    apply(plan(WANTED, admin), admin)
    wait_for(lambda: plan(WANTED, admin).is_clean)
    with pytest.raises(TransportError) as caught:
        confluent.admin(cluster.address(ngo("kz"))).set_quotas([QuotaChange(ngo("kz"), office, {})])
    assert caught.value.code is Code.BROKER_REFUSED


def test_a_rule_for_everybody_is_seen(cluster: Broker) -> None:
    """A rule of a shape that is never planned, as somebody may make by hand, is drift."""
    client = AdminClient(cluster.address().client_config("test"))
    rule = (ResourceType.TOPIC, "kz.", ResourcePatternType.PREFIXED, "User:*", "*", AclOperation.ALL)
    client.create_acls([AclBinding(*rule, AclPermissionType.ALLOW)])
    admin = confluent.admin(cluster.address())
    wait_for(lambda: bool(admin.strange_acls()))
    assert plan(WANTED, admin).lines()[0] == (
        "? rule ALLOW User:* ALL TOPIC PREFIXED kz. from *  not of ours; a person takes it away"
    )
    client.delete_acls([AclBindingFilter(*rule, AclPermissionType.ALLOW)])
    wait_for(lambda: not admin.strange_acls())
    assert plan(WANTED, admin).is_clean


@pytest.mark.parametrize(
    ("who", "topic"),
    [
        (agency("kz"), "kz.outbox"),
        (gate("uz"), "kz.border.uz"),
        (gate("kz"), f"kz.inbox.{ngo('kz')}"),
        (gate("uz"), "kz.federation"),
        (ngo("kz"), "kz.audit"),
    ],
)
def test_a_declared_writer_may_write(cluster: Broker, who: str, topic: str) -> None:
    """The report of its record has no error."""
    assert report_of(cluster, who, topic) is None


@pytest.mark.parametrize(
    ("who", "topic"),
    [
        (gate("kg"), "kz.border.uz"),  # another country's border
        (gate("kz"), "kz.border.uz"),  # not even the country's own gate
        (gate("uz"), "kz.outbox"),
        (ngo("kz"), f"kz.inbox.{ngo('kz')}"),  # nobody writes to an inbox but the gate
        (agency("kz"), "kz.directory"),
        (STRANGER, "kz.outbox"),
    ],
)
def test_nobody_else_may_write(cluster: Broker, who: str, topic: str) -> None:
    """The broker refuses by name in the record's own report."""
    report = report_of(cluster, who, topic)
    assert report is not None
    assert (report.code, report.detail) == (Code.BROKER_REFUSED, "TOPIC_AUTHORIZATION_FAILED")


def test_an_inbox_is_read_by_its_organisation_alone(cluster: Broker) -> None:
    """Its organisation reads; its neighbour, the gate that wrote it and a stranger do not."""
    inbox = f"kz.inbox.{ngo('kz')}"
    assert report_of(cluster, gate("kz"), inbox) is None
    assert may_read(cluster, ngo("kz"), inbox)
    for other in (second_ngo("kz"), agency("kz"), gate("kz"), STRANGER):
        assert not may_read(cluster, other, inbox)


def test_an_outbox_is_read_by_the_gate_alone(cluster: Broker) -> None:
    """An organisation cannot read back what the others of its country send, nor its own."""
    assert report_of(cluster, agency("kz"), "kz.outbox") is None
    assert may_read(cluster, gate("kz"), "kz.outbox")
    for other in (agency("kz"), ngo("kz"), gate("uz")):
        assert not may_read(cluster, other, "kz.outbox")


def test_a_reader_closes_its_socket_while_the_broker_keeps_its_question(cluster: Broker) -> None:
    """The broker does not answer the farewell of TLS before the question: nothing is left to the collector."""
    reader = batchreader.reader(cluster.address(ngo("kz")), f"kz.inbox.{ngo('kz')}")
    while reader.read(10, 1.0):
        pass
    reader.close()
    del reader
    gc.collect()  # pytest fails a test in which it finds an open socket


def test_a_reader_that_takes_more_than_its_share_waits(cluster: Broker) -> None:
    """A broker that slows somebody answers a question with nothing at all: it is asked again, and nothing ends."""
    inbox = f"kz.inbox.{ngo('kz')}"
    assert report_of(cluster, gate("kz"), inbox) is None
    admin = confluent.admin(cluster.address())
    admin.set_quotas([QuotaChange(ngo("kz"), {}, {"consumer_byte_rate": 1000.0})])
    reader = batchreader.reader(cluster.address(ngo("kz")), inbox)
    for _ in range(20):
        reader.seek(0)
        while not reader.read(10, 0.5):
            pass
    reader.close()
    apply(plan(WANTED, admin), admin)


def test_a_reader_without_a_group_is_refused_nothing(cluster: Broker) -> None:
    """Its client asks who keeps its group, twice a second while it is refused: no broker's log is filled with that."""
    seen = cluster.log.stat().st_size
    reader = confluent.reader(cluster.address(ngo("kz")), f"kz.inbox.{ngo('kz')}")
    for _ in range(3):
        reader.read(1, 1.0)
    reader.close()
    lines = cluster.log.read_bytes()[seen:].decode(errors="replace").splitlines()
    assert [line for line in lines if f"User:{ngo('kz')} is Denied" in line] == []  # others' clients may still ask
    with pytest.raises(TransportError):
        confluent.admin(cluster.address(ngo("kz"))).set_group_offset(reader_group(KZ), "kz.outbox", 0)


def test_a_suspended_organisation_is_shut_out(cluster: Broker) -> None:
    """After the next apply the certificate is still good, and worth nothing."""
    admin = confluent.admin(cluster.address())
    assert report_of(cluster, ngo("kz"), "kz.outbox") is None
    later = wanted(FED.changed(ngo("kz"), status=OrgStatus.SUSPENDED).directory, KZ, production=False)
    apply(plan(later, admin), admin)
    report = report_of(cluster, ngo("kz"), "kz.outbox")
    assert report is not None
    assert report.code is Code.BROKER_REFUSED
    apply(plan(WANTED, admin), admin)


def test_a_member_changes_no_topic_and_no_rule(cluster: Broker) -> None:
    """Administration is the operator's."""
    admin = confluent.admin(cluster.address(gate("kz")))
    with pytest.raises(TransportError) as caught:
        admin.set_topic_config("kz.outbox", {"retention.ms": "1000"})
    assert caught.value.code is Code.BROKER_REFUSED
    with pytest.raises(TransportError):
        admin.create_topic(replace(WANTED.topic("kz.outbox"), name="kz.mine"))
    with pytest.raises(TransportError):
        admin.add_acls([AclRule(ResourceKind.TOPIC, "kz.refused", f"User:{gate('kz')}", Operation.READ)])
    assert confluent.admin(cluster.address()).acls() == WANTED.rules


@pytest.mark.parametrize(
    ("who", "topics"),
    [
        (gate("kz"), ["kz.outbox", "kz.border.uz", "kz.audit", "kz.refused"]),
        (gate("uz"), ["kz.border.uz", "kz.federation"]),
        (ngo("kz"), ["kz.outbox", f"kz.inbox.{ngo('kz')}", "kz.directory"]),
    ],
)
def test_a_service_can_check_what_it_uses(cluster: Broker, who: str, topics: list[str]) -> None:
    """The rules of a member suffice for the check at its start."""
    verify(confluent.admin(cluster.address(who)), WANTED, topics, plaintext=False)


def test_the_gates_group_is_the_gates(cluster: Broker) -> None:
    """Another member can neither see nor move how far the gate has read."""
    operator = confluent.admin(cluster.address())
    operator.set_group_offset(gate_group(KZ), "kz.outbox", 0)
    with pytest.raises(TransportError):
        confluent.admin(cluster.address(gate("uz"))).group_offset(gate_group(KZ), "kz.outbox")
    assert operator.group_offset(gate_group(KZ), "kz.outbox") == 0


def test_without_a_certificate_there_is_no_connection(cluster: Broker) -> None:
    """TLS with the right authority but no certificate of one's own ends in the handshake or at the first read."""
    tls = cluster.address().tls
    assert tls is not None
    context = ssl.create_default_context(cafile=str(tls.ca))
    host, port = cluster.bootstrap.split(":")
    with pytest.raises(ssl.SSLError):
        read_one_byte(context, host, int(port))


def read_one_byte(context: ssl.SSLContext, host: str, port: int) -> None:
    """Shake hands and wait for what the broker says to it."""
    with (
        socket.create_connection((host, port), timeout=WAIT_S) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as wrapped,
    ):
        wrapped.recv(1)


def test_plaintext_to_a_tls_broker_gets_nowhere(cluster: Broker) -> None:
    """A client without TLS is not served."""
    with pytest.raises((TransportError, SetupError)):
        confluent.admin(BrokerAddress(cluster.bootstrap)).cluster()


def test_a_refused_certificate_is_named(cluster: Broker, tmp_path: Path) -> None:
    """The client only says that nobody answers; our own handshake with this broker says which certificate it is."""
    assert certificates.refusal(cluster.address(gate("kz"))) is None
    stranger = Certificates(tmp_path).issue("kz-gate")
    found = certificates.refusal(BrokerAddress(cluster.bootstrap, stranger))
    assert found is not None
    assert "broker's certificate" in found.detail
    tls = cluster.address().tls
    assert tls is not None
    stranger.ca.write_bytes(tls.ca.read_bytes())
    found = certificates.refusal(BrokerAddress(cluster.bootstrap, stranger))
    assert found is not None
    assert "does not accept ours" in found.detail
