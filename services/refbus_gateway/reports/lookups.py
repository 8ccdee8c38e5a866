"""Filling what lists are found by (`store.lookups`), and looking for a nickname or a name, in any script.

What cannot be read stays empty, is looked at again each time, and is told by whoever shows it.
"""

from __future__ import annotations

from typing import Final

from refbus.core.courses.machine import CourseKind
from refbus.each import each
from refbus_gateway.cases import case_text, retention
from refbus_gateway.consent import endings
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.reports import overview, terms
from refbus_gateway.store import cases, lookups
from refbus_gateway.store.cases import Case
from refbus_gateway.store.lookups import Standing
from refbus_gateway.store.session import Transaction, slices
from refbus_gateway.words.latin import all_folded

_NICKNAME: Final = b"nickname/"


def refresh(gateway: Gateway) -> None:
    """Derive again what has changed, some at a time. Raises StoreError."""
    with gateway.store.read() as tx:
        changed = lookups.stale_referrals(tx)
    for some in slices(changed):
        with gateway.store.write() as tx:
            _referrals(gateway, tx, some)
    with gateway.store.read() as tx:
        changed = lookups.stale_cases(tx)
    for some in slices(changed):
        with gateway.store.write() as tx:
            _cases(gateway, tx, some)


def _referrals(gateway: Gateway, tx: Transaction, numbers: list[int]) -> None:
    """Keep where these stand. The plan of a return begun here may have changed: its case is looked at again."""
    for line in overview.referral_lines(tx, numbers=numbers):
        standing = Standing(line.view.status, line.turn, line.due_ms(gateway.known_rules()), line.unseen)
        lookups.keep_referral(tx, line.referral.id, standing)
        if line.referral.own and line.view.kind is CourseKind.REPATRIATION:
            lookups.forget_case(tx, line.referral.case_id)


def _cases(gateway: Gateway, tx: Transaction, numbers: list[int]) -> None:
    found = [case for case in cases.of_numbers(tx, numbers, []) if case.live]
    bodies = cases.own_bodies(tx, [case.id for case in found if case.own])
    names = case_text.sought_by(bodies)
    hashes = lookups.case_hashes(tx, numbers)

    def keep(case: Case) -> None:
        ends_ms = endings.first_end(gateway, tx, case) if case.own else retention.erase_by(tx, case)
        name = names.get(case.id)
        sealed = case.open_key().seal(_NICKNAME + hashes[case.id], name.encode()) if name else None
        if case.own:
            terms.keep(tx, case, hashes[case.id], bodies.get(case.id))
        lookups.keep_case(tx, case.id, ends_ms, sealed)

    each(found, keep, lambda *_: None)


def cases_called(gateway: Gateway, tx: Transaction, part: str) -> set[int]:
    """Return the cases whose nickname or name has this part, and those whose were not derived yet.

    Small and capital letters are the same, and so are scripts: Cyrillic is found by Latin. They are opened once while
    the home is open, and again when they change.
    """
    known, rows = gateway.nicknames, lookups.nicknames(tx)
    now = {number: known[number] for number, row in rows.items() if number in known and known[number][0] == row[0]}
    opened: list[tuple[int, str]] = []

    def read(number: int) -> None:
        sealed, case_hash, wrapped = rows[number]
        text = tx.vault.case_key(case_hash, wrapped).open(_NICKNAME + case_hash, sealed)
        opened.append((number, text.decode()))

    each(rows.keys() - now.keys(), read, lambda *_: None)
    wished, *texts = all_folded([part, *(text for _, text in opened)])
    now |= {number: (rows[number][0], text) for (number, _), text in zip(opened, texts, strict=True)}
    if gateway.nicknames is known:  # else they were forgotten meanwhile, and stay so
        gateway.nicknames = now
    return {number for number, (_, text) in now.items() if wished and wished in text} | set(lookups.stale_cases(tx))
