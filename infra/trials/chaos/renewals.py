"""Certificates of brokers, gates and senders are renewed while events flow, one is stolen, and the old are withdrawn.

On the cluster of three, whose gate has the production profile. What is done is what docs/operators/certificates.md and
cluster.md tell: a renewal counts beside the one before, a broker takes it while it works, a service by a start. What
the thief sends is in no journal: a record of it that the cluster takes is an effect of something that was never sent.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from functools import partial

from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from cryptography import x509

from chaos import clusters, faults
from chaos.ground import Ground, wait
from chaos.stage import KZ, UZ, Cast, Scenario
from chaos.timeline import Fault
from demo.world import HA
from kafka import Broker, Certificates
from kafka.certificates import PASSPHRASE
from refbus.bus import certificates, confluent
from refbus.bus.address import BrokerAddress, TlsFiles, split_host_port
from refbus.bus.port import Producer
from refbus.clock import machine_ms
from refbus.core.ids import CountryCode
from refbus.errors import Code, RefbusError
from refbus_ops.authority import revoke_certificate

_SEEN_S = 75.0
"""A broker reads the list anew after half a minute."""
_TRIED_S = 6.0
_STOLEN = "a stolen certificate withdrawn"
_KEPT_OUT = "records of a withdrawn holder refused"
_OF_BROKER = "certificate of a broker renewed while it works"
_OF_GATE = "certificate of a gate renewed"
_OF_SENDERS = "certificate of senders renewed"
_OLD = "replaced certificates withdrawn"


@dataclass(slots=True)
class _Play:
    """The certificates of one ground: which were replaced so far, and the thief of one with a connection of its own.

    `looks` is False where brokers do not read the list: nobody can wait until they refuse.
    """

    ground: Ground
    ours: Certificates
    looks: bool = True
    replaced: list[TlsFiles] = field(default_factory=list)
    held: Producer | None = None

    @property
    def brokers(self) -> tuple[Broker, ...]:
        """The three brokers."""
        return self.ground.world.brokers[KZ].each

    def withdraw_stolen(self) -> None:
        """Let a thief write, withdraw the certificate that it has, and keep it out; the owner goes on with another."""
        owner = self.ground.member(KZ, "NATIONAL_AGENCY")
        stolen = self.ours.issue(owner)
        self.held = confluent.producer(self._with(stolen), delivery_timeout_s=_TRIED_S)
        self._write_well(self.held)
        renewed = self.ours.renew(owner)
        self._withdraw(stolen)
        self.ground.count(_STOLEN)
        if self.looks:
            self._until_refused(stolen)
        self._try_in_vain(confluent.producer(self._with(stolen), delivery_timeout_s=_TRIED_S))
        self._write_well(confluent.producer(self._with(renewed)))

    def renew_broker(self, number: int) -> None:
        """Let a running broker show a new certificate."""
        broker = self.brokers[number]
        reached_with = self.ours.issue(broker.operator)
        before = _shown(broker, reached_with)
        self._renew(broker.principal)
        keystore = self.ours.keystore(broker.principal)
        change = ConfigEntry(
            "listener.name.ssl.ssl.keystore.location", str(keystore), incremental_operation=AlterConfigOpType.SET
        )
        resource = ConfigResource(ResourceType.BROKER, str(number + 1), incremental_configs=[change])
        client = AdminClient(self.ground.world.brokers[KZ].address().client_config("chaos"))
        for done in client.incremental_alter_configs([resource]).values():
            done.result(60)
        if not wait(lambda: _shown(broker, reached_with) not in {before, None}, _SEEN_S):
            raise TimeoutError(f"{broker.principal} still shows its old certificate")
        self.ground.count(_OF_BROKER)
        clusters.decide_something(self.ground)

    def renew_gate(self, country: CountryCode) -> None:
        """Let a gate start with a new certificate."""
        name = f"gate-{country}"
        self._renew(f"{country}-gate")
        self.ground.stack.services[name].stop()
        self.ground.start_gate(country, name)
        self.ground.count(_OF_GATE)
        clusters.decide_something(self.ground)

    def renew_senders(self) -> None:
        """Let whoever sends go on with a new certificate, from the next wave on."""
        for country in (KZ, UZ):
            self._renew(f"{country}-operator")
        self.ground.count(_OF_SENDERS)

    def withdraw_replaced(self) -> None:
        """Withdraw all that was replaced, wait until no broker lets it in, and show that all others are let in."""
        for files in self.replaced:
            self._withdraw(files)
        for files in self.replaced:
            self._until_refused(files)
        self.ground.count(_OLD, len(self.replaced))
        clusters.restart_one(self.ground, 0)
        if self.held is not None:
            self._try_in_vain(self.held)

    def _renew(self, principal: str) -> None:
        self.replaced.append(self.ours.issue(principal))
        self.ours.renew(principal)

    def _withdraw(self, files: TlsFiles) -> None:
        serial = format(x509.load_pem_x509_certificate(files.certificate.read_bytes()).serial_number, "x")
        revoke_certificate(self.ours.home, serial, "of a trial", PASSPHRASE, machine_ms())

    def _until_refused(self, files: TlsFiles) -> None:
        for broker in self.brokers:
            if not wait(partial(_is_refused, broker, files), _SEEN_S):
                raise TimeoutError(f"{broker.principal} lets in {files.certificate.parent.name}, which was withdrawn")

    def _with(self, files: TlsFiles) -> BrokerAddress:
        return BrokerAddress(self.ground.world.brokers[KZ].bootstrap, files)

    def _write_well(self, producer: Producer) -> None:
        """Write bytes that are no event, as planned. Raises RefbusError when they are not taken."""
        value = secrets.token_bytes(40)
        self.ground.journal.planned([faults.as_poison(KZ, KZ, value)])
        told = _written(producer, value)
        if told is not None:
            raise told

    def _try_in_vain(self, producer: Producer) -> None:
        """Write what nobody planned: it must not be taken. The judge finds what was."""
        if _written(producer, secrets.token_bytes(40)) is not None:
            self.ground.count(_KEPT_OUT)


def _written(producer: Producer, value: bytes) -> RefbusError | None:
    reports: list[RefbusError | None] = []
    producer.produce(clusters.OUTBOX, value, reports.append)
    producer.flush(2 * _SEEN_S)
    (told,) = reports
    return told


def _is_refused(broker: Broker, files: TlsFiles) -> bool:
    found = certificates.refusal(BrokerAddress(broker.bootstrap, files))
    return found is not None and found.code is Code.TLS_REFUSED


def _shown(broker: Broker, ours: TlsFiles) -> int | None:
    """Return the number of the certificate that a broker shows, None when it shows none now."""
    host, port = split_host_port(broker.bootstrap)
    context = certificates.client_context(ours)
    with (
        suppress(OSError),
        closing(socket.create_connection((host, int(port)), 10)) as plain,
        context.wrap_socket(plain, server_hostname=host) as secure,
    ):
        shown = secure.getpeercert(binary_form=True)
        return x509.load_der_x509_certificate(shown).serial_number if shown else None
    return None


def _changes(ground: Ground, _cast: Cast) -> Sequence[Fault]:
    play = _Play(ground, Certificates(ground.world.folder / "tls"))
    return [
        play.withdraw_stolen,
        *(partial(play.renew_broker, number) for number in range(3)),
        *(partial(play.renew_gate, country) for country in (KZ, UZ)),
        play.renew_senders,
        *(partial(clusters.restart_one, ground, number) for number in range(3)),
        play.withdraw_replaced,
    ]


def _unseen(ground: Ground, _cast: Cast) -> Sequence[Fault]:
    return [_Play(ground, Certificates(ground.world.folder / "tls"), looks=False).withdraw_stolen]


_CHANGES = Scenario(
    "certificates change and are withdrawn under load",
    6,
    _changes,
    federated=True,
    brokers=HA,
    requires=(_STOLEN, _KEPT_OUT, _OF_BROKER, _OF_GATE, _OF_SENDERS, _OLD),
)

RENEWALS: tuple[Scenario, ...] = (
    _CHANGES,
    replace(
        _CHANGES,
        name="a certificate withdrawn, brokers do not look",
        share=1,
        faults=_unseen,
        lists=False,
        requires=(_STOLEN,),
        control=True,
    ),
)
"""The scenario and its negative control. What each shows is told in docs/design/chaos.md."""
