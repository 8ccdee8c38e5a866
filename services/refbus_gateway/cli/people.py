"""`refbus people`: who works here, in which role, who signs in, what they did."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from refbus.errors import Code, SetupError
from refbus.said import said
from refbus_gateway.cli import content
from refbus_gateway.cli.officers import SECOND, SECOND_FILE, officer_passphrase, second_of
from refbus_gateway.cli.session import PAGE, Session, example, paged, with_session, words

if TYPE_CHECKING:
    from refbus_gateway.actions.people import PersonShown

_FILE = click.Path(path_type=Path)
_ROLES = click.Choice(["CASE_WORKER", "SUPERVISOR", "FOCAL_POINT", "ADMINISTRATOR"])
_BY_FILE = click.option("--new-passphrase-file", type=_FILE, help="The new passphrase; else asked.")


@click.group(name="people")
def group() -> None:
    """Keep the people of this organisation: each signs in with a passphrase of one's own."""


@group.command()
@click.argument("name")
@click.option("--shown", default="", help="How colleagues call the person; the name, if not given.")
@click.option("--language", default="en", show_default=True, help="Language of the person.")
@_BY_FILE
@example('refbus people begin "aigul"')
@with_session
def begin(session: Session, name: str, shown: str, language: str, new_passphrase_file: Path | None) -> None:
    """Give this home its first person, an administrator. From then on everybody signs in with --as NAME."""
    from refbus_gateway.actions import people  # late: the help needs none of it
    from refbus_gateway.actions.actor import Role

    desk, actor = session.desk, session.actor
    desk.open()
    passphrase = officer_passphrase(words().text("Passphrase of the first person"), new_passphrase_file, confirm=True)
    first = people.Newcomer(name, shown, Role.ADMINISTRATOR, language, passphrase)
    done = people.begin(desk, actor, first)
    session.tell(
        done, [words().text("%(name)s is the administrator: refbus --as %(name)s people list", name=done.name)]
    )


@group.command()
@click.argument("name")
@click.option("--role", type=_ROLES, default="CASE_WORKER", show_default=True)
@click.option("--shown", default="", help="How colleagues call the person; the name, if not given.")
@click.option("--language", default="en", show_default=True, help="Language of the person.")
@_BY_FILE
@SECOND
@SECOND_FILE
@example("refbus --as aigul people add botir --role CASE_WORKER")
@with_session
def add(session: Session, /, name: str, role: str, shown: str, language: str, **given: Path | str | None) -> None:
    """Give somebody a role, and a passphrase that the person types. An administrator needs a second person."""
    from refbus_gateway.actions import people  # late: the help needs none of it
    from refbus_gateway.actions.actor import Role

    desk, actor = session.desk, session.actor
    passphrase = officer_passphrase(
        words().text("Passphrase of %(name)s", name=name), _path(given["new_passphrase_file"]), confirm=True
    )
    newcomer = people.Newcomer(name, shown, Role(role), language, passphrase)
    done = people.add(desk, actor, newcomer, second_of(given))
    session.tell(done, [_line(done)])


@group.command(name="list")
@example("refbus --as aigul people list")
@with_session
def list_(session: Session) -> None:
    """List everybody, who was locked out too."""
    from refbus_gateway.actions import people  # late: the help needs none of it

    found = people.listed(session.desk, session.actor)
    session.tell(found, [_line(each) for each in found] or [words().text("Nobody yet: refbus people begin NAME")])


@group.command()
@click.argument("name")
@click.argument("role", type=_ROLES)
@SECOND
@SECOND_FILE
@example("refbus --as aigul people role botir SUPERVISOR")
@with_session
def role(session: Session, /, name: str, role: str, **given: Path | str | None) -> None:
    """Give somebody another role. Becoming administrator needs a second person; the last administrator stays one."""
    from refbus_gateway.actions import people  # late: the help needs none of it
    from refbus_gateway.actions.actor import Role

    done = people.set_role(session.desk, session.actor, name, Role(role), second_of(given))
    session.tell(done, [_line(done)])


@group.command(name="lock-out")
@click.argument("name")
@example("refbus --as aigul people lock-out botir")
@with_session
def lock_out(session: Session, name: str) -> None:
    """Lock somebody out, and seal the keys anew; nobody else notices.

    Whoever copied the home before still opens that copy: then also make new keys, and tell the node operator.
    """
    from refbus_gateway.actions import people  # late: the help needs none of it

    done = people.lock_out(session.desk, session.actor, name)
    again = words().text("`refbus run` must be started again, unless it has a service passphrase of its own.")
    session.tell(done, [_line(done), again])


@group.command()
@click.argument("name", required=False)
@_BY_FILE
@example("refbus --as aigul people passphrase", "refbus --as aigul people passphrase botir")
@with_session
def passphrase(session: Session, name: str | None, new_passphrase_file: Path | None) -> None:
    """Change your own passphrase, or give NAME another one who forgot it."""
    from refbus_gateway.actions import people  # late: the help needs none of it

    desk, actor = session.desk, session.actor
    old = "" if name else session.passphrase()
    new = officer_passphrase(words().text("New passphrase"), new_passphrase_file, confirm=True)
    done = people.replace_passphrase(desk, actor, name, new) if name else people.set_passphrase(desk, actor, old, new)
    session.tell(done, [words().text("Changed.")])


