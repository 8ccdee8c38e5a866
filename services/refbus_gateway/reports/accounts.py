"""Accounts for people who judge: every step of a case, of a period or of one event, in time order, each with its proof.

A gateway tells of its own cases: what it decided, what gates signed for, what came in. The inspector tells of what was
exported from the log. Nothing is left out because it is not proven: each step says how sure one can be of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from refbus.audit.proven import Proven
from refbus.errors import Code, RefbusError, StoreError, UncheckableError
from refbus.tlog.policy import Policy
from refbus.trust.reader.log_policy import log_policy
from refbus_gateway.audit import proof_files
from refbus_gateway.audit.inspector import Inspected
from refbus_gateway.audit.proof_files import Held
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.store import outbox, referrals, statements
from refbus_gateway.store.cases import Case
from refbus_gateway.store.outbox import Receipt
from refbus_gateway.store.referrals import Event, EventStatus
from refbus_gateway.store.session import Transaction
from refbus_gateway.words.catalogue import mark
from refbus_gateway.words.codes import event_name, label
from refbus_gateway.words.statements import Fact, Words

_OWN_CASE: Final = mark("Case %(number)s, collected here")
_RECEIVED_CASE: Final = mark("Case %(number)s, received from another organisation")


class Surety(StrEnum):
    """How sure one can be of a step."""

    PROVEN = "PROVEN"  # in the cosigned log; checked when the account was made
    WAITING = "WAITING"  # stated; the log's proof is not here yet
    SIGNED = "SIGNED"  # signed by whoever said it, verified when it came
    DESTROYED = "DESTROYED"  # in the log; what it was about is erased
    UNCHECKED = "UNCHECKED"  # nobody looked into the published log, or there is no policy to check with
    FALSE = "FALSE"  # checked, and it does not hold


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `facts` say who, what and why; `codes` why it is not sure; `proven` where it stands in the log."""

    at_ms: int
    heading: str
    facts: tuple[Fact, ...]
    surety: Surety
    proven: Proven | None = None
    place: str = ""
    codes: tuple[Code, ...] = ()


@dataclass(frozen=True, slots=True)
class Account:
    """All steps of something, in time order. `subject` and `author` are in words; times UTC ms."""

    subject: str
    author: str
    made_ms: int
    steps: tuple[Step, ...]

    def count(self, surety: Surety) -> int:
        """Return how many steps are so sure."""
        return sum(1 for step in self.steps if step.surety is surety)


def of_case(gateway: Gateway, tx: Transaction, case: Case, words: Words) -> Account:
    """Return the account of one case; of an erased one, what is left of it."""
    steps = [*_statements(gateway, tx, statements.of_case(tx, case), words)]
    if case.live:
        for referral in referrals.of_case(tx, case):
            for event in referrals.events_of(tx, referral):
                steps += _event_steps(tx, event, words)
    text = _OWN_CASE if case.own else _RECEIVED_CASE
    return _account(gateway, words, words.text(text, number=case.id), steps)


def of_period(gateway: Gateway, tx: Transaction, start_ms: int, end_ms: int, words: Words) -> Account:
    """Return the account of what this gateway decided from `start_ms` until before `end_ms`."""
    steps = _statements(gateway, tx, statements.between(tx, start_ms, end_ms), words)
    return _account(gateway, words, words.text("What this organisation decided in a period"), steps)


def of_export(found: Iterable[Inspected], words: Words, subject: str, made_ms: int) -> Account:
    """Return the inspector's account of exported entries."""
    steps = sorted((_inspected(each, words) for each in found), key=lambda step: step.at_ms)
    return Account(subject, words.text("the inspector, from entries that the auditor exported"), made_ms, tuple(steps))


def _account(gateway: Gateway, words: Words, subject: str, steps: Iterable[Step]) -> Account:
    ordered = tuple(sorted(steps, key=lambda step: step.at_ms))
    return Account(subject, words.organisation(gateway.me), gateway.now_ms(), ordered)


def _statements(gateway: Gateway, tx: Transaction, found: Iterable[statements.Stated], words: Words) -> Iterator[Step]:
    for stated in found:
        try:
            held = proof_files.held(tx, stated)
            step = _held_step(tx, held, _policy(gateway, held), words)
        except StoreError:
            raise
        except RefbusError as error:
            gone = error.code is Code.KEY_DESTROYED
            heading = (
                words.text("A decision about this case")
                if gone
                else words.text("A decision that cannot be read here any more")
            )
            surety, codes = (Surety.DESTROYED, ()) if gone else (Surety.UNCHECKED, (error.code,))
            yield Step(stated.at_ms, heading, (), surety, place=_bare_place(stated, words), codes=codes)
        else:
            yield step


