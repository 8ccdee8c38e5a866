"""A node from the wheel alone: certificates by their page; gate, auditor, desk and a border over TLS."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from kafka import Broker, Certificates
from kafka.patience import wait
from kafka.ports import free_ports
from refbus.bus import certificates
from refbus.bus.address import BrokerAddress, TlsFiles
from refbus.bus.cluster import KafkaCluster
from refbus.clock import machine_ms
from refbus.core.ids import OrgId
from refbus.wire.transport import InboxKind, InboxRecord
from refbus_gateway.home.folder import Home
from refbus_gateway.home.gateway import open_gateway
from refbus_gateway.sync.synchroniser import Synchroniser
from support.gateways import case_file, consent_file, sent
from support.howto import Page, Shell
from support.tree import ROOT
from support.twocountries import PASSPHRASE, TwoCountries

KZ_AGENCY, UZ_AGENCY = OrgId("kz-agency01"), OrgId("uz-agency01")
WITHDRAWN = "kz-4f7k2m9q"
"""Of the page."""


class OfThePage(Certificates):
    """Certificates that the commands of the page have made below `folder`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "TLS", withdrawable=True)
        self._made = folder

    @property
    def authority(self) -> Path:
        """What everybody trusts."""
        return self._made / "CA" / "trusted.pem"

    def issue(self, principal: str) -> TlsFiles:
        """Return what the page has made; nothing is made here."""
        return TlsFiles.in_folder(self.folder(principal))

    def keystore(self, principal: str) -> Path:
        """Return what the page has put together for the broker."""
        return self.folder(principal) / "keystore.pem"


