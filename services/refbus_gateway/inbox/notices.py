"""What gates tell this organisation: receipts, refusals, failed deliveries, deadlines, and heartbeats of the inbox."""

from __future__ import annotations

from typing import Final

from refbus.audit.statement import Statement
from refbus.backoff import BackOff
from refbus.clock import CLOCK_SKEW_MS
from refbus.core.directory import OrgRole, SigningKey
from refbus.core.ids import CountryCode, KeyId, OrgId, gate_id
from refbus.core.message import is_urgent
from refbus.core.units import DAY_MS, HOUR_MS
from refbus.envelope.confirmations import HOPS, may_say
from refbus.envelope.notice import open_notice
from refbus.envelope.stamps import verify_hop
from refbus.errors import Code, MalformedError, UncheckableError, UntrustedError
from refbus.said import Said, named, said
from refbus.wire.transport import GateNotice, HopReceipt, NoticeKind, NoticeOutcome
from refbus_gateway.cases import companions
from refbus_gateway.home.confirmation import UnknownHereError
from refbus_gateway.home.gateway import Gateway
from refbus_gateway.inbox import reversals, timers
from refbus_gateway.store import alarms, consents, outbox, positions, referrals, statements
from refbus_gateway.store.outbox import OutboxRow, RowState
from refbus_gateway.store.referrals import EventStatus
from refbus_gateway.store.session import Transaction
from refbus_gateway.store.statements import Link

_HEARTBEAT_HASH: Final = "heartbeat-hash"
_GENERATION: Final = "gate-generation"
_COUNT_FROM: Final = "gate-count-from"
RESEAL: Final = frozenset(
    {
        Code.MESSAGE_EXPIRED,
        Code.MESSAGE_LIFE_TOO_LONG,
        Code.DIRECTORY_TOO_OLD,
        Code.KEY_REVOKED,
        Code.KEY_EXPIRED,
        Code.HOLD_EXPIRED,
    }
)
"""Refusals that say nothing against the event, only against the envelope: a fresh one may pass."""
ROOM: Final = BackOff(first_ms=900_000, longest_ms=6 * HOUR_MS)
"""After a gate had no room for an event: a quarter of an hour, twice as long each time, up to six hours."""
MOST_RENEWALS: Final = 5
"""After so many fresh envelopes of one event a person must look at it."""
_LATELY_MS: Final = DAY_MS
"""A no has so many in a day at once; each further one rests as after a refusal for want of room."""
_NEXT = {
    NoticeOutcome.FORWARDED: RowState.FORWARDED,
    NoticeOutcome.DUPLICATE: RowState.FORWARDED,
    NoticeOutcome.HELD: RowState.HELD,
    NoticeOutcome.TAKEN: RowState.FORWARDED,  # our gate's word alone
}
_RANK = {RowState.READY: 0, RowState.STALE: 0, RowState.HELD: 1, RowState.FORWARDED: 2, RowState.TAKEN: 3}
_EMPTY: Final = said("nothing: it was empty")


def take_in(gateway: Gateway, tx: Transaction, body: bytes, position: positions.Position) -> None:
    """Verify one sealed notice and act on it; `position` is where the inbox stood before it.

    Raises UntrustedError OPEN_FAILED, NOT_A_PARTY, RECEIPT_INVALID; UncheckableError KEY_UNKNOWN; MalformedError.
    """
    notice = open_notice(body, gateway.me, gateway.keys.openers(), lambda org, kid: _gate_key(gateway, org, kid))
    if notice.from_gate == gateway.gate:
        _hear_time(gateway, tx, notice)
    gateway.observer.notice(notice.kind)
    if notice.kind is NoticeKind.HEARTBEAT:
        _heartbeat(gateway, tx, notice, position)
        return
    if notice.kind in timers.KINDS:
        timers.take_in(gateway, tx, notice)
        return
    row = outbox.by_sha256(tx, notice.envelope_sha256)
    if row is None or not row.confirmed:
        detail = said("%(gate)s speaks of an envelope that is not ours", gate=notice.from_gate)
        raise UnknownHereError(detail, notice.from_gate, notice.at_ms)
    destination = _destination(gateway, tx, row)
    if not may_say(notice, gateway.country, destination):
        raise UntrustedError(
            Code.NOT_A_PARTY,
            said("%(gate)s may not say this of outbox %(number)s", gate=notice.from_gate, number=row.id),
        )
    arrived = _is_in_their_country(gateway, row, notice, destination)
    if outbox.note(tx, row.id, notice, gateway.now_ms()):
        _settle(gateway, tx, row, notice, arrived=arrived)
        if notice.statement:  # a gate that goes on from a copy states its decisions again; the first one is logged
            _keep_statement(gateway, tx, row, notice)


