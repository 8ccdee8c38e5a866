"""`refbus-ops`: the operator's command. One file per group; this one only puts them together."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path

import click

from refbus import command
from refbus.core.ids import parse_country
from refbus.settings import OpsSettings, from_environment
from refbus_ops.audit import audit
from refbus_ops.broker import broker
from refbus_ops.bundle import bundle
from refbus_ops.ca import ca
from refbus_ops.ceremonybackup import backup
from refbus_ops.context import Operator
from refbus_ops.country import country as country_group
from refbus_ops.directory import directory
from refbus_ops.health import health
from refbus_ops.lag import lag
from refbus_ops.logcheck import log_check
from refbus_ops.refused import quarantine, refused, replay, replays
from refbus_ops.settings import settings
from refbus_ops.topics import topics


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--country", metavar="CC", help="Country of the node; default REFBUS_OPS_COUNTRY.")
@click.option(
    "--gate-home",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the gate; default REFBUS_OPS_GATE_HOME.",
)
@click.version_option(package_name="refbus", message="%(version)s")
@click.pass_context
def root(context: click.Context, country: str | None, gate_home: Path | None) -> None:
    """Operate a national node. Nothing here can read a case.

    \b
    REFBUS_BOOTSTRAP_KZ=127.0.0.1:9092 refbus-ops --country kz --gate-home G topics plan
    refbus-ops --country kz --gate-home G lag
    refbus-ops --country kz --gate-home G refused list

    Exit codes: 0 done, 1 drift or not clean, 2 usage or settings, 3 broker away (try again), 4 refused by a rule,
    5 malformed or false input, 6 store, 7 red (health).
    """  # noqa: D301 - click wants the character
    if context.resilient_parsing:
        return
    environment = from_environment(OpsSettings, os.environ)
    context.obj = Operator(environment, parse_country(country) if country else None, gate_home, account=_account())


directory.add_command(log_check)
directory.add_command(backup)
for _group in (
    health,
    bundle,
    topics,
    lag,
    refused,
    quarantine,
    replay,
    replays,
    broker,
    directory,
    audit,
    settings,
    country_group,
    ca,
):
    root.add_command(_group)


def _account() -> str:
    """Return the account of the machine that runs the command: behind sudo the one from which it was called."""
    return os.environ.get("SUDO_USER") or getpass.getuser()


def main() -> int:
    """Run the command and return its exit status; an error is two lines. The environment is read here."""
    debug_dir = os.environ.get("REFBUS_DEBUG_DIR")
    return command.run(root, sys.argv[1:], name="refbus-ops", debug_dir=Path(debug_dir) if debug_dir else None)
