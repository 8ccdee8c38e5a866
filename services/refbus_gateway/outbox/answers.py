"""What this gateway says by itself: received, not taken in, cannot be opened, already acknowledged, erased."""

from __future__ import annotations

from collections.abc import Callable

from refbus.core.message import RoutingBlock
from refbus.core.units import HOUR_MS
from refbus.core.vocabulary import EventType
from refbus.envelope.format import Envelope
from refbus.envelope.routing import Authenticated, receive
from refbus.errors import Code, RecordError, RefbusError, StoreError, UncheckableError
from refbus.said import said
from refbus.wire.codelists import code_list
from refbus.wire.consent import decode_signed
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.outbox import envelopes
from refbus_gateway.outbox.envelopes import Draft, Terms
from refbus_gateway.rules.verification import UndecryptableError
from refbus_gateway.store import alarms, cases, consents, referrals
from refbus_gateway.store.cases import Case
from refbus_gateway.store.referrals import Event, Referral
from refbus_gateway.store.session import Transaction


def best_effort(gateway: Gateway, tx: Transaction, say: Callable[[], object]) -> bool:
    """Say something that must not stand in the way of taking a record in; a failure becomes an alarm.

    Returns whether it was said.
    """
    try:
        with tx.savepoint():
            say()
    except StoreError:
        raise
    except RefbusError as error:
        alarms.raise_alarm(tx, error.code, said("an automatic answer could not be sent"), gateway.now_ms())
        return False
    return True


def reported(gateway: Gateway, tx: Transaction, sender: Authenticated, result: str, code: str) -> bool:
    """Tell the sender what was done with an event that was not taken in: REFUSED, WAITS or TAKEN_IN, and why."""
    block = sender.opened.block
    fields = {
        "of_event": block.event_id,
        "envelope_sha256": sender.opened.envelope.sha256,
        "result": result,
        "code": code if code in code_list("refbus.IntakeCode").codes else "OTHER",
    }
    return best_effort(gateway, tx, lambda: envelopes.answer(gateway, tx, block, EventType.INTAKE_REPORTED, fields))


def delivered(gateway: Gateway, tx: Transaction, referral: Referral, request: Event) -> None:
    """Owe the sender the word that the request is here, verified and readable.

    It counts in the transaction that makes the request visible, and is sealed after it.
    """
    block = request.block
    fields = {"of_event": block.event_id, "at_ms": gateway.now_ms()}
    draft = Draft(EventType.REFERRAL_DELIVERED, fields, Terms(block.purpose, block.priority))
    best_effort(gateway, tx, lambda: envelopes.keep(gateway, tx, referral, draft))


def opened(gateway: Gateway, tx: Transaction, referral: Referral, request: Event) -> None:
    """Tell the sender that a person has opened the request."""
    block = request.block
    fields = {"of_event": block.event_id, "at_ms": gateway.now_ms()}
    draft = Draft(EventType.REFERRAL_OPENED, fields, Terms(block.purpose, block.priority))
    envelopes.send(gateway, tx, referral, draft)


def undecryptable(gateway: Gateway, tx: Transaction, error: UndecryptableError) -> bool:
    """Tell the sender, whose signature held, that the content does not open with any key here; False when not."""
    opened_routing = error.authenticated.opened
    fields = {"envelope_sha256": opened_routing.envelope.sha256, "reason": error.reason.value}
    block = opened_routing.block
    return best_effort(gateway, tx, lambda: envelopes.answer(gateway, tx, block, EventType.UNDECRYPTABLE, fields))


def expired(gateway: Gateway, tx: Transaction, raw: bytes) -> bool:
    """Ask for a fresh envelope of an event that came too late to be taken, unless it is known here already.

    Returns whether its sender was asked.

    A gateway that was away for longer than a message lives loses nothing this way. Whether it was genuine is judged as
    of the last moment of its term.
    """
    try:
        envelope = Envelope.parse(raw)
        at_ms = envelope.header.expires_at_hour * HOUR_MS - 1
        block = receive(envelope, gateway.keys.openers(), gateway.history, at_ms).opened.block
    except RecordError:
        return False
    if block.recipient != gateway.me or referrals.event_row_id(tx, block.sender, block.event_id) is not None:
        return False
    fields = {"envelope_sha256": envelope.sha256, "reason": Code.OPEN_FAILED.value}
    return best_effort(gateway, tx, lambda: envelopes.answer(gateway, tx, block, EventType.UNDECRYPTABLE, fields))


def repeated(gateway: Gateway, tx: Transaction, row_id: int, block: RoutingBlock) -> None:
    """Answer a withdrawal that comes again although it was acknowledged: the acknowledgement was lost."""
    if block.event_type is EventType.CONSENT_WITHDRAWN:
        answer = consents.answer_to(tx, row_id)
        if answer is not None:
            best_effort(gateway, tx, lambda: _acknowledge(gateway, tx, block, answer))


def after_erasure(gateway: Gateway, tx: Transaction, event: Authenticated, case: Case) -> bool:
    """Answer an envelope about a case that was erased here: a withdrawal is acknowledged as ERASED, all else refused.

    Nothing is answered while the content is still here, because it could not be taken out yet: the withdrawal comes
    again every day, and what is told is true.

    Raises UncheckableError KEY_DESTROYED for all else.
    """
    block = event.opened.block
    if block.event_type is not EventType.CONSENT_WITHDRAWN or block.consent_record is None:
        raise UncheckableError(Code.KEY_DESTROYED, said("about a case that was erased here"))
    row_id = referrals.event_row_id(tx, block.sender, block.event_id)
    known = None if row_id is None else consents.answer_to(tx, row_id)
    if known is None and cases.has_content(tx, case):
        return False
    best_effort(gateway, tx, lambda: _acknowledge(gateway, tx, block, known or ("ERASED", None)))
    return False


def _acknowledge(gateway: Gateway, tx: Transaction, block: RoutingBlock, answer: tuple[str, str | None]) -> None:
    if block.consent_record is None:
        return
    record = decode_signed(block.consent_record).record
    fields = {
        "consent_id": record.consent_id,
        "consent_version": record.version,
        "result": answer[0],
        "retention_reason": answer[1],
    }
    envelopes.answer(gateway, tx, block, EventType.WITHDRAWAL_ACKNOWLEDGED, fields)
