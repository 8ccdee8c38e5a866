"""The first page of the operators' guide, its commands as printed: a further country joins two running nodes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kafka.patience import wait
from refbus.bus.address import BrokerAddress
from refbus.bus.cluster import Cluster, KafkaCluster
from refbus.clock import machine_ms
from refbus.core.ids import OrgId
from refbus.wire.transport import InboxKind, InboxRecord
from refbus_gateway.home.folder import Home
from refbus_gateway.home.gateway import Gateway, open_gateway
from refbus_gateway.sync.synchroniser import Synchroniser
from support.gateways import case_file, consent_file, sent
from support.howto import Page, Shell
from support.twocountries import COUNTRIES, PASSPHRASE, TwoCountries

KZ_AGENCY = OrgId("kz-agency01")


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, broker_address: BrokerAddress) -> Iterator[TwoCountries]:
    """Give two countries that run; both pages are followed at them, one after the other."""
    settings = {f"REFBUS_BOOTSTRAP_{country.upper()}": broker_address.bootstrap for country in COUNTRIES}
    made = TwoCountries(tmp_path_factory.mktemp("node"), settings)
    try:
        made.create()
        for country in COUNTRIES:
            made.apply_topics(country)
        made.send("kz")
        for country in COUNTRIES:
            made.start("refbus_gate", country, made.gate(country))
        made.start("refbus_auditor", "kz", made.auditor("kz"))
        yield made
    finally:
        made.stop()


@pytest.fixture
def cluster(broker_address: BrokerAddress) -> Cluster:
    """Give the one cluster of all countries."""
    return KafkaCluster(broker_address)


@pytest.fixture
def shell(node: TwoCountries, tmp_path: Path, broker_address: BrokerAddress) -> Iterator[Shell]:
    """Give the shell of a person with what the pages say that they have."""
    named = {
        "FED": str(node.fed),
        "P": str(node.passphrase),
        "KZ_GATE": str(node.gate("kz")),
        "UZ_GATE": str(node.gate("uz")),
        "TJ_BROKER": broker_address.bootstrap,
    }
    made = Shell(tmp_path, node.settings | named)
    try:
        yield made
    finally:
        made.close()


def test_an_organisation_joins_by_the_page_alone(cluster: Cluster, shell: Shell, tmp_path: Path) -> None:
    """Every command of the page works as printed, and the new office has its inbox."""
    shell.follow(Page.read("operators/add-an-organisation.md"))
    office = Home(tmp_path / "office").member.identity().org_id
    assert f"kz.inbox.{office}" in cluster.admin().topics()


def test_a_country_joins_by_the_page_alone(node: TwoCountries, cluster: Cluster, shell: Shell, tmp_path: Path) -> None:
    """Every command of the page works as printed; an event reaches tj; no old service was started again."""
    shell.follow(Page.read("operators/add-a-country.md"))
    agency = Home(tmp_path / "agency").member.identity().org_id
    gateway = open_gateway(Home(node.fed / "homes" / KZ_AGENCY), PASSPHRASE, machine_ms)
    wait("the directory of three countries", lambda: sync(gateway, cluster) and agency in gateway.view().organisations)
    sent(gateway, case_file(recipient={"organisation": agency}), consent_file(agency))
    reader = cluster.reader(f"tj.inbox.{agency}")

    def arrived() -> bool:
        sync(gateway, cluster)
        kinds = [InboxRecord.parse(record.value).kind for record in reader.read(100, 1.0)]
        return InboxKind.EVENT in kinds

    wait("an event at tj", arrived)
    assert {name: service.poll() for name, service in node.services.items()} == dict.fromkeys(node.services)
    reader.close()
    gateway.close()


def sync(gateway: Gateway, cluster: Cluster) -> bool:
    """Let a gateway do one round."""
    synchroniser = Synchroniser(gateway, cluster)
    try:
        synchroniser.once()
    finally:
        synchroniser.close()
    return True
