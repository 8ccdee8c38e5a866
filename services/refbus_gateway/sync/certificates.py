"""The certificate with which this office shows itself to its broker: when it ends, and whether it is refused."""

from __future__ import annotations

from refbus.bus.certificates import is_ending, show_day
from refbus.bus.cluster import Cluster
from refbus.errors import Code, RefbusError
from refbus.said import named
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.store import alarms


def watch(gateway: Gateway, bus: Cluster) -> None:
    """Tell a person that the certificate ends within thirty days; take that back when there is a new one.

    Raises SetupError FILE_UNREADABLE, StoreError.
    """
    end_ms, now_ms = bus.certificate_end_ms(), gateway.now_ms()
    ending = end_ms is not None and is_ending(end_ms, now_ms)
    detail = "" if end_ms is None else show_day(end_ms)
    with gateway.store.read() as tx:
        told = [each for each in alarms.standing_alarms(tx) if each.code == Code.TLS_CERTIFICATE_ENDING]
    if not ending and not told:
        return
    with gateway.store.write() as tx:
        for each in told:
            if not ending or each.detail != detail:
                alarms.clear_alarm(tx, each.id, now_ms)
        if ending:
            alarms.raise_alarm(tx, Code.TLS_CERTIFICATE_ENDING, named(detail), now_ms)


def end_of(bus: Cluster) -> int | None:
    """Return when the certificate ends, UTC ms; 0 when its file cannot be read, None without one."""
    try:
        return bus.certificate_end_ms()
    except RefbusError:
        return 0


def explain(gateway: Gateway, bus: Cluster, error: RefbusError) -> RefbusError:
    """Return what is behind a broker that does not answer: a certificate that is not accepted, else `error` itself.

    A refused certificate is an alarm too: most commands only say that something goes out later. Raises StoreError.
    """
    found = bus.refusal() if error.code is Code.BROKER_UNREACHABLE else None
    if found is None:
        return error
    with gateway.store.write() as tx:
        alarms.raise_alarm(tx, found.code, named(found.detail), gateway.now_ms())
    return found
