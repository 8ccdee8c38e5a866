"""`refbus unlock` and `refbus lock`: one passphrase for the commands of a sitting."""

from __future__ import annotations

import click

from refbus_gateway.cli.session import Session, example, with_session, words


@click.command()
@click.option(
    "--minutes", type=click.IntRange(1, 120), default=10, show_default=True, help="Minutes without a command."
)
@example("refbus --as aigul unlock", "refbus inbox list", "refbus lock")
@with_session
def unlock(session: Session, minutes: int) -> None:
    """Ask for the passphrase now, and not for each command: a small process keeps the home open in memory.

    It ends after so many minutes without a command, after twelve hours, with `refbus lock`, when somebody locks the
    home, and when the people of the home change. What cannot be taken back asks for the passphrase all the same.
    Only on Linux.
    """
    from refbus_gateway.actions import unlocking  # late: the help needs none of it

    desk, actor = session.desk, session.actor
    sitting = unlocking.Sitting(session.opened, session.name or "", minutes)
    done = unlocking.unlock(desk, actor, sitting, session.runtime.environ)
    told = words().plural(
        "Unlocked until %(n)s minute passes without a command: refbus lock",
        "Unlocked until %(n)s minutes pass without a command: refbus lock",
        done.minutes,
    )
    session.tell(done, [told])


@click.command()
@example("refbus lock")
@with_session
def lock(session: Session) -> None:
    """Forget what `refbus unlock` keeps: the next command asks for the passphrase.

    It needs none itself. To lock everybody out in danger: refbus people lock.
    """
    from refbus_gateway.actions import unlocking  # late: the help needs none of it

    done = unlocking.lock(session.home_path, session.runtime.environ)
    told = words().text("Locked: the next command asks for the passphrase.")
    session.tell(done, [told if done.was_unlocked else words().text("Nothing was unlocked.")])
