"""An event of ours that was stopped and came through after all: by order of a gate's operators, or late.

The office took it for one that never went. Then what the person said meanwhile was told to nobody behind it: it is told
now. A word counts here when it is newer than what stopped the event.
"""

from __future__ import annotations

from typing import Final

from refbus.core.consent.record import ConsentState
from refbus.core.directory import Organisation
from refbus.core.message import RoutingBlock
from refbus.errors import Code
from refbus.said import placed, said
from refbus.wire.consent import decode_signed
from refbus.wire.transport import GateNotice, NoticeKind, NoticeOutcome
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.store import alarms, consents, links, outbox, referrals, tellings
from refbus_gateway.store.cases import Case
from refbus_gateway.store.consents import Kept
from refbus_gateway.store.outbox import OutboxRow, Receipt, RowState
from refbus_gateway.store.referrals import Event, EventStatus
from refbus_gateway.store.session import Transaction
from refbus_gateway.store.tellings import Kind

_STOPPED: Final = frozenset({RowState.REFUSED, RowState.REPLACED})
_STOPS: Final = frozenset({NoticeKind.REFUSAL, NoticeKind.DELIVERY_FAILED})
_THROUGH: Final = frozenset({NoticeOutcome.FORWARDED, NoticeOutcome.TAKEN})
_LET_THROUGH: Final = (NoticeKind.RECEIPT, NoticeOutcome.FORWARDED)
_PASSING: Final = frozenset({RowState.TAKEN, RowState.FORWARDED, RowState.HELD})


def end(tx: Transaction, row: OutboxRow) -> None:
    """End an envelope as refused, and its event unless another envelope of it is through."""
    outbox.set_state(tx, row.id, RowState.REFUSED)
    if row.event_id is None:
        return
    others = (one for one in outbox.of_event(tx, row.event_id) if one.id != row.id)
    if not any(one.state in _PASSING for one in others):
        referrals.set_status(tx, row.event_id, EventStatus.REFUSED)


def let_through(tx: Transaction, row: OutboxRow, gate: str) -> bool:
    """Whether a gate said that it let an envelope through: a refusal that it says behind that is older, and late."""
    words = outbox.receipts(tx, row.id)
    return any(one.gate == gate and (one.kind, one.outcome) == _LET_THROUGH for one in words)


def take_in(gateway: Gateway, tx: Transaction, row: OutboxRow, notice: GateNotice, *, arrived: bool) -> bool:
    """Act on what a gate says of an envelope that has ended here; return whether that brings it back.

    What is no newer than its end changes nothing.
    """
    state = _state(notice, arrived=arrived)
    if row.event_id is None or row.referral is None or row.state not in _STOPPED or state is None:
        return False
    words = outbox.receipts(tx, row.id)
    if not _is_newer(gateway, words[:-1], notice):  # the last one is this notice
        return False
    outbox.set_state(tx, row.id, state)
    stopped = referrals.status_of(tx, row.event_id) is EventStatus.REFUSED
    if state is RowState.TAKEN:
        for one in outbox.of_event(tx, row.event_id):
            if one.state is RowState.STALE:  # nothing is left to send
                outbox.set_state(tx, one.id, RowState.REPLACED)
        referrals.set_status(tx, row.event_id, EventStatus.SENT)
    elif stopped:
        referrals.set_status(tx, row.event_id, EventStatus.QUEUED)
    if stopped:
        _alarm(gateway, tx, row, words, notice)
        _tell(gateway, tx, row)
    return True


def recipient_of(gateway: Gateway, row: OutboxRow) -> Organisation | None:
    """Return the member that an envelope is sealed to, by the key: of an erased case nothing else is left."""
    return None if row.recipient_kid is None else gateway.directory().holder_of(row.recipient_kid)


def _state(notice: GateNotice, *, arrived: bool) -> RowState | None:
    """Return how far an envelope has come by a notice; None when it says nothing of that."""
    if notice.kind is not NoticeKind.RECEIPT:
        return None
    if notice.outcome is NoticeOutcome.QUARANTINED:
        return RowState.HELD if arrived else None
    if arrived:
        return RowState.TAKEN
    return RowState.HELD if notice.outcome is NoticeOutcome.HELD else RowState.FORWARDED


