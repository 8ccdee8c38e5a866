"""The first page of the operators' guide, its commands as printed: a further country joins two running nodes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kafka.patience import wait
from refbus.bus.address import BrokerAddress
from refbus.bus.cluster import KafkaCluster
from refbus.clock import machine_ms
from refbus.core.ids import OrgId
from refbus.wire.transport import InboxKind, InboxRecord
from refbus_gateway.home.folder import Home
from refbus_gateway.home.gateway import Gateway, open_gateway
from refbus_gateway.sync.synchroniser import Synchroniser
from support.gateways import case_file, consent_file, sent
from support.howto import Page, Shell, environment
from support.tree import ROOT

PASSPHRASE = "fictional passphrase of tests"
COUNTRIES = ("kz", "uz")
KZ_AGENCY = OrgId("kz-agency01")


class Node:
    """Two countries that run already, made by commands too; each service is started once."""

    def __init__(self, folder: Path, broker: BrokerAddress) -> None:
        self.folder, self.fed = folder, folder / "federation"
        self.passphrase = folder / "passphrase"
        self.passphrase.write_text(PASSPHRASE + "\n", encoding="utf-8")
        self.passphrase.chmod(0o600)
        self.cluster = KafkaCluster(broker)
        self.settings = {f"REFBUS_BOOTSTRAP_{country.upper()}": broker.bootstrap for country in COUNTRIES}
        self.services: dict[str, subprocess.Popen[bytes]] = {}

    def begin(self) -> None:
        """Make the federation of kz and uz, their topics, and start their gates."""
        organisations = "".join(
            f'[[organisation]]\nid = "{country}-agency01"\ncountry = "{country}"\nrole = "NATIONAL_AGENCY"\n'
            'label = "Fictional agency"\nservices = ["SocialCare"]\nlanguages = ["ru"]\n'
            for country in COUNTRIES
        )
        for country in COUNTRIES:
            policy = (ROOT / "keys" / "policies" / f"{country}.toml").read_text(encoding="utf-8")
            (self.folder / f"{country}.toml").write_text(
                policy.replace("audit_quorum = 2", "audit_quorum = 0"), encoding="utf-8"
            )
        countries = "".join(f'[[country]]\ncode = "{country}"\npolicy = "{country}.toml"\n' for country in COUNTRIES)
        (self.folder / "two.toml").write_text(f"threshold = 2\n{countries}{organisations}", encoding="utf-8")
        fed = ("directory", "--federation", str(self.fed))
        given = ("--passphrase-file", str(self.passphrase))
        self.ops(*fed, "create", "--description", str(self.folder / "two.toml"), *given)
        self.ops(*fed, "export", str(self.folder / "first"))
        for country in COUNTRIES:
            home = str(self.gate(country))
            root = str(self.fed / "root.json")
            self.ops("country", "pin", root, "--home", home, "--directory", str(self.folder / "first"))
            self.ops("--country", country, "--gate-home", home, "topics", "apply")
        self.ops("--country", "kz", *fed, "send")
        for country in COUNTRIES:
            self.start(f"gate-{country}", "refbus_gate", country, self.gate(country))
        (auditor,) = [path for path in (self.fed / "homes").glob("kz-*") if (path / "keys" / "log.key").is_file()]
        self.start("auditor-kz", "refbus_auditor", "kz", auditor)

    def gate(self, country: str) -> Path:
        """Return the home of a gate."""
        return self.fed / "gates" / country

    def ops(self, *words: str) -> None:
        """Give one command."""
        command = [sys.executable, "-m", "refbus_ops", *words]
        done = subprocess.run(command, env=environment(**self.settings), capture_output=True, text=True, check=False)
        assert done.returncode == 0, (words, done.stdout, done.stderr)

    def start(self, name: str, module: str, country: str, home: Path) -> None:
        """Start a gate or an auditor."""
        kind = module.removeprefix("refbus_").upper()
        own = {
            "REFBUS_COUNTRY": country,
            f"REFBUS_{kind}_HOME": str(home),
            f"REFBUS_{kind}_PASSPHRASE_FILE": str(self.passphrase),
        }
        command = [sys.executable, "-m", module]
        with (self.folder / f"{name}.log").open("wb") as log:
            self.services[name] = subprocess.Popen(
                command, env=environment(**self.settings, **own), stdout=log, stderr=log
            )

    def stop(self) -> None:
        """End the services that were started here."""
        for service in self.services.values():
            service.terminate()
        for service in self.services.values():
            service.wait(60)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, broker_address: BrokerAddress) -> Iterator[Node]:
    """Give two countries that run; both pages are followed at them, one after the other."""
    made = Node(tmp_path_factory.mktemp("node"), broker_address)
    try:
        made.begin()
        yield made
    finally:
        made.stop()


@pytest.fixture
def shell(node: Node, tmp_path: Path, broker_address: BrokerAddress) -> Iterator[Shell]:
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


def test_an_organisation_joins_by_the_page_alone(node: Node, shell: Shell, tmp_path: Path) -> None:
    """Every command of the page works as printed, and the new office has its inbox."""
    shell.follow(Page.read("operators/add-an-organisation.md"))
    office = Home(tmp_path / "office").member.identity().org_id
    assert f"kz.inbox.{office}" in node.cluster.admin().topics()


def test_a_country_joins_by_the_page_alone(node: Node, shell: Shell, tmp_path: Path) -> None:
    """Every command of the page works as printed; an event reaches tj; no old service was started again."""
    shell.follow(Page.read("operators/add-a-country.md"))
    agency = Home(tmp_path / "agency").member.identity().org_id
    gateway = open_gateway(Home(node.fed / "homes" / KZ_AGENCY), PASSPHRASE, machine_ms)
    wait("the directory of three countries", lambda: sync(gateway, node) and agency in gateway.view().organisations)
    sent(gateway, case_file(recipient={"organisation": agency}), consent_file(agency))
    reader = node.cluster.reader(f"tj.inbox.{agency}")

    def arrived() -> bool:
        sync(gateway, node)
        kinds = [InboxRecord.parse(record.value).kind for record in reader.read(100, 1.0)]
        return InboxKind.EVENT in kinds

    wait("an event at tj", arrived)
    assert {name: service.poll() for name, service in node.services.items()} == dict.fromkeys(node.services)
    reader.close()
    gateway.close()


def sync(gateway: Gateway, node: Node) -> bool:
    """Let a gateway do one round."""
    synchroniser = Synchroniser(gateway, node.cluster)
    try:
        synchroniser.once()
    finally:
        synchroniser.close()
    return True
