"""`refbus-ops directory restore`: the repository comes back from what members have seen, never to a lower version."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from refbus.clock import machine_ms
from refbus.errors import Code, SetupError
from refbus.output import say
from refbus.trust.publisher import recovery
from refbus_ops.context import Operator

_PLACE = click.Path(path_type=Path, exists=True)
SEEN = click.option(
    "--seen",
    multiple=True,
    type=_PLACE,
    help="What a member has seen: the folder `directory` of its home, or an export. More than once.",
)


@click.command()
@SEEN
@click.option("--from", "source", type=_PLACE, help="A backup of the repository.")
@click.pass_context
def restore(context: click.Context, seen: tuple[Path, ...], source: Path | None) -> None:
    """Bring the repository up to the newest publication that a backup or a member has; never to an older one.

    Needs at least one member's word (--seen, or the gate of this operator): a backup does not know what came after it,
    and members take no version twice. Keys of the ceremony are brought back by hand.
    """
    places = [*seen, *seen_by_gate(context)]
    if not places:
        raise SetupError(Code.USAGE, "what have members seen? --seen with the folder `directory` of a gate's home")
    found = recovery.restore(context.obj, [*places, *([source] if source else [])], machine_ms())
    shutil.rmtree(context.obj.staged, ignore_errors=True)
    say(
        f"version {found.version}, timestamp {found.timestamp_version}: the newest that any of these places has",
        "Ask more members when you are not sure that these had a line to the last: the highest counts.",
        "Changes that were staged are to be made again. Then publish, and check with `log-check` and `verify`.",
    )


def seen_by_gate(context: click.Context) -> list[Path]:
    """Return where the gate of this operator keeps its directory, when it has one."""
    operator = context.find_root().obj
    home = (operator.home or operator.settings.gate_home) if isinstance(operator, Operator) else None
    found = None if home is None else home / "directory"
    return [found] if found is not None and (found / "tuf" / "timestamp.json").is_file() else []
