"""`refbus topics`: the topics of this organisation's country, as `refbus-ops topics` has them for the operator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from refbus.output import say
from refbus_gateway.cli.session import Session, example, with_session

if TYPE_CHECKING:  # only for the types: the help of a command needs none of it
    from refbus.bus.topicjobs import Job


@click.group()
def group() -> None:
    """Compare topics and access rules with what is declared, and make them so (for operators)."""


@group.command()
@example("refbus topics plan")
@with_session
def plan(session: Session) -> None:
    """Show what `apply` would do; change nothing."""
    from refbus.bus import topicjobs  # late: most commands need no topics

    topicjobs.show([_job(session)], say, as_json=session.as_json)


@group.command()
@example("refbus topics apply")
@with_session
def apply(session: Session) -> None:
    """Make the cluster as declared; the broker lets only its operator do this."""
    from refbus.bus import topicjobs  # late: see above

    topicjobs.make([_job(session)], say, as_json=session.as_json)


@group.command()
@example("refbus topics drift")
@with_session
def drift(session: Session) -> int:
    """Show what differs; exits with 1 when anything does."""
    from refbus.bus import topicjobs  # late: see above

    return 0 if topicjobs.show([_job(session)], say, as_json=session.as_json) else 1


def _job(session: Session) -> Job:
    """Return the cluster of this home's country and what it must have by the directory verified here."""
    from refbus.settings import Profile  # late: see above
    from refbus_gateway.actions import delivery

    production = session.settings.profile is Profile.PRODUCTION
    return delivery.topics(session.desk, session.actor, session.clock(), production=production)
