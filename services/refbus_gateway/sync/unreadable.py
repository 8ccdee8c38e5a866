"""Looking through the store for what cannot be read any more: a person hears of it before the case is needed."""

from __future__ import annotations

from typing import Final

from refbus.each import each
from refbus.errors import Code, RefbusError
from refbus.said import placed, said, some_of
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.store import alarms, cases, referrals
from refbus_gateway.store.cases import Case
from refbus_gateway.store.session import Transaction

_STORE: Final = "store.db"
_ABOUT: Final = f"{_STORE}: "


def unreadable(tx: Transaction) -> list[int]:
    """Return the numbers of the cases that are not erased and of which something cannot be read.

    Looked at are the key, what is kept of the case, how it is named towards each organisation, and its referrals.
    """
    failed = set[int]()

    def note(case: Case, _: RefbusError) -> None:
        failed.add(case.id)

    unread: cases.Unread = []
    each([case for case in cases.every(tx, unread) if case.live], lambda case: _open(tx, case), note)
    return sorted(failed | {number for number, _ in unread})


def watch(gateway: Gateway) -> None:
    """Keep one alarm that names the cases which cannot be read; take it back when there are none. Raises StoreError."""
    with gateway.store.read() as tx:
        found = unreadable(tx)
        told = [each for each in alarms.standing_alarms(tx) if each.code == Code.HOME_DAMAGED and _is_ours(each.detail)]
    detail = placed(_STORE, said("case %(some)s cannot be read here", some=some_of(found)))
    if not found and not told:
        return
    with gateway.store.write() as tx:
        for alarm in told:
            if not found or alarm.detail != detail:
                alarms.clear_alarm(tx, alarm.id, gateway.now_ms())
        if found:
            alarms.raise_alarm(tx, Code.HOME_DAMAGED, detail, gateway.now_ms())


def _is_ours(detail: str) -> bool:
    return detail.startswith(_ABOUT)


def _open(tx: Transaction, case: Case) -> None:
    cases.body_of(tx, case)
    cases.counterparts_of(tx, case)
    referrals.of_case(tx, case)