@dataclass(slots=True)
class Place:
    """Two countries by the installed commands, the broker of kz, and where its certificates are."""

    node: TwoCountries
    broker: Broker
    folder: Path

    def address(self, who: str) -> BrokerAddress:
        """Return how somebody reaches the broker of kz."""
        return BrokerAddress(self.broker.bootstrap, TlsFiles.in_folder(self.folder / "TLS" / who))

    def certify(self, name: str) -> Path:
        """Give a member its certificate as the page does it; return its folder."""
        folder = self.folder / "TLS" / name
        self.node.ops("ca", "request", name, "--folder", str(folder))
        given = ("--out", str(folder), "--passphrase-file", str(self.node.passphrase))
        request = str(folder / "request.pem")
        self.node.ops("ca", "issue", name, request, "--authority", str(self.folder / "CA"), *given)
        return folder


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the Python of an environment with the wheel and what it needs, and nothing of this checkout."""
    folder = tmp_path_factory.mktemp("installed")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    (wheel,) = folder.glob("*.whl")
    made = folder / "venv" / "bin" / "python"
    pip = [str(made), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    needed = subprocess.run(
        [*pip, "--require-hashes", "-r", str(ROOT / "requirements" / "run.txt")],
        capture_output=True,
        text=True,
        check=False,
    )
    if needed.returncode and os.environ.get("CI") != "true":
        pytest.skip(f"packages cannot be had here: {needed.stderr[-300:]}")
    assert needed.returncode == 0, needed.stderr
    subprocess.run([*pip, str(wheel)], check=True)
    return made


@pytest.fixture(scope="module")
def place(python: Path, tmp_path_factory: pytest.TempPathFactory, broker_address: BrokerAddress) -> Iterator[Place]:
    """Follow the page of certificates: uz runs already, without TLS on this machine; kz begins with its authority."""
    folder = tmp_path_factory.mktemp("page")
    port, controller = free_ports(2)
    broker = Broker(folder / "broker", "kz", OfThePage(folder), progress=lambda _text: None)
    broker.directory.mkdir()
    (broker.directory / "broker.json").write_text(json.dumps({"pid": 0, "port": port, "controller_port": controller}))
    node = TwoCountries(folder, {"REFBUS_BOOTSTRAP_UZ": broker_address.bootstrap}, python)
    named = {
        "P": str(node.passphrase),
        "KZ_BROKER": f"127.0.0.1:{port}",
        "LISTS": str(folder / "lists"),
        "KZ_GATE": str(node.gate("kz")),
        "UZ_GATE": str(node.gate("uz")),
    }
    shell = Shell(folder, node.environment(**named))
    try:
        node.create()
        node.apply_topics("uz")
        (metrics,) = free_ports(1)
        node.start("refbus_gate", "uz", node.gate("uz"), REFBUS_METRICS_PORT=str(metrics))
        ended = threading.Event()
        starter = threading.Thread(target=_start_when_certified, args=(broker, ended))
        starter.start()
        try:
            shell.follow(Page.read("operators/certificates.md"))
        finally:
            ended.set()
            starter.join()
        yield Place(node, broker, folder)
    finally:
        shell.close()
        node.stop()
        broker.stop()


def _start_when_certified(broker: Broker, ended: threading.Event) -> None:
    """Start the broker, as the page tells a person, once its certificate is there."""
    keystore = broker.directory.parent / "TLS" / "kz-broker" / "keystore.pem"
    while not keystore.is_file():
        if ended.wait(0.1):
            return
    broker.start()


def answers(port: int, path: str) -> bool:
    """Whether a page on this machine is there."""
    with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as page:
        return bool(page.status == 200)
    return False


def test_gate_auditor_and_desk_start_from_the_wheel_with_tls(place: Place, python: Path) -> None:
    """Each of them is ready over TLS, and an event of uz crosses the border to kz, which its gate reaches over TLS."""
    node = place.node
    node.settings |= {
        "REFBUS_BOOTSTRAP_KZ": place.broker.bootstrap,
        "REFBUS_TLS_KZ": str(place.folder / "TLS" / "kz-operator"),
    }
    node.send("uz")
    auditor = node.auditor("kz")
    ports = free_ports(3)
    gate_tls = place.folder / "TLS" / "kz-gate"
    node.start("refbus_gate", "kz", node.gate("kz"), REFBUS_TLS_KZ=str(gate_tls), REFBUS_METRICS_PORT=str(ports[0]))
    tls = str(place.certify(auditor.name))
    node.start("refbus_auditor", "kz", auditor, REFBUS_TLS_KZ=tls, REFBUS_METRICS_PORT=str(ports[1]))
    desk = (str(python.with_name("refbus")), "desk", "--port", str(ports[2]))
    home = {"REFBUS_HOME": str(node.fed / "homes" / KZ_AGENCY), "REFBUS_TLS_KZ": str(place.certify(KZ_AGENCY))}
    node.run("desk", (*desk, "--passphrase-file", str(node.passphrase)), **home)
    for port, path in ((ports[0], "/ready"), (ports[1], "/ready"), (ports[2], "/")):
        wait(f"{path} of port {port}", lambda port=port, path=path: answers(port, path), still_s=120)  # type: ignore[misc]
    crosses_the_border(place)
    assert {name: service.poll() for name, service in node.services.items()} == dict.fromkeys(node.services)


def crosses_the_border(place: Place) -> None:
    """Send an event at uz, and see it arrive in the inbox of the agency of kz."""
    gateway = open_gateway(Home(place.node.fed / "homes" / UZ_AGENCY), PASSPHRASE, machine_ms)
    uz = KafkaCluster(BrokerAddress(place.node.settings["REFBUS_BOOTSTRAP_UZ"]))
    reader = KafkaCluster(place.address("kz-operator")).reader(f"kz.inbox.{KZ_AGENCY}")

    def turn() -> None:
        synchroniser = Synchroniser(gateway, uz)
        synchroniser.once()
        synchroniser.close()

    def arrived() -> bool:
        turn()
        kinds = [InboxRecord.parse(record.value).kind for record in reader.read(100, 1.0)]
        return InboxKind.EVENT in kinds

    turn()
    sent(gateway, case_file(recipient={"organisation": KZ_AGENCY}), consent_file(KZ_AGENCY))
    wait("an event at kz", arrived, still_s=120)
    reader.close()
    gateway.close()


def test_whoever_the_page_withdrew_is_kept_out(place: Place) -> None:
    """The broker refuses the certificate that section 6 withdrew, and lets everybody else in."""
    wait("it is refused", lambda: certificates.refusal(place.address(WITHDRAWN)) is not None, still_s=90)
    assert certificates.refusal(place.address("kz-operator")) is None
    assert certificates.refusal(place.address("uz-gate")) is None
