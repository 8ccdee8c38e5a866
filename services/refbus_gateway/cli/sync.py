"""`refbus sync` and `refbus run`: talking to the broker."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from refbus_gateway.cli.session import Session, example, with_session

if TYPE_CHECKING:
    from refbus.telemetry import MetricsServer


@click.command()
@click.option("--timeout", type=click.IntRange(1, 600), default=30, show_default=True, help="Seconds to send for.")
@example("refbus sync")
@with_session
def sync(session: Session, timeout: int) -> None:
    """Read everything that waits, then send everything that waits."""
    from refbus_gateway.sync.synchroniser import Synchroniser  # late: the help needs none of it

    with session.home.exclusive():
        synchroniser = Synchroniser(session.gateway, session.connect())
        try:
            done = synchroniser.once(float(timeout))
        finally:
            synchroniser.close()
    session.tell({"news": done.news, "waiting": done.waiting}, [f"{done.news} new, {done.waiting} still waiting."])


@click.command()
@example("REFBUS_METRICS_PORT=9464 refbus run")
@with_session
def run(session: Session) -> None:
    """Keep reading and sending until stopped (Ctrl-C or SIGTERM). Other commands work meanwhile."""
    from refbus_gateway.sync.daemon import Daemon  # late: the help needs none of it

    gateway = session.gateway  # the passphrase is asked first, while Ctrl-C still ends the command
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    with session.home.exclusive():
        daemon = Daemon(gateway, session.connect(), session.home.config())
        server = _serve(session, daemon)
        session.tell({"running": True, "metrics_port": server.port if server else None}, ["Running."])
        _loop(daemon, stopped.is_set)
        if server is not None:
            server.close()
    session.tell({"running": False}, ["Stopped."])


def _serve(session: Session, daemon: object) -> MetricsServer | None:
    from refbus.telemetry import serve  # late: only a daemon serves metrics
    from refbus_gateway.sync.daemon import Daemon

    settings = session.settings
    if settings.metrics_port is None or not isinstance(daemon, Daemon):
        return None
    return serve(daemon.metrics, settings.metrics_port, settings.metrics_host, public=settings.metrics_public)


def _loop(daemon: object, stop: Callable[[], bool]) -> None:
    from refbus_gateway.sync.daemon import Daemon  # late: see above

    if isinstance(daemon, Daemon):
        try:
            daemon.run(stop)
        finally:
            daemon.close()
