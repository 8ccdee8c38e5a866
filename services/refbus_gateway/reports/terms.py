"""What ends by law for the person of an own case, told before it does: the right to stay, a hearing, a certificate.

It is read from the case file and from the plans of its returns that were said here or looked at here, whenever they
change; nothing that came in is opened for it.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from refbus.core.documents import read_json
from refbus.core.times import day_ms, day_text, iso_day, read_day
from refbus.core.vocabulary import EventType
from refbus.each import each
from refbus_gateway.cases import case_text
from refbus_gateway.consent import endings
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.rules import course_state
from refbus_gateway.store import cases, referrals
from refbus_gateway.store import terms as rows
from refbus_gateway.store.cases import Case
from refbus_gateway.store.lookups import MONTH_MS
from refbus_gateway.store.referrals import EventStatus
from refbus_gateway.store.session import Transaction

IN_FILE: Final = (
    ("immigration", "reflection_until"),
    ("immigration", "permit_until"),
    ("immigration", "exit_permission_until"),
    ("legal_proceedings", "next_hearing"),
)
"""Days of a case file on which something ends or takes place."""
IN_PLAN: Final = "medical_certificate_until"
"""The same of the plan of a return."""


@dataclass(frozen=True, slots=True)
class Term:
    """Something that ends by law, or takes place, for the person of an own case: the name of its field, and the day.

    `over`: the day has passed.
    """

    case: int
    file_number: str | None
    what: str
    day: str
    over: bool


def keep(tx: Transaction, case: Case, case_hash: bytes, body: Mapping[str, Any] | None) -> None:
    """Derive again what ends for the person of a live own case. Raises RefbusError for what cannot be read.

    `body`: what is kept of the case (`cases.own_bodies`), None where it cannot be read.
    """
    found: defaultdict[int, list[tuple[str, str]]] = defaultdict(list)
    for what, day in (*_of_file(body), *_of_plans(tx, case)):
        last = read_day(day)
        if last is not None:
            found[day_ms(last) // MONTH_MS].append((what, last.isoformat()))
    sealed = {month: json.dumps(sorted(listed)).encode() for month, listed in found.items()}
    rows.keep(tx, case.id, case.open_key(), case_hash, sealed)


def coming(gateway: Gateway, tx: Transaction, unread: cases.Unread, most: int) -> tuple[tuple[Term, ...], int]:
    """Return what ends within the country's days of warning, the soonest first, and how many cases have such.

    What has ended is told for 30 days more: so long a mistake can be found. Of so many cases, those that end first.
    """
    by_ms, now_ms = endings.warned_by_ms(gateway), gateway.now_ms()
    found = rows.between(tx, now_ms // MONTH_MS - 1, by_ms // MONTH_MS)
    first, today, last = (day_text(at, gateway.utc_offset_min()) for at in (now_ms - MONTH_MS, now_ms, by_ms))

    def of_row(row: rows.Sealed) -> list[tuple[str, int, str]]:
        listed = read_json(rows.opened(tx, row).decode())
        return [(day, row.case, what) for what, day in listed if first <= day <= last]

    listed = each(found, of_row, lambda row, error: unread.append((row.case, error.code)))
    ordered = sorted(term for of_case in listed for term in of_case)
    told = list(dict.fromkeys(case for _, case, _ in ordered))
    names = case_text.file_numbers(tx, told[:most])
    shown = set(told[:most])
    return tuple(
        Term(case, names.get(case), what, day, day < today) for day, case, what in ordered if case in shown
    ), len(told)


def _of_file(body: Mapping[str, Any] | None) -> Iterator[tuple[str, str]]:
    document = case_text.document_of(body) if body else {}
    for record, name in IN_FILE:
        value = _within(document, record).get(name)
        if isinstance(value, str):
            yield name, iso_day(value)


def _of_plans(tx: Transaction, case: Case) -> Iterator[tuple[str, str]]:
    for referral in referrals.of_case(tx, case):
        plans = [
            event
            for event in referrals.events_of(tx, referral)
            if event.block.event_type is EventType.PLAN_AGREED
            and event.status is not EventStatus.REFUSED
            and (event.outgoing or event.seen_ms is not None)
        ]
        newest = max(plans, key=lambda event: (event.block.occurred_at_ms, event.id), default=None)
        until = None if newest is None else course_state.payload_of(newest).get(IN_PLAN)
        if until is not None:
            yield IN_PLAN, until


def _within(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = document.get(name)
    return found if isinstance(found, Mapping) else {}
