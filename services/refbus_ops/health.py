"""`refbus-ops health`: how a node stands, in one command and on one page of this machine."""

from __future__ import annotations

import threading
from typing import Any

import click

from refbus.output import put_json, say
from refbus_ops.context import Operator
from refbus_ops.findings import Finding, Level, look, worst
from refbus_ops.healthpage import serve_page

_EXIT = {Level.GREEN: 0, Level.AMBER: 1, Level.RED: 7}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--serve", "port", type=click.IntRange(0, 65535), metavar="PORT", help="Show it on 127.0.0.1:PORT.")
@click.pass_context
def health(context: click.Context, as_json: bool, port: int | None) -> None:
    """Look at everything a node needs: red, amber or green, each with its next step.

    Gate and auditor by their metrics and the alert rules; broker, other countries' brokers, directory, keys,
    certificates, disk, backups. What counters say of the last hour is told by Prometheus alone. Nothing here can read a
    case.

    Exit codes: 0 all is green, 1 something is amber, 7 something is red; others as for every command.
    """
    operator: Operator = context.obj
    operator.one_country()
    if port is not None:
        _serve(operator, port)
        return
    found = look(operator)
    if as_json:
        put_json(summary(found))
    else:
        say(*(line for each in found for line in _lines(each)), f"{'ALL':20} {worst(found)}")
    context.exit(_EXIT[worst(found)])


def summary(found: list[Finding]) -> dict[str, Any]:
    """Return findings as the JSON object of the command and of the page."""
    return {"level": str(worst(found)), "findings": [each.as_mapping() for each in found]}


def _lines(each: Finding) -> list[str]:
    lines = [f"{each.subject:20} {each.level:6} {each.says}"]
    return lines + ([f"{'':20} next:  {each.next_step}"] if each.next_step else [])


def _serve(operator: Operator, port: int) -> None:
    server = serve_page(lambda: look(operator), port)
    say(f"http://127.0.0.1:{server.port}/")
    try:
        threading.Event().wait()
    finally:
        server.close()
