"""Asking for recovery sheets: key shares on paper for several keepers, and the home that enough of them open again.

The words are shown once and are nowhere on the disk. Whoever opens a home by them becomes its only person.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from refbus.crypto.kem import KemPrivate
from refbus.errors import Code, RefbusError
from refbus.said import said
from refbus_gateway.actions import people
from refbus_gateway.actions.actor import Actor, Permission, Role
from refbus_gateway.actions.desk import Desk
from refbus_gateway.actions.home import BackupSettings, HomeRestored, restored_as
from refbus_gateway.actions.people import Newcomer, PersonShown, Second
from refbus_gateway.home import restore as restoring
from refbus_gateway.home import sheets, slots
from refbus_gateway.home.folder import Home
from refbus_gateway.home.slots import NewSlot, Opened
from refbus_gateway.people import users
from refbus_gateway.people.shown import shown as shown_of
from refbus_gateway.people.users import State
from refbus_gateway.store import alarms

DIVISIONS: Final = ((2, 3), (3, 5))
"""How many sheets are enough, and how many keepers there are: what a page offers."""
LEAST_SHEETS: Final = sheets.LEAST_NEEDED
WORDS: Final = sheets.WORDS
"""Words of a sheet."""


@dataclass(frozen=True, slots=True)
class RecoveryShown:
    """Whether sheets open this home, and whether it has people, without whom there are none."""

    made: bool
    has_people: bool


@dataclass(frozen=True, slots=True)
class SheetShown:
    """The words for one keeper."""

    number: int
    words: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class SheetsMade:
    """Shown once: sheets of one series, of which `needed` open the home. `made_ms`: UTC."""

    series: int
    needed: int
    keepers: int
    made_ms: int
    sheets: tuple[SheetShown, ...]


def standing(desk: Desk, actor: Actor) -> RecoveryShown:
    """Return whether there are sheets."""
    actor.require(Permission.READ_STATUS)
    return RecoveryShown(slots.has_recovery(desk.home), slots.has_slots(desk.home))


def make(desk: Desk, actor: Actor, needed: int, keepers: int, second: Second | None = None) -> SheetsMade:
    """Make sheets; those of before open nothing any more. As for a new administrator, a `second` person agrees.

    Raises SetupError USAGE in a home without people and for numbers that are no division, RuleError SECOND_NEEDED.
    """
    actor.require(Permission.MANAGE_PEOPLE, again=True)
    people.require_second(desk, actor, second)
    private = KemPrivate.generate()
    made = sheets.split(private.seed, needed, keepers)
    desk.note()  # the log has it before it is done
    desk.secret = slots.set_recovery(desk.home, desk.secret, private.public)
    shown = tuple(SheetShown(each.number, each.words) for each in made.sheets)
    return SheetsMade(made.series, needed, keepers, desk.gateway.now_ms(), shown)


def restore(
    folder: Path,
    actor: Actor,
    source: Path,
    texts: Sequence[str],
    *,
    clock: Callable[[], int],
    use: Callable[[BackupSettings], bool],
) -> HomeRestored:
    """Bring the backup in `source` back as the new home `folder`, with the sheets; `take_over` comes next.

    Raises SetupError RECOVERY_*, and as `home.restore` does.
    """
    actor.require(Permission.MANAGE_HOME)
    return restored_as(restoring.restore_by_sheets(source, Home(folder), sheets.join(texts), clock), use)


def open_by_sheets(path: Path, texts: Sequence[str]) -> Opened:
    """Open the keys of the home in `path` with its sheets. Raises SetupError RECOVERY_*, KEYFILE_DAMAGED."""
    home = Home(path)
    home.require()
    return Opened("", slots.open_recovery(home, sheets.join(texts)))


def more_needed(texts: Sequence[str]) -> bool:
    """Whether another sheet is needed. Raises SetupError RECOVERY_WORDS, RECOVERY_MIXED."""
    try:
        sheets.join(texts)
    except RefbusError as error:
        if error.code is not Code.RECOVERY_TOO_FEW:
            raise
        return True
    return False


def take_over(desk: Desk, actor: Actor, texts: Sequence[str], first: Newcomer) -> PersonShown:
    """Give a home that its sheets opened to one administrator. Nobody else signs in any more, nor the service.

    The sheets open nothing after this: make new ones. Raises SetupError RECOVERY_*, USAGE.
    """
    actor.require(Permission.MANAGE_PEOPLE)
    person = people.new_person(desk, replace(first, role=Role.ADMINISTRATOR))
    slot = NewSlot(person.person_id, person.name, first.passphrase)
    desk.secret = slots.recover(desk.home, sheets.join(texts), slot).secret
    # A stop here leaves a slot of somebody whom the store does not know: whoever signs in by it becomes administrator.
    replace(actor, role=Role.ADMINISTRATOR, person=person.person_id).require(Permission.MANAGE_PEOPLE)
    with desk.write() as tx:
        for each in users.every(tx):
            users.save(tx, replace(each, state=State.LOCKED_OUT))
        users.save(tx, person)
        told = said(
            "this office was opened by recovery sheets: nobody else signs in, and the sheets open nothing any more"
        )
        alarms.raise_alarm(tx, Code.RECOVERY_USED, told, desk.gateway.now_ms())
    desk.unlock()
    return shown_of(desk.home, person)