def _held_step(tx: Transaction, held: Held, policy: Policy | None, words: Words) -> Step:
    record, row = held.statement.record, held.stated.event_row
    event = None if row is None else referrals.event(tx, row)
    facts = (*words.facts(record), *(() if event is None else _event_facts(event, words)))
    surety, proven, codes = _surety(held, policy)
    return Step(record.at_ms, words.decision(record), facts, surety, proven, codes=codes)


def _surety(held: Held, policy: Policy | None) -> tuple[Surety, Proven | None, tuple[Code, ...]]:
    if held.file is None:
        return (Surety.WAITING if held.stated.awaited else Surety.SIGNED), None, ()
    if policy is None:
        return Surety.UNCHECKED, None, ()
    try:
        return Surety.PROVEN, held.proven(policy), ()
    except RefbusError as error:
        return Surety.FALSE, None, (error.code,)


def _bare_place(stated: statements.Stated, words: Words) -> str:
    """Return where a statement that nobody can read any more stands in the log."""
    found = None
    with suppress(RefbusError):  # a damaged proof says nothing of its place
        found = None if stated.proof is None else proof_files.place_of(stated.proof)
    return "" if found is None else words.text("%(log)s, entry %(index)s", log=found[0], index=found[1])


def _event_steps(tx: Transaction, event: Event, words: Words) -> Iterator[Step]:
    """Yield what others signed about an event: its sender when it came in, the gates for what went out."""
    name = event_name(words.words, event.block.event_type.value)
    if not event.outgoing:
        facts = (("From", words.organisation(event.block.sender)), *_event_facts(event, words))
        yield Step(event.at_ms, words.text("Received and verified: %(event)s", event=name), facts, Surety.SIGNED)
    for row in outbox.of_event(tx, event.id):
        for receipt in outbox.receipts(tx, row.id):
            yield _receipt(receipt, name, words)
    if event.seen_ms is not None:
        yield Step(event.seen_ms, words.text("Opened by a person here: %(event)s", event=name), (), Surety.UNCHECKED)


def _receipt(receipt: Receipt, name: str, words: Words) -> Step:
    facts = [
        ("Who", words.text("the national gate %(gate)s", gate=receipt.gate)),
        ("Answer", f"{receipt.kind} {receipt.outcome}"),
    ]
    facts += [("Reason", words.reason(code)) for code in receipt.codes]
    return Step(receipt.at_ms, words.text("Signed by a gate: %(event)s", event=name), tuple(facts), Surety.SIGNED)


def _event_facts(event: Event, words: Words) -> Iterator[Fact]:
    block = event.block
    if event.outgoing:
        yield "To", words.organisation(block.recipient)
    if event.status is EventStatus.REFUSED:
        yield "Became", words.text("It did not go through and does not count.")
    yield "Purpose", label(words.language, "refbus.Purpose", block.purpose) or block.purpose
    categories = [label(words.language, "refbus.DataCategory", each) or each for each in block.data_categories]
    yield "Data", ", ".join(categories) or words.text("none about the person")
    if block.legal_basis_record is not None:
        yield "Basis", words.text("Without consent: an emergency on the word of two officers.")


def _inspected(each: Inspected, words: Words) -> Step:
    record = each.record
    heading = words.decision(record) if record else words.text("An entry that does not open")
    facts = tuple(words.facts(record)) if record else (("Who", words.writer(each.writer)),) if each.writer else ()
    place = words.text("%(log)s, entry %(index)s", log=each.origin, index=each.index)
    return Step(each.logged_at_ms, heading, facts, _entry_surety(each), place=place, codes=each.problems)


def _entry_surety(each: Inspected) -> Surety:
    """Return how sure the inspector can be: what the log has not published yet, or nobody could judge, is not false."""
    if each.refuted:
        return Surety.FALSE
    if each.problems == (Code.LOG_NOT_PUBLISHED,):
        return Surety.WAITING
    return Surety.PROVEN if each.in_log and not each.problems else Surety.UNCHECKED


def _policy(gateway: Gateway, held: Held) -> Policy | None:
    """Return what a proof is checked with; None without one, or when the directory here does not know the log."""
    directory = gateway.newest_directory()
    if directory is None or held.file is None:
        return None
    try:
        return log_policy(directory, proof_files.country_of(held.statement))
    except UncheckableError:
        return None
