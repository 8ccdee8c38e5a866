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

    A border whose topic is not made yet is said to be closed; it hides no other.
    Counted by what the gate has acknowledged to the broker; its store may be ahead of that by the last moment's work.
    """
    country = operator.one_country()
    found = {topic: _lag(operator, country, topic) for topic in gate_topics(operator, country)}
    if as_json:
        nothing = {"end": None, "acknowledged": None}
        put_json({t: nothing if each is None else dict(zip(nothing, each, strict=True)) for t, each in found.items()})
        return
    for topic, each in found.items():
        if each is None:
            say(f"{topic:24} closed: there is no such topic; `refbus-ops topics apply` makes it")
            continue
        end, done = each
        say(f"{topic:24} waiting {max(0, end - done):8}   end {end:10}   acknowledged {done:10}")
        if end < done:
            say(f"  {Code.LOG_TRUNCATED}: {explanation(Code.LOG_TRUNCATED).meaning}")


def gate_topics(operator: Operator, country: CountryCode) -> list[str]:
    """Return the event topics that the gate of `country` reads: its outbox and one border for each other member."""
    others = [other for other in operator.directory().countries() if other != country]
    return [f"{country}.outbox", *(f"{country}.border.{other}" for other in others)]


def _lag(operator: Operator, country: CountryCode, topic: str) -> tuple[int, int] | None:
    """Return end and acknowledged offset, None for a border without a topic.

    A topic never read counts from its first record. Raises SetupError TOPIC_MISSING for the outbox.
    """
    cluster = operator.cluster(country)
    admin = cluster.admin()
    if ".border." in topic and not admin.topics([topic]):
        return None
    reader: Reader = cluster.reader(topic)
    try:
        done = admin.group_offset(gate_group(country), topic)
        return reader.end_offset(), reader.begin_offset() if done is None else done
    finally:
        reader.close()
