"""The operators' page about running a node: its commands in boxes that need no broker, as printed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from refbus.clock import machine_ms
from refbus.core.ids import CountryCode, OrgId
from refbus.trust.homes import Home
from refbus.trust.layout import list_files
from refbus.trust.publisher.ceremony import FederationPaths
from refbus_gate.home import GateHome
from support.howto import Page, Shell
from support.twocountries import PASSPHRASE, TwoCountries

_OTHERS = re.compile(r"^(?:systemctl|refbus-ops --country kz directory .* send).*\n", re.MULTILINE)
"""What a machine without systemd and without a broker cannot do."""
AGENCY = OrgId("kz-agency01")


@pytest.fixture
def node(tmp_path: Path) -> TwoCountries:
    """Give two countries that no broker connects; gate and auditor of kz have run once and are stopped."""
    made = TwoCountries(tmp_path, {"REFBUS_BOOTSTRAP_KZ": "127.0.0.1:9"})
    made.create()
    files = list_files(FederationPaths(made.fed).repository)
    Home(made.auditor("kz")).trust_store().refresh_from(files, machine_ms())
    GateHome.open(made.gate("kz"), PASSPHRASE).close()
    return made


@pytest.fixture
def shell(node: TwoCountries, tmp_path: Path) -> Iterator[Shell]:
    """Give the shell of the operator of kz, with what the page says that there is."""
    gate, auditor = node.gate("kz"), node.auditor("kz")
    for name in ("backups", "keys", "desk"):
        (tmp_path / name).mkdir()
    settings = {
        "REFBUS_COUNTRY": "kz",
        "REFBUS_GATE_HOME": str(gate),
        "REFBUS_GATE_PASSPHRASE_FILE": str(node.passphrase),
        "GATE": str(gate),
        "AUDITOR": str(auditor),
        "AUDITOR_ID": auditor.name,
        "FED": str(node.fed),
        "P": str(node.passphrase),
        "BACKUPS": str(tmp_path / "backups"),
        "KEYS": str(tmp_path / "keys"),
        "ORG": AGENCY,
    }
    made = Shell(tmp_path / "desk", node.settings | settings)
    yield made
    made.close()


def test_directory_copies_and_keys_by_the_page_alone(node: TwoCountries, shell: Shell, tmp_path: Path) -> None:
    """A lost office is shut out, gate and directory are copied, the gate is restored, an auditor has new keys."""
    page = Page.read("operators/operate.md")
    shell.follow(Page(page.files, tuple(_OTHERS.sub("", each) for each in page.blocks)))
    store = Home(node.gate("uz")).trust_store()
    history = store.load(machine_ms())
    assert history is not None
    before = history.latest
    store.refresh_from(list_files(FederationPaths(node.fed).repository), machine_ms())
    after = store.history.latest
    assert after.version == before.version + 2
    assert before.organisations[AGENCY].status is not after.organisations[AGENCY].status
    assert after.organisations[AGENCY].current_signing_key(machine_ms()) is None
    assert CountryCode("kz") in after.policies
    assert (tmp_path / "keys" / "gate-1.db").is_file()
    assert (tmp_path / "backups" / "federation-1" / "root.json").is_file()
    assert list((node.gate("kz") / "store").glob("node.db.before-*"))
    assert "\nlog kz." in (tmp_path / "desk" / "kz.tlog-policy").read_text(encoding="utf-8")