@group.command()
@click.option("--off", is_flag=True, help="Take the service's passphrase away.")
@_BY_FILE
@example("refbus --as aigul people service --new-passphrase-file /srv/refbus/passphrase")
@with_session
def service(session: Session, new_passphrase_file: Path | None, *, off: bool) -> None:
    """Give `refbus run` a passphrase of its own: it reads and sends, and may do nothing else."""
    from refbus_gateway.actions import people  # late: the help needs none of it

    desk, actor = session.desk, session.actor
    word = (
        None
        if off
        else officer_passphrase(words().text("Passphrase of the service"), new_passphrase_file, confirm=True)
    )
    done = people.set_service(desk, actor, word)
    told = words().text("The service opens nothing.")
    if done.service:
        told = words().text("The service has a passphrase of its own.")
    session.tell(done, [told])


@group.command()
@click.argument("name", required=False)
@click.option("--off", is_flag=True, help="Ask for no codes any more; with NAME for somebody who lost the telephone.")
@click.option("--confirm", metavar="CODE", help="The first code from the telephone: from now on they are asked for.")
@SECOND
@SECOND_FILE
@example(
    "refbus --as aigul people codes",
    "refbus --as aigul people codes --confirm 123456",
    "refbus --as aigul people codes botir --off --second cholpon",
)
@with_session
def codes(session: Session, /, name: str | None, confirm: str | None, *, off: bool, **given: Path | str | None) -> None:
    """Ask for a one-time code (TOTP) at your own sign-in, once a first code showed that the telephone has the secret.

    Only you set yours up. Taking away those of NAME needs a second person.
    """
    from refbus_gateway.actions import codes as asked  # late: the help needs none of it

    desk, actor = session.desk, session.actor
    if name is not None and not off:
        raise SetupError(Code.USAGE, said("NAME goes with --off: everybody begins their own codes"))
    if off:
        done = asked.end(desk, actor) if name is None else asked.remove(desk, actor, name, second_of(given))
        session.tell(done, [words().text("No one-time codes any more.")])
    elif confirm is not None:
        session.tell(asked.confirm(desk, actor, confirm), [words().text("A code is asked for from the next sign-in.")])
    else:
        begun = asked.begin(desk, actor)
        lines = [
            words().text("For the telephone: %(secret)s", secret=begun.secret),
            words().text("Spare codes, each good once:"),
            *begun.spare,
            words().text("Then type a code from the telephone: refbus people codes --confirm CODE"),
        ]
        session.tell(begun, lines)


@group.command()
@click.option("--of", help="Only what this person did, by id: refbus people list --json.")
@paged
@example("refbus --as aigul people log")
@with_session
def log(session: Session, of: str | None, limit: int | None, page: int) -> None:
    """Show who did what, the newest first: names of actions and numbers, nothing of a case."""
    from refbus_gateway.actions import logbook  # late: the help needs none of it
    from refbus_gateway.cli.show import time_text

    most = limit or PAGE
    found = logbook.show(session.desk, session.actor, most, most * (page - 1), of)
    lines = [
        f"{time_text(each.at_ms)}  {each.shown or each.person:20} {each.role:14} {each.action:28} {each.about or ''}"
        for each in found.lines
    ]
    broken = [] if found.whole else [words().text("The log was changed or cut outside of this program.")]
    session.tell(found, [*broken, *lines, *session.more(found.total, most, most * (page - 1))])


@group.command()
@click.argument("case", type=int)
@click.argument("name", required=False)
@click.option(
    "--note-file",
    type=click.Path(path_type=Path),
    help="File with what the colleague should know; it stays in this office. - for standard input.",
)
@example("refbus --as aigul people assign 3 botir", "refbus --as aigul people assign 3")
@with_session
def assign(session: Session, case: int, name: str | None, note_file: Path | None) -> None:
    """Give a case to somebody, hand it over, or make it nobody's."""
    from refbus_gateway.actions import assignments  # late: the help needs none of it

    note = "" if note_file is None else content.text_of(note_file)
    done = assignments.assign(session.desk, session.actor, case, name, note=note)
    session.tell(done, [words().text("Case %(case)s: %(name)s.", case=done.case, name=name or words().text("nobody"))])


@group.command()
@click.argument("name")
@example("refbus --as aigul people cases botir")
@with_session
def cases(session: Session, name: str) -> None:
    """List the cases that are somebody's."""
    from refbus_gateway.actions import assignments  # late: the help needs none of it

    found = assignments.cases_of(session.desk, session.actor, name)
    session.tell(found, [str(each) for each in found] or [words().text("None.")])


@group.command()
@example("refbus people lock")
@with_session
def lock(session: Session) -> None:
    """Lock the home at once: only an administrator signs in, and that unlocks it."""
    from refbus_gateway.actions import people  # late: the help needs none of it

    session.tell(
        people.lock(session.desk, session.actor), [words().text("Locked. An administrator unlocks it by signing in.")]
    )


def _path(given: Path | str | None) -> Path | None:
    return given if isinstance(given, Path) else None


def _line(each: PersonShown) -> str:
    marks = [each.state.value if each.opens or each.state != "ACTIVE" else words().text("has no key")]
    marks += [words().text("one-time codes")] if each.codes else []
    return f"{each.person}  {each.name:20} {each.shown:20} {each.role:14} {', '.join(marks)}"
