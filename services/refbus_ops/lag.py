"""`refbus-ops lag`: how far the gate is behind each topic that it reads."""

from __future__ import annotations

import click

from refbus.bus.port import Reader
from refbus.bus.topicset import gate_group
from refbus.core.ids import CountryCode
from refbus.errors import Code
from refbus.explain import explanation
from refbus.output import put_json, say
from refbus_ops.context import Operator


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def lag(operator: Operator, as_json: bool) -> None:
    """Show what waits in the topics that the gate of this country reads.

    Counted by what the gate has acknowledged to the broker; its store may be ahead of that by the last moment's work.
    """
    country = operator.one_country()
    found = {topic: _lag(operator, country, topic) for topic in gate_topics(operator, country)}
    if as_json:
        put_json({topic: {"end": end, "acknowledged": done} for topic, (end, done) in found.items()})
        return
    for topic, (end, done) in found.items():
        say(f"{topic:24} waiting {max(0, end - done):8}   end {end:10}   acknowledged {done:10}")
        if end < done:
            say(f"  {Code.LOG_TRUNCATED}: {explanation(Code.LOG_TRUNCATED).meaning}")


def gate_topics(operator: Operator, country: CountryCode) -> list[str]:
    """Return the event topics that the gate of `country` reads: its outbox and one border for each other member."""
    others = [other for other in operator.directory().countries() if other != country]
    return [f"{country}.outbox", *(f"{country}.border.{other}" for other in others)]


def _lag(operator: Operator, country: CountryCode, topic: str) -> tuple[int, int]:
    """Return end and acknowledged offset; a topic never read counts from its first record."""
    cluster = operator.cluster(country)
    reader: Reader = cluster.reader(topic)
    try:
        done = cluster.admin().group_offset(gate_group(country), topic)
        return reader.end_offset(), reader.begin_offset() if done is None else done
    finally:
        reader.close()
