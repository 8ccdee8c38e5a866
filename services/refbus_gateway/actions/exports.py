"""Giving an own case to another system, as a file that its worker takes there."""

from __future__ import annotations

from dataclasses import dataclass, field

from refbus_gateway.actions.actor import Actor, Permission
from refbus_gateway.actions.desk import Desk
from refbus_gateway.cases import casework
from refbus_gateway.exchange import outputs, tables
from refbus_gateway.exchange.translation import Taken
from refbus_gateway.forms.casefile import case_fields
from refbus_gateway.forms.export import written
from refbus_gateway.store import cases
from refbus_gateway.words.losses import Lost


@dataclass(frozen=True, slots=True)
class CaseExported:
    """What a file for another system says of an own case, and what it cannot."""

    case: int
    format: str
    taken: tuple[Taken, ...]
    lost: tuple[Lost, ...]


@dataclass(frozen=True, slots=True)
class CaseFileMade:
    """The file, and what it says."""

    exported: CaseExported
    content: bytes = field(repr=False)


def make(desk: Desk, actor: Actor, number: int, wanted: str) -> CaseFileMade:
    """Return an own case as a file of another system. No consent goes with it, and nothing is sent.

    Raises RuleError CASE_UNKNOWN for a case that was received; SetupError USAGE for a format that is only read.
    """
    actor.require(Permission.READ_CASES)
    one = tables.named_to_write(wanted)
    with desk.read() as tx:
        case = cases.get(tx, number)
        file = casework.file_of(desk.gateway, tx, case)
        own = casework.notes_of(tx, case)
    document = {**own, "priority": file.priority, "purpose": file.purpose}
    made = outputs.write(one, {**written(case_fields(), file.fields), **document})
    return CaseFileMade(CaseExported(case.id, one.name, made.taken, made.lost), made.content)
