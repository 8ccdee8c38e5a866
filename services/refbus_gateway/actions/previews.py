"""Asking what an organisation would see of a case, before it is sent, and what speaks against sending it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, NoReturn

from refbus.core.ids import OrgId
from refbus.core.vocabulary import DataCategory, EventType, Priority, Purpose
from refbus.errors import Code, ConsentError, RefbusError, RuleError
from refbus.wire.payload import as_decoded, categories_of
from refbus_gateway.actions.actor import Actor, Permission
from refbus_gateway.actions.consent import ConsentBeside, beside_value
from refbus_gateway.actions.desk import Desk
from refbus_gateway.cases import case_text, casework
from refbus_gateway.cases.withheld import without
from refbus_gateway.store import cases
from refbus_gateway.words.payloads import Sections, Times, render, times

_REQUEST = EventType.REFERRAL_REQUESTED


@dataclass(frozen=True, slots=True)
class Part:
    """What would be seen of one category; None: what belongs to no category, and always travels."""

    category: DataCategory | None
    content: Sections
    times: Times


@dataclass(frozen=True, slots=True)
class Preview:
    """A case as one organisation would see it: `seen`, and what it would not see, by category.

    `refused`: why it would not be sent now, empty when nothing speaks against it; `consent`: what the person said.
    """

    case: int
    organisation: OrgId
    file_number: str | None
    purpose: Purpose
    priority: Priority
    reply_by_ms: int | None
    fictional: bool
    seen: tuple[Part, ...]
    withheld: tuple[DataCategory, ...]
    refused: tuple[Code, ...]
    consent: ConsentBeside | None


def show(desk: Desk, actor: Actor, number: int, to: OrgId, language: str) -> Preview:
    """Return an own case as an organisation would see it now, in the words of a language. Nothing is sent or kept.

    Raises RuleError CASE_UNKNOWN, UncheckableError without a directory.
    """
    actor.require(Permission.READ_CASES)
    with desk.read() as tx:
        found = cases.get(tx, number)
        file = casework.file_of(desk.gateway, tx, found)
        own_number = case_text.file_number(tx, number)
        consent = beside_value(desk.gateway, tx, found, to)
    permitted = frozenset(consent.categories) if consent else frozenset()
    withheld = tuple(sorted(file.categories - permitted - {DataCategory.SERVICE_NEEDS}))
    kept = without(_REQUEST, file.fields, withheld)
    return Preview(
        number,
        to,
        own_number,
        file.purpose,
        file.priority,
        file.reply_by_ms,
        file.fictional,
        tuple(_parts(kept, language)),
        withheld,
        _refused(desk, number, to, withheld),
        consent,
    )


def _parts(fields: dict[str, Any], language: str) -> list[Part]:
    """Return what is seen, each category by itself; what belongs to none is in the first one."""
    found = sorted(categories_of(_REQUEST, fields))
    compulsory = DataCategory.SERVICE_NEEDS
    parts = []
    for category in sorted(found, key=lambda each: each is not compulsory):
        alone = without(_REQUEST, fields, [each for each in found if each not in {category, compulsory}])
        parts.append((category, as_decoded(_REQUEST, alone)))
    base = parts[0][1]
    shown = [Part(parts[0][0], render(_REQUEST, base, language, codes=False), times(_REQUEST, base))]
    for category, payload in parts[1:]:
        rest = _beyond(payload, base)
        shown.append(Part(category, render(_REQUEST, rest, language, codes=False), times(_REQUEST, rest)))
    return shown


def _beyond(payload: dict[str, Any], base: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a payload that the other has not, emptied where both have the same."""
    rest: dict[str, Any] = {}
    for name, value in payload.items():
        if value == base[name]:
            rest[name] = None
        elif isinstance(value, dict) and isinstance(base[name], dict):
            rest[name] = _beyond(value, base[name])
        elif isinstance(value, list):
            rest[name] = [each for each in value if each not in base[name]]
        else:
            rest[name] = value
    return rest


class _TriedError(Exception):
    """Nothing spoke against it; what was done for the trial is taken back."""


def _refused(desk: Desk, number: int, to: OrgId, withheld: Collection[DataCategory]) -> tuple[Code, ...]:
    """Return why sending would be refused: it is tried, and taken back."""
    try:
        _try(desk, number, to, withheld)
    except _TriedError:
        return ()
    except RefbusError as error:
        reasons = error.reasons if isinstance(error, (ConsentError, RuleError)) else ()
        return tuple(dict.fromkeys(reasons)) or (error.code,)


def _try(desk: Desk, number: int, to: OrgId, withheld: Collection[DataCategory]) -> NoReturn:
    with desk.gateway.store.write() as tx:
        casework.send_case(desk.gateway, tx, cases.get(tx, number), to=to, withhold=withheld, again=True)
        raise _TriedError
