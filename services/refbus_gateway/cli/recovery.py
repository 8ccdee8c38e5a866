"""`refbus recovery`: key shares on paper for several keepers, and an office that enough of them open again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from refbus.files import read_limited
from refbus.output import say
from refbus_gateway.cli.backup import asked_about_settings, lines_of_restore
from refbus_gateway.cli.officers import officer_passphrase, second_of
from refbus_gateway.cli.prompts import ask_text
from refbus_gateway.cli.session import Session, example, with_session, words

if TYPE_CHECKING:
    from refbus_gateway.actions.recovery import SheetsMade

_FILE = click.Path(path_type=Path)
_MOST_SHEET_BYTES = 16_384
_A_LINE = 3


@click.group(name="recovery")
def group() -> None:
    """Make recovery sheets: key shares on paper, of which some together open this office again."""


@group.command()
@click.option("--needed", default=2, show_default=True, help="How many sheets are enough.")
@click.option("--keepers", default=3, show_default=True, help="How many sheets there are, one for each keeper.")
@click.option("--second", help="Another person who agrees, by the name to sign in with.")
@click.option("--second-passphrase-file", type=_FILE, help="Passphrase of that person; else asked.")
@example("refbus --as aigul recovery make --second botir")
@with_session
def make(session: Session, /, needed: int, keepers: int, **given: Path | str | None) -> None:
    """Show the words of new sheets, once: write them on paper, and keep no file. Sheets of before open nothing more.

    A backup that was made earlier is opened by the sheets of its own time.
    """
    from refbus_gateway.actions import recovery  # late: the help needs none of it

    desk, actor = session.desk, session.actor
    desk.open()
    done = recovery.make(desk, actor, needed, keepers, second_of(given))
    session.tell(done, _lines_of_sheets(done))


@group.command()
@click.argument("folder", type=_FILE, required=False)
@click.option("--name", required=True, help="Who takes the office over, by the name to sign in with.")
@click.option("--sheet", "sheet_files", multiple=True, type=_FILE, help="Words of one sheet in a file; else asked.")
@click.option("--new-passphrase-file", type=_FILE, help="The passphrase of that person; else asked.")
@click.option("--use-settings", is_flag=True, help="Use broker and commands of the backup without a question.")
@example(
    "refbus --home ~/refbus recovery restore /media/usb/refbus-2026-09-21 --name aigul",
    "refbus recovery restore --name aigul",
)
@with_session
def restore(session: Session, /, folder: Path | None, name: str, **given: object) -> None:
    """Open an office with enough sheets: from a backup on a new computer, or the one that is here.

    Afterwards NAME is its only person, with a new passphrase: whoever signed in before does not any more, and the
    sheets are used up.
    """
    from refbus_gateway.actions import recovery  # late: the help needs none of it
    from refbus_gateway.actions.actor import Role
    from refbus_gateway.actions.desk import open_desk
    from refbus_gateway.actions.people import Newcomer

    texts = _texts(given["sheet_files"])
    path = given["new_passphrase_file"]
    word = officer_passphrase(words().text("New passphrase"), path if isinstance(path, Path) else None, confirm=True)
    home, lines = session.home_path, list[str]()
    if folder is not None:
        done = recovery.restore(
            home,
            session.founder,
            folder,
            texts,
            clock=session.clock,
            use=lambda settings: bool(given["use_settings"]) or asked_about_settings(session, settings),
        )
        lines = lines_of_restore(done)
    desk = open_desk(
        home,
        session.settings,
        opened=lambda: recovery.open_by_sheets(home, texts),
        time=lambda: session.time,
        connect=session.runtime.connect,
    )
    try:
        desk.open()
        person = recovery.take_over(desk, session.founder, texts, Newcomer(name, name, Role.ADMINISTRATOR, "en", word))
    finally:
        desk.close()
    told = words().text("%(name)s is the administrator: refbus --as %(name)s people list", name=person.name)
    session.tell(person, [told, words().text("The sheets are used up: refbus recovery make"), *lines])


def _lines_of_sheets(done: SheetsMade) -> list[str]:
    lines = []
    for sheet in done.sheets:
        lines.append(
            words().text(
                "Recovery sheet %(number)s of %(keepers)s, series %(series)s: %(needed)s of them open the office.",
                number=sheet.number,
                keepers=done.keepers,
                series=done.series,
                needed=done.needed,
            )
        )
        numbered = [f"{at:2} {word:10}" for at, word in enumerate(sheet.words, start=1)]
        lines += ["  " + "".join(numbered[at : at + _A_LINE]) for at in range(0, len(numbered), _A_LINE)]
    return [*lines, words().text("Write each sheet on paper for one keeper, then clear this screen. Keep no file.")]


def _texts(files: object) -> list[str]:
    """Return the words of the sheets: from files, else asked for until there are enough."""
    from refbus_gateway.actions import recovery  # late: the help needs none of it

    if isinstance(files, tuple) and files:
        return [read_limited(Path(each), _MOST_SHEET_BYTES).decode("utf-8", "replace") for each in files]
    say(words().text("Type the words of each sheet; the first four letters are enough."), err=True)
    texts = list[str]()
    while len(texts) < recovery.LEAST_SHEETS or recovery.more_needed(texts):
        texts.append(ask_text(words().text("Sheet %(number)s", number=len(texts) + 1), hidden=True))
    return texts
