"""Recovery sheets: made and shown once at a signed-in desk; typed in on a new computer to open an office again."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from starlette.responses import Response

from refbus.errors import Code, RefbusError
from refbus_gateway.actions import recovery
from refbus_gateway.actions.actor import Role
from refbus_gateway.actions.people import Newcomer
from refbus_gateway.forms.problems import Problem
from refbus_gateway.web.fields import again_at
from refbus_gateway.web.pages.people import of_second, problems_of_name, problems_of_passphrase, second_of
from refbus_gateway.web.screens import Ask, Screens

screens: Final = Screens()
PAGE: Final = "/office/recovery"
FIELDS: Final = ("sheet_1", "sheet_2", "sheet_3")
_OF_SHEETS: Final = frozenset(
    {
        *(Code.RECOVERY_NONE, Code.RECOVERY_WORDS, Code.RECOVERY_TOO_FEW, Code.RECOVERY_MIXED, Code.RECOVERY_FOREIGN),
    }
)
_OF_PLACE: Final = frozenset({Code.FILE_UNREADABLE, Code.BACKUP_INVALID, Code.BACKUP_UNPROVEN})


@screens.show(PAGE)
def standing(ask: Ask) -> Response:
    """Say what recovery sheets are, and ask for how many keepers."""
    return ask.page("office_recovery.html", found=recovery.standing(ask.desk, ask.actor), divisions=_divisions(ask))


@screens.act(PAGE, confirm=True)
def make(ask: Ask) -> Response:
    """Make sheets and show them, once: to be printed from this page, which is kept nowhere."""
    wished = ask.posted.get("division")
    if wished not in {value for value, _ in _divisions(ask)}:
        return ask.again([Problem("division", Code.USAGE, ask.words.text("Choose for how many keepers"))])
    needed, _, keepers = wished.partition("-")
    try:
        made = recovery.make(ask.desk, ask.actor, int(needed), int(keepers), second_of(ask))
    except RefbusError as error:
        return again_at(ask, error, of_second(ask))
    ask.session.note_done(ask.posted.get("once"), PAGE)  # shown again it would make others, and these worth nothing
    return ask.page("office_sheets.html", made=made, org=ask.actor.org)


@screens.show("/setup/recovery", free=True)
def ask_for_sheets(ask: Ask) -> Response:
    """Ask for the backup, the sheets, and who takes the office over."""
    return ask.page("setup_recovery.html") if ask.office.is_new else ask.go("/")


@screens.act("/setup/recovery", free=True)
def recover(ask: Ask) -> Response:
    """Open an office again on a new computer; whoever did it signs in."""
    if not ask.office.is_new:
        return ask.go("/")
    place, texts = Path(ask.posted.get("place")), [text for name in FIELDS if (text := ask.posted.get(name).strip())]
    problems = [*problems_of_name(ask), *problems_of_passphrase(ask)]
    if not place.is_absolute() or not place.is_dir():
        problems.insert(0, Problem("place", Code.FILE_UNREADABLE, _no_folder(ask)))
    if problems:
        return ask.again(problems)
    name = ask.posted.get("name")
    first = Newcomer(name, name, Role.ADMINISTRATOR, ask.language, ask.posted.get("passphrase_new"))
    try:
        ask.office.recover(place, texts, first)
    except RefbusError as error:
        field = "sheet_1" if error.code in _OF_SHEETS else "place" if error.code in _OF_PLACE else ""
        if not field:
            raise
        return ask.again([Problem(field, error.code, _told(ask, error))])
    return ask.go("/sign-in", ask.words.text("The office is open again. Sign in with your name and your passphrase."))


def _told(ask: Ask, error: RefbusError) -> str:
    """Return an error in words, with the number of the sheet and of the words where it names them."""
    told = ask.office.words_of(error, ask.words)
    where = [each for each in error.detail.split() if each.strip(":,").isdigit()]
    if error.code is not Code.RECOVERY_WORDS or not where or "word " not in error.detail:
        return f"{told.meaning[:1].upper()}{told.meaning[1:]}. {told.next_step}"
    sheet, *wrong = (each.strip(":,") for each in where)
    return ask.words.text(
        "On sheet %(sheet)s the words with these numbers are not as printed: %(numbers)s. Compare them with the paper.",
        sheet=sheet,
        numbers=", ".join(wrong) or "?",
    )


def _divisions(ask: Ask) -> list[tuple[str, str]]:
    words = ask.words
    return [
        (
            f"{needed}-{keepers}",
            words.text("%(keepers)s keepers, %(needed)s are enough", keepers=keepers, needed=needed),
        )
        for needed, keepers in recovery.DIVISIONS
    ]


def _no_folder(ask: Ask) -> str:
    return ask.words.text("There is no such folder. Write it whole, as your computer shows it.")