def _hear_time(gateway: Gateway, tx: Transaction, notice: GateNotice) -> None:
    """Take the own gate's time as evidence. It changes nothing by itself; a person compares the clocks."""
    gateway.clock.hear_own_gate(notice.at_ms)
    if notice.at_ms > gateway.now_ms() + CLOCK_SKEW_MS:
        detail = said("this computer's clock is behind the gate's, or the gate's is ahead")
        alarms.raise_alarm(tx, Code.CLOCK_SKEW, detail, gateway.now_ms())


def _keep_statement(gateway: Gateway, tx: Transaction, row: OutboxRow, notice: GateNotice) -> None:
    """Keep what the gate logged of its decision about an event of ours, to be proven like what we log.

    One that is not about this decision is told and left out; what the notice says stands without it. For a case that
    was erased meanwhile nothing is kept.
    """
    try:
        statement = Statement.parse(notice.statement)
        record = statement.decision
    except MalformedError as error:
        alarms.raise_alarm(tx, error.code, said("a statement of %(gate)s", gate=notice.from_gate), gateway.now_ms())
        return
    told = (record.writer, record.decision_id, record.message_sha256)
    if told != (notice.from_gate, notice.decision_id, notice.envelope_sha256):
        words = said("a statement of %(gate)s", gate=notice.from_gate)
        alarms.raise_alarm(tx, Code.AUDIT_INVALID, words, gateway.now_ms())
        return
    case = None if row.referral is None else referrals.case_of(tx, row.referral)
    if case is not None and case.key is not None:
        statements.add(tx, statement, Link(case, row.event_id, awaited=notice.from_gate == gateway.gate))


def _destination(gateway: Gateway, tx: Transaction, row: OutboxRow) -> CountryCode | None:
    """Return the country of the organisation that an envelope of ours is sealed to; None when nobody can tell."""
    member = reversals.recipient_of(gateway, row)
    if member is not None:
        return member.country
    if row.event_id is None or row.referral is None or referrals.case_of(tx, row.referral).key is None:
        return None
    # By its id, which begins with it: the directory does not list the organisation when its country has left.
    return CountryCode(referrals.event(tx, row.event_id).block.recipient[:2])


def _is_in_their_country(gateway: Gateway, row: OutboxRow, notice: GateNotice, destination: CountryCode | None) -> bool:
    """Whether the gate of the recipient's country has the envelope: by its own word or signature.

    What our gate says of that one without its signature, as gates of the first release do, shows no more than that
    ours has passed it on. Raises UntrustedError RECEIPT_INVALID, UncheckableError KEY_UNKNOWN, MalformedError.
    """
    if destination is not None and notice.from_gate == gate_id(destination):
        return notice.kind is NoticeKind.RECEIPT and notice.outcome is not NoticeOutcome.HELD
    expected = HOPS.get(notice.outcome)
    if expected is None or destination is None or not notice.receipt:
        return False
    receipt = HopReceipt.parse(notice.receipt)
    signed = (receipt.envelope_sha256, receipt.from_country, receipt.to_country, receipt.outcome)
    if signed != (row.sha256, gateway.country, destination, expected):
        raise UntrustedError(
            Code.RECEIPT_INVALID, said("%(gate)s, of outbox %(number)s", gate=notice.from_gate, number=row.id)
        )
    key = _gate_key(gateway, gate_id(destination), receipt.kid)
    if key is None:
        raise UncheckableError(Code.KEY_UNKNOWN, said("signing key of %(owner)s", owner=gate_id(destination)))
    try:
        verify_hop(receipt, key)
    except UntrustedError:
        raise UntrustedError(
            Code.RECEIPT_INVALID, said("%(gate)s, of outbox %(number)s", gate=notice.from_gate, number=row.id)
        ) from None
    return True


