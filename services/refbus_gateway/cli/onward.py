"""`refbus case onward` and `refbus case copy`: to another organisation, or another time, without a link."""

from __future__ import annotations

from pathlib import Path

import click

from refbus.core.vocabulary import DataCategory
from refbus_gateway.cli.content import private_out, put_private
from refbus_gateway.cli.session import Session, example, with_session, words


@click.command()
@click.argument("referral", type=int)
@click.option(
    "--withhold",
    metavar="CATEGORY",
    multiple=True,
    type=click.Choice(list(DataCategory)),
    help="Leave a data category out; may be repeated.",
)
@private_out
@example("refbus case onward 4 --withhold HEALTH --out case.json")
@with_session
def onward(session: Session, referral: int, withhold: tuple[str, ...], out: Path | None) -> None:
    """Print a case file of what REFERRAL brought, to refer the person on to a third organisation.

    The consent under which it came must allow onward transfer of every category in it. The new recipient needs a
    consent of its own, and learns nothing of the first organisation.
    """
    from refbus_gateway.actions import cases  # late: the help needs none of it

    left_out = [DataCategory(name) for name in withhold]
    put_private(cases.onward_file(session.desk, session.actor, referral, left_out), out)


@click.command()
@click.argument("number", type=int)
@example("refbus case copy 3")
@with_session
def copy(session: Session, number: int) -> None:
    """Make a new case with the content of an own one, so that a later referral cannot be joined with an earlier one.

    The copy has names of its own and no consent yet: take it down again with `refbus consent grant`.
    """
    from refbus_gateway.actions import cases  # late: the help needs none of it

    made = cases.copy(session.desk, session.actor, number)
    session.tell(
        made, [words().text("Case %(case)s, with the content of case %(number)s.", case=made.case, number=number)]
    )


def add_onward(group: click.Group) -> None:
    """Add both commands to `refbus case`."""
    group.add_command(onward)
    group.add_command(copy)
