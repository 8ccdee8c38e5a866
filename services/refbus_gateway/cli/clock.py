"""`refbus clock`: what time counts and why, and a person's word about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from refbus_gateway.cli.session import Session, example, with_session

if TYPE_CHECKING:
    from refbus.clock import Standing


@click.group("clock")
def group() -> None:
    """Show which time counts and why; say that this computer's clock is right."""


@group.command("show")
@example("refbus clock show")
@with_session
def show(session: Session) -> None:
    """Show this computer's clock, the time that counts, and what others signed."""
    session.home.require()
    _tell(session, session.gateway.clock.standing())


@group.command("accept")
@example("refbus clock accept")
@with_session
def accept(session: Session) -> None:
    """Say that this computer's clock is right: from now on it counts. Compare it with another clock first.

    A running `refbus run` follows within a second.
    """
    gateway = session.gateway
    gateway.clock.accept()
    _tell(session, gateway.clock.standing())


def _tell(session: Session, standing: Standing) -> None:
    from refbus_gateway.cli.show import time_text  # late: the help needs none of it

    value = {
        "now_ms": standing.now_ms,
        "machine_ms": standing.wall_ms,
        "directory_published_ms": standing.published_ms,
        "directory_expires_ms": standing.expires_ms,
        "gate_ms": standing.gate_ms,
        "codes": list(standing.codes),
    }
    lines = [
        f"This computer says   {time_text(standing.wall_ms)}",
        f"The time that counts {time_text(standing.now_ms)}",
        f"Directory published  {time_text(standing.published_ms)}, ends {time_text(standing.expires_ms)}",
        f"The gate said        {time_text(standing.gate_ms)}",
    ]
    session.tell(value, [*lines, *_next_step(standing)])


def _next_step(standing: Standing) -> list[str]:
    from refbus.explain import explanation  # late: see above

    return [f"{code}: {explanation(code).next_step}" for code in standing.codes] or ["All is well."]