def _gate_key(gateway: Gateway, org: OrgId, kid: KeyId) -> SigningKey | None:
    gate = gateway.directory().find(org)
    key = gate.signing_key(kid) if gate and gate.role is OrgRole.GATE else None
    return key if key and key.compromised_since_ms is None else None


def _settle(gateway: Gateway, tx: Transaction, row: OutboxRow, notice: GateNotice, *, arrived: bool) -> None:
    """Move the row by what the gate says. A notice that arrives late never moves it back.

    The other country's gate signs for what it has before it says whether it passes it on, so a refusal of its own may
    follow; ours decides before it lets anything go, and cannot take back what the other has signed for.
    """
    refused = notice.kind is NoticeKind.REFUSAL
    late = refused and reversals.let_through(tx, row, notice.from_gate)
    aside = notice.outcome is NoticeOutcome.QUARANTINED and arrived
    after_all = row.state is RowState.TAKEN and (aside or (refused and notice.from_gate != gateway.gate))
    if late or (row.state in outbox.ENDED and not after_all):
        if reversals.take_in(gateway, tx, row, notice, arrived=arrived):
            _tell_of_a_wait(gateway, tx, row, notice)
        return
    _move(gateway, tx, row, notice, arrived=arrived)


def _move(gateway: Gateway, tx: Transaction, row: OutboxRow, notice: GateNotice, *, arrived: bool) -> None:
    """Move a row that has not ended by what a gate says."""
    refused = notice.kind is NoticeKind.REFUSAL
    if notice.kind is NoticeKind.DELIVERY_FAILED and Code.ORGANISATION_UNKNOWN not in notice.codes:
        request_renewal(gateway, tx, row, Code.DELIVERY_FAILED)
    elif refused or notice.kind is NoticeKind.DELIVERY_FAILED:  # that country left: no fresh envelope finds anybody
        _refused(gateway, tx, row, notice)
    elif notice.outcome is NoticeOutcome.QUARANTINED:
        if arrived:  # by that gate's own word: its operator may pass the event on yet
            outbox.set_state(tx, row.id, RowState.HELD)
            _tell_of_a_wait(gateway, tx, row, notice)
    else:
        state = RowState.TAKEN if arrived else _NEXT[notice.outcome]
        _tell_of_a_wait(gateway, tx, row, notice)
        if _RANK[state] > _RANK[row.state]:
            outbox.set_state(tx, row.id, state)
        if state is RowState.TAKEN and row.event_id is not None:
            referrals.set_status(tx, row.event_id, EventStatus.SENT)


def _tell_of_a_wait(gateway: Gateway, tx: Transaction, row: OutboxRow, notice: GateNotice) -> None:
    """Tell a person of an event that stays where it is until somebody does something."""
    if notice.outcome is NoticeOutcome.QUARANTINED:  # the other gate keeps it and cannot read it
        alarms.raise_alarm(tx, Code.SET_ASIDE_THERE, said("outbox %(number)s", number=row.id), gateway.now_ms())
    elif Code.CLOCK_SKEW in notice.codes:
        _held_for_a_clock(gateway, tx, row, notice)


def _held_for_a_clock(gateway: Gateway, tx: Transaction, row: OutboxRow, notice: GateNotice) -> None:
    """Tell a person at once: the event waits for as long as the clocks differ, however urgent it is."""
    known = row.referral is not None and referrals.case_of(tx, row.referral).key is not None
    event = referrals.event(tx, row.event_id) if known and row.event_id is not None else None
    detail = said(
        "outbox %(number)s waits at %(gate)s: compare this computer's clock with another",
        number=row.id,
        gate=notice.from_gate,
    )
    if event is not None and is_urgent(event.block):
        detail = said("URGENT: call the recipient; %(what)s", what=detail)
    alarms.raise_alarm(tx, Code.CLOCK_SKEW, detail, gateway.now_ms())


