"""Taking the content of a case out of this home, for good, and telling the audit log.

In one transaction, after the list beside the store has the case: nothing with content goes out any more, the auditor is
ordered to delete the sealed records of what was decided here about the case, an ERASED entry says that a case was
erased and not which, and the store keeps what `store.erasures` says. What it was stopped in, `settle` finishes.
"""

from __future__ import annotations

import dataclasses

from refbus.audit.erasure import make_orders
from refbus.audit.record import AuditOutcome, Stage
from refbus.each import each
from refbus.envelope.format import Envelope
from refbus.envelope.routing import open_routing
from refbus.errors import RefbusError
from refbus.said import said
from refbus.wire.transport import InboxKind
from refbus_gateway.audit import entries, orders
from refbus_gateway.audit.entries import Decided
from refbus_gateway.home import erased_again
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.store import (
    alarms,
    cases,
    consents,
    drafts,
    erasures,
    outbox,
    referrals,
    set_aside,
    statements,
    tellings,
)
from refbus_gateway.store.cases import Case
from refbus_gateway.store.session import Transaction
from refbus_gateway.store.set_aside import Aside, AsideState


def content(gateway: Gateway, tx: Transaction, case: Case) -> None:
    """Erase what a case says. Until every organisation that was told has answered, the names used with it are kept.

    Raises RuleError KEY_DESTROYED, UncheckableError (no inspector, no key of ours in the directory), StoreError.
    """
    case.open_key()
    erased_again.note(gateway.home, [erased_again.name_of(tx.vault, cases.hash_of(tx, case))])
    cases.order_erasure(tx, case, gateway.now_ms())
    erasures.stop_sending(tx, case)
    _order_records(gateway, tx, case)
    entries.record(gateway, tx, dataclasses.replace(case, key=None), Decided(Stage.ERASED, AuditOutcome.DONE))
    _drop_aside(gateway, tx, case)
    courses = referrals.of_case(tx, case)
    drafts.forget_about(tx, case.id, [each.id for each in courses])
    for referral in courses:
        referrals.forget_expiry(tx, referral.referral_id)
    if owed(tx, case):
        erasures.reduce(tx, case)
    else:
        erasures.destroy(tx, case, gateway.now_ms())


def owed(tx: Transaction, case: Case) -> int:
    """Return how many answers to our word about this case are open: none yet, or only that the use was stopped.

    One that could not be told yet owes an answer too.
    """
    rows = consents.withdrawals_of_case(tx, case.id, outgoing=True)
    return sum(1 for row in rows if row.answer in {None, "STOPPED"}) + len(tellings.of_case(tx, case))


def settle(gateway: Gateway) -> int:
    """Finish every erasure that can go on: one that was stopped half-way, one whose last answer is here.

    Returns how many cases moved. Each has a transaction of its own; one that cannot be erased now is told and tried
    again. Raises StoreError.
    """
    with gateway.store.read() as tx:
        ready = [number for number in cases.being_erased(tx) if _may_go_on(tx, number)]

    def finish(number: int) -> None:
        with gateway.store.write() as tx:
            _finish(gateway, tx, cases.get(tx, number))

    def failed(number: int, error: RefbusError) -> None:
        with gateway.store.write() as tx:
            told = said("case %(case)s: not erased yet, tried again", case=number)
            alarms.raise_alarm(tx, error.code, told, gateway.now_ms())

    done = each(ready, finish, failed)
    if done:
        gateway.store.scrub()
    return len(done)


def _may_go_on(tx: Transaction, number: int) -> bool:
    """Whether an erasure can go on, or cannot be judged: its own step says so to a person."""

    def goes_on(case: Case) -> bool:
        return cases.has_content(tx, case) or not owed(tx, case)

    judged = each([number], lambda one: goes_on(cases.get(tx, one)), lambda *_: None)
    return judged != [False]


def _finish(gateway: Gateway, tx: Transaction, case: Case) -> None:
    if case.key is None:  # another process was faster
        return
    if cases.has_content(tx, case):
        content(gateway, tx, case)
    elif not owed(tx, case):
        _order_records(gateway, tx, case)
        erasures.destroy(tx, case, gateway.now_ms())


def _order_records(gateway: Gateway, tx: Transaction, case: Case) -> None:
    """Order the auditor to delete what only the inspector can read of our decisions about a case.

    An emergency without consent is left out: what the officers answer for is not theirs to erase.
    """

    def not_named(_: object, error: RefbusError) -> None:
        told = said("a sealed record at the auditor could not be named to be erased")
        alarms.raise_alarm(tx, error.code, told, now_ms)

    now_ms = gateway.now_ms()
    ours = [kept for kept in statements.of_case(tx, case) if kept.own and kept.sealed and not kept.kept]
    records = each(ours, lambda kept: statements.opened(tx, kept).record, not_named)
    names = [record.decision_id for record in records if not record.stays]
    signer = gateway.keys.signer(gateway.view(), gateway.me, now_ms)
    for order in make_orders(gateway.me, names, signer, now_ms):
        due_ms = gateway.pace.audit_at(now_ms)  # behind the entries that it is about
        outbox.add(tx, gateway.audit_topic, order.encode(), now_ms=now_ms, due_ms=due_ms)
        orders.await_answer(tx, order)


def _drop_aside(gateway: Gateway, tx: Transaction, case: Case) -> None:
    """Drop the bytes of records about this case that were set aside: keys of this home could still open them."""
    for state in AsideState:
        for record in set_aside.aside(tx, state):
            if record.value and record.kind is InboxKind.EVENT and _is_about(gateway, tx, case, record):
                set_aside.forget_content(tx, record.id)


def _is_about(gateway: Gateway, tx: Transaction, case: Case, record: Aside) -> bool:
    try:
        block = open_routing(Envelope.parse(record.value), gateway.keys.openers()).block
    except RefbusError:  # what does not open here cannot be read here either
        return False
    return cases.number_of_handle(tx, block.sender, block.case_handle) == case.id
