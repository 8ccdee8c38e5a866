"""`refbus-ops directory lost`: what a stolen or lost computer of an organisation asks of its node, in one step."""

from __future__ import annotations

from pathlib import Path

import click

from refbus.clock import machine_ms
from refbus.core.ids import parse_org_id
from refbus.core.times import ZONED, read_time, show_second
from refbus.errors import Code, SetupError
from refbus.output import say
from refbus.trust.member import loss
from refbus.trust.publisher import changes
from refbus.trust.publisher.ceremony import FederationPaths
from refbus.trust.publisher.repository import Publication
from refbus_ops.staging import read_file, stage

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("org_id")
@click.option("--report", type=_FILE, help="The report that the organisation signed (`refbus keys lost`), if it could.")
@click.option("--since", metavar="TIME", help="Since when, like 2026-03-31T12:00+05:00; left out: as reported, or now.")
@click.option("--by-anchors", is_flag=True, help="Revoke so that no country can take it back; anchors sign too.")
@click.pass_obj
def lost(paths: FederationPaths, org_id: str, report: Path | None, since: str | None, by_anchors: bool) -> None:
    """Stage what a stolen or lost computer of an organisation asks for: it is suspended, all of its keys are revoked.

    Confirm it by telephone with somebody whose voice you know. It needs no report: often no computer is left to make
    one. Afterwards the organisation comes back by `enrol --recover-since`, then `reactivate`.
    """
    member = parse_org_id(org_id)
    since_ms = _since(since)

    def change(publication: Publication) -> None:
        told_ms = since_ms
        if report is not None:
            held, _ = changes.load_parts(publication, member)
            told = loss.check_report(read_file(report), held.organisation).since_ms
            told_ms = told if since_ms is None else min(told, since_ms)
        # Never later than now: whoever stole the keys may have signed the report, and would keep them until then.
        told_ms = machine_ms() if told_ms is None else min(told_ms, machine_ms())
        count = changes.lose(publication, member, told_ms, by_anchors=by_anchors)
        say(f"{member}: suspended, {count} keys revoked since {show_second(told_ms)}")
        say(f"when it has new keys: enrol --recover-since {told_ms}, then reactivate {member}")

    stage(paths, change)


def _since(text: str | None) -> int | None:
    found = None if text is None else read_time(text)
    if text is not None and found is None:
        raise SetupError(Code.USAGE, f"write {ZONED}")
    return found