def _refused(gateway: Gateway, tx: Transaction, row: OutboxRow, notice: GateNotice) -> None:
    codes = {code for code in Code if code in notice.codes} - {Code.DELIVERY_FAILED}
    gateway.observer.refused(tuple(codes))
    if codes and codes <= RESEAL:
        request_renewal(gateway, tx, row, min(codes))
        return
    if codes == {Code.TOO_MANY_WAITING}:
        try_later(gateway, tx, row, notice.from_gate)
        return
    if codes == {Code.NOT_YET_VALID}:
        wait_for_consent(gateway, tx, row)
        return
    reversals.end(tx, row)
    if row.referral is not None and Code.STATE_NOT_ALLOWED in codes:
        companions.look_again(tx, referrals.get(tx, row.referral))
    told = said("%(gate)s refused outbox %(number)s", gate=notice.from_gate, number=row.id)
    alarms.raise_alarm(tx, min(codes, default=Code.INTERNAL_ERROR), told, gateway.now_ms())


def try_later(gateway: Gateway, tx: Transaction, row: OutboxRow, who: OrgId) -> None:
    """Send the event again when `who` may have room for it, and again without end; a person hears of it each time."""
    detail = said(
        "%(organisation)s has no room for outbox %(number)s, sent again later", organisation=who, number=row.id
    )
    _later(gateway, tx, row, Code.TOO_MANY_WAITING, detail)


def wait_for_consent(gateway: Gateway, tx: Transaction, row: OutboxRow) -> None:
    """Send the event again when its consent may have begun: it was taken down by a clock that was ahead, or is so here.

    A person hears of it, and may ask the person in the case again; when the consent has ended, the event does too.
    """
    detail = said(
        "outbox %(number)s waits for its consent to begin: compare this computer's clock with another", number=row.id
    )
    _later(gateway, tx, row, Code.NOT_YET_VALID, detail)


def _later(gateway: Gateway, tx: Transaction, row: OutboxRow, code: Code, detail: Said) -> None:
    envelopes = [row] if row.event_id is None else outbox.of_event(tx, row.event_id)
    if _leaves_it_to_another(gateway, tx, row, envelopes, code):
        return
    alarms.raise_alarm(tx, code, detail, gateway.now_ms())
    if row.event_id is None:
        outbox.set_state(tx, row.id, RowState.REFUSED)
        return
    _renew_later(gateway, tx, row, ROOM.wait_ms(len(envelopes) - 1))


def request_renewal(gateway: Gateway, tx: Transaction, row: OutboxRow, code: Code) -> None:
    """Ask for a fresh envelope of the same event. Too many become an alarm instead, except for a withdrawal."""
    if row.event_id is None:  # an answer; whoever still needs it asks again
        outbox.set_state(tx, row.id, RowState.REFUSED)
        return
    envelopes = outbox.of_event(tx, row.event_id)
    if _leaves_it_to_another(gateway, tx, row, envelopes, code):
        return
    if len(envelopes) > MOST_RENEWALS and not consents.is_withdrawal(tx, row.event_id):
        reversals.end(tx, row)
        told = said("outbox %(number)s: given up after %(most)s envelopes", number=row.id, most=MOST_RENEWALS)
        alarms.raise_alarm(tx, code, told, gateway.now_ms())
    else:
        _renew_later(gateway, tx, row, _rest_ms(gateway, envelopes))


