"""`refbus-ops topics`: what a cluster should have, what it has, and the difference."""

from __future__ import annotations

from collections.abc import Iterator

import click

from refbus.bus import topicjobs, topicset
from refbus.bus.topicjobs import Job
from refbus.output import put_json, say
from refbus_ops.context import Operator
from refbus_ops.manifests import strimzi_resources

_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object a line, one line a country.")
_EXAMPLE = """\b
refbus-ops --country kz --gate-home G topics plan
refbus-ops --country kz --gate-home G topics apply
refbus-ops --gate-home G topics drift     # exits with 1 when anything differs"""


@click.group(epilog=_EXAMPLE)
def topics() -> None:
    """Compare topics and access rules with what is declared, and make them so."""


@topics.command()
@_JSON
@click.pass_obj
def plan(operator: Operator, as_json: bool) -> None:
    """Show what `apply` would do; change nothing."""
    topicjobs.show(jobs(operator), say, as_json=as_json)


@topics.command()
@_JSON
@click.pass_obj
def apply(operator: Operator, as_json: bool) -> None:
    """Make the cluster as declared. Topics are never deleted; what only a person can do is left and shown."""
    topicjobs.make(jobs(operator), say, as_json=as_json)


@topics.command()
@_JSON
@click.pass_context
def drift(context: click.Context, as_json: bool) -> None:
    """Show what differs; exits with 1 when anything does."""
    if not topicjobs.show(jobs(context.obj), say, as_json=as_json):
        context.exit(1)


@topics.command()
@click.option("--cluster", metavar="NAME", required=True, help="Name of the Kafka resource of Strimzi.")
@click.pass_obj
def manifests(operator: Operator, cluster: str) -> None:
    """Print what `apply` would make as resources of Strimzi (KafkaTopic, KafkaUser with rules and quotas), as JSON.

    No broker is asked: refbus-ops ... topics manifests --cluster kz | kubectl apply -f -
    """
    wanted = topicset.wanted(operator.directory(), operator.one_country(), production=operator.production)
    put_json(strimzi_resources(wanted, cluster))


def jobs(operator: Operator) -> Iterator[Job]:
    """Return the clusters that the operator speaks of, each with what it must have."""
    directory = operator.directory()
    for country in operator.countries():
        wanted = topicset.wanted(directory, country, production=operator.production)
        yield Job(wanted, operator.cluster(country).admin())
