"""`refbus-ops topics`: what a cluster should have, what it has, and the difference."""

from __future__ import annotations

import json
import sys

import click

from refbus.bus import topicplan, topicset
from refbus.bus.topicplan import Plan
from refbus.core.ids import CountryCode
from refbus.errors import Code, TransportError
from refbus_ops.context import Operator

_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object a line, one line a country.")


@click.group()
def topics() -> None:
    """Compare topics and access rules with what is declared, and make them so.

    \b
    refbus-ops --country kz --gate-home G topics plan
    refbus-ops --country kz --gate-home G topics apply
    refbus-ops --gate-home G topics drift     # exits with 1 when anything differs
    """  # noqa: D301 - click wants the character


@topics.command()
@_JSON
@click.pass_obj
def plan(operator: Operator, as_json: bool) -> None:
    """Show what `apply` would do; change nothing."""
    for country in operator.countries():
        _show(planned(operator, country), as_json=as_json)


@topics.command()
@_JSON
@click.pass_obj
def apply(operator: Operator, as_json: bool) -> None:
    """Make the cluster as declared. Topics are never deleted; what only a person can do is left and shown."""
    for country in operator.countries():
        todo = planned(operator, country)
        _show(todo, as_json=as_json)
        topicplan.apply(todo, operator.cluster(country).admin())
        rest = planned(operator, country)
        if rest.to_do:
            raise TransportError(Code.TOPIC_DRIFT, f"{rest.summary()}; the broker may still be working on it")


@topics.command()
@_JSON
@click.pass_obj
def drift(operator: Operator, as_json: bool) -> None:
    """Like plan; exits with 1 when the cluster is not as declared."""
    plans = [planned(operator, country) for country in operator.countries()]
    for each in plans:
        _show(each, as_json=as_json)
    if not all(each.is_clean for each in plans):
        sys.exit(1)


def planned(operator: Operator, country: CountryCode) -> Plan:
    """Return the difference for one country's cluster."""
    wanted = topicset.wanted(operator.directory(), country, production=operator.production)
    return topicplan.plan(wanted, operator.cluster(country).admin())


def _show(shown: Plan, *, as_json: bool) -> None:
    click.echo(json.dumps(shown.as_mapping()) if as_json else "\n".join(shown.lines()))