def _leaves_it_to_another(
    gateway: Gateway, tx: Transaction, row: OutboxRow, envelopes: list[OutboxRow], code: Code
) -> bool:
    """Whether no fresh envelope takes the place of this one, because of what became of a later one.

    Where that is on its way or through, this one has ended. Where that was refused for good, the event has, unless yet
    another one is through; a person hears it.
    """
    later = {one.state for one in envelopes if one.id > row.id}
    if later - outbox.ENDED or RowState.TAKEN in later:
        outbox.set_state(tx, row.id, RowState.REPLACED)
        return True
    if RowState.REFUSED not in later:
        return False
    reversals.end(tx, row)
    alarms.raise_alarm(tx, code, said("outbox %(number)s: not sent again", number=row.id), gateway.now_ms())
    return True


def _rest_ms(gateway: Gateway, envelopes: list[OutboxRow]) -> int:
    """Return how long the next envelope waits: a no that is refused at once, again and again, takes no other's room."""
    now_ms = gateway.now_ms()
    lately = sum(1 for row in envelopes if 0 <= now_ms - row.created_ms < _LATELY_MS)
    over = lately - MOST_RENEWALS
    return 0 if over <= 0 else ROOM.wait_ms(over - 1)


def _renew_later(gateway: Gateway, tx: Transaction, row: OutboxRow, wait_ms: int) -> None:
    """Let a fresh envelope of the same event take the place of this one in `wait_ms`."""
    outbox.set_state(tx, row.id, RowState.STALE)
    outbox.postpone(tx, row.id, gateway.now_ms() + wait_ms)


def begins_anew(tx: Transaction, sequence: int) -> bool:
    """Whether the gate's count began anew behind this number, as it said in a heartbeat: no hole was before it."""
    return tx.get(_COUNT_FROM) == sequence.to_bytes(8, "big")


def told_hash(tx: Transaction, sequence: int) -> bytes:
    """Return the running hash that a heartbeat stated for an inbox of this length; b"" when none did."""
    told = tx.get(_HEARTBEAT_HASH) or b""
    return told[8:] if told[:8] == sequence.to_bytes(8, "big") else b""


def _heartbeat(gateway: Gateway, tx: Transaction, notice: GateNotice, position: positions.Position) -> None:
    """Compare the gate's count and running hash with what was read here: holes and silence show."""
    if notice.from_gate != gateway.gate:
        raise UntrustedError(Code.NOT_A_PARTY, said("a heartbeat of another country's gate"))
    if _is_new_generation(gateway, tx, notice):
        return
    comparable = notice.inbox_count == position.sequence and position.running_hash
    if notice.inbox_count > position.sequence or (comparable and notice.inbox_hash != position.running_hash):
        detail = said("the gate counts %(there)s, here are %(here)s", there=notice.inbox_count, here=position.sequence)
        alarms.raise_of_many(tx, Code.INBOX_GAP, said("the gate counts"), detail, gateway.now_ms())
        gateway.observer.gap()


def _is_new_generation(gateway: Gateway, tx: Transaction, notice: GateNotice) -> bool:
    """Take a gate that goes on from a copy as what it is; return whether this heartbeat is the first that says so.

    Its count and hash are new ones then, so there is nothing to compare. An office that never heard a heartbeat was not
    there before, and has nothing to be told.
    """
    known, first = tx.get(_GENERATION) or b"", tx.get(positions.LAST_HEARTBEAT) is None
    tx.put_int(positions.LAST_HEARTBEAT, max(0, min(notice.at_ms, gateway.now_ms())))
    tx.put(_HEARTBEAT_HASH, notice.inbox_count.to_bytes(8, "big") + notice.inbox_hash)
    if notice.generation in {b"", known}:
        return False
    tx.put(_GENERATION, notice.generation)
    tx.put_int(_COUNT_FROM, notice.inbox_count)
    if not first:
        since = named(gateway.local_time(notice.restored_from_ms)) if notice.restored_from_ms else _EMPTY
        # With its generation: a second restore of the same copy is told again.
        copy = notice.generation.hex()[:8]
        detail = said("%(gate)s, a copy of %(time)s (%(copy)s)", gate=notice.from_gate, time=since, copy=copy)
        alarms.raise_of_many(tx, Code.GATE_RESTORED, notice.from_gate, detail, gateway.now_ms())
    return True
