"""`refbus clock`: what time counts and why, and a person's word about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from refbus_gateway.cli.session import Session, example, with_session, words

if TYPE_CHECKING:
    from refbus_gateway.actions.status import ClockStanding


@click.group("clock")
def group() -> None:
    """Show which time counts and why; say that this computer's clock is right."""


@group.command("show")
@example("refbus clock show")
@with_session
def show(session: Session) -> None:
    """Show this computer's clock, the time that counts, and what others signed."""
    from refbus_gateway.actions import status  # late: the help needs none of it

    _tell(session, status.clock(session.desk, session.actor))


@group.command("accept")
@example("refbus clock accept")
@with_session
def accept(session: Session) -> None:
    """Say that this computer's clock is right: from now on it counts. Compare it with another clock first.

    A running `refbus run` follows within a second.
    """
    from refbus_gateway.actions import status  # late: the help needs none of it

    _tell(session, status.accept_clock(session.desk, session.actor))


def _tell(session: Session, found: ClockStanding) -> None:
    from refbus_gateway.cli.show import time_text  # late: the help needs none of it

    ends = time_text(found.directory_expires_ms)
    lines = [
        words().text("This computer says   %(date)s", date=time_text(found.machine_ms)),
        words().text("The time that counts %(date)s", date=time_text(found.now_ms)),
        words().text(
            "Directory published  %(date)s, ends %(ends)s", date=time_text(found.directory_published_ms), ends=ends
        ),
        words().text("The gate said        %(date)s", date=time_text(found.gate_ms)),
    ]
    session.tell(found, [*lines, *_next_step(found)])


def _next_step(found: ClockStanding) -> list[str]:
    from refbus_gateway.words.codes import next_step  # late: see above

    return [f"{code}: {next_step(words(), code)}" for code in found.codes] or [words().text("All is well.")]
