"""`refbus-ops broker`: whether the cluster answers and is safe to use."""

from __future__ import annotations

import click

from refbus.bus.topicplan import cluster_problem
from refbus.core.ids import CountryCode
from refbus.output import put_json, say
from refbus_ops.context import Operator


@click.group()
def broker() -> None:
    """Look at the brokers of a country."""


@broker.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, one line a country.")
@click.pass_context
def status(context: click.Context, as_json: bool) -> None:
    """Show what the cluster says about itself; exits with 1 when it is not safe to use, 3 when it does not answer."""
    operator: Operator = context.obj
    found = [_status(operator, country) for country in operator.countries()]
    for each in found:
        if as_json:
            put_json(each)
        else:
            say(*(f"{name + ':':16} {value}" for name, value in each.items()))
    if any(each["problem"] for each in found):
        context.exit(1)


def _status(operator: Operator, country: CountryCode) -> dict[str, object]:
    admin = operator.cluster(country).admin()
    cluster = admin.cluster()
    return {
        "country": country,
        "cluster": cluster.cluster_id,
        "brokers": ", ".join(cluster.brokers),
        "encrypted": "yes" if operator.address(country).tls else "no",
        "access rules": "none: no authoriser" if (rules := admin.acls()) is None else str(len(rules)),
        "topics": len([name for name in admin.topics() if name.startswith(f"{country}.")]),
        "problem": cluster_problem(
            cluster, plaintext=operator.address(country).tls is None, production=operator.production
        ),
    }
