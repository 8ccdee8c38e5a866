"""After a restore: what a person must confirm before this office says yes to anything again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import click

from refbus.errors import Code, SetupError
from refbus.output import say
from refbus.said import said
from refbus_gateway.cli.prompts import ask_yes
from refbus_gateway.cli.session import Session, example, with_session, words
from refbus_gateway.cli.show import time_text
from refbus_gateway.cli.status import unread_texts
from refbus_gateway.words.catalogue import mark

if TYPE_CHECKING:
    from refbus_gateway.actions.restored import NotKnown, Told

_NOTHING: Final = mark("This home does not go on from a backup: there is nothing to confirm.")


def add_confirm_restored(group: click.Group) -> None:
    """Add the command about the whole home."""
    group.add_command(confirm_restored)


def add_confirm(group: click.Group) -> None:
    """Add the command about one case."""
    group.add_command(confirm)


@click.command(name="confirm-restored")
@click.option("--yes", is_flag=True, help="Do not ask.")
@example("refbus home confirm-restored")
@with_session
def confirm_restored(session: Session, *, yes: bool) -> None:
    """Say that this office may send again after it was restored from a backup.

    It reads everything that waits first, then says what it cannot know, for which time, and whom to call. Consents in
    the backup are confirmed case by case afterwards: `refbus consent confirm`.
    """
    from refbus_gateway.actions import restored  # late: the help needs none of it

    found = restored.not_known(session.desk, session.actor)
    if isinstance(found, restored.NotRestored):
        session.tell(found, [words().text(_NOTHING)])
        return
    if not (session.as_json or yes):
        say(*_lines(found), err=True)
        if not ask_yes(words(), words().text("Have you called them, and may this office send again?"), default=False):
            raise SetupError(Code.USAGE, said("nothing was confirmed"))
    done = restored.confirm(session.desk, session.actor)
    waiting = () if isinstance(done, restored.NotRestored) else done.waiting
    text = words().text(
        "Confirmed. Cases with something that waits for `refbus consent confirm`: %(waiting)s.",
        waiting=_numbers(waiting),
    )
    session.tell(done, [text])


@click.command(name="confirm")
@click.argument("case", type=int)
@click.option("--yes", is_flag=True, help="Do not ask.")
@example("refbus consent confirm 3")
@with_session
def confirm(session: Session, case: int, *, yes: bool) -> None:
    """Say that the consents of a case still stand, after this office was restored from a backup.

    Ask whoever works with the person: did they refuse, withdraw, or name an organisation that must not know, since the
    backup? If so, take that down instead: `refbus consent withdraw`, or `refbus consent grant` with a new form.
    """
    from refbus_gateway.actions import restored  # late: the help needs none of it

    known = restored.case_known(session.desk, session.actor, case)
    if isinstance(known, restored.NothingConfirmed):
        session.tell(known, [words().text(_NOTHING)])
        return
    if not (session.as_json or yes):
        say(
            words().text("What is known of case %(case)s is of %(date)s:", case=case, date=time_text(known.backup_ms)),
            err=True,
        )
        for each in known.consents:
            say(
                "  "
                + words().text(
                    "%(organisation)s: %(state)s, version %(version)s",
                    organisation=each.organisation,
                    state=each.state,
                    version=each.version,
                ),
                err=True,
            )
        say(
            "  "
            + words().text(
                "must never know: %(denied)s", denied=", ".join(known.denied) or words().text("nobody is named")
            ),
            err=True,
        )
        if not ask_yes(words(), words().text("Has the person said nothing else since?"), default=False):
            raise SetupError(Code.USAGE, said("nothing was confirmed: take down what they said"))
    session.tell(
        restored.confirm_case(session.desk, session.actor, case),
        [words().text("Confirmed. Case %(case)s can be sent.", case=case)],
    )


def _lines(found: NotKnown) -> list[str]:
    """Return what this home cannot know, for people."""
    since, until = time_text(found.backup_ms), time_text(found.restored_ms)
    lines = [
        words().text(
            "This office goes on from a backup of %(since)s; it was restored on %(until)s.", since=since, until=until
        ),
        words().text("It does not know what was recorded, sent, refused, withdrawn or erased here in that time."),
        "  "
        + words().text("Cases whose consents must be confirmed one by one: %(cases)s", cases=_numbers(found.cases)),
        "  "
        + words().text(
            "Call these, and ask what came from you in that time: %(call)s",
            call=", ".join(found.call) or words().text("none are known"),
        ),
    ]
    if found.answered:
        lines.append(
            "  "
            + words().text(
                "These have answered things that are not known here: %(answered)s", answered=", ".join(found.answered)
            )
        )
    lines += ["  " + _told(each) for each in found.told]
    lines += unread_texts({"case": [(each.case, each.code) for each in found.unread]})
    if found.inbox_lost:
        lines.append(
            "  "
            + words().text("The broker no longer has all that came in that time: ask everybody who may have written.")
        )
    if found.officers_unvouched:
        lines.append(
            "  "
            + words().text(
                "Its officers are those of the backup: `refbus officers list`, remove who left, then `renew`."
            )
        )
    return lines


def _told(found: Told) -> str:
    """Return who was told of the restore, and whether it has sent again what it said since the backup."""
    if found.answered_ms is None:
        return words().text(
            "%(organisation)s was told of it and has not answered yet.", organisation=found.organisation
        )
    return words().text(
        "%(organisation)s was told of it and sent again, on %(date)s, what it had said.",
        organisation=found.organisation,
        date=time_text(found.answered_ms),
    )


def _numbers(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers)) or words().text("none")
