"""`refbus-ops settings`: the environment as a service would read it."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from refbus.errors import Code, SetupError
from refbus_ops.cli import root

GATE = {"REFBUS_COUNTRY": "kz", "REFBUS_GATE_HOME": "/srv/gate", "REFBUS_GATE_PASSPHRASE_FILE": "/srv/secret"}


def test_settings_are_shown_with_their_source() -> None:
    """Every setting of the gate has a line; secrets are stars, and what is not set comes from the default."""
    result = CliRunner(env=GATE).invoke(root, ["settings", "gate"])
    lines = {line.split()[0]: line.split()[1:] for line in result.output.splitlines()}
    assert result.exit_code == 0
    assert lines["REFBUS_COUNTRY"] == ["kz", "environment"]
    assert lines["REFBUS_GATE_PASSPHRASE_FILE"] == ["***", "environment"]
    assert lines["REFBUS_METRICS_PORT"] == ["-", "default"]


def test_settings_for_scripts() -> None:
    """With --json it is one object."""
    result = CliRunner().invoke(root, ["settings", "ops", "--json"])
    assert json.loads(result.output)["REFBUS_PROFILE"] == {"value": "development", "source": "default"}


def test_missing_setting_of_the_service_is_told() -> None:
    """What the gate would refuse to start on is refused here."""
    result = CliRunner().invoke(root, ["settings", "gate"])
    assert isinstance(result.exception, SetupError)
    assert result.exception.code is Code.SETTINGS_INVALID


@pytest.mark.parametrize("service", ["gate", "auditor", "gateway", "ops"])
def test_unknown_name_is_refused_for_every_service(service: str) -> None:
    """A misspelt name is found whichever service is asked for."""
    result = CliRunner(env={**GATE, "REFBUS_GATE_HOM": "x"}).invoke(root, ["settings", service])
    assert isinstance(result.exception, SetupError)
