"""`refbus-ops directory send`: what is published reaches the brokers."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from refbus.bus.address import BrokerAddress
from refbus.bus.memory import MemoryBus
from refbus.errors import Code, SetupError
from refbus.settings import OpsSettings, from_environment
from refbus.wire.transport import DirectoryFile
from refbus_ops.context import Operator
from refbus_ops.directory import directory
from support.ceremonies import KZ, Lab, lab

PLACES = {"REFBUS_BOOTSTRAP_KZ": "127.0.0.1:9001", "REFBUS_BOOTSTRAP_UZ": "127.0.0.1:9002"}


@pytest.fixture
def fed(tmp_path: Path) -> Lab:
    """Make a federation."""
    return lab(tmp_path)


def send(fed: Lab, buses: dict[str, MemoryBus], environ: dict[str, str]) -> Result:
    """Run the command as the operator of kz; `buses` are by address."""

    def connect(address: BrokerAddress) -> MemoryBus:
        return buses[address.bootstrap]

    @click.group()
    @click.pass_context
    def root(context: click.Context) -> None:
        context.obj = Operator(from_environment(OpsSettings, environ), KZ, connect=connect)

    root.add_command(directory)
    return CliRunner().invoke(root, ["directory", "--federation", str(fed.paths.out), "send"])


def test_own_gateways_and_other_countries_get_every_file_in_order(fed: Lab) -> None:
    """Our own country gets it on its directory topic, another one on its federation topic."""
    buses = {"127.0.0.1:9001": MemoryBus(["kz.directory"]), "127.0.0.1:9002": MemoryBus(["uz.federation"])}
    result = send(fed, buses, PLACES)
    assert result.exit_code == 0, result.output
    for address, topic in (("127.0.0.1:9001", "kz.directory"), ("127.0.0.1:9002", "uz.federation")):
        written = [DirectoryFile.parse(record.value) for record in buses[address].records(topic)]
        assert [(file.path, file.content) for file in written] == fed.files()


def test_without_a_broker_it_says_what_to_set(fed: Lab) -> None:
    """Nothing is sent and the setting is named."""
    result = send(fed, {}, {})
    assert isinstance(result.exception, SetupError)
    assert result.exception.code is Code.SETTINGS_INVALID