def _is_newer(gateway: Gateway, before: list[Receipt], notice: GateNotice) -> bool:
    """Whether a word comes behind all that stopped an envelope.

    Our gate knows nothing of what the other one refused: what it says of that envelope was before. Nor does either
    know what the recipient's own office refused. A gate cannot take back what it let through, so that is behind each
    refusal of its own, whatever its clock said at either time.
    """
    stops = [one for one in before if one.kind in _STOPS]
    theirs = any(one.gate != gateway.gate for one in stops)
    refused_there = any(one.kind == outbox.INTAKE and one.outcome == "REFUSED" for one in before)
    if refused_there or (theirs and notice.from_gate == gateway.gate):
        return False
    dated = stops if notice.outcome not in _THROUGH else [one for one in stops if one.kind != NoticeKind.REFUSAL]
    return all(one.at_ms <= notice.at_ms for one in dated if one.gate == notice.from_gate)


def _alarm(gateway: Gateway, tx: Transaction, row: OutboxRow, words: list[Receipt], notice: GateNotice) -> None:
    """Tell a person where an event is that was taken for one that never went.

    Of one that is put aside, or waits for a clock, a person hears as of any other.
    """
    if notice.outcome is NoticeOutcome.QUARANTINED or Code.CLOCK_SKEW in notice.codes:
        return
    stops = [code for one in words if one.kind in _STOPS for code in Code if code in one.codes]
    told = said("%(gate)s let outbox %(number)s through after all", gate=notice.from_gate, number=row.id)
    if notice.outcome is NoticeOutcome.HELD:
        stops = [code for code in Code if code in notice.codes] or stops
        what = placed(notice.from_gate, said("outbox %(number)s", number=row.id))
        told = said("%(what)s, it waits there", what=what)
    alarms.raise_alarm(tx, stops[-1] if stops else Code.DELIVERY_FAILED, told, gateway.now_ms())


def _tell(gateway: Gateway, tx: Transaction, row: OutboxRow) -> None:
    """Let the recipient hear what the person in the case said since; of an erased case a person calls."""
    case = referrals.case_of(tx, row.referral or 0)
    if case.key is None:
        if (member := recipient_of(gateway, row)) is not None:
            to_call = said("%(organisation)s was not told to erase: call them", organisation=member.org_id)
            alarms.raise_alarm(tx, Code.KEY_DESTROYED, to_call, gateway.now_ms())
        return
    _follow(gateway, tx, case, referrals.event(tx, row.event_id or 0))
    if case.own and case.live:
        links.note_word(tx, case.id)


def _follow(gateway: Gateway, tx: Transaction, case: Case, event: Event) -> None:
    """Let the newest that was signed here about the recipient be told behind an event that was sealed before it."""
    block, now_ms = event.block, gateway.now_ms()
    chain = _chain(gateway, tx, case, block)
    newest = max(chain, key=lambda kept: (kept.signed.record.event_time_ms, kept.signed.record.version), default=None)
    if newest is None:
        if not case.live:  # an emergency of a case that is being erased
            tellings.add(tx, case, block.recipient, Kind.WITHDRAWN, now_ms=now_ms)
        return
    if newest.raw == block.consent_record:
        return
    withdrawn = newest.signed.record.state is ConsentState.WITHDRAWN
    if withdrawn:
        tellings.add(tx, case, block.recipient, Kind.WITHDRAWN, now_ms=now_ms, signed=newest.raw)
    elif block.consent_record is not None:
        before = decode_signed(block.consent_record).record_bytes
        tellings.add(tx, case, block.recipient, Kind.VERSION, now_ms=now_ms, signed=newest.raw, before=before)


def _chain(gateway: Gateway, tx: Transaction, case: Case, block: RoutingBlock) -> list[Kept]:
    """Return what we signed of the consent that an event rests on; of one without, all between the two."""
    pair = {gateway.me, block.recipient}
    kept = [one for one in consents.readable(tx, case) if one.signed.signer == gateway.me]
    between = [one for one in kept if {one.signed.record.party, one.signed.record.collected_by} == pair]
    if block.consent_record is None:
        return between
    basis = decode_signed(block.consent_record).record
    name = (basis.consent_id, basis.collected_by)
    return [one for one in between if (one.signed.record.consent_id, one.signed.record.collected_by) == name]
