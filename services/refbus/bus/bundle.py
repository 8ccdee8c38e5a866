"""Writing a handful of records that belong together, and knowing that the broker has them all."""

from __future__ import annotations

from collections.abc import Iterable

from refbus.bus.port import Producer
from refbus.errors import Code, RefbusError, TransportError


def write_all(producer: Producer, topic: str, values: Iterable[bytes], timeout_s: float = 30.0) -> None:
    """Write `values` in order and wait until the broker has each of them; the producer stays open.

    Raises TransportError: the error of the first record that was not taken, or BROKER_UNREACHABLE after `timeout_s`.
    Some may have been stored then; the same call may be repeated.
    """
    failures: list[RefbusError] = []

    def note(error: RefbusError | None) -> None:
        if error is not None:
            failures.append(error)

    for value in values:
        producer.produce(topic, value, note)
    left = producer.flush(timeout_s)
    if failures or left:
        raise failures[0] if failures else TransportError(Code.BROKER_UNREACHABLE, topic)
