"""`refbus sync` and `refbus run`: talking to the broker."""

from __future__ import annotations

import signal
import threading
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import click

from refbus_gateway.cli.session import Session, example, with_session, words

if TYPE_CHECKING:
    from refbus_gateway.actions.actor import Actor
    from refbus_gateway.actions.desk import Desk


@click.command()
@click.option("--timeout", type=click.IntRange(1, 600), default=30, show_default=True, help="Seconds to send for.")
@example("refbus sync")
@with_session
def sync(session: Session, timeout: int) -> None:
    """Read everything that waits, then send everything that waits."""
    from refbus_gateway.actions import delivery  # late: the help needs none of it

    done = delivery.sync(session.desk, session.actor, float(timeout))
    session.tell(done, [words().text("%(news)s new, %(waiting)s still waiting.", news=done.news, waiting=done.waiting)])


@click.command()
@click.option("--echo", is_flag=True, help="Answer practice by itself, where the directory says so of this office.")
@example("REFBUS_METRICS_PORT=9464 refbus run")
@with_session
def run(session: Session, *, echo: bool) -> None:
    """Keep reading and sending until stopped (Ctrl-C or SIGTERM). Other commands work meanwhile."""
    from refbus_gateway.actions import delivery  # late: the help needs none of it

    desk, actor, settings = session.desk, session.actor, session.settings
    desk.open()  # the passphrase is asked first, while Ctrl-C still ends the command
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    metrics = None
    if settings.metrics_port is not None:
        metrics = delivery.MetricsPlace(settings.metrics_port, settings.metrics_host, settings.metrics_public)
    ended = delivery.run(
        desk,
        actor,
        lambda begun: session.tell(begun, [words().text("Running.")]),
        stopped.is_set,
        metrics,
        after=partial(_echo, desk, actor) if echo else None,
    )
    session.tell(ended, [words().text("Stopped.")])


def _echo(desk: Desk, actor: Actor) -> None:
    """Answer what came in. Before the first directory nobody knows that this office echoes: it waits."""
    from refbus.errors import UncheckableError  # late: nothing else here needs them
    from refbus_gateway.actions import practice

    with suppress(UncheckableError):
        practice.answer_all(desk, actor)
