"""What a gate did not pass on, for its operator: whose it is, why, since when, and what may be done about it.

Read from the store, with the passphrase of the gate's home. Nothing of a record is shown but where it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from refbus.core.directory import Directory
from refbus.core.gate.passage import Outcome
from refbus.core.units import HOUR_MS
from refbus.node.store.accounting import Stopped, held, stopped
from refbus.node.store.node import NodeStore
from refbus_gate.orders.waiting import name_of, names_of

_MAY: Final[Mapping[Outcome, str]] = {
    Outcome.HELD: "it goes on by itself; its sender is told when its time is over",
    Outcome.REFUSED: "its sender was told why; when the cause has changed: replay, by two persons",
    Outcome.QUARANTINED: "find out who wrote it; a fault of the software: report it, then replay, by two persons",
}
"""What may be done. Consent can be overridden by nobody: a replay is decided by the same rules."""


def report(store: NodeStore, directory: Directory, topics: Iterable[str], now_ms: int) -> Iterator[dict[str, Any]]:
    """Yield what waits and what was stopped, newest first, each as the JSON object of a line."""
    names = names_of(store, directory, topics)
    with store.database.reading() as connection:
        found = [*held(connection), *stopped(connection)]
    for each in found:
        yield {
            "decision": each.decision_id.hex(),
            "outcome": str(each.outcome),
            "sender": name_of(names, each.owner_key),
            "code": each.code,
            "hours": max(0, now_ms - each.since_ms) // HOUR_MS,
            "topic": each.topic,
            "offset": each.offset,
            "may": may(each),
        }


def may(each: Stopped) -> str:
    """Return what may be done about a record."""
    return _MAY.get(each.outcome, "nothing is to be done")


def lines(found: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Yield the report as lines of text."""
    for each in found:
        yield f"{each['decision']}  {each['outcome']:11} {each['code']}, {each['hours']} hours, from {each['sender']}"
        yield f"  {each['topic']} {each['offset']}; {each['may']}"
