"""Certificates of a national authority on a real broker: renewed while it works, and refused once withdrawn."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from cryptography import x509

from kafka import Broker
from kafka.certificates import HOSTS, PASSPHRASE, Certificates
from kafka.patience import wait
from refbus.bus import certificates, confluent
from refbus.bus.address import BrokerAddress, TlsFiles, split_host_port
from refbus.bus.port import Producer, TopicState
from refbus.clock import machine_ms
from refbus.errors import Code, RefbusError
from refbus_ops.authority import (
    Holder,
    issue_certificate,
    make_request,
    read_register,
    revoke_certificate,
    rotate_authority,
)

OPERATOR = "kz-operator"
TOPIC = "kz.test"


class Node:
    """A broker that looks at revocation lists, and the authority of its country."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.certificates = Certificates(folder / "tls", withdrawable=True)
        self.broker = Broker(folder / "broker", "kz", self.certificates, progress=lambda _text: None)

    def renewed(self, name: str, folder: str) -> TlsFiles:
        """Give a holder a further certificate, in a folder of its own."""
        files = TlsFiles.in_folder(self.folder / folder)
        asked = make_request(self.folder / folder, name, HOSTS)
        signed, _ = issue_certificate(self.certificates.home, asked, Holder(name, HOSTS), PASSPHRASE, machine_ms())
        files.certificate.write_bytes(signed)
        files.ca.write_bytes(self.certificates.authority.read_bytes())
        return files

    def with_files(self, files: TlsFiles) -> BrokerAddress:
        """Return the broker, reached with these files."""
        return BrokerAddress(self.broker.bootstrap, files)

    def reload(self, operator: BrokerAddress, **settings: str) -> None:
        """Let the running broker take a certificate or what it trusts anew, as kafka-configs.sh does."""
        changes = [
            ConfigEntry(f"listener.name.ssl.{name}", value, incremental_operation=AlterConfigOpType.SET)
            for name, value in settings.items()
        ]
        resource = ConfigResource(ResourceType.BROKER, "1", incremental_configs=changes)
        client = AdminClient(operator.client_config("test"))
        for done in client.incremental_alter_configs([resource]).values():
            done.result(60)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """Start the broker."""
    made = Node(tmp_path_factory.mktemp("authority"))
    with made.broker:
        confluent.admin(made.broker.address()).create_topic(TopicState(TOPIC, 1, 1, {}))
        yield made


def shown_number(operator: BrokerAddress) -> int:
    """Return the number of the certificate that the broker shows."""
    assert operator.tls is not None
    host, port = split_host_port(operator.bootstrap)
    context = certificates.client_context(operator.tls)
    with (
        closing(socket.create_connection((host, int(port)))) as plain,
        context.wrap_socket(plain, server_hostname=host) as secure,
    ):
        shown = secure.getpeercert(binary_form=True)
    assert shown is not None
    return x509.load_der_x509_certificate(shown).serial_number


def written(producer: Producer) -> bool:
    """Whether a record is taken over a connection that is open already."""
    reports: list[RefbusError | None] = []
    producer.produce(TOPIC, b"sealed", reports.append)
    return producer.flush(60) == 0 and reports == [None]


def test_certificate_of_broker_and_client_are_renewed_while_it_works(node: Node) -> None:
    """A writer never stops: the broker takes a new certificate, then a new authority; a client comes with a new one."""
    operator = node.broker.address()
    producer = confluent.producer(operator)
    assert written(producer)
    before = shown_number(operator)
    files = node.renewed("kz-broker", "broker-2")
    keystore = node.folder / "broker-2" / "keystore.pem"
    keystore.write_bytes(files.key.read_bytes() + files.certificate.read_bytes())
    node.reload(operator, **{"ssl.keystore.location": str(keystore)})
    wait("the broker shows its new certificate", lambda: shown_number(operator) != before, still_s=60)
    assert written(producer)
    rotate_authority(node.certificates.home, PASSPHRASE, machine_ms())
    node.reload(operator, **{"ssl.truststore.location": str(node.certificates.authority)})
    by_the_new = node.with_files(node.renewed(OPERATOR, "operator-2"))
    wait("one of the new authority is let in", lambda: certificates.refusal(by_the_new) is None, still_s=60)
    assert TOPIC in confluent.admin(by_the_new).topics()
    assert written(producer)
    producer.close()


def test_a_withdrawn_certificate_is_refused_and_its_renewal_is_not(node: Node) -> None:
    """By its number: whoever stole it is kept out, and the member is let in with a new one of the same name."""
    stolen = node.with_files(node.renewed("kz-agency01", "stolen"))
    assert certificates.refusal(stolen) is None
    (line,) = [each for each in read_register(node.certificates.home).issued if each.name == "kz-agency01"]
    revoke_certificate(node.certificates.home, line.serial, "stolen", PASSPHRASE, machine_ms())
    fresh = node.with_files(node.renewed("kz-agency01", "fresh"))
    wait("the stolen one is refused", lambda: certificates.refusal(stolen) is not None, still_s=90)
    refused = certificates.refusal(stolen)
    assert refused is not None
    assert refused.code is Code.TLS_REFUSED
    assert certificates.refusal(fresh) is None
