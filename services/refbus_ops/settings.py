"""`refbus-ops settings`: what a service would run with, and where each value came from."""

from __future__ import annotations

import os

import click

from refbus.output import put_json, say
from refbus.settings import AuditorSettings, GateSettings, GatewaySettings, OpsSettings, explain

_SERVICES = {"gate": GateSettings, "auditor": AuditorSettings, "gateway": GatewaySettings, "ops": OpsSettings}


@click.command()
@click.argument("service", type=click.Choice(list(_SERVICES)))
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def settings(service: str, as_json: bool) -> None:
    """Check the environment as SERVICE would, and show every setting with its source; secrets are shown as ***."""
    lines = explain(_SERVICES[service], os.environ)
    if as_json:
        put_json({line.name: {"value": line.value, "source": line.source} for line in lines})
        return
    for line in lines:
        say(f"{line.name:32} {line.value or '-':40} {line.source}")
